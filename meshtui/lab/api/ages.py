"""Ages as kubectl shows them."""

from __future__ import annotations

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365 * _DAY

_STEPS = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""Below so many seconds: whole units of the first, and what is left in units of the second."""


def short_duration(seconds: int) -> str:
    """`45s`, `5m30s`, `15m`, `3h5m`, `26h`, `2d5h`, `300d`, `2y30d`."""
    seconds = max(0, seconds)
    for limit, unit, mark, second, second_mark in _STEPS:
        if seconds < limit:
            whole, left = divmod(seconds, unit)
            rest = left // second if second else 0
            return f"{whole}{mark}{rest}{second_mark}" if rest else f"{whole}{mark}"
    return f"{seconds // _YEAR}y"


def age_of(timestamp: str | None, now: datetime | None = None) -> str:
    """The age of an RFC 3339 time, `<unknown>` where there is none."""
    if not timestamp:
        return "<unknown>"
    try:
        then = datetime.fromisoformat(timestamp)
    except ValueError:
        return "<invalid>"
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return short_duration(int(((now or datetime.now(UTC)) - then).total_seconds()))
