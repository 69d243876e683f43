"""The table without a terminal: which columns, which words, which lines."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from meshtui.mesh.judging import FAILING, NO_TRAFFIC, NOT_KNOWN, OK, ONLY_ERRORS
from meshtui.mesh.model import Service, ServiceKey
from meshtui.mesh.sides import CALLER, SIDES
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView, service_views
from meshtui.operations.types import Snapshot
from meshtui.ui.main.draft import begin, set_weight, step
from meshtui.ui.main.filters import parse_filter
from meshtui.ui.table import layout as layout_module
from meshtui.ui.table import numbers
from meshtui.ui.table.cells import WORDS, CellContext, cell
from meshtui.ui.table.columns import COLUMNS, FULL_WEIGHT, SORTED, grid
from meshtui.ui.table.layout import Layout, Wanted, namespaced, several
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.marks import folded_marks, service_marks, short_marks, version_marks
from meshtui.ui.table.order import CalmOrder, Sort
from meshtui.ui.table.outline import outline
from meshtui.ui.table.rows import head, row, wanted_name_width
from meshtui.ui.table.sparklines import History
from meshtui.ui.widgets.headline import ConnectedTo, Counts, _beside, counts_line, header_lines
from meshtui.ui.widgets.paint import Span, fit, fit_line, width_of
from tests.ui import bookinfo

REVIEWS = ServiceKey(bookinfo.NAMESPACE, "reviews")
NOBODY: frozenset[ServiceKey] = frozenset()


def views(weights: dict[str, int] | None = None, time: float = 1.0) -> tuple[ServiceView, ...]:
    mesh = bookinfo.mesh_of(bookinfo.objects(weights))
    return service_views(mesh, bookinfo.sample(mesh, time))


def line_texts(width: int, context: CellContext | None = None) -> list[str]:
    entries = outline(views(), NOBODY, NOBODY)
    lines = [row(entry, grid(width, 20), context or CellContext()) for entry in entries]
    return ["".join(piece.text for piece in line) for line in lines]


@pytest.mark.parametrize("width", [78, 80, 90, 100, 120, 160, 240])
def test_every_line_and_the_head_are_exactly_as_wide_as_the_grid(width: int) -> None:
    layout = grid(width, 30)
    entries = outline(views(), NOBODY, NOBODY)
    widths = {width_of(row(entry, layout, CellContext())) for entry in entries}
    assert widths == {width_of(head(layout, Sort()))} == {width + 1}


def test_eighty_columns_show_what_a_decision_needs() -> None:
    ids = {column.id for column in grid(78, 18).columns}
    assert ids >= {"name", "weight", "share", "rps", "err", "p99", "pods", "marks"}
    assert not ids & {"p50", "p95", "spark"}


def test_the_share_outlasts_all_but_the_weight_and_the_errors() -> None:
    for width in range(30, 100):
        ids = {column.id for column in grid(width, 18).columns}
        assert "share" in ids or not ids & {"rps", "p99", "pods", "marks", "spark"}


@pytest.mark.parametrize("longest", [12, 17, 25, 44])
@pytest.mark.parametrize("width", [78, 118, 158])
def test_the_names_have_as_much_room_as_they_need_and_no_more(width: int, longest: int) -> None:
    name = next(column.width for column in grid(width, longest).columns if column.id == "name")
    assert name <= longest and (width < 158 or name == longest)


def test_a_wide_table_shows_everything() -> None:
    assert {c.id for c in grid(158, 20).columns} >= {"share", "p50", "p95", "spark"}


@pytest.mark.parametrize("width", range(38, 78))
def test_a_narrow_table_gives_up_the_bar_before_a_sign_or_a_name(width: int) -> None:
    everything = line_texts(width)
    lines = everything[3:]
    assert "▾ reviews" in lines[0] and "├ ● v1" in lines[1] and "└ ✖ v3" in lines[3]
    assert " 80%" in lines[1] and "12.0%" in lines[3]
    assert {len(line) for line in everything} == {width + 1}


def test_what_a_narrow_table_gives_up_comes_back_in_order() -> None:
    def ids(width: int) -> set[str]:
        return {column.id for column in grid(width, 20).columns}

    assert ids(24) == {"sign", "name", "err"}
    few = {"sign", "name", "weight", "share", "err"}
    assert ids(38) - {"rest"} == few
    assert ids(44) - {"rest"} == few | {"rps"}
    assert ids(56) - {"rest"} == ids(70) - {"rest"} == few | {"rps", "p99", "pods"}
    assert next(c.width for c in grid(55, 12).columns if c.id == "weight") == WORDS
    assert next(c.width for c in grid(70, 20).columns if c.id == "weight") == FULL_WEIGHT


@pytest.mark.parametrize("width", [5, 20, 40, 60])
def test_a_tiny_terminal_is_survived(width: int) -> None:
    assert line_texts(width)


def test_unknown_and_no_traffic_and_only_errors_never_look_alike_and_never_are_zero() -> None:
    everything = Signals(requests=5, rps=1, error_ratio=1.0)
    nothing = Signals()
    told = {
        numbers.errors(None, NOT_KNOWN),
        numbers.errors(nothing, NO_TRAFFIC),
        numbers.errors(everything, ONLY_ERRORS),
        numbers.errors(Signals(requests=5, error_ratio=0.0), OK),
    }
    assert told == {"?", "–", "✖ 100%", "0%"}


def test_a_hundred_percent_is_said_only_when_all_failed() -> None:
    assert numbers.errors(Signals(requests=9, error_ratio=0.9999), "failing") == "99.9%"


def test_a_single_error_among_many_is_not_zero() -> None:
    assert numbers.errors(Signals(requests=1e6, error_ratio=1e-6), "degraded") == "<0.1%"


@pytest.mark.parametrize(
    ("rps", "text"),
    [(0, "–"), (0.04, "<0.1"), (8.66, "8.7"), (140.2, "140"), (12_345, "12k"), (2e6, "2.0M")],
)
def test_rates(rps: float, text: str) -> None:
    assert numbers.rate(Signals(rps=rps)) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(0.2, "<1ms"), (7.4, "7ms"), (999.4, "999ms"), (2500, "2.5s"), (2e5, "200s")]
)
def test_latencies(ms: float, text: str) -> None:
    assert numbers.latency(Signals(), ms) == text


def test_a_bar_is_full_only_at_a_hundred_and_never_empty_above_zero() -> None:
    assert numbers.bar(100, 6) == "██████"
    assert numbers.bar(99.9, 6) == "█████▉"
    assert numbers.bar(1, 6) == "▏     "
    assert numbers.bar(0, 6) == "      "


@pytest.mark.parametrize("cells", [4, 6, 10])
def test_weights_that_differ_by_five_percent_have_different_bars(cells: int) -> None:
    bars = [numbers.bar(percent, cells) for percent in range(0, 101, 5)]
    assert len(set(bars)) == len(bars) and {len(bar) for bar in bars} == {cells}


def test_a_draft_stands_where_the_weight_was() -> None:
    view = next(v for v in views() if v.key.name == "reviews")
    draft = set_weight(begin(view), "v3", 5)
    lines = line_texts(100, CellContext(drafts={view.key: draft}))
    assert "80→95%" in next(text for text in lines if "● v1" in text)
    assert "20→5%" in next(text for text in lines if "✖ v3" in text)


def test_requests_that_no_pod_saw_are_named_so() -> None:
    raw = bookinfo.objects()
    raw["virtualservices"][0]["spec"]["http"][1]["fault"] = {
        "abort": {"httpStatus": 503, "percentage": {"value": 10}}
    }
    mesh = bookinfo.mesh_of(raw)
    entries = outline(service_views(mesh, bookinfo.sample(mesh, 1.0)), NOBODY, NOBODY)
    layout = grid(78, wanted_name_width(entries, False))
    texts = ["".join(p.text for p in row(e, layout, CellContext())) for e in entries]
    assert any("(no pod reached)" in text and "✖ 100%" in text and "FI" in text for text in texts)
    assert any("fault" in text for text in texts)


def test_pins_stay_while_the_sum_allows_it_and_the_last_wins() -> None:
    view = next(v for v in views() if v.key.name == "reviews")
    draft = set_weight(set_weight(begin(view), "v3", 0), "v2", 30)
    assert draft.percents == {"v1": 70, "v2": 30, "v3": 0}
    assert sum(set_weight(draft, "v1", 50).percents.values()) == pytest.approx(100)


def test_what_the_others_share_is_whole_percents() -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects({"v1": 50, "v2": 30, "v3": 20}))
    view = next(v for v in service_views(mesh, None) if v.key.name == "reviews")
    assert set_weight(begin(view), "v3", 0).percents == {"v1": 63, "v2": 37, "v3": 0}


def test_a_weight_as_it_is_changes_none_however_odd_the_others_are() -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects({"v1": 5, "v2": 3, "v3": 0}))
    view = next(v for v in service_views(mesh, None) if v.key.name == "reviews")
    draft = set_weight(begin(view), "v3", 0)
    assert not draft.changed and draft.wanted == {"v3": 0}
    assert set_weight(set_weight(begin(view), "v1", 62.5), "v3", 5).percents["v1"] == 62.5
    assert set_weight(draft, "v2", 10).percents == {"v1": 90, "v2": 10, "v3": 0}


def test_a_step_stops_at_nothing_and_at_all() -> None:
    view = next(v for v in views() if v.key.name == "reviews")
    draft = begin(view)
    for _ in range(9):
        draft = step(draft, "v3", -5)
    assert draft.percents["v3"] == 0
    for _ in range(30):
        draft = step(draft, "v3", 5)
    assert draft.percents == {"v1": 0, "v2": 0, "v3": 100}
    assert step(draft, "v3", -10).percents["v3"] == 90


def test_the_worst_comes_first_and_near_ties_stand_still() -> None:
    calm = CalmOrder()
    first = calm.arrange(views(), Sort(), 1.0)
    assert first[0].key.name == "reviews"
    for tick in range(2, 30):
        mesh = bookinfo.mesh_of(bookinfo.objects())
        wobbled = bookinfo.sample(mesh, tick, rps=40 + (tick % 3))
        again = calm.arrange(service_views(mesh, wobbled), Sort(), tick)
        assert [v.key for v in again] == [v.key for v in first]


def test_a_state_must_be_better_for_some_samples_before_the_row_sinks() -> None:
    calm = CalmOrder()
    bad, good = views(), views({"v1": 100, "v2": 0, "v3": 0})
    calm.arrange(bad, Sort(), 1.0)
    tops = [calm.arrange(good, Sort(), tick)[0].key.name for tick in (2.0, 3.0, 4.0)]
    assert tops[:2] == ["reviews", "reviews"]
    assert calm.arrange(bad, Sort(), 5.0)[0].key.name == "reviews"


@pytest.mark.parametrize("late", [False, True])
def test_what_was_prepared_beside_the_loop_changes_nothing(late: bool) -> None:
    """Also where it is of other views than those that are arranged then."""
    chance = random.Random(4)
    plain, prepared = CalmOrder(), CalmOrder()
    drawn, drawn_ahead = History(), History()
    for tick in range(1, 20):
        weights = {"v1": chance.randint(0, 100), "v2": chance.randint(0, 100), "v3": 7}
        seen = views(weights, float(tick))
        ahead = views({"v1": 1, "v2": 1, "v3": 98}, float(tick)) if late else seen
        sample = Sample(float(tick), "test", 10.0)
        sort = Sort(chance.choice(list(SORTED)))
        prepared.prepare(ahead, Sort("name") if late else sort, float(tick))
        drawn_ahead.prepare(sample, ahead)
        drawn.record(sample, seen)
        drawn_ahead.record(sample, seen)
        here = [view.key for view in plain.arrange(seen, sort, float(tick))]
        assert [view.key for view in prepared.arrange(seen, sort, float(tick))] == here
        for view in seen:
            for place in (LineId(view.key), *(LineId(view.key, r.label) for r in view.versions)):
                assert drawn_ahead.readings(place) == drawn.readings(place)


def test_lines_that_were_laid_out_ahead_are_those_that_would_be_laid_out_now() -> None:
    """Whatever was chosen, and whatever came, in between."""
    chance = random.Random(7)
    plain, ahead = Layout(), Layout()
    known = views()
    keys = [view.key for view in known]
    wanted = Wanted()
    for tick in range(1, 60):
        before = wanted
        wanted = Wanted(
            Sort(chance.choice(list(SORTED)), chance.random() < 0.3),
            parse_filter(chance.choice(["", "re", "!ratings", "-f dtl"])),
            chance.choice(SIDES),
            frozenset(chance.sample(keys, 2)),
            frozenset(chance.sample(keys, 2)),
        )
        if chance.random() < 0.7:
            weights = {"v1": chance.randint(0, 100), "v2": chance.randint(0, 100), "v3": 7}
            known = views(weights, float(tick))
        others = views({"v1": 1, "v2": 1, "v3": 98}, float(tick))
        sampled = float(tick // 2)
        ahead.prepare(chance.choice([known, others]), chance.choice([before, wanted]), sampled)
        wanted = wanted._replace(opened=wanted.opened | several(known))
        expected, found = (
            one.lay(known, wanted, sampled, namespaces=namespaced(known)) for one in (plain, ahead)
        )
        assert list(found.entries) == list(expected.entries)
        assert found.name_width == expected.name_width
        assert ahead.settled == plain.settled


def test_what_is_prepared_is_laid_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a large mesh would keep the keys waiting as long as before."""
    layout, known, wanted = Layout(), views(), Wanted()
    layout.prepare(known, wanted, 1.0)
    for name in ("outline", "wanted_name_width"):
        monkeypatch.delattr(layout_module, name)
    wanted = wanted._replace(opened=several(known))
    laid = layout.lay(known, wanted, 1.0, namespaces=namespaced(known))
    assert len(laid.entries) > len(known)


