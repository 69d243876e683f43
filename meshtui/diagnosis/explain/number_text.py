"""Numbers in sentences."""

from __future__ import annotations


def percent(ratio: float) -> str:
    """A ratio (0 to 1). A hundred is said only where it is all, 0 only where it is none."""
    value = ratio * 100
    if value <= 0:
        return "0 %"
    if value < 0.05:
        return "<0.1 %"
    if value >= 100:
        return "100 %"
    return f"{min(value, 99.9):.1f}".removesuffix(".0") + " %"


def rate(per_second: float) -> str:
    if per_second < 0.05:
        return "<0.1/s"
    return f"{per_second:.1f}/s" if per_second < 9.95 else f"{per_second:,.0f}/s"


def milliseconds(value: float) -> str:
    return f"{value:.0f}ms" if value < 999.5 else f"{value / 1000:.3g}s"


def begun(text: str) -> str:
    """As it stands at the beginning of a sentence; names further on stay as they are."""
    return text[:1].upper() + text[1:]
