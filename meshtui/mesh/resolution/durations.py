"""Durations as Envoy's configuration writes them: `0.250s`, exact to the nanosecond."""

from __future__ import annotations

import re
from fractions import Fraction

_UNITS = {
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 1000,
    "µs": 1000,
    "ns": 1,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)")
_SECOND = 10**9


def nanoseconds(text: object) -> int | None:
    """The length of a Go duration (`1m30s`, `0.05s`); None for anything else."""
    if text == "0":
        return 0
    if not isinstance(text, str) or len(text) > 64:
        return None
    parts = _PART.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(int(Fraction(number.rstrip(".")) * _UNITS[unit]) for number, unit in parts)


def envoy_duration(text: object) -> str | None:
    """The duration in seconds, with three, six or nine decimals or none."""
    length = nanoseconds(text)
    if length is None:
        return None
    whole, rest = divmod(length, _SECOND)
    if not rest:
        return f"{whole}s"
    digits = f"{rest:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{whole}.{digits}s"


def whole_seconds(text: object) -> int:
    return (nanoseconds(text) or 0) // _SECOND
