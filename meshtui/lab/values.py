"""The values people give on the command line: shares and durations."""

from __future__ import annotations

import re

from meshtui.lab.errors import LabError

USAGE = 2


def share(text: str) -> float:
    """`5%`, `0.5%` or `0` as a share from 0 to 1."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text.strip())
    value = float(match[1]) / 100 if match else -1.0
    if match is None or (not match[2] and value) or value > 1:
        raise LabError(f"not a share: {text!r} (write 5%)", USAGE)
    return value


def duration(text: str) -> float:
    """`200ms`, `1.5s` or `0` in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|)", text.strip())
    if match is None or (not match[2] and float(match[1])):
        raise LabError(f"not a duration: {text!r} (write 200ms or 1.5s)", USAGE)
    return float(match[1]) / (1000 if match[2] == "ms" else 1)
