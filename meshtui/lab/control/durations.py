"""Durations as Istio writes them (`1.5s`, `100ms`, `1h2m`), and as Envoy wants them."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
_LONGEST = 3.0e11
"""Protobuf's durations end at about ten thousand years."""
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|us|ns|h|m|s)")


def seconds(text: object) -> float:
    """Seconds of a Go duration; ValueError where it is none."""
    rest = _PART.sub("", text.removeprefix("+")) if isinstance(text, str) else "?"
    if not isinstance(text, str) or not text or rest not in ("", "0"):
        raise ValueError(f"not a duration: {text!r}")
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if total > _LONGEST:
        raise ValueError(f"too long a duration: {text!r}")
    return total


def envoy(text: object) -> str:
    """The same duration in protobuf's JSON form: seconds with up to nine decimals."""
    return f"{seconds(text):.9f}".rstrip("0").rstrip(".") + "s"


def positive(text: object) -> str:
    """The same where Envoy takes no 0."""
    if not seconds(text):
        raise ValueError(f"not longer than nothing: {text!r}")
    return envoy(text)