def test_counts_that_were_prepared_are_of_the_same_views_and_place_alone() -> None:
    seen, others = views(), views({"v1": 100, "v2": 0, "v3": 0})
    for ahead, namespace in ((seen, ""), (others, ""), (seen, "elsewhere")):
        counts = Counts()
        counts.prepare(ahead, namespace, CALLER)
        assert counts.line(seen, "", CALLER) == Counts().line(seen, "", CALLER)


def test_reversed_is_reversed() -> None:
    names = [v.key.name for v in CalmOrder().arrange(views(), Sort("name"), 1.0)]
    turned = [v.key.name for v in CalmOrder().arrange(views(), Sort("name", True), 1.0)]
    assert names == sorted(names) == turned[::-1]


def test_wide_characters_are_cut_by_cells() -> None:
    assert fit("日本語サービス", 6) == "日本… "
    assert fit("日本", 6, right=True) == "  日本"


def marked(codes: dict[str, float], flags: dict[str, float], ratio: float) -> str:
    signals = Signals(100, 10, ratio, 5, 9, 20, codes, {}, flags)
    pieces = version_marks(
        VersionView(version="v1", percent=50, pods=1, pods_ready=1, caller=signals)
    )
    return "".join(piece.text for piece in pieces)


def test_a_delay_and_a_rate_limit_are_marked_and_never_taken_for_the_errors_reason() -> None:
    assert marked({"200": 90, "503": 10}, {"DI": 50, "UF": 10}, 0.1) == "503 UF · DI"
    assert marked({"200": 90, "503": 10}, {"DI": 50}, 0.1) == "503 · DI"
    assert marked({"200": 60, "429": 40}, {"RL": 40}, 0.0) == "RL"
    assert marked({"200": 100}, {}, 0.0) == ""


