"""The edges of the graph, each on a line of its own with its numbers on it. Pure.

Whichever of callers and versions are fewer branch into the others, so that where there is only one
of them it stands there once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from itertools import groupby

from rich.cells import cell_len

from meshtui.dataclass import dataclass
from meshtui.mesh.graph import Callee, Caller, Edge
from meshtui.mesh.judging import FEW, NO_TRAFFIC, OK, ONLY_ERRORS, SLOW, bad_ratio
from meshtui.mesh.signals import UNKNOWN, Signals
from meshtui.mesh.text import clean
from meshtui.ui.table import numbers
from meshtui.ui.table.cells import SIGNS
from meshtui.ui.widgets.item_list import Picked
from meshtui.ui.widgets.paint import Line, Span, fit_middle, span, width_of

CALLER, VERSION = "caller", "version"
"""The ends of an edge."""

LEAST_END, MOST_END = 10, 30
"""Cells of a name at either end, with its pointer and a blank."""

POINTER = "▌"
STROKES = ((0.5, "═"), (0.1, "━"), (0.01, "─"), (0.0, "┄"))
"""The line of an edge by its part of the highest rate that is drawn, from so much on."""

UNMEASURED = "╌"
BESIDE = 2
"""Cells of the pointer and the blank beside a name."""

SHORTEST, ENDS = 3, 2
"""Cells of a line that has words on it, and of what it begins and ends with."""

NOBODY = "(caller not known)"
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is picked: a line by its owner, and which end of it."""

    owner: str = ""
    end: str = CALLER


