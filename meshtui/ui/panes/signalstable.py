"""Caller and server side by side: numbers of each version, then codes, statuses and flags. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshtui.dataclass import dataclass
from meshtui.diagnosis.explain import Explanation
from meshtui.diagnosis.explain.number_text import rate
from meshtui.diagnosis.explain.responses import failing, name_of_code, name_of_status
from meshtui.diagnosis.explain.scope import VersionScope
from meshtui.mesh.flags import FLAGS
from meshtui.mesh.judging import NO_TRAFFIC, NOT_KNOWN, ONLY_ERRORS
from meshtui.mesh.signals import Signals
from meshtui.mesh.view import DELAYED
from meshtui.ui.table import numbers
from meshtui.ui.table.cells import SIGNS
from meshtui.ui.widgets.paint import BLANK, Line, Span, both_ends, fit, fit_line, span, width_of

WIDE = 69
"""Columns from which a version's numbers have room in one line."""

NAME_MIN = 8
RATE, RATIO, QUANTILES, SPARE = 6, 8, 15, 1
GAP, BETWEEN = " ", " │"
MOST = 12
"""Codes, statuses and flags that are listed, of each kind."""


@dataclass(frozen=True, slots=True)
class Widths:
    """Cells of the name, and of each of the two sides."""

    name: int
    side: int


def widths(width: int, wide: bool) -> Widths:
    """What the two sides leave to the name; the sides stand at the right edge."""
    side = RATE + RATIO + (QUANTILES if wide else SPARE)
    return Widths(max(width - 2 * side - len(GAP + BETWEEN), NAME_MIN), side)


def numbers_lines(scopes: Sequence[VersionScope], width: int) -> list[Line]:
    """Requests per second, errors and latency of each scope, the caller's and the server's."""
    wide = width >= WIDE
    cells = widths(width, wide)
    lines = [_head("", cells), _sub_head(cells, wide)]
    if not wide:
        lines.append(_row("", "", (_quantile_head(cells),) * 2, cells))
    for scope in scopes:
        lines += _scope_lines(scope, cells, wide)
    return lines


def _head(first: str, cells: Widths) -> Line:
    sides = tuple((Span(name.rjust(cells.side), "strong"),) for name in ("caller", "server"))
    return _row(first, "head", sides, cells)


def _sub_head(cells: Widths, wide: bool) -> Line:
    text = "req/s".rjust(RATE) + "errors".rjust(RATIO)
    text += "p50/p95/p99".rjust(QUANTILES) if wide else ""
    return _row("", "", (_right((Span(text, "head"),), cells.side),) * 2, cells)


def _quantile_head(cells: Widths) -> Line:
    return (Span("p50/p95/p99".rjust(cells.side), "head"),)


def _row(name: str, role: str, sides: Sequence[Line], cells: Widths) -> Line:
    pieces: list[Span] = [Span(fit(name, cells.name), role)]
    for gap, side in zip((GAP, BETWEEN), sides, strict=True):
        pieces += [Span(gap, "faint"), *fit_line(side, cells.side)]
    return tuple(pieces)


def _scope_lines(scope: VersionScope, cells: Widths, wide: bool) -> list[Line]:
    row = scope.row
    states = (row.state, row.server_state) if row else (scope.view.state, scope.view.server_state)
    both = list(zip((scope.caller, scope.server), states, strict=True))
    label = "no pod" if scope.nowhere else scope.label if row else "all"
    name = f"{SIGNS[states[0]]} {label}"
    if wide:
        return [_row(name, _role(states[0]), [_all(*side, cells.side) for side in both], cells)]
    first = _row(name, _role(states[0]), [_ratios(*side, cells.side) for side in both], cells)
    second = _row("", "", [_right(_quantiles(*side), cells.side) for side in both], cells)
    return [first] if not any(_measured(*side) for side in both) else [first, second]


def _role(state: str) -> str:
    return "failing" if state == ONLY_ERRORS else state


def _measured(signals: Signals | None, state: str) -> bool:
    return signals is not None and state not in (NOT_KNOWN, NO_TRAFFIC)


def _all(signals: Signals | None, state: str, width: int) -> Line:
    if not _measured(signals, state):
        return _right((Span(state, state),), width)
    pieces = _ratios(signals, state, RATE + RATIO)
    return (*pieces, *_right(_quantiles(signals, state), QUANTILES))


def _ratios(signals: Signals | None, state: str, width: int) -> Line:
    """Where there are no numbers the word stands, for no number is the same as 0."""
    if not _measured(signals, state):
        return _right((Span(state, state),), width)
    role = "muted" if state == "ok" else state
    errors = _right((Span(numbers.errors(signals, state), role),), RATIO)
    return _right((Span(numbers.rate(signals), "text"), *errors), width)


