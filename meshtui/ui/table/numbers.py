"""Measured numbers in a few cells. Unknown, no traffic and only errors never look alike."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.mesh.judging import NO_TRAFFIC, NOT_KNOWN, ONLY_ERRORS, bad_ratio
from meshtui.mesh.signals import Signals

UNKNOWN = "?"
NONE = "–"

_BLOCKS = "▁▂▃▄▅▆▇"
"""No full block: neighbouring lines must not grow together."""


def rate(signals: Signals | None) -> str:
    """Requests per second."""
    if signals is None:
        return UNKNOWN
    value = signals.rps
    if value <= 0:
        return NONE
    if value < 0.1:
        return "<0.1"
    if value < 9.95:
        return f"{value:.1f}"
    if value < 9_999.5:
        return f"{value:.0f}"
    return f"{value / 1000:.0f}k" if value < 999_500 else f"{value / 1e6:.1f}M"


def errors(signals: Signals | None, state: str) -> str:
    """What fails or is refused, in percent. A hundred is said, with a sign, only of all."""
    if state == NOT_KNOWN or signals is None:
        return UNKNOWN
    if state == NO_TRAFFIC or signals.error_ratio is None:
        return NONE
    if state == ONLY_ERRORS:
        return "✖ 100%"
    return part(bad_ratio(signals) or 0.0)


def part(ratio: float) -> str:
    """A ratio (0 to 1) in a column: 0 and 100 only where it is none and all."""
    percent = ratio * 100
    if percent <= 0:
        return "0%"
    if percent < 0.05:
        return "<0.1%"
    return "100%" if percent >= 100 else f"{min(percent, 99.9):.1f}%"


def latency(signals: Signals | None, value: float | None) -> str:
    """A quantile, given in milliseconds."""
    if signals is None:
        return UNKNOWN
    return NONE if value is None else duration(value)


def duration(value: float) -> str:
    """Milliseconds, in the unit that says it shortest."""
    if value < 1:
        return "<1ms"
    if value < 999.5:
        return f"{value:.0f}ms"
    return f"{value / 1000:.1f}s" if value < 99_950 else f"{value / 1000:.0f}s"


def percent(value: float) -> str:
    """A weight: whole where it is whole, else one decimal."""
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"


_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(value: float, width: int) -> str:
    """`width` cells, full to an eighth of one; anything above 0 shows, only 100 is full."""
    eighths = round(value / 100 * width * 8)
    if 0 < value < 100:
        eighths = max(min(max(eighths, 1), width * 8 - 1), 0)
    full, part = divmod(eighths, 8)
    return ("█" * full + _EIGHTHS[part] * (part > 0)).ljust(width)


QUIET = 4
"""Heights of a sparkline that nobody needs to look at."""


def spark(
    values: Iterable[float | None], peak: float, width: int, levels: int = len(_BLOCKS)
) -> str:
    """The last `width` values as blocks of so many heights, the newest at the right; a gap where
    nothing is known."""
    cells = "".join(_block(value, peak, levels) for value in list(values)[-width:])
    return cells.rjust(width)


def _block(value: float | None, peak: float, levels: int) -> str:
    if value is None:
        return " "
    if value <= 0 or peak <= 0:
        return "·"
    return _BLOCKS[min(levels - 1, int(value / peak * levels))]
