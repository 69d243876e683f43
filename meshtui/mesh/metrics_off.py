"""Whose proxies are told not to count requests, or not to time them, by Telemetry.

From istiod (pilot/pkg/model/telemetry.go): the overrides of the root namespace's Telemetry, then
those of the workload's namespace, then those of the workload; what is said last holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshtui.mesh.count_overrides import COUNT, TIMES
from meshtui.mesh.telemetry_levels import levels

if TYPE_CHECKING:
    from meshtui.mesh.model import Mesh, Pod

Workload = tuple[str, str]


def not_counting(mesh: Mesh, side: str) -> Mapping[Workload, str]:
    """Workloads whose proxies count no requests on that side, each with the object that says so."""
    if not any(one.overrides for one in mesh.telemetries):
        return {}
    keys = {key for one in mesh.telemetries for key in one.selector or ()}
    decided: dict[tuple[str | None, ...], str] = {}
    found: dict[Workload, str] = {}
    for pod in mesh.pods:
        if not pod.sidecar:
            continue
        alike = (pod.namespace, *map(pod.labels.get, keys))  # all that a Telemetry looks at
        said = decided.get(alike)
        if said is None:
            said = decided[alike] = _said_off(mesh, pod, side, COUNT)
        if said:
            found[pod.namespace, pod.workload] = said
    return found


def not_timing(mesh: Mesh, pod: Pod, side: str) -> str:
    """The object by which a proxy does not time requests on that side; empty where it does."""
    return _said_off(mesh, pod, side, TIMES) if pod.sidecar else ""


def _said_off(mesh: Mesh, pod: Pod, side: str, metric: str) -> str:
    """The object that has the last word where that is to count nothing; else empty."""
    said = [
        (override.disabled, one.ref)
        for one in levels(mesh.telemetries, mesh.settings.root_namespace, pod.namespace, pod.labels)
        for override in one.overrides
        if side in override.sides and metric in override.metrics
    ]
    return str(said[-1][1]) if said and said[-1][0] else ""
