"""What a chart's numbers are called and how high its scale goes. Pure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.time_series import ERRORS, P50, P95, P99, RPS, Grid

LEAST: dict[str, float] = {ERRORS: 0.10, RPS: 1.0, P50: 10.0, P95: 10.0, P99: 10.0}
"""The lowest that a scale goes to: a little noise must not look like a catastrophe."""

_ERROR_TOPS = (0.10, 0.20, 0.30, 0.40, 0.60, 0.80, 1.0)
_TICKS_S = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_LABEL = 5
"""Cells of a time of day."""

Words = Callable[[float], str]


def top_of(measure: str, peak: float) -> float:
    """The top of the scale, a number that is easily halved, at or above `peak`."""
    if measure == ERRORS:
        return next((top for top in _ERROR_TOPS if peak <= top), 1.0)
    wanted = max(peak, LEAST[measure])
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(
        (factor * power for factor in (1, 2, 4, 6, 8) if wanted <= factor * power * (1 + 1e-9)),
        10 * power,
    )


def words_of(measure: str) -> Words:
    if measure == ERRORS:
        return percent
    return rate if measure == RPS else milliseconds


def percent(ratio: float) -> str:
    """A hundred is said only where all failed."""
    value = ratio * 100
    if value <= 0 or value >= 100:
        return f"{value:.0f}%"
    if value < 0.05:
        return "<.1%"
    return f"{min(value, 99.9):.1f}%".replace(".0%", "%")


def milliseconds(value: float) -> str:
    if value < 1:
        return "<1ms" if value else "0"
    if value < 999.5:
        return f"{value:.0f}ms"
    return f"{value / 1000:.3g}s"


def rate(value: float) -> str:
    """Requests per second."""
    if value < 9.95:
        return f"{value:.1f}".replace(".0", "") if value >= 0.05 or not value else "<.1"
    return f"{value:.0f}" if value < 9_999.5 else f"{value / 1000:.0f}k"


@dataclass(frozen=True, slots=True)
class Tick:
    """A time of day below a chart, and its cell."""

    cell: int
    words: str


def ticks(columns: Grid, cells: int) -> Sequence[Tick]:
    """Round times of the local clock, as many as can be told apart."""
    cell_s = (columns.end - columns.begin) / cells
    step = next((s for s in _TICKS_S if s / cell_s >= 2 * _LABEL), _TICKS_S[-1])
    offset = time.localtime(columns.end).tm_gmtoff
    at = math.ceil((columns.begin + offset) / step) * step - offset
    found = []
    while at < columns.end:
        form = "%H:%M" if step >= 60 else "%H:%M:%S"
        found.append(Tick(int((at - columns.begin) / cell_s), time.strftime(form, _local(at))))
        at += step
    return found


def _local(at: float) -> time.struct_time:
    return time.localtime(at)