def test_what_a_breaker_turns_away_now_is_said_in_words() -> None:
    assert marked({"200": 90, "503": 10}, {"UO": 10}, 0.1) == "503 · breaker open"
    assert marked({"200": 90, "503": 10}, {"UO": 4, "UF": 6}, 0.1) == "503 UF · breaker open"


def slow_and_failing() -> tuple[ServiceView, ...]:
    """v1 is quick and degraded, v3 slow and failing with 4 of 100."""
    (view,) = (view for view in views() if view.key == REVIEWS)
    codes = {"200": 96.0, "503": 4.0}
    some = Signals(100, 10, 0.04, 5, 9, 20, codes, {}, {})
    rows = {row.version: row for row in view.versions}
    v1 = replace(rows["v1"], caller=some, state="degraded")
    v3 = replace(rows["v3"], caller=some, state="slow", slow="74% take longer than 100 ms")
    return (replace(view, caller=some, state="slow", versions=(v1, v3)),)


def test_what_is_slow_does_not_hide_its_errors() -> None:
    shown = slow_and_failing()
    words = "".join(piece.text for piece in counts_line(shown))
    assert words == "◆ 1 version slow: reviews v3 (4.0 % errors) · ▲ 1 degraded"
    *_, v3 = outline(shown, NOBODY, NOBODY)
    pieces = version_marks(shown[0].versions[1], cells=12)
    assert "".join(piece.text for piece in pieces).startswith("503 · ")
    column = next(column for column in COLUMNS if column.id == "err")
    (piece,) = cell(column, v3, CellContext())
    assert (piece.text, piece.role) == ("4.0%", "degraded")


