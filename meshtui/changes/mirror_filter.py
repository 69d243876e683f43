"""How much a mirror may copy, and how the RequestMirror filter of an HTTPRoute says it."""

from __future__ import annotations

from meshtui.errors import Usage
from meshtui.mesh.model import Json

MIRROR = "RequestMirror"
_PARTS = 1_000_000
"""Of a fraction: as fine as istiod's own percentages."""


def require_percent(percent: float) -> None:
    """Raises Usage for what is no part of the requests."""
    if not 0 < percent <= 100:
        raise Usage(f"--percent {percent:g}: a mirror takes more than 0 and at most 100 percent")


def part_of(percent: float) -> Json:
    """A percentage as the Gateway API has it: whole, or as a fraction; all where it is left out."""
    if percent >= 100:
        return {}
    if percent == int(percent):
        return {"percent": int(percent)}
    return {"fraction": {"numerator": round(percent * _PARTS / 100), "denominator": _PARTS}}
