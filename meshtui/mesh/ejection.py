"""How many endpoints outlier detection may take out at once: one judgement for all who report it.

Envoy ejects an endpoint only where, with it, no more than `maxEjectionPercent` of the cluster's
endpoints are out; it does not round up (`tests/lab/test_ejections.py` counts it). Below ten
endpoints the default of 10 % ejects nothing at all.
"""

from __future__ import annotations

from meshtui.mesh import read
from meshtui.mesh.model import Json

DEFAULT_PERCENT = 10
"""Envoy's `max_ejection_percent` where nothing is set; Istio's 0 is not set."""


def most_ejected(endpoints: int, percent: float) -> int:
    """Endpoints that may be out at the same time."""
    return int(endpoints * percent // 100)


def needed_percent(endpoints: int) -> int:
    """The least `maxEjectionPercent` at which one endpoint may be ejected."""
    return -(-100 // endpoints)


def ejection_percent(detection: Json) -> int:
    """`maxEjectionPercent` of a DestinationRule's outlierDetection, as istiod passes it on."""
    found = read.integer(detection, "maxEjectionPercent")
    return found if found > 0 else DEFAULT_PERCENT


def detects(detection: Json) -> bool:
    """Whether any of the detectors is on; the first is by default."""
    return any(
        count > 0
        for count in (
            read.integer(detection, "consecutive5xxErrors", 5),
            read.integer(detection, "consecutiveGatewayErrors", 0),
            read.integer(detection, "consecutiveLocalOriginFailures", 0),
        )
    )


def ejects_none(detection: Json, endpoints: int) -> bool:
    """True where errors are counted and no endpoint of that many can ever be ejected."""
    return detects(detection) and not most_ejected(endpoints, ejection_percent(detection))


def none_ejected_words(percent: float, endpoints: int, of: str) -> str:
    """`no endpoint is ever ejected: reviews has 3, and one alone is more than 10 % of them`."""
    if endpoints == 1:
        most = f"and at most {percent:g} % may be out"
        return f"no endpoint is ever ejected: {of} has only one, which is 100 %, {most}"
    return (
        f"no endpoint is ever ejected: {of} has {endpoints}, and one alone is more than "
        f"{percent:g} % of them"
    )