@pytest.mark.parametrize("name", ["admin", "arn:aws:eks:eu:12345:cluster/production-shop"])
@pytest.mark.parametrize("width", range(24, 200, 7))
def test_the_context_is_the_last_thing_to_go_from_the_header(name: str, width: int) -> None:
    snapshot = Snapshot(1.0, views=slow_and_failing())
    place = ConnectedTo(name, "", "https://127.0.0.1:6443", False)
    first, second = header_lines(place, snapshot, 1.0, width, Counts())
    assert width_of(first) == width_of(second) == width
    text = "".join(piece.text for piece in first)
    assert name[:5] in text and (name in text or "…" in text) and "◆" in text
    assert (name in text) or width < 2 * len(name) + 2


def marks(cells: int, *notes: str, **extra: object) -> str:
    """The marks of reviews whose ordinary rule holds `extra`, as a column of `cells` shows them."""
    raw = bookinfo.objects()
    raw["virtualservices"][0]["spec"]["http"][1] |= extra
    view = next(v for v in service_views(bookinfo.mesh_of(raw), None) if v.key == REVIEWS)
    pieces = service_marks(view, notes, cells)
    return "".join(piece.text for piece in fit_line(pieces, cells)).rstrip()


ABORT = {"abort": {"percentage": {"value": 10}, "httpStatus": 503}}
TO_V2 = [{"destination": {"host": "reviews", "subset": "v2"}, "percentage": {"value": 25}}]


