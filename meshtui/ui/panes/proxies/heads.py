"""The proxies pane's state in lines: the fixed ones on top, and what is below them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.quantity import human_duration
from meshtui.operations.proxies.columns import NOT_KEPT, ejected_versions
from meshtui.operations.proxies.proxy_reads import CLUSTERS, ROUTES, ProxyReads
from meshtui.ui.actions.registry import key_of
from meshtui.ui.panes.proxies.body import Long
from meshtui.ui.panes.proxies.matrix import (
    held_pods,
    matrix_head,
    matrix_lines,
    owner_of,
    summary,
)
from meshtui.ui.panes.proxies.raw import RawText
from meshtui.ui.panes.proxies.routes import route_blocks, route_lines
from meshtui.ui.panes.proxies.state import INTENT, VIEWS, ProxyState
from meshtui.ui.panes.proxies.table import Table
from meshtui.ui.widgets.item_list import Picked
from meshtui.ui.widgets.paint import BLANK, Line, Span, both_ends, span, width_of, wrapped


@dataclass(frozen=True, slots=True)
class Painted:
    """Fixed lines, and below them either lines that are all there or something long; with a search
    how many of how many hold its text."""

    fixed: Sequence[Line]
    lines: Sequence[Picked] = ()
    long: Long | None = None
    held: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """Where it is painted: the width, how far it is scrolled to the right, where the cursor is."""

    width: int
    now: float = 0.0
    left: int = 0
    picked: str = ""
    marked: int = -1


def painted(state: ProxyState, frame: Frame) -> Painted:
    fixed = [tabs(state.at, frame.width), *_head(state, frame.width)]
    if state.at == INTENT:
        return _matrix(state, frame, fixed)
    if state.wants_raw and state.raw is not None:
        return Painted([*fixed, _matches(state.raw, frame.marked)], long=state.raw)
    if state.reading is None or state.table is None:
        return Painted(fixed, _waiting(state))
    if state.at == ROUTES and not state.everything:
        namespace = state.service.namespace if state.service else ""
        routes = state.reading.routes
        blocks = route_blocks(routes, namespace, frame.width, state.search)
        found = route_lines(blocks, len(routes))
        held = (len(blocks), len(routes))
        return Painted([*fixed, BLANK], list(map(Picked, found)), held=held)
    return _table(state, state.table, frame, fixed)


def _waiting(state: ProxyState) -> list[Picked]:
    if state.error is not None:
        return []
    notice = "reading…" if state.pod or state.matrix is None else "no proxy is known to call it"
    return [Picked((Span(notice, "muted"),))]


def _matrix(state: ProxyState, frame: Frame, fixed: list[Line]) -> Painted:
    if state.matrix is None:
        return Painted(fixed, _waiting(state))
    picked = frame.picked or (owner_of(state.pod) if state.pod else "")
    lines = matrix_lines(state.matrix, state.rows, picked, frame.now, frame.width, state.search)
    held = (len(held_pods(state.matrix, state.search)), len(state.matrix.pods))
    return Painted([*fixed, matrix_head(state.matrix, frame.width)], lines, held=held)


def _table(state: ProxyState, table: Table, frame: Frame, fixed: list[Line]) -> Painted:
    shown = table.matching(state.search) if state.search else table
    held = (len(shown), len(table))
    if not len(shown):
        notice = "nothing holds that" if len(table) else "this proxy has none"
        return Painted(fixed, [Picked((Span(notice, "muted"),))], held=held)
    fixed += _about(state.reading, table, frame.width) if state.reading else []
    shown = shown.fitted(frame.width)
    header = Span(shown.header()[frame.left :], "head")
    return Painted([*fixed, (header,)], long=shown, held=held)


def _about(reading: ProxyReads, table: Table, width: int) -> list[Line]:
    """What the rows add up to, and what a mark in them means."""
    out = ejected_versions(reading)
    lines = wrapped(f"ejected: {out}", width, "error") if out else []
    if reading.view == CLUSTERS and any(NOT_KEPT in cell for row in table.rows for cell in row):
        notice = f"{NOT_KEPT} this proxy does not keep (proxyStatsMatcher)"
        lines.append((Span(notice, "muted"),))
    return lines


def _matches(raw: RawText, marked: int) -> Line:
    if not raw.search:
        words = Span(f"{len(raw)} lines of JSON  ", "muted")
        return (words, Span(key_of("filter"), "key"), Span(" searches", "muted"))
    if not raw.matches:
        return (span(f"nothing holds {raw.search}", "warning"),)
    where = f"{raw.search}: {raw.place(marked)} of {len(raw.matches)}  "
    return (
        span(where, "draft"),
        Span(" ".join(map(key_of, _BETWEEN_MATCHES)), "key"),
        Span(" next and before", "muted"),
    )


_BETWEEN_MATCHES = ("open_proxy", "next_match", "match_before")


def tabs(current: str, width: int) -> Line:
    """The views with their keys, the one that is shown in brackets; shorter where it must be: in
    the singular, as istioctl takes them, then the numbers alone."""
    line: Line = ()
    for written in (str, _singular, _nothing):
        *all_but, last = (piece for name in VIEWS for piece in _tab(name, current, written))
        line = (*all_but, Span(last.text.rstrip(), last.role))
        if width_of(line) <= width:
            break
    return line


def _singular(name: str) -> str:
    return name.removesuffix("s")


def _nothing(_: str) -> str:
    return ""


def _tab(name: str, current: str, written: Callable[[str], str]) -> Line:
    key = key_of(f"view_{name}")
    if name == current:
        return Span(f"[{key} {name}]", "brand"), Span(" ")
    return Span(key, "key"), Span(f" {written(name)} ".replace("  ", " "), "muted")


def _head(state: ProxyState, width: int) -> list[Line]:
    """Which proxy, what its trouble is, and what was saved."""
    lines = [] if state.at == INTENT or state.pod is None else [_subject(state, width)]
    if state.error is not None:
        lines += wrapped(f"✖ {state.error}", width, "error")
    for piece in state.note:
        lines += _whole(piece, width)
    return lines


def _whole(piece: Span, width: int) -> list[Line]:
    """All of it, also where there is no space to break it at: a path wants to be copied."""
    if " " in piece.text:
        return wrapped(piece.text, width, piece.role)
    ends = range(0, len(piece.text), width)
    return [(Span(piece.text[start : start + width], piece.role),) for start in ends]


def _subject(state: ProxyState, width: int) -> Line:
    """The proxy, where it stands among the clients, and how much of it is shown."""
    pod, place, count = state.pod, state.place + 1, len(state.clients)
    if pod is None:
        return BLANK
    kind = "gateway " if pod.gateway else "client " if place else "proxy "
    among = f"  {place} of {count}" if place and count > 1 else ""
    scope = Span("  all it has", "draft") if state.everything else Span("  this service", "muted")
    left: Line = (Span(kind, "muted"), span(pod.name, "strong"), Span(among, "muted"))
    return both_ends(left, (scope,), width)


def search_words(text: str, held: tuple[int, int] | None) -> Line:
    """What is left out of the lines, and by what: else they look like all that there are."""
    if not text or held is None:
        return ()
    return (span(f"/{text}  ", "draft"), Span(f"{held[0]} of {held[1]}  ", "muted"))


def title_words(state: ProxyState, now: float) -> Line:
    """How things stand, and how old that is."""
    age: Line = ()
    if state.read_at is not None:
        age = (Span(f"read {human_duration(now - state.read_at)} ago", "muted"),)
    elif state.question is not None and state.error is None:
        age = (Span("reading…", "muted"),)
    if state.at == INTENT and state.matrix is not None:
        return (*summary(state.matrix, state.rows), Span("  "), *age)
    return age
