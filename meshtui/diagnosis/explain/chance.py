"""Whether two error ratios are really two, or one read at two moments."""

from __future__ import annotations

import math

APART = 0.005
"""Error ratios that differ by less are the same, whatever the number of requests."""


def near(one: float, other: float) -> bool:
    """Alike whatever the number of requests: read at other moments."""
    return abs(one - other) <= max(APART, 0.2 * max(one, other))


def by_chance(one: float, other: float, requests: float) -> bool:
    """Whether so many requests may differ so much by chance alone."""
    most = 1 + 2 * math.sqrt(max(one, other) * requests)
    return near(one, other) or abs(one - other) * requests <= most