@pytest.mark.parametrize("cells", [9, 10, 12, 13])
def test_how_long_a_fault_still_lasts_survives_in_a_narrow_column(cells: int) -> None:
    assert marks(cells, "fault ends in 4m", fault=ABORT).startswith("fault 4m")


def test_marks_have_their_full_words_where_there_is_room() -> None:
    everything = "fault abort 503 10%, ends in 4m · mirror v2 25% · timeout 10s"
    assert marks(63, "fault ends in 4m", fault=ABORT, mirrors=TO_V2) == everything
    assert marks(40, "fault ends in 4m", fault=ABORT, mirrors=TO_V2) == (
        "fault 4m · mirror v2 25% · timeout 10s"
    )
    assert (
        marks(30, "fault ends in 4m", fault=ABORT, mirrors=TO_V2) == "fault 4m · mirror · timeout"
    )


def test_where_not_even_single_words_fit_the_first_mark_is_whole() -> None:
    assert marks(14, mirrors=TO_V2) == "mirror v2 25%…"
    assert marks(16, mirrors=TO_V2) == "mirror · timeout"


def test_a_fault_without_an_end_is_told_by_what_it_answers() -> None:
    assert marks(10, fault=ABORT) == "fault 503…"
    delay = {"delay": {"percentage": {"value": 5}, "fixedDelay": "3s"}}
    assert marks(10, fault=delay) == "fault…"
    assert marks(60, fault=ABORT) == "fault abort 503 10% · timeout 10s"


def test_each_thing_that_ends_has_its_own_note() -> None:
    both = marks(80, "fault ends in 4m", "mirror ends in 2h", fault=ABORT, mirrors=TO_V2)
    assert both == "fault abort 503 10%, ends in 4m · mirror v2 25%, ends in 2h · timeout 10s"
    narrow = marks(22, "fault ends in 4m", "mirror ends in 2h", fault=ABORT, mirrors=TO_V2)
    assert narrow.startswith("fault 4m · mirror 2h")


def test_a_fault_for_some_requests_is_marked_with_its_header() -> None:
    raw = bookinfo.objects()
    rules = raw["virtualservices"][0]["spec"]["http"]
    some = {"headers": {"x-chaos": {"exact": "true"}}}
    rules.insert(0, {**rules[1], "name": "chaos", "match": [some], "fault": ABORT})
    view = next(v for v in service_views(bookinfo.mesh_of(raw), None) if v.key == REVIEWS)
    (mark, *_) = service_marks(view)
    assert mark.text == "fault abort 503 10% where header x-chaos = true"
    assert mark.role == "warning"
    assert "".join(piece.text for piece in service_marks(view, (), 20)).startswith("fault 503")
    beside = "".join(piece.text for piece in service_marks(view, (), 38))
    assert beside == "fault 503 x-chaos=true · timeout 10s"
    timed = "".join(piece.text for piece in service_marks(view, ("fault ends in 14m",), 38))
    assert timed == "fault x-chaos=true 14m · timeout 10s"
    assert short_marks(view)[0].text == "fault"


