"""The lines of the proxies pane: widths, hostile names, and what is found in long ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.changes.outcome import NOT_MEANT
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD
from meshtui.mesh.carrying import Route
from meshtui.mesh.model import Pod, Rule, Service, ServiceKey, VirtualService
from meshtui.mesh.text import clean
from meshtui.operations.proxies.matrix import Cell, Matrix, Row
from meshtui.operations.proxies.proxy_reads import (
    CLUSTERS,
    ENDPOINTS,
    ROUTES,
    ProxyReads,
    SeenEndpoint,
)
from meshtui.ui.panes.proxies.heads import Frame, painted, tabs
from meshtui.ui.panes.proxies.matrix import Rows, matrix_head, matrix_lines, owner_of, summary
from meshtui.ui.panes.proxies.raw import RawText
from meshtui.ui.panes.proxies.state import VIEWS, ProxyState, key_of
from meshtui.ui.panes.proxies.table import role_of, table_of
from meshtui.ui.widgets.paint import Line, width_of
from tests.ui import bookinfo
from tests.ui.fake import FakeCockpit

NASTY = "[red]\x1b[2J\u202e"


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(piece.text for piece in line) for line in lines)


def matrix_with(rules: int, pods: int = 3) -> tuple[Matrix, Rows]:
    """Clients with long names, whose states go round."""
    ref = bookinfo.mesh_of(bookinfo.objects()).virtual_services[0].ref
    vs = VirtualService(ref, "1", hosts=("reviews.bookinfo.svc.cluster.local",))
    routes = tuple(Route(vs, Rule(n, name=f"rule-{n}{NASTY}")) for n in range(rules))
    clients = tuple(
        Pod("ns", f"productpage-with-a-long-name-{n}-5f6d8c7b9-abcde", gateway=not n)
        for n in range(pods)
    )
    service = Service(ServiceKey("ns", "reviews"), "reviews.ns.svc.cluster.local")
    states = (IN_SYNC, OLD, ABSENT, NOT_MEANT)
    rows = {
        key_of(pod): (
            Row(pod, tuple(Cell(states[(n + m) % 4], (NASTY,)) for m in range(rules))),
            100.0,
        )
        for n, pod in enumerate(clients)
    }
    return Matrix(service, routes, clients), rows


@pytest.mark.parametrize("width", [40, 47, 72, 157])
@pytest.mark.parametrize("rules", [0, 1, 3])
def test_a_matrix_fits_its_width(width: int, rules: int) -> None:
    matrix, rows = matrix_with(rules)
    picked = owner_of(matrix.pods[1])
    lines = [one.line for one in matrix_lines(matrix, rows, picked, 105.0, width)]
    heads = [matrix_head(matrix, width), *lines[: len(matrix.pods)]]
    assert all(width_of(line) <= width for line in heads)
    said = text_of([*heads, *lines])
    assert "\x1b" not in said and "\u202e" not in said
    assert "5s" in said and ("[red]^[[2J" in said) is (rules > 0)


def test_words_give_way_to_signs_where_there_are_many_rules() -> None:
    matrix, rows = matrix_with(8)
    first = text_of([matrix_lines(matrix, rows, "", 100.0, 72)[1].line])
    assert "≠" in first and "differs" not in first
    assert "differs" in text_of([matrix_lines(matrix, rows, "", 100.0, 157)[1].line])
    assert "≠ differs" in text_of([one.line for one in matrix_lines(matrix, rows, "", 100.0, 72)])


@pytest.mark.parametrize("width", [47, 72, 157])
def test_names_are_cut_in_the_middle_and_titles_only_where_they_must_be(width: int) -> None:
    matrix, rows = matrix_with(1)
    lines = matrix_lines(matrix, rows, "", 100.0, width)[: len(matrix.pods)]
    for number, one in enumerate(lines):
        row = text_of([one.line])
        gateway = number == 0
        assert "abcde " in row and ("gateway " in row) is gateway
        assert (f"name-{number}-5f6d" in row) is (width > 70)
    head = text_of([matrix_head(matrix, width)])
    assert (clean(f"rule-0{NASTY}") in head) is (width > 100)
    many, _ = matrix_with(8)
    unnamed = tuple(replace(r, rule=replace(r.rule, name="")) for r in many.rules)
    terse = text_of([matrix_head(replace(many, rules=unnamed), 60)])
    assert "[0] [1] [2] " in terse and "…" not in terse


async def test_an_endpoint_has_its_pod_before_what_is_the_same_in_all() -> None:
    cockpit = FakeCockpit()
    pod = cockpit.mesh.pods[0]
    table = table_of(await cockpit.proxies.read(ENDPOINTS, pod, None))
    assert table.heads.index("ERRORS") < table.heads.index("POD") < table.heads.index("LOCALITY")
    assert not any(row[table.titles.index("POD")].endswith(".bookinfo") for row in table.rows)
    longest = max((row[table.titles.index("POD")] for row in table.rows), key=len)
    narrow = table.fitted(80)
    shown = text_of([narrow.line(index) for index in range(len(narrow))])
    assert longest[-5:] in shown


def test_a_summary_says_how_many_of_each() -> None:
    matrix, rows = matrix_with(1)
    assert "1 in sync" in text_of([summary(matrix, rows)])
    assert "≠ 1 differs" in text_of([summary(matrix, rows)])
    some = dict(list(rows.items())[:2])
    assert text_of([summary(matrix, some)]) == "2 of 3 read"


def test_proxies_that_are_not_asked_or_only_guessed_are_told() -> None:
    matrix, rows = matrix_with(1)
    keys = [key_of(pod) for pod in matrix.pods]
    for guessed, told in (
        (keys, "telemetry names no caller"),
        (keys[:2], "telemetry does not name 2 of these"),
    ):
        matrix = replace(matrix, guessed=frozenset(guessed), left_out=7)
        said = text_of([one.line for one in matrix_lines(matrix, rows, "", 100.0, 72)])
        assert told in said and "7 more proxies are not asked" in said


@pytest.mark.parametrize("width", [24, 45, 56, 80])
@pytest.mark.parametrize("view", VIEWS)
def test_the_views_fit_and_the_one_shown_is_in_brackets(width: int, view: str) -> None:
    said = text_of([tabs(view, width)])
    assert len(said) <= width and f"{view}]" in said
    assert all(str(digit) in said for digit in range(1, 6))


@pytest.mark.parametrize("width", range(30, 70))
def test_a_view_is_named_by_a_whole_word_or_by_its_number(width: int) -> None:
    """`rout clus` is nobody's word: the singular is istioctl's."""
    words = {word.strip("[]") for word in text_of([tabs(VIEWS[0], width)]).split()}
    names = {*VIEWS, *(view.removesuffix("s") for view in VIEWS)}
    assert {word for word in words if not word.isdigit()} <= names
    assert "route" in words or "routes" in words or width < 50


async def test_a_table_gives_way_at_long_columns_and_never_at_numbers() -> None:
    cockpit = FakeCockpit()
    cockpit.proxies.many = 3
    pod = cockpit.mesh.pods[0]
    table = table_of(await cockpit.proxies.read(CLUSTERS, pod, None))
    wide, narrow = table.fitted(300), table.fitted(60)
    assert wide.width == table.width and narrow.width < table.width
    assert "12" not in narrow.header() and "REQUESTS" in narrow.header()
    assert "svc0.ns" in text_of([narrow.line(0)]) and "?/100" not in text_of([narrow.line(0)])
    assert len(table.matching("SVC2")) == 1 and len(table.matching("nowhere")) == 0


@pytest.mark.parametrize("width", [77, 100])
async def test_an_endpoint_says_whose_pod_it_is_beside_its_health(width: int) -> None:
    cockpit = FakeCockpit()
    table = table_of(await cockpit.proxies.read(ENDPOINTS, cockpit.mesh.pods[0], None))
    head = table.fitted(width).header()[:width]
    assert {"ENDPOINT", "HEALTH", "POD"} <= set(head.split())


async def test_names_from_outside_are_only_text_in_tables() -> None:
    cockpit = FakeCockpit()
    pod = cockpit.mesh.pods[0]
    reading = await cockpit.proxies.read(ENDPOINTS, pod, None)
    seen = reading.endpoints[0]
    odd = replace(seen.endpoint, address=NASTY, health="dr\x1baining", locality="x" * 9000)
    table = table_of(replace(reading, endpoints=(SeenEndpoint(odd),)))
    said = text_of([table.line(0)])
    assert "[red]^[[2J" in said and "\x1b" not in said and "\u202e" not in said
    assert table.width < 1000


@pytest.mark.parametrize(
    ("title", "cell", "role"),
    [
        ("HEALTH", "EJECTED", "error"),
        ("HEALTH", "HEALTHY", "muted"),
        ("HEALTH", "TIMEOUT", "warning"),
        ("REQUESTS", "100/100", "warning"),
        ("REQUESTS", "99/100", "text"),
        ("OVERFLOW", "31", "warning"),
        ("OVERFLOW", "0", "muted"),
        ("OVERFLOW", "?", "muted"),
        ("EJECTED", "1/2", "warning"),
        ("EJECTED", "0/2", "muted"),
    ],
)
def test_what_wants_a_look(title: str, cell: str, role: str) -> None:
    assert role_of(title, cell) == role


def test_matches_are_stepped_through_round_the_ends() -> None:
    raw = RawText(["a", "Xb", "c", "xb\x1b", "d"]).searched("xB")
    assert raw.matches == [1, 3]
    assert [raw.next(-1, 1), raw.next(1, 1), raw.next(3, 1)] == [1, 3, 1]
    assert [raw.next(3, -1), raw.next(1, -1), raw.next(-1, -1)] == [1, 3, 3]
    assert [raw.place(1), raw.place(3), raw.place(2)] == [1, 2, 0]
    assert RawText(["a"]).searched("z").next(0, 1) == -1
    assert text_of([raw.line(3)]) == "xb^["


def test_a_letter_that_grows_in_lower_case_marks_nothing_wrong() -> None:
    """ "İ" is one character, its lower case two."""
    raw = RawText(["İİx: y"]).searched("x")
    (found,) = [piece.text for piece in raw.line(0) if piece.role == "stale"]
    assert found == "x"


def test_nothing_is_shown_of_another_question() -> None:
    state = ProxyState()
    state.choose(Pod("ns", "one"))
    state.turn_to(ROUTES)
    state.reading = ProxyReads(ROUTES, Pod("ns", "one"))
    state.choose(Pod("ns", "two"))
    assert "reading…" in text_of([one.line for one in painted(state, Frame(60)).lines])
