"""The RequestMirror filter of an HTTPRoute, as it is written."""

from __future__ import annotations

from meshtui.mesh.model import Json

MIRROR = "RequestMirror"
_PARTS = 1_000_000
"""Of a fraction: as fine as istiod's own percentages."""


def part_of(percent: float) -> Json:
    """A percentage as the Gateway API has it: whole, or as a fraction; all where it is left out."""
    if percent >= 100:
        return {}
    if percent == int(percent):
        return {"percent": int(percent)}
    return {"fraction": {"numerator": round(percent * _PARTS / 100), "denominator": _PARTS}}