@pytest.mark.parametrize("note", [(), ("fault ends in 14m",)])
@pytest.mark.parametrize("width", range(78, 200, 7))
@pytest.mark.parametrize("aimed", [True, False])
def test_the_row_says_which_fault_it_is(width: int, note: tuple[str, ...], aimed: bool) -> None:
    raw = bookinfo.objects()
    rules = raw["virtualservices"][0]["spec"]["http"]
    some = [{"headers": {"x-chaos": {"exact": "true"}}}] if aimed else []
    rules.insert(0, {**rules[1], "name": "chaos", "match": some, "fault": ABORT})
    if not aimed:
        del rules[1:]
    view = next(v for v in service_views(bookinfo.mesh_of(raw), None) if v.key == REVIEWS)
    head_line = next(entry for entry in outline((view,), NOBODY, NOBODY) if not entry.is_version)
    line = row(head_line, grid(width, 20), CellContext(notes={REVIEWS: note} if note else {}))
    text = "".join(piece.text for piece in line)
    assert "fault" in text and (not note or "14m" in text or width < 90)
    assert text.count("x-chaos") == aimed and ("503" in text or aimed)


def test_a_note_that_is_about_no_mark_stands_before_all_of_them() -> None:
    assert marks(60, "NOT VERIFIED", fault=ABORT).startswith("NOT VERIFIED · fault abort 503 10%")
    assert marks(60, "fault ends in 4m") == "fault ends in 4m · timeout 10s"
    assert marks(10, "fault OVERDUE", fault=ABORT).startswith("OVERDUE")


def one_version(name: str, **row: object) -> ServiceView:
    version = replace(VersionView("v1", percent=100.0, share=1.0, pods=1, pods_ready=1), **row)  # type: ignore[arg-type]
    signals = version.caller
    key = ServiceKey("shop", name)
    return ServiceView(Service(key, f"{name}.shop"), (version,), caller=signals)


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("weight", {"percent": 60.0}),
        ("share", {"share": 0.8}),
        ("traffic", {"caller": Signals(100, 20.0)}),
        ("errors", {"caller": Signals(100, 5.0, 0.5)}),
        ("p50", {"caller": Signals(100, 5.0, p50_ms=90.0)}),
        ("p95", {"caller": Signals(100, 5.0, p95_ms=90.0)}),
        ("latency", {"caller": Signals(100, 5.0, p99_ms=90.0)}),
        ("pods", {"pods": 3, "pods_ready": 2}),
    ],
)
def test_each_column_sorts_what_stands_out_to_the_top(key: str, row: dict[str, object]) -> None:
    usual = {"caller": Signals(100, 5.0, 0.0, 1.0, 2.0, 3.0)}
    views = [
        one_version("a", **usual),
        one_version("z", **{**usual, **row}),
        one_version("m", **usual),
    ]
    ordered = CalmOrder().arrange(views, Sort(key), 1.0)
    assert [view.key.name for view in ordered] == ["z", "a", "m"]
    turned = CalmOrder().arrange(views, Sort(key, True), 1.0)
    assert [view.key.name for view in turned] == ["m", "a", "z"]


def test_every_column_with_numbers_can_be_sorted_by_and_shows_it() -> None:
    numbers = {column.id for column in COLUMNS} - {"spark", "marks"}
    assert set(SORTED.values()) == numbers
    layout = grid(158, 20)
    for key in SORTED:
        assert "▼" in "".join(piece.text for piece in head(layout, Sort(key)))


def named(name: str, width: int, namespaces: bool = True) -> str:
    """The first line of a table `width` wide, of a folded service of that name."""
    mesh = bookinfo.mesh_of(bookinfo.objects())
    view = next(v for v in service_views(mesh, bookinfo.sample(mesh, 1.0)) if v.versions)
    key = ServiceKey("istio-system", name)
    renamed = replace(view, service=replace(view.service, key=key))
    entries = outline((renamed,), frozenset([key]), NOBODY)
    line = row(entries[0], grid(width, 40), CellContext(namespaces=namespaces))
    return "".join(piece.text for piece in line)


