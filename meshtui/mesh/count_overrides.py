"""What a Telemetry says of whether requests are counted and timed."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json

CLIENT, SERVER = "CLIENT", "SERVER"
_BOTH = frozenset({CLIENT, SERVER})
COUNT, TIMES = "REQUEST_COUNT", "REQUEST_DURATION"
_ALL = frozenset({COUNT, TIMES})
_METRICS = {"": _ALL, "ALL_METRICS": _ALL, COUNT: frozenset({COUNT}), TIMES: frozenset({TIMES})}


@dataclass(frozen=True, slots=True)
class CountOverride:
    """Whether requests are counted, or timed, on these sides from here on."""

    sides: frozenset[str]
    disabled: bool
    metrics: frozenset[str] = frozenset({COUNT})


def parse_overrides(spec: Json) -> tuple[CountOverride, ...]:
    """Those of `spec.metrics` that concern the number of requests, or how long they took."""
    found = []
    for metrics in read.objects(spec, "metrics"):
        for raw in read.objects(metrics, "overrides"):
            match, off = read.obj(raw, "match"), raw.get("disabled")
            if not isinstance(off, bool) or read.text(match, "customMetric"):
                continue
            concerned = _METRICS.get(read.text(match, "metric"))
            if concerned:
                mode = read.text(match, "mode")
                sides = frozenset({mode}) & _BOTH or _BOTH
                found.append(CountOverride(sides, off, concerned))
    return tuple(found)
