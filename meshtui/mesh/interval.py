"""Where a ratio lies, by what was counted: Wilson's score interval."""

from __future__ import annotations

from math import inf, sqrt

Z95 = 1.96
"""Standard deviations of a 95 % interval of the normal approximation."""


def interval(bad: float, requests: float, z: float = Z95) -> tuple[float, float]:
    """Both ends, 0 to 1, `z` standard deviations apart; anywhere without requests.

    Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """
    if requests <= 0:
        return 0.0, 1.0
    ratio, z2 = bad / requests, z * z
    whole = 1 + z2 / requests
    middle = ratio + z2 / (2 * requests)
    spread = ratio * (1 - ratio) / requests + z2 / (4 * requests * requests)
    half = z * sqrt(max(0.0, spread))
    low, high = (middle - half) / whole, (middle + half) / whole
    return (max(0.0, low) if bad > 0 else 0.0), (min(1.0, high) if bad < requests else 1.0)


def above(bad: float, requests: float, limit: float, z: float = Z95) -> bool:
    """Whether the whole interval lies at `limit` or beyond it.

    As `interval(…)[0] >= limit`, without its root: Wilson's ends are where the distance to the
    ratio is just `z` of the deviations that the end itself would have.
    """
    if requests <= 0 or bad <= 0:
        return limit <= 0
    away = bad / requests - limit
    return away >= 0 and away * away * requests >= z * z * limit * (1 - limit)


def below(bad: float, requests: float, limit: float, z: float = Z95) -> bool:
    """Whether the whole interval lies below `limit`, as `interval(…)[1] < limit`."""
    if requests <= 0 or bad >= requests:
        return limit > 1
    away = limit - bad / requests
    return away > 0 and away * away * requests > z * z * limit * (1 - limit)


def enough_without(limit: float, z: float = Z95) -> float:
    """Of more requests than these none of which is bad, `below` says so of `limit`."""
    return z * z * (1 - limit) / limit if limit > 0 else inf