def _quantiles(signals: Signals | None, state: str) -> Line:
    if signals is None or not _measured(signals, state):
        return ()
    found = (signals.p50_ms, signals.p95_ms, signals.p99_ms)
    if any(value is None for value in found):
        return (Span(numbers.NONE, "no traffic"),)
    return (Span(_with_units([value or 0.0 for value in found]), "text"),)


def _with_units(values: Sequence[float]) -> str:
    """`40/347ms/1.8s`: a unit stands once for those before it that have the same."""
    units = ["ms" if value < 999.5 else "s" for value in values]
    after = (*units[1:], "")
    shown = (
        f"{_whole(value) if unit == 'ms' else _tenths(value / 1000)}{unit * (unit != following)}"
        for value, unit, following in zip(values, units, after, strict=True)
    )
    return "/".join(shown)


def _whole(value: float) -> str:
    return f"{value:.0f}" if value >= 1 or value <= 0 else "<1"


def _tenths(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def _right(pieces: Line, width: int) -> Line:
    return (Span(" " * max(width - width_of(pieces), 0)), *pieces)


def breakdown_lines(scope: VersionScope, width: int) -> list[Line]:
    """By response code, gRPC status and flag: per second and part of the requests, both sides."""
    sides = (scope.caller, scope.server)
    cells = widths(width, wide=False)
    lines: list[Line] = []
    kinds = (("codes", _code), ("grpc", _status), ("flags", _flag))
    for kind, named in kinds:
        counts = [_counts(signals, kind) for signals in sides]
        order = sorted({*counts[0], *counts[1]}, key=lambda key: _most(key, counts))
        for key in order[:MOST]:
            name, role = named(key)
            shown = [_count(s, c, key, cells.side) for s, c in zip(sides, counts, strict=True)]
            lines.append(_row(name, role, shown, cells))
        if len(order) > MOST:
            lines.append(_more(order[MOST:], sides, counts, cells))
    return [BLANK, _head("by answer", cells), *lines] if lines else []


def _counts(signals: Signals | None, kind: str) -> Mapping[str, float]:
    found: Mapping[str, float] = getattr(signals, kind) if signals else {}
    return {key: number for key, number in found.items() if number > 0 and key != "-"}


def _most(key: str, counts: Sequence[Mapping[str, float]]) -> tuple[float, str]:
    return -max(side.get(key, 0.0) for side in counts), key


def _code(code: str) -> tuple[str, str]:
    bad = failing(code)
    named = f"{code}  {name_of_code(code)}" if bad or code.startswith("4") else code
    return named, "failing" if bad else "degraded" if code.startswith("4") else "text"


def _status(status: str) -> tuple[str, str]:
    return f"grpc {status}  {name_of_status(status)}", "text" if status == "0" else "failing"


def _flag(flag: str) -> tuple[str, str]:
    known = FLAGS.get(flag)
    return f"{flag}  {known.name if known else ''}", "mark" if flag == DELAYED else "warning"


def _count(signals: Signals | None, counts: Mapping[str, float], key: str, width: int) -> Line:
    if signals is None:
        return _right((Span(numbers.UNKNOWN, "unknown"),), width)
    return _amount(signals, counts.get(key, 0.0), width)


def _amount(signals: Signals, number: float, width: int) -> Line:
    if number <= 0 or signals.requests <= 0:
        return _right((Span(numbers.NONE, "no traffic"),), width)
    share = number / signals.requests
    text = rate(signals.rps * share).rjust(RATE + 2) + numbers.part(share).rjust(RATIO - 1)
    return _right((Span(text, "text"),), width)


def _more(
    rest: Sequence[str],
    sides: Iterable[Signals | None],
    counts: Sequence[Mapping[str, float]],
    cells: Widths,
) -> Line:
    """What there is no room for, added up."""
    shown: list[Line] = []
    for signals, known in zip(sides, counts, strict=True):
        together = sum(known.get(key, 0.0) for key in rest)
        shown.append(_amount(signals, together, cells.side) if signals else ())
    return _row(f"{len(rest):,} more", "muted", shown, cells)


def explanation_head(one: Explanation, labelled: bool, width: int) -> list[Line]:
    """Code and name, and by whom it was seen. Of one version how many there are stands above;
    with `labelled` it is said here, and of which versions."""
    code = f"grpc {one.code}" if one.kind == "grpc" else one.code
    named = (span(f"{code}  ", "failing"), Span(one.name, "strong"))
    whose = "seen by callers" if one.side == "caller" else "counted by its own proxy"
    if not labelled:
        return [both_ends(named, (Span(whose, "muted"),), width)]
    amount = (Span(f"{rate(one.rps)}  {numbers.part(one.share)}", "text"),)
    of = f"  {', '.join(one.labels)} · {whose}"
    return [both_ends(named, amount, width), (span(of, "muted"),)]
