"""Durations and percentages as Istio and people write them."""

from __future__ import annotations

import math
import re
import time
from functools import lru_cache

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)")


def seconds(text: object) -> float | None:
    """Seconds in a Go duration such as `1h30m`, `2.5s`, `200ms`; None where it is none."""
    return _seconds(text) if isinstance(text, str) and text else None


@lru_cache(maxsize=1024)
def _seconds(text: str) -> float | None:
    text = text.strip()
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def go_duration(value: float) -> str:
    """A Go duration of `value` seconds in its shortest common form: `90s`, `200ms`, `1.5s`."""
    milliseconds = round(value * 1000)
    if milliseconds % 1000 == 0:
        return f"{milliseconds // 1000}s"
    if milliseconds > 1000:
        return f"{milliseconds / 1000:.3f}".rstrip("0") + "s"
    return f"{milliseconds}ms"


def exact_duration(value: float) -> str:
    """As a person types it, without the units that are 0: `5m`, `1h30m`, `90s` is `1m30s`."""
    whole = int(value)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or go_duration(value)


def human_duration(value: float) -> str:
    """`value` seconds for a person: `45s`, `12m`, `3h05m`, `2d04h`."""
    whole = max(0, int(value))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s" if whole < 600 else f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def left_words(value: float) -> str:
    """Whole minutes that are left, begun ones counted: `2h`, `1h59m`, `15m`, `<1m`."""
    if value < 60:
        return "<1m"
    minutes = math.ceil(value / 60)
    if minutes >= 24 * 60:
        return human_duration(60 * minutes)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest}m"
    return f"{hours}h{rest:02d}m" if rest else f"{hours}h"


def number_of(count: float, one: str, several: str = "") -> str:
    """`1 pod`, `3 pods`, `1,240 requests`; `several` where an s does not make the plural."""
    number = f"{count:,.0f}"
    return f"{number} {one if number == '1' else several or f'{one}s'}"


def percentage(text: str) -> float | None:
    """0 to 100 from `5`, `5%` or `0.5%`; None where it is no percentage."""
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        return None
    return value if 0 <= value <= 100 else None


def number(value: float) -> int | float:
    """`value` as JSON should hold it: 50 rather than 50.0."""
    return int(value) if value == int(value) else value


def clock_time(at: float) -> str:
    """`02:09:10` here; `at` is in seconds since the epoch."""
    return time.strftime("%H:%M:%S", time.localtime(at))