@pytest.mark.parametrize("width", [76, 78, 98, 118])
def test_a_long_name_takes_the_empty_cells_behind_it(width: int) -> None:
    assert "istio-ingressgateway.istio-system" in named("istio-ingressgateway", width)


@pytest.mark.parametrize("width", range(60, 130))
def test_what_a_long_name_takes_moves_no_number(width: int) -> None:
    short, long = (named(name, width) for name in ("short", "istio-ingressgateway-external"))
    numbers = short.index(" 40 ")
    assert long[numbers:] == short[numbers:]


def test_names_with_the_same_begin_are_told_apart_where_they_are_cut() -> None:
    names = [f"checkout-recommendation-service-{end}" for end in ("stable", "canary")]
    lines = [named(name, 60) for name in names]
    assert all("checkout" in line and "…" in line for line in lines)
    assert "stable" in lines[0]
    assert "canary" in lines[1]


@pytest.mark.parametrize("width", range(76, 160))
def test_the_arrow_of_the_sorting_cuts_no_title(width: int) -> None:
    layout = grid(width, 20)
    titles = {column.id: column.title for column in layout.columns}
    for key, column in SORTED.items():
        line = "".join(piece.text for piece in head(layout, Sort(key)))
        assert len(line) == len("".join(piece.text for piece in head(layout, Sort("name"))))
        if column in titles and column not in ("state", "name"):
            assert f"{titles[column]}▼" in line


def test_of_a_slow_version_the_quantiles_that_are_slow_stand_out() -> None:
    slow = max(views(), key=lambda view: len(view.versions))
    version = replace(
        slow.versions[0],
        slow="18 % of its requests take longer than 100 ms, and 0 % of v1's",
        caller=Signals(100.0, 10.0, p50_ms=3.0, p95_ms=372.0, p99_ms=997.0),
    )
    view = replace(slow, versions=(version, *slow.versions[1:]))
    line = row(outline((view,), frozenset(), NOBODY)[1], grid(150, 20), CellContext())
    roles = {piece.text.strip(): piece.role for piece in line}
    assert (roles["3ms"], roles["372ms"], roles["997ms"]) == ("muted", "slow", "slow")


COUNTS = (
    Span("✖ only errors: reviews (no pod reached)", "failing"),
    Span(" · ", "faint"),
    Span("✖ 3 versions failing: reviews v3, productpage v1 and 1 more", "failing"),
    Span(" · ", "faint"),
    Span("● 2 ok", "ok"),
)


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (117, "".join(piece.text for piece in COUNTS)),
        (77, "✖ only errors: reviews (no pod reached) · ✖ 3 versions failing · ● 2 ok"),
        (74, "✖ only errors: reviews (no pod reached) · ✖ 3 versions failing"),
        (55, "✖ only errors · ✖ 3 versions failing"),
    ],
)
def test_counts_of_states_lose_names_and_never_end_within_a_word(width: int, told: str) -> None:
    line = "".join(
        piece.text for piece in _beside(ConnectedTo("lab", "", "", False), COUNTS, width)
    )
    assert len(line) == width
    assert line.split(maxsplit=1) == ["lab", told]


CRASH = "CrashLoopBackOff: app (Error, exit 3), restarted 4×"


def crashing(*versions: str, crashed: str) -> ServiceView:
    rows = (VersionView(name, pods=1, host="reviews") for name in versions)
    sick = (
        replace(row, pods_words=CRASH, pods_state=FAILING) if row.version == crashed else row
        for row in rows
    )
    return replace(views()[0], versions=tuple(sick), marks=())


def test_a_folded_service_says_what_is_wrong_with_the_pods_of_its_worst_version() -> None:
    def words(view: ServiceView, cells: int, *notes: str) -> str:
        return "".join(piece.text for piece in folded_marks(view, notes, cells))

    assert words(crashing("v1", crashed="v1"), 60) == CRASH
    assert words(crashing("v1", "v3", crashed="v3"), 60) == f"v3: {CRASH}"
    noted = words(crashing("v1", crashed="v1"), 60, "fault ends in 4m")
    assert noted == f"fault ends in 4m · {CRASH}"
    assert words(crashing("v1", crashed="v1"), 11, "fault ends in 4m") == "fault 4m"
    assert words(crashing("v1", "v3", crashed=""), 60) == ""
