"""What is cut says so and tells something; nothing touches the edge; numbers keep their unit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from meshtui.mesh.graph import Callee, Graph
from meshtui.mesh.judging import FAILING
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Signals
from meshtui.mesh.time_series import Grid
from meshtui.mesh.view import service_views
from meshtui.operations.look.charts import Mark, Picture
from meshtui.operations.request.load_words import _since
from meshtui.ui.actions.registry import footer
from meshtui.ui.actions.situation import Situation
from meshtui.ui.main.detailtext import side_column
from meshtui.ui.panes.base import shortened
from meshtui.ui.panes.charts.marks import legend, marked
from meshtui.ui.panes.exposuretext import LABEL, _field
from meshtui.ui.table.marks import BRIEF_REASONS, brief_pods, version_marks
from meshtui.ui.widgets.keys import keys_line
from meshtui.ui.widgets.paint import Line, Span, chopped, fit, fit_line, jointed, width_of, wrapped
from tests.ui import bookinfo
from tests.ui.fake import NOW
from tests.ui.test_graph_lines import edge, texts


def text_of(line: Line) -> str:
    return "".join(piece.text for piece in line)


@pytest.mark.parametrize("width", range(12, 40))
def test_a_number_stays_with_its_unit(width: int) -> None:
    lines = wrapped("failing: 31 % of 29 requests fail; 10 % is the limit, 5 ms or 2 s", width)
    shown = [text_of(line) for line in lines]
    assert " ".join(shown).endswith("10 % is the limit, 5 ms or 2 s")
    assert max(map(len, shown)) <= width
    assert not any(line.startswith(("%", "ms", "s ")) for line in shown)


def test_a_mark_of_which_nothing_can_be_told_is_left_out() -> None:
    marks = (Span("503", "muted"), Span(" · ", "faint"), Span(">100ms", "slow"))
    assert [text_of(fit_line(marks, n)).rstrip() for n in range(5, 11)] == ["503…"] * 6
    assert text_of(fit_line(marks, 12)) == "503 · >100ms"


@pytest.mark.parametrize("width", range(20, 221))
def test_the_keys_leave_a_cell_at_each_edge_and_none_is_cut(width: int) -> None:
    line = text_of(keys_line(footer(Situation()), Situation(), width))
    assert line.startswith(" ") and len(line) <= width
    assert "…" not in line and (len(line) < width or line.endswith(" "))


def test_marks_that_have_no_line_are_counted() -> None:
    grid = Grid(NOW, 1.0, 100)
    changes = tuple(Mark(NOW - 90.0 + 10 * n, "shift", f"v1 {n}", "ann") for n in range(6))
    picture = Picture(ServiceKey("bookinfo", "reviews"), grid, marks=changes)
    lines = legend(picture, marked(picture, 50), 60, 4)
    assert [width_of(line) <= 60 for line in lines] == [True] * 4
    assert text_of(lines[0]).endswith(" 2 older") and "older" not in text_of(lines[1])
    assert "older" not in text_of(legend(picture, marked(picture, 50), 60, 6)[0])


def test_edges_of_all_services_of_a_graph_stand_below_each_other() -> None:
    failing = edge(signals=Signals(8.0, 0.8, 0.251), state="failing")
    callees = tuple(
        Callee(ServiceKey("bookinfo", name), "Service", (one,))
        for name, one in (("reviews", failing), ("ratings", edge(requests=6.4)))
    )
    lines = [line for line in texts(Graph(callees, None)) if "mTLS" in line]
    assert len(lines) == 2
    for word in ("/s", "%", "http", "mTLS"):
        assert len({line.find(word) for line in lines}) == 1, word


@pytest.mark.parametrize(
    ("restarts", "said"), [(0, "no restarts"), (1, "1 restart"), (4, "4 restarts")]
)
def test_restarts_take_room_from_a_pods_name_only_where_there_are_any(
    restarts: int, said: str
) -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    view = next(v for v in service_views(mesh, None) if v.key.name == "reviews")
    pods = tuple(replace(pod, restarts=restarts) for pod in view.versions[0].members)
    version = replace(view.versions[0], members=pods)
    lines = [text_of(line) for line in side_column(version, 100, NOW)]
    assert any(said in line for line in lines)
    name = pods[0].name
    assert any(name in line for line in lines) is (restarts == 0)


@pytest.mark.parametrize(
    ("room", "kept"),
    [(40, "● 1 proxy, as the objects say  6s ago "), (35, "● 1 proxy, as the objects say ")],
)
def test_the_title_of_a_pane_gives_up_its_age_before_its_service(room: int, kept: str) -> None:
    right = (Span("● 1 proxy, as the objects say", "ok"), Span("  6s ago", "muted"), Span(" "))
    assert text_of(shortened(right, room)) == kept


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, ""), (0, ", never since"), (1, ", once since"), (3, ", 3 times since")],
)
def test_ejections_are_counted_in_words(count: int | None, words: str) -> None:
    assert _since(count) == words


@pytest.mark.parametrize("width", range(20, 60))
def test_what_belongs_together_stays_on_one_line(width: int) -> None:
    said = "uri = /a or uri ^ /b → v1 50% · v2 50% · mirror v2 25%, restarted 4×, 215 of 100,"
    said += " 30 to 57 %"
    shown = [text_of(line) for line in wrapped(said, width)]
    assert " ".join(shown) == said
    for whole in (
        "uri = /a",
        "uri ^ /b",
        "v1 50%",
        "mirror v2 25%",
        "restarted 4×",
        "215 of 100",
        "30 to 57 %",
    ):
        assert any(whole in line for line in shown)
    assert not any(line.endswith("·") for line in shown)


@pytest.mark.parametrize("room", range(8, 30))
def test_a_long_name_is_broken_at_its_joints(room: int) -> None:
    name = "registry.example/team-a/reviews-v3:1.20.3"
    parts = list(chopped(name, room))
    assert "".join(parts) == name
    assert max(map(cell_len, parts)) <= room
    assert parts[0][-1] in "/-" or room < len("registry.example/")
    assert list(chopped("漢" * 9, 8)) == ["漢" * 4, "漢" * 4, "漢"]


@pytest.mark.parametrize("width", range(20, 60))
def test_a_change_is_not_parted_at_its_arrow(width: int) -> None:
    told = (
        "max-connections 1 → unset; consecutive-5xx 3 → unset; v3 20 → 5 %; base-ejection 10s → 5s"
    )
    lines = [text_of(one).strip() for one in wrapped(told, width)]
    assert " ".join(lines) == told
    assert not [one for one in lines if one.startswith("→") or one.endswith("→")]
    assert max(map(len, lines)) <= width
    for whole in ("consecutive-5xx 3 → unset", "base-ejection 10s → 5s"):
        assert width < len(whole) + 1 or any(whole in one for one in lines)


def test_what_belongs_together_is_parted_where_no_line_has_room_for_it() -> None:
    lines = [text_of(one) for one in wrapped("reviews-of-a-very-long-name 50 → 44 %", 30)]
    assert lines == ["reviews-of-a-very-long-name", "50 → 44 %"]


def test_blanks_at_the_end_of_a_title_are_not_taken_for_more_of_it() -> None:
    line = (Span("trace "), Span("reviews  ", "strong"))
    assert text_of(fit_line(line, 14)) == "trace reviews "
    assert text_of(fit_line(line, 13)) == "trace reviews"
    assert text_of(fit_line((*line, Span("more of it")), 13)) == "trace reviews…"[:12] + "…"


@pytest.mark.parametrize("width", [60, 80])
def test_a_pane_of_a_narrow_screen_offers_the_way_back_before_the_way_out(width: int) -> None:
    now = Situation("rules", connected=True, service="reviews", version="v3", open_panes=("rules",))
    line = text_of(keys_line(footer(now), now, width))
    assert "Esc back" in line and ("R roll back" in line or width < 80)
    assert "q quit" not in line or "R roll back" in line


@pytest.mark.parametrize("width", range(24, 70))
def test_what_belongs_together_stays_so_behind_a_label(width: int) -> None:
    said = "http[0]: uri = /productpage or uri ^ /static or uri = /login"
    shown = [text_of(line)[LABEL + 2 :] for line in _field("rules of", said, width + LABEL + 2)]
    assert " ".join(shown) == said
    assert not any(line.endswith(("=", "^", "uri")) for line in shown)


@pytest.mark.parametrize("room", range(24, 50))
def test_a_cluster_is_broken_at_its_bars_and_dots_stay(room: int) -> None:
    said = "200  via_upstream  2 ms  outbound|9080|v2|reviews.default.svc.cluster.local"
    words = jointed(said, room).split(" ")
    assert "".join(words) == said.replace(" ", "")
    assert max(map(len, words)) <= max(room, 33)
    assert "outbound|9080|v2|" in words


def test_one_more_of_a_list_is_left_out_where_nothing_of_it_can_be_read() -> None:
    told = "v3 5 % asked, 4.6 % ± 1.7; v2 36 %"
    assert [fit(told, width).rstrip() for width in (29, 30, 34)] == [
        "v3 5 % asked, 4.6 % ± 1.7…",
        "v3 5 % asked, 4.6 % ± 1.7…",
        told,
    ]


def test_keys_that_have_nothing_to_act_on_are_not_offered() -> None:
    here = Situation(focus="load", connected=True, service="reviews")
    names = [action.id for action in footer(here)]
    assert "load_stop" in names
    left = [one.id for one in footer(replace(here, idle=frozenset({"load_stop"})))]
    assert left == [name for name in names if name != "load_stop"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (
            "CrashLoopBackOff: reviews (Error, exit 1), restarted 4×",
            {
                55: "CrashLoopBackOff: reviews (Error, exit 1), restarted 4×",
                54: "CrashLoopBackOff: reviews, restarted 4×",
                38: "CrashLoopBackOff",
                12: "crash loop",
                8: "crashes",
            },
        ),
        (
            "1 of 3 pods: ImagePullBackOff: app (no such tag)",
            {16: "ImagePullBackOff", 8: "no image"},
        ),
        ("rollout 1/3 updated", {19: "rollout 1/3 updated", 8: "rollout 1/3 updated"}),
        ("Unschedulable", {8: "no node"}),
    ],
)
def test_what_is_wrong_with_pods_is_said_in_words_that_fit(
    words: str, shown: dict[int, str]
) -> None:
    assert {cells: brief_pods(words, cells) for cells in shown} == shown


def test_every_reason_of_pods_has_room_in_the_narrowest_table() -> None:
    assert all(len(words[-1]) <= 8 for words in BRIEF_REASONS.values())


@pytest.mark.parametrize(
    ("cells", "shown"),
    [(7, "no ima…"), (8, "no image"), (12, "ErrImagePull"), (18, "ErrImagePull · 503")],
)
def test_a_mark_that_just_fits_is_whole_whatever_follows_it(cells: int, shown: str) -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    view = next(v for v in service_views(mesh, None) if v.key.name == "reviews")
    caller = Signals(100, 10, 0.5, codes={"503": 50, "200": 50})
    row = replace(view.versions[0], caller=caller, pods_words="ErrImagePull", pods_state=FAILING)
    assert text_of(fit_line(version_marks(row, cells), cells)).rstrip() == shown
