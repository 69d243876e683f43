"""The graph as it is drawn: nothing wider than the pane, and every edge drawn or counted."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.graph import Callee, Caller, Edge, Graph, Row
from meshtui.mesh.judging import WORST_FIRST, state_of
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import NO_REQUESTS, UNKNOWN, Signals
from meshtui.mesh.thresholds import Thresholds
from meshtui.ui.panes.graphedges import CALLER, VERSION, Cursor, Drawing, owner_of
from meshtui.ui.panes.graphtext import MOST_OF_ONE, MOST_SERVICES, graph_lines
from meshtui.ui.widgets.ascii import to_ascii
from meshtui.ui.widgets.paint import width_of
from tests.ui import bookinfo
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")
EVIL = "\x1b[2J\u202e日本語" + "x" * 300


def edge(workload: str = "page-v1", version: str = "v1", requests: float = 100.0, **more: object):
    signals = Signals(requests, requests / 10, 0.0 if requests else None)
    known = Edge(
        Caller(("bookinfo", workload) if workload else ("", "")),
        version,
        signals,
        state_of(signals, Thresholds()),
        Row(REVIEWS, version),
        ("http",),
        1.0,
    )
    return replace(known, **more)  # type: ignore[arg-type]


def drawn(*edges: Edge, width: int = 80, **more: object) -> list[str]:
    callee = replace(Callee(REVIEWS, "Service", edges), **more)  # type: ignore[arg-type]
    return texts(Graph((callee,), REVIEWS), width)


def texts(graph: Graph, width: int = 80, cursor: Cursor | None = None) -> list[str]:
    lines = graph_lines(graph, Drawing(width, cursor or Cursor()))
    return ["".join(piece.text for piece in line).rstrip() for line, _ in lines]


def test_a_caller_branches_into_versions() -> None:
    lines = drawn(edge(), edge(version="v2", requests=5), edge(version="v3", requests=0.5))
    assert lines[1:4] == [
        " page-v1            ┬══ ●   10/s 0% http mTLS ═════════════════════════════▸ v1",
        "                    ├── ◔  0.5/s 0% http mTLS ─────────────────────────────▸ v2",
        "                    └┄┄ ◔ <0.1/s 0% http mTLS ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▸ v3",
    ]


@pytest.mark.parametrize("width", range(40, 120, 7))
def test_edges_below_each_other_say_the_same_things_at_the_same_places(width: int) -> None:
    failing = edge(signals=Signals(8.0, 0.8, 0.251), state="failing")
    lines = drawn(failing, edge(version="v2"), width=width)[1:3]
    for word in ("/s", "%", "http", "mTLS"):
        assert len({line.find(word) for line in lines}) == 1, word


@pytest.mark.parametrize("width", range(48, 120, 8))
def test_short_versions_leave_their_room_to_callers_and_lines(width: int) -> None:
    lines = drawn(edge("productpage-v1"), edge("productpage-v1", "v2"), width=width)
    assert "productpage-v1" in lines[1]
    assert all("http mTLS" in line for line in lines[1:3])
    assert [len(line) for line in lines[1:3]] == [width - 1] * 2


def test_a_version_gathers_its_callers() -> None:
    lines = drawn(edge("a"), edge("b"), edge("c"))
    assert [line[0:4].strip() for line in lines[1:4]] == ["a", "b", "c"]
    assert [line.count("v1") for line in lines[1:4]] == [1, 0, 0]
    joints = [re.search("[┬┤┘]", line) for line in lines[1:4]]
    assert len({found.start() for found in joints if found}) == 1
    assert "".join(found.group() for found in joints if found) == "┬┤┘"


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (edge(state="failing"), "✖ 10/s"),
        (edge(mutual_tls=0.0), "0% http plain text"),
        (edge(mutual_tls=0.5), "50% mTLS"),
        (edge(mutual_tls=None), "0% http ═"),
        (edge(protocols=("grpc", "http")), "grpc http mTLS"),
        (edge(by_server=True), "mTLS by server"),
        (edge(signals=None, state="unknown", why="it can't be read"), "? not known: it can't be"),
        (edge(signals=NO_REQUESTS, state="no traffic", version="", row=None), "○ no traffic ┄"),
        (edge(""), " (caller not known)"[:20]),
        (edge(version=UNKNOWN, row=None), "▸ (no pod reached)"),
        (edge(caller=Caller(("istio-system", "gate"), gateway=True)), " gate.istio-system"),
        (edge(caller=Caller(("bookinfo", "gate"), gateway=True)), " gate (gateway)"),
        (edge(caller=Caller(("bookinfo", "r"), row=Row(REVIEWS, "v1"))), " r (itself)"),
    ],
)
def test_an_edge_says_what_it_is(known: Edge, words: str) -> None:
    assert words in drawn(known)[1]


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (edge(state="slow", signals=Signals(100, 10, 0.0, p99_ms=1400)),
         {"0%": "muted", "p99 1.4s": "slow"}),
        (edge(state="slow", signals=Signals(100, 10, 0.0)), {"0%": "muted", "slow": "slow"}),
        (edge(state="slow", signals=Signals(100, 10, 0.5)), {"50.0%": "slow", "slow": "slow"}),
        (edge(state="failing", signals=Signals(100, 10, 0.0)), {"0%": "text"}),
        (edge(state="failing", signals=Signals(100, 10, 0.5)), {"50.0%": "failing"}),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_edge_stands_out_and_no_zero_does(
    known: Edge, told: dict[str, str]
) -> None:
    (line,) = [
        line
        for line, _ in graph_lines(Graph((Callee(REVIEWS, "Service", (known,)),)), Drawing(90))
        if "page-v1" in "".join(piece.text for piece in line)
    ]
    roles = {piece.text.strip(): piece.role for piece in line}
    assert roles.items() >= told.items(), roles


@pytest.mark.parametrize(("width", "indent"), [(78, 19), (56, 5), (40, 2)])
async def test_a_rule_stands_further_left_before_it_takes_two_lines(
    width: int, indent: int
) -> None:
    cockpit = FakeCockpit()
    cockpit.measure()
    view = next(view for view in cockpit.snapshot().views if view.key == REVIEWS)
    words = "any request → v1 80% · v2 0% · v3 20% · timeout 10s"
    line = next(line for line in drawn(edge(), view=view, width=width) if "any request" in line)
    assert len(line) - len(line.lstrip()) == indent, line
    assert (words in line) is (width > 40)


def test_as_much_is_said_as_there_is_room_for() -> None:
    known = edge(by_server=True)
    at = {width: drawn(known, width=width)[1] for width in (100, 60, 48, 40, 30)}
    assert "http mTLS by server" in at[100] and "mTLS" in at[60]
    assert "10/s 0%" in at[48] and "10/s" in at[40] and "●" in at[30]


def test_the_end_that_is_picked_is_marked_and_written() -> None:
    first, second = edge(), edge(version="v2")
    callee = Callee(REVIEWS, "Service", (first, second))
    graph = Graph((callee,), REVIEWS)
    caller = texts(graph, cursor=Cursor(owner_of(callee, second), CALLER))[2]
    assert caller.startswith("▌page-v1")
    version = texts(graph, cursor=Cursor(owner_of(callee, second), VERSION))[2]
    assert version.endswith("▌v2") and not version.startswith("▌")
    assert texts(graph, cursor=Cursor(owner_of(callee)))[0].startswith("▌reviews")


async def test_rules_stand_between_callers_and_versions() -> None:
    cockpit = FakeCockpit()
    cockpit.measure()
    view = next(view for view in cockpit.snapshot().views if view.key == REVIEWS)
    lines = drawn(edge(), view=view, width=120)
    indent = " " * 30
    assert lines[1] == f"{indent}jason: header end-user = jason → v2 100%"
    assert lines[2] == f"{indent}any request → v1 80% · v2 0% · v3 20% · timeout 10s"


def test_versions_that_nobody_calls_are_there() -> None:
    cockpit = FakeCockpit()
    cockpit.measure()
    view = next(view for view in cockpit.snapshot().views if view.key == REVIEWS)
    lines = drawn(edge(), view=view, uncalled=view.versions[1:])
    assert [line.endswith(("no call v2", "no call v3")) for line in lines].count(True) == 2


def test_a_version_that_gets_copies_alone_is_not_called_uncalled() -> None:
    cockpit = FakeCockpit()
    cockpit.measure()
    view = next(view for view in cockpit.snapshot().views if view.key == REVIEWS)
    copied = replace(view.versions[1], mirrored_percent=100.0, server=Signals(80, 40.0))
    lines = drawn(edge(), view=view, uncalled=(copied, view.versions[2]))
    assert any(line.endswith("copies, 40/s v2") for line in lines)
    assert any(line.endswith("no call v3") for line in lines)


# Whatever there is

NAMES = st.one_of(st.sampled_from(("a", "page-v1", EVIL)), st.text(max_size=12))
NUMBERS = st.sampled_from((0.0, 1.0, 12.0, 5_000.0, 9e9))


@st.composite
def edges(draw: st.DrawFn) -> Edge:
    requests = draw(NUMBERS)
    signals = draw(st.sampled_from((None, Signals(requests, requests / 15, 0.3))))
    return Edge(
        Caller((draw(NAMES), draw(NAMES)), draw(st.booleans())),
        draw(NAMES),
        signals,
        draw(st.sampled_from(WORST_FIRST)),
        None,
        tuple(draw(st.lists(NAMES, max_size=2))),
        draw(st.sampled_from((None, 0.0, 0.3, 1.0))),
        draw(st.booleans()),
        draw(NAMES),
    )


CALLEES = st.builds(
    lambda namespace, name, kind, found, others: Callee(
        ServiceKey(namespace, name), kind, tuple(found), None, (), others
    ),
    NAMES,
    NAMES,
    st.sampled_from(("Service", "ServiceEntry", "")),
    st.lists(edges(), max_size=20),
    st.integers(0, 3),
)
COUNTED = re.compile(r"([\d,]+) more edges?")


@given(
    st.lists(CALLEES, max_size=4, unique_by=lambda callee: callee.key),
    st.booleans(),
    st.integers(8, 170),
    st.sampled_from((CALLER, VERSION)),
    st.booleans(),
)
def test_no_line_is_wider_and_every_edge_is_drawn_or_counted(
    callees: list[Callee], around: bool, width: int, end: str, stale: bool
) -> None:
    graph = Graph(tuple(callees), callees[0].key if around and callees else None, 7)
    owners = [owner_of(callee, one) for callee in callees for one in callee.edges]
    cursor = Cursor(owners[-1] if owners else "", end)
    lines = graph_lines(graph, Drawing(width, cursor, stale))
    assert all(width_of(line) == width for line, _ in lines)
    text = "\n".join("".join(piece.text for piece in line) for line, _ in lines)
    assert not re.search("[\x00-\x09\x1b\u202e]", text)
    heads = {owner_of(callee) for callee in callees}
    found = [owner for _, owner in lines if owner and owner not in heads]
    if width >= 40:
        more = sum(int(number.replace(",", "")) for number in COUNTED.findall(text))
        assert len(found) + more == len(owners)
    assert set(found) <= set(owners) and heads <= {owner for _, owner in lines}
    assert all(len(to_ascii(line)) >= 0 and to_ascii(line).isascii() for line in text.split("\n"))


def test_of_a_thousand_services_the_rest_is_counted() -> None:
    callees = tuple(
        Callee(
            ServiceKey("shop", f"svc{n}"), "Service", tuple(edge(f"c{m}") for m in range(n % 20))
        )
        for n in range(1000)
    )
    lines = texts(Graph(callees, None, 3))
    every = sum(len(callee.edges) for callee in callees)
    drawn_edges = sum(min(len(callee.edges), MOST_OF_ONE) for callee in callees[:MOST_SERVICES])
    counted = sum(int(number.replace(",", "")) for number in COUNTED.findall("\n".join(lines)))
    assert drawn_edges + counted == every
    assert (
        len(lines) < MOST_SERVICES * (MOST_OF_ONE + 5)
        and "940 more services" in lines[-4] + lines[-3]
    )


def test_the_fakes_calls_add_up() -> None:
    """The tests of the pane rest on them."""
    cockpit = FakeCockpit()
    cockpit.measure()
    assert cockpit.sample is not None
    calls = bookinfo.calls(cockpit.sample)
    assert (
        round(sum(call.signals.rps for call in calls.calls if call.target.service == REVIEWS)) == 40
    )
