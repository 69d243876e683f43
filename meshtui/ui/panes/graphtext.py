"""The graph of calls as it is drawn: callers at the left, versions at the right. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len

from meshtui.mesh.carrying import Route
from meshtui.mesh.courses import services_beside
from meshtui.mesh.graph import ENTRY, Callee, Edge, Graph
from meshtui.mesh.hosts import short_host
from meshtui.mesh.judging import NOT_KNOWN
from meshtui.mesh.model import Rule, ServiceKey
from meshtui.mesh.quantity import number_of
from meshtui.mesh.rule_marks import marks_of
from meshtui.mesh.text import clean
from meshtui.mesh.versions import VersionView
from meshtui.ui.panes.graphedges import (
    BESIDE,
    MOST_END,
    VERSION,
    Drawing,
    caller_name,
    columns_of,
    drawn,
    owner_of,
    pointer,
    rate_words,
    role_of,
    version_name,
)
from meshtui.ui.table import numbers
from meshtui.ui.table.cells import SIGNS
from meshtui.ui.widgets.item_list import Picked
from meshtui.ui.widgets.paint import BLANK, Line, Span, fit_line, fit_middle, span, wrapped

MOST_SERVICES = 60
MOST_EDGES, MOST_OF_ONE = 400, 12
"""Edges of each service that are drawn: around one service, and in the whole mesh."""

MOST_RULES = 5
LEGEND = ("┄ ─ ━ ═ by rate", "HTTP and gRPC, as telemetry counts them")


def graph_lines(graph: Graph, drawing: Drawing) -> list[Picked]:
    """All lines, none wider than the drawing; every edge is drawn, or counted."""
    shown, rest = graph.callees[:MOST_SERVICES], graph.callees[MOST_SERVICES:]
    peak = max((edge.rps for callee in shown for edge in callee.edges), default=0.0)
    most = MOST_OF_ONE if graph.centre is None else MOST_EDGES
    chosen = [_chosen(callee.edges, most) for callee in shown]
    drawing = _with_names(drawing, shown, chosen)
    columns = columns_of([edge for edges, _ in chosen for edge in edges], drawing)
    lines: list[Picked] = []
    for callee, (edges, left_out) in zip(shown, chosen, strict=True):
        lines.append(Picked(_head(callee, graph, drawing), owner_of(callee)))
        lines += map(Picked, _rules(callee, drawing))
        lines += drawn(callee, edges, drawing, peak, columns)
        lines += [*_after(callee, left_out, drawing), Picked(BLANK)]
    if rest:
        edges = [edge for callee in rest for edge in callee.edges]
        words = f"{len(rest):,} more services, {_counted(edges)}"
        lines += [*map(Picked, wrapped(words, drawing.width, "muted", " ")), Picked(BLANK)]
    for words in graph.unread:
        lines += map(Picked, wrapped(f"▲ {words}", drawing.width, "warning", " "))
    lines += map(Picked, wrapped("  ·  ".join(_foot(graph)), drawing.width, "muted", " "))
    return [Picked(fit_line(line, drawing.width), owner) for line, owner in lines]


def _with_names(
    drawing: Drawing, shown: Sequence[Callee], chosen: Sequence[tuple[Sequence[Edge], object]]
) -> Drawing:
    """With as many cells at either end as the names that are drawn there have."""
    callers = [
        cell_len(caller_name(edge.caller, callee, MOST_END))
        for callee, (edges, _) in zip(shown, chosen, strict=True)
        for edge in edges
    ]
    versions = [cell_len(version_name(edge.version)) for edges, _ in chosen for edge in edges]
    versions += [cell_len(row.label) for callee in shown for row in callee.uncalled]
    return replace(drawing, callers=max(callers, default=0), versions=max(versions, default=0))


def _foot(graph: Graph) -> Sequence[str]:
    if graph.centre is None and graph.silent:
        return (f"{number_of(graph.silent, 'service')} that nobody called", *LEGEND)
    return LEGEND


def _counted(edges: Sequence[Edge]) -> str:
    return f"{number_of(len(edges), 'more edge')}, {sum(edge.rps for edge in edges):.1f} requests/s"


def _after(callee: Callee, left_out: Sequence[Edge], drawing: Drawing) -> list[Picked]:
    """Below the edges of a service: what is not drawn of it."""
    lines = list(map(Picked, _uncalled(callee, drawing)))
    notes = [_counted(left_out)] if left_out else []
    notes += [f"{callee.others} more callers"] if callee.others else []
    notes += [] if callee.edges else [_nobody(callee)]
    return [*lines, *(Picked((Span(f"   … {note}", "muted"),)) for note in notes)]


def _nobody(callee: Callee) -> str:
    """Requests that its rule sends to other services are counted, and drawn, as theirs."""
    others = sorted(services_beside(callee.view)) if callee.view is not None else []
    names = ", ".join(key.name for key in others)
    return f"what comes to it is drawn at {names}" if names else "nobody that was seen calls it"


def _chosen(edges: Sequence[Edge], most: int) -> tuple[Sequence[Edge], Sequence[Edge]]:
    """The busiest, in their order, and the rest."""
    if len(edges) <= most:
        return edges, ()
    ranked = sorted(range(len(edges)), key=lambda place: -edges[place].rps)
    chosen = frozenset(ranked[:most])
    return (
        tuple(edge for place, edge in enumerate(edges) if place in chosen),
        tuple(edge for place, edge in enumerate(edges) if place not in chosen),
    )


def _head(callee: Callee, graph: Graph, drawing: Drawing) -> Line:
    """Its name, what it is where it is no Service, and what comes in."""
    home = graph.centre.namespace if graph.centre else ""
    name = callee.key.name if callee.key.namespace == home else str(callee.key)
    pieces = [pointer(drawing.cursor.owner == owner_of(callee))]
    if callee.view is not None:
        state = callee.view.state
        pieces.append(Span(f"{SIGNS[state]} ", "old" if drawing.stale else role_of(state)))
    pieces.append(span(name, "strong"))
    if callee.kind == ENTRY:
        pieces.append(Span("  ServiceEntry", "mark"))
    elif not callee.kind:
        pieces.append(Span("  no Service of the mesh", "muted"))
    if callee.edges:
        pieces.append(Span(f"  {rate_words(callee.signals)}", "muted"))
    return tuple(pieces)


def _rules(callee: Callee, drawing: Drawing) -> list[Line]:
    """What each rule asks for, between the callers and the versions, or as far to the right as one
    line has room for it."""
    routes = [route for route in callee.view.routes if route.carries] if callee.view else []
    indent = " " * min(drawing.end_cells, drawing.width // 4)
    lines: list[Line] = []
    for route in routes[:MOST_RULES]:
        words = rule_words(route, callee.key)
        room = max(drawing.width - cell_len(words), BESIDE)
        lines += wrapped(words, drawing.width, "mark", indent[:room])
    if len(routes) > MOST_RULES:
        lines.append((Span(f"{indent}… {len(routes) - MOST_RULES} more rules", "muted"),))
    return lines


def rule_words(route: Route, key: ServiceKey) -> str:
    """`header end-user = jason → v2 100%`, and what is done on the way."""
    rule = route.rule
    name = f"{rule.name}: " if rule.name else ""
    extras = "".join(f" · {mark}" for mark in marks_of(rule))
    return clean(f"{name}{route.match_text} → {_weights(rule, key.namespace)}{extras}", 400)


def _weights(rule: Rule, namespace: str) -> str:
    if rule.terminal:
        return f"answers by itself: {rule.terminal}"
    parts = [
        f"{d.subset or short_host(d.host, namespace)} {numbers.percent(rule.percent(d))}%"
        for d in rule.destinations
    ]
    return " · ".join(parts) or "nowhere"


def _why_uncalled(row: VersionView, callee: Callee) -> str:
    if callee.view is None or callee.view.state == NOT_KNOWN:
        return "not known"
    if not row.mirrored_percent:
        return "no call"
    return f"copies, {row.server.rps:.3g}/s" if row.server else "copies"


def _uncalled(callee: Callee, drawing: Drawing) -> list[Line]:
    """Versions to which no edge leads."""
    left = drawing.width - drawing.version_cells
    lines: list[Line] = []
    for row in callee.uncalled:
        name = fit_middle(row.label, drawing.name_cells(VERSION))
        words = _why_uncalled(row, callee)
        text = words.rjust(left)[-left:] if left > len(words) else " " * left
        lines.append((Span(text, "muted"), Span(f" {name}", "muted")))
    return lines
