"""What stands in each cell of a line: pure, so that a table can be tested without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field

from rich.cells import cell_len

from meshtui.dataclass import dataclass
from meshtui.mesh.judging import (
    DEGRADED,
    FAILING,
    FEW,
    NO_TRAFFIC,
    NOT_KNOWN,
    OK,
    ONLY_ERRORS,
    REFUSED,
    SLOW,
    bad_ratio,
    slow_bound_ms,
    worse,
)
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.placed import cluster_of
from meshtui.mesh.signals import Signals
from meshtui.mesh.versions import VersionView, pods_counted
from meshtui.mesh.view import ServiceView
from meshtui.ui.main.draft import Draft
from meshtui.ui.table import numbers
from meshtui.ui.table.columns import Column
from meshtui.ui.table.marks import (
    Notes,
    fault_in_short,
    folded_marks,
    service_marks,
    short_marks,
    shortened,
    version_marks,
)
from meshtui.ui.table.outline import TableLine, only_version, version_name
from meshtui.ui.table.sparklines import History
from meshtui.ui.widgets.paint import Line, Span, fit_line, fit_middle, span, width_of

SIGNS = {
    OK: "●",
    DEGRADED: "▲",
    FAILING: "✖",
    ONLY_ERRORS: "✖",
    REFUSED: "✖",
    SLOW: "◆",
    FEW: "◔",
    NO_TRAFFIC: "○",
    NOT_KNOWN: "?",
}

STALE_SIGN = "◌"
MEASURED = frozenset({"share", "rps", "err", "p50", "p95", "p99"})

BAD = frozenset({FAILING, ONLY_ERRORS, REFUSED})
"""States whose lines are tinted, and whose errors are drawn over time in place of requests."""

TAG = 4
"""Cells behind a sparkline that say what it draws where that is not requests."""

LEAST_SCALE, HEADROOM = 0.02, 1.4
"""The part of failing requests that at least fills the height of a sparkline of errors, and how
much higher than its highest value a sparkline is."""

WORDS = 8
"""Cells of a weight column that hold the numbers; the bar has the rest."""


@dataclass(frozen=True)
class CellContext:
    """What a line needs beside its own view."""

    history: History = field(default_factory=History)
    drafts: Mapping[ServiceKey, Draft] = field(default_factory=dict)
    notes: Mapping[ServiceKey, Notes] = field(default_factory=dict)
    namespaces: bool = False
    """True where services of several namespaces are shown."""

    stale: bool = False
    """True where the numbers are old: they are dimmed, and the signs of states give way to one."""

    stale_clusters: frozenset[str] = frozenset()
    """Of several clusters those whose numbers are old."""

    def is_stale(self, key: ServiceKey) -> bool:
        return self.stale or cluster_of(key) in self.stale_clusters


def cell(column: Column, entry: TableLine, context: CellContext) -> Line:
    """The pieces of one cell, not yet cut or padded."""
    if column.id == "weight":
        return _weight(entry, context, column)
    if column.id == "spark":
        drawn = _spark(entry, context, column.width)
        if context.is_stale(entry.view.key):
            return Span(drawn[0].text, "faint"), *_dimmed(drawn[1:])
        return drawn
    if column.id == "marks":
        return _marks(entry, context, column.width)
    pieces = _CELLS[column.id](entry, context)
    if column.id == "name" and width_of(pieces) > column.width:
        return _shortened(pieces if entry.is_version else _without_version(entry, pieces), column)
    if column.id in MEASURED and context.is_stale(entry.view.key):
        return _dimmed(pieces)
    return pieces


def _dimmed(pieces: Line) -> Line:
    return tuple(Span(piece.text, "old") for piece in pieces)


def state_of(entry: TableLine) -> str:
    return entry.version.state if entry.version else entry.view.state


def signals_of(entry: TableLine) -> Signals | None:
    return entry.version.caller if entry.version else entry.view.caller


def worst_state(view: ServiceView) -> str:
    """The gravest state of the service and its versions."""
    return worse(view.state, *(version.state for version in view.versions))


def _sign(entry: TableLine, context: CellContext) -> Line:
    """The edge is kept for services; a folded one shows the worst of what it hides."""
    if entry.is_version:
        return ()
    state = worst_state(entry.view) if entry.folded else entry.view.state
    return (_sign_of(state, entry, context),)


def _sign_of(state: str, entry: TableLine, context: CellContext) -> Span:
    if state != NOT_KNOWN and context.is_stale(entry.view.key):
        return Span(STALE_SIGN, "old")
    return Span(SIGNS[state], "failing" if state == ONLY_ERRORS else state)


def _name(entry: TableLine, context: CellContext) -> Line:
    if entry.version is not None:
        return _version_cell(entry, entry.version, context)
    fold = "▸ " if entry.folded else "▾ "
    pieces = [Span(fold, "muted")]
    if cluster := cluster_of(entry.view.key):
        old = context.is_stale(entry.view.key)
        pieces += [span(f"@{cluster}", "stale" if old else "mark"), Span(" ")]
    pieces.append(span(entry.view.key.name, "strong"))
    if context.namespaces:
        pieces.append(span(f".{entry.view.key.namespace}", "muted"))
    if entry.folded and (only := only_version(entry.view)):
        pieces.append(span(f"  {only}", "muted"))
    return tuple(pieces)


def _without_version(entry: TableLine, pieces: Line) -> Line:
    """The one version of a folded service goes before its name is cut."""
    return pieces[:-1] if entry.folded and only_version(entry.view) else pieces


def _shortened(pieces: Line, column: Column) -> Line:
    """A name that does not fit by itself loses its middle: siblings are told apart at the end."""
    at = next((n for n, piece in enumerate(pieces) if piece.role == "strong"), len(pieces) - 1)
    room = column.width - width_of(pieces[:at])
    if cell_len(pieces[at].text) <= room:
        return pieces
    return *pieces[:at], Span(fit_middle(pieces[at].text, room), pieces[at].role)


def _version_cell(entry: TableLine, version: VersionView, context: CellContext) -> Line:
    return (
        Span("  └ " if entry.last else "  ├ ", "faint"),
        _sign_of(version.state, entry, context),
        Span(" "),
        span(version_name(version), "text" if version.pods or version.weight else "muted"),
    )


def _weight(entry: TableLine, context: CellContext, column: Column) -> Line:
    draft, cells = context.drafts.get(entry.view.key), column.width - WORDS
    if entry.version is None:
        return _service_weight(entry, context, column)
    before = entry.version.percent
    after = draft.percents.get(entry.version.label) if draft else None
    if after is not None and numbers.percent(after) != numbers.percent(before or 0.0):
        return _drafted(before or 0.0, after, cells)
    if before is None:
        return _unweighted(entry)
    role = "text" if before else "muted"
    bar = Span(numbers.bar(before, cells), "bar-sick" if state_of(entry) in BAD else "bar")
    return bar, Span(f"{numbers.percent(before)}%".rjust(WORDS), role)


def _service_weight(entry: TableLine, context: CellContext, column: Column) -> Line:
    """A service has no weight: its cell says what must not be overlooked where marks have none,
    and of a fault which it is where they have room for the word alone."""
    if entry.view.key in context.drafts:
        return (Span("draft", "draft"),)
    if column.for_marks:
        return short_marks(entry.view)
    which = fault_in_short(entry.view) if column.marks_cells else ""
    marks = fit_line(_marks(entry, context, column.marks_cells), column.marks_cells)
    if not which or which in shortened("".join(piece.text for piece in marks)):
        return ()
    return (span(which, "warning"),)


def _drafted(before: float, after: float, cells: int) -> Line:
    words = f"{numbers.percent(before)}→{numbers.percent(after)}%"
    if len(words) >= WORDS:
        words = f"{before:.0f}→{after:.0f}%"
    return Span(numbers.bar(after, cells), "bar-draft"), Span(words.rjust(WORDS), "draft")


def _unweighted(entry: TableLine) -> Line:
    """Without weights the pods share the traffic among themselves."""
    several = sum(version.pods > 0 for version in entry.view.versions) > 1
    return (Span("by pods", "muted"),) if several and entry.version and entry.version.pods else ()


def _share(entry: TableLine, _: CellContext) -> Line:
    share = entry.version.share if entry.version else None
    if share is None or (entry.version is not None and entry.version.percent is None):
        return ()
    text = "<1%" if 0 < share < 0.005 else f"{share * 100:.0f}%"
    return (Span(text, "muted"),)


def _rps(entry: TableLine, _: CellContext) -> Line:
    text = numbers.rate(signals_of(entry))
    return (Span(text, _role_of_odd(text) or "text"),)


def _err(entry: TableLine, _: CellContext) -> Line:
    """A version that is slow may fail, too: its errors are as loud as those of a quick one. One
    that is bad for another reason has no loud zero."""
    state, signals = state_of(entry), signals_of(entry)
    fails = signals is not None and bad_ratio(signals)
    quiet = "text" if state in BAD and signals is not None and not fails else state
    role = {OK: "muted", SLOW: DEGRADED if fails else "muted"}.get(state, quiet)
    return (Span(numbers.errors(signals, state), role),)


def _quantile(name: str) -> Callable[[TableLine, CellContext], Line]:
    def quantile(entry: TableLine, _: CellContext) -> Line:
        signals = signals_of(entry)
        value = getattr(signals, name) if signals else None
        text = numbers.latency(signals, value)
        usual = "text" if name == "p99_ms" else "muted"
        return (Span(text, _role_of_odd(text) or _slow(entry.version, value) or usual),)

    return quantile


def _slow(version: VersionView | None, value: float | None) -> str:
    """Of a slow version the quantiles that are, too: its median may be as fast as any."""
    if version is None or not version.slow or value is None:
        return ""
    return SLOW if value > slow_bound_ms(version.slow) else ""


def _role_of_odd(text: str) -> str:
    return {numbers.UNKNOWN: "unknown", numbers.NONE: "no traffic"}.get(text, "")


def _spark(entry: TableLine, context: CellContext, cells: int) -> Line:
    """Of what is wrong over time; of all else, and lower, the requests."""
    readings = context.history.readings(entry.place)
    state = state_of(entry)
    if state in BAD or state == DEGRADED:
        errors = [reading.errors for reading in readings]
        role = "failing" if state in BAD else state
        return _trend(errors, LEAST_SCALE, cells, "err", role)
    if state == SLOW:
        times = [reading.p99_ms for reading in readings]
        return _trend(times, 1.0, cells, "p99", "slow")
    rates = (reading.rps for reading in readings)
    drawn = numbers.spark(rates, context.history.peak(entry.view.key), cells, numbers.QUIET)
    return (Span(drawn, "spark"),)


def _trend(values: list[float | None], least: float, cells: int, what: str, role: str) -> Line:
    """What does not change is no solid block: there is room above the highest value."""
    peak = max(least, HEADROOM * max((value or 0.0 for value in values), default=0.0))
    drawn = numbers.spark(values, peak, cells - TAG)
    return Span(drawn, role), Span(what.rjust(TAG), "muted")


def _pods(entry: TableLine, _: CellContext) -> Line:
    versions = (entry.version,) if entry.version else entry.view.versions
    known = entry.view.pods_known and (entry.version is None or entry.version.pods_known)
    if not known:
        return (Span("?", "unknown"),)
    ready, total = pods_counted(versions)
    if not total and entry.version is not None and entry.version.host == "":
        return ()
    role = "text" if ready == total and total else "failing" if not ready else "degraded"
    return (Span(f"{ready}/{total}", role if total or _wanted(versions) else "muted"),)


def _wanted(versions: Iterable[VersionView]) -> bool:
    return any(version.percent for version in versions)


def _marks(entry: TableLine, context: CellContext, cells: int) -> Line:
    if entry.version is not None:
        marks = version_marks(entry.version, cells, entry.view.pods_known)
        return _dimmed(marks) if context.is_stale(entry.view.key) else marks
    notes = context.notes.get(entry.view.key, ())
    return (folded_marks if entry.folded else service_marks)(entry.view, notes, cells)


_CELLS: Mapping[str, Callable[[TableLine, CellContext], Line]] = {
    "sign": _sign,
    "rest": lambda _entry, _context: (),
    "name": _name,
    "share": _share,
    "rps": _rps,
    "err": _err,
    "p50": _quantile("p50_ms"),
    "p95": _quantile("p95_ms"),
    "p99": _quantile("p99_ms"),
    "pods": _pods,
}
