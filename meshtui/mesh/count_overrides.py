"""What a Telemetry says of whether requests are counted."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json

CLIENT, SERVER = "CLIENT", "SERVER"
_BOTH = frozenset({CLIENT, SERVER})
_COUNTS = frozenset({"", "ALL_METRICS", "REQUEST_COUNT"})


@dataclass(frozen=True, slots=True)
class CountOverride:
    """Whether requests are counted on these sides from here on."""

    sides: frozenset[str]
    disabled: bool


def parse_overrides(spec: Json) -> tuple[CountOverride, ...]:
    """Those of `spec.metrics` that concern the number of requests."""
    found = []
    for metrics in read.objects(spec, "metrics"):
        for raw in read.objects(metrics, "overrides"):
            match, off = read.obj(raw, "match"), raw.get("disabled")
            if not isinstance(off, bool) or read.text(match, "customMetric"):
                continue
            if read.text(match, "metric") in _COUNTS:
                mode = read.text(match, "mode")
                found.append(CountOverride(frozenset({mode}) & _BOTH or _BOTH, off))
    return tuple(found)
