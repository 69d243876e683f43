"""Whose proxies are told not to count requests, by Telemetry.

From istiod (pilot/pkg/model/telemetry.go): the overrides of the root namespace's Telemetry, then
those of the workload's namespace, then those of the workload; what is said last holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.telemetry_levels import levels

if TYPE_CHECKING:
    from meshtui.mesh.model import Mesh

CLIENT, SERVER = "CLIENT", "SERVER"
_BOTH = frozenset({CLIENT, SERVER})
_COUNTS = frozenset({"", "ALL_METRICS", "REQUEST_COUNT"})

Workload = tuple[str, str]


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


def not_counting(mesh: Mesh, side: str) -> Mapping[Workload, str]:
    """Workloads whose proxies count no requests on that side, each with the object that says so."""
    if not any(one.overrides for one in mesh.telemetries):
        return {}
    root = mesh.settings.root_namespace
    found: dict[Workload, str] = {}
    for pod in mesh.pods:
        if pod.sidecar:
            applied = levels(mesh.telemetries, root, pod.namespace, pod.labels)
            said = [
                (override.disabled, one.ref)
                for one in applied
                for override in one.overrides
                if side in override.sides
            ]
            if said and said[-1][0]:
                found[pod.namespace, pod.workload] = str(said[-1][1])
    return found