@dataclass(frozen=True, slots=True)
class Drawing:
    """How to draw: in how many cells, what is picked, and whether the numbers are old.

    `callers` and `versions` are the cells of the longest name at either end.
    """

    width: int
    cursor: Cursor = field(default_factory=Cursor)
    stale: bool = False
    callers: int = 0
    versions: int = 0

    @property
    def end_cells(self) -> int:
        """Of the callers, with a pointer and a blank; what versions leave is theirs, and then
        the lines'."""
        wanted = self.callers + BESIDE - self._fair
        return self._fair + min(max(wanted, 0), self._fair - self.version_cells)

    @property
    def version_cells(self) -> int:
        return min(self._fair, self.versions + BESIDE) if self.versions else self._fair

    @property
    def _fair(self) -> int:
        """Of a name at either end, where both are long."""
        return max(min(self.width // 4, MOST_END), min(LEAST_END, self.width // 3))

    @property
    def body_cells(self) -> int:
        return max(self.width - self.end_cells - self.version_cells, 0)

    def name_cells(self, end: str) -> int:
        cells = self.end_cells if end == CALLER else self.version_cells
        return max(cells - BESIDE, 1)


@dataclass(frozen=True, slots=True)
class Branch:
    """The place of an edge among those that branch from one end.

    `again`: the other end stands further up already.
    """

    place: int
    count: int
    by_caller: bool
    again: bool

    @property
    def joint(self) -> str:
        if self.count == 1:
            return ""
        first, middle, last = "┬├└" if self.by_caller else "┬┤┘"
        return first if not self.place else last if self.place == self.count - 1 else middle

    def names(self, end: str) -> bool:
        """Whether the name at this end is written: the branching one is, once."""
        return not self.place or self.by_caller is not (end == CALLER)

    @property
    def ends(self) -> tuple[str, str]:
        """What the line begins and ends with."""
        if self.by_caller:
            return self.joint, "▸"
        return "", f"{self.joint} " if self.place else f"{self.joint}▸"


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells of the rates and errors of edges below each other, and how many words all have
    room for: 0 for the most."""

    rate: int = 0
    errors: int = 0
    brevity: int = 0


def owner_of(callee: Callee, edge: Edge | None = None) -> str:
    """What tells a line from all others, wherever it is drawn."""
    parts = [*callee.key]
    if edge is not None:
        parts += [*edge.caller.client, edge.version]
    return "\x00".join(parts)


def drawn(
    callee: Callee, edges: Sequence[Edge], drawing: Drawing, peak: float, columns: Columns
) -> list[Picked]:
    """A line for each edge; `peak` is the highest rate of all that are drawn."""
    by_caller = len({_client(edge) for edge in edges}) <= len({_version(edge) for edge in edges})
    root, leaf = (_client, _version) if by_caller else (_version, _client)
    order = {name: place for place, name in enumerate(dict.fromkeys(map(root, edges)))}
    lines: list[Picked] = []
    seen: set[object] = set()
    for _, group in groupby(sorted(edges, key=lambda edge: order[root(edge)]), root):
        mine = tuple(group)
        for place, edge in enumerate(mine):
            branch = Branch(place, len(mine), by_caller, leaf(edge) in seen)
            line = _line(callee, edge, branch, drawing, (peak, columns))
            lines.append(Picked(line, owner_of(callee, edge)))
            seen.add(leaf(edge))
    return lines


def _client(edge: Edge) -> object:
    return edge.caller.client


def _version(edge: Edge) -> object:
    return edge.version


def columns_of(edges: Sequence[Edge], drawing: Drawing) -> Columns:
    """The same words on all lines of a drawing: what is below each other can be compared."""
    counted = [edge for edge in edges if edge.signals is not None and edge.state != NO_TRAFFIC]
    rate = max((len(rate_words(edge.signals)) for edge in counted), default=0)
    errors = max((len(_errors_of(edge)) for edge in counted), default=0)
    plain = Columns(rate, errors)
    room = drawing.body_cells - ENDS - SHORTEST
    brevity = 0
    for edge in counted:
        wordings = _wordings(edge, "", plain)
        fitting = (n for n, line in enumerate(wordings) if width_of(line) <= room)
        brevity = max(brevity, next(fitting, len(wordings) - 1))
    return Columns(rate, errors, brevity)


def _line(
    callee: Callee, edge: Edge, branch: Branch, drawing: Drawing, measures: tuple[float, Columns]
) -> Line:
    picked = drawing.cursor.owner == owner_of(callee, edge)
    caller = caller_name(edge.caller, callee, drawing.name_cells(CALLER))
    return (
        *_end(CALLER, caller, edge.caller.known, branch, drawing, picked),
        *_body(edge, branch, drawing, *measures),
        *_end(VERSION, version_name(edge.version), edge.row is not None, branch, drawing, picked),
    )


def _end(end: str, name: str, known: bool, branch: Branch, drawing: Drawing, picked: bool) -> Line:
    """One of the two names, in its cells; the one that is picked is always written."""
    here = picked and drawing.cursor.end == end
    again = branch.again and branch.by_caller is (end == VERSION)
    role = "strong" if here else "muted" if again or not known else "text"
    text = name if here or branch.names(end) else ""
    return pointer(here), Span(f"{fit_middle(text, drawing.name_cells(end))} ", role)


def pointer(here: bool) -> Span:
    """In front of what is picked, which is told by more than a colour."""
    return Span(POINTER if here else " ", "pointer")


def caller_name(caller: Caller, callee: Callee, cells: int) -> str:
    """With what it is, where there is room for that."""
    if not caller.known:
        return NOBODY if cells >= cell_len(NOBODY) else "?"
    name, namespace = caller.client[1], caller.client[0]
    place = "" if namespace == callee.key.namespace else f".{namespace}"
    own = caller.row is not None and caller.row.service == callee.key
    note = " (itself)" if own else " (gateway)" if caller.gateway else ""
    known = clean(f"{name}{place}", LONGEST)
    return f"{known}{note}" if cell_len(known) + len(note) <= cells else known


def version_name(version: str) -> str:
    if not version:
        return numbers.NONE
    return "(no pod reached)" if version == UNKNOWN else clean(version, LONGEST)


# The line between them


def _body(edge: Edge, branch: Branch, drawing: Drawing, peak: float, columns: Columns) -> Line:
    """In exactly its cells: joint, line, numbers, line, arrow."""
    role = "old" if drawing.stale else role_of(edge.state)
    stroke, (left, right) = _stroke(edge, peak), branch.ends
    cells = drawing.body_cells - len(left) - len(right)
    label = _label(edge, cells - SHORTEST, role, columns)
    line = max(cells - width_of(label), 0)
    before = min(2, line)
    pieces = (
        Span(left, "muted"),
        Span(stroke * before, role),
        *label,
        Span(stroke * (line - before), role),
        Span(right, role),
    )
    return tuple(piece for piece in pieces if piece.text) if cells > 0 else ()


def _stroke(edge: Edge, peak: float) -> str:
    if edge.signals is None:
        return UNMEASURED
    part = edge.rps / peak if peak > 0 else 0.0
    return next(stroke for least, stroke in STROKES if part >= least)


def _label(edge: Edge, cells: int, role: str, columns: Columns) -> Line:
    """As many words as there is room for, what matters most first."""
    sign = Span(f" {SIGNS[edge.state]} ", role)
    if edge.signals is None:
        why = f"not known: {edge.why} " if edge.why else "not known "
        return _fitting(
            [(sign, span(why, "unknown")), (sign, Span("not known ", "unknown"))], cells
        )
    if edge.state == NO_TRAFFIC:
        return _fitting([(sign, Span(f"{NO_TRAFFIC} ", "muted"))], cells)
    return _fitting(_wordings(edge, role, columns)[columns.brevity :], cells)


def _errors_of(edge: Edge) -> str:
    return numbers.errors(edge.signals, edge.state)


def _wordings(edge: Edge, role: str, columns: Columns) -> list[Line]:
    """What can be said of an edge that was counted, the most first."""
    sign = Span(f" {SIGNS[edge.state]} ", role)
    text = "old" if role == "old" else "text"
    rate = Span(rate_words(edge.signals).rjust(columns.rate), text)
    wrong = _errors_of(edge).rjust(columns.errors)
    errors = Span(f" {wrong}", _errors_role(edge, role))
    slow = Span(_slow_words(edge), role)
    protocols = span("".join(f" {name}" for name in edge.protocols), "muted")
    counted = Span(" by server" if edge.by_server else "", "unknown")
    tls, blank = _tls(edge), Span(" ")
    return [
        (sign, rate, errors, protocols, tls, counted, slow, blank),
        (sign, rate, errors, tls, counted, slow, blank),
        (sign, rate, errors, tls, slow, blank),
        (sign, rate, errors, tls, blank),
        (sign, rate, errors, blank),
        (sign, rate, blank),
    ]


def _errors_role(edge: Edge, role: str) -> str:
    """No zero is loud, whatever else is wrong."""
    if role == "old":
        return role
    fails = edge.signals is not None and bool(bad_ratio(edge.signals))
    if edge.state in (OK, FEW) or (edge.state == SLOW and not fails):
        return "muted"
    return role if fails else "text"


def _slow_words(edge: Edge) -> str:
    """Last of the words, for few edges have any: what makes one slow. Of a caller's part of the
    requests telemetry may say no latency."""
    if edge.state != SLOW or edge.signals is None:
        return ""
    p99_ms = edge.signals.p99_ms
    return " slow" if p99_ms is None else f" p99 {numbers.duration(p99_ms)}"


def _fitting(lines: Sequence[Line], cells: int) -> Line:
    """The first that fits; where none does, the sign of the state."""
    sign = lines[0][:1]
    known: Sequence[Line] = (*lines, sign)
    return next((line for line in known if width_of(line) <= cells), ())


def _tls(edge: Edge) -> Span:
    part = edge.mutual_tls
    if part is None:
        return Span("")
    if part >= 1:
        return Span(" mTLS", "muted")
    return Span(" plain text" if part <= 0 else f" {part:.0%} mTLS", "warning")


def rate_words(signals: Signals | None) -> str:
    text = numbers.rate(signals)
    return text if text in (numbers.UNKNOWN, numbers.NONE) else f"{text}/s"


def role_of(state: str) -> str:
    """What little can be said of is quiet, as what is not said at all."""
    return {ONLY_ERRORS: "failing", FEW: "muted"}.get(state, state)
