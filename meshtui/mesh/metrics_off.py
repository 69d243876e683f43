"""Whose proxies are told not to count requests, by Telemetry.

From istiod (pilot/pkg/model/telemetry.go): the overrides of the root namespace's Telemetry, then
those of the workload's namespace, then those of the workload; what is said last holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshtui.mesh.telemetry_levels import levels

if TYPE_CHECKING:
    from meshtui.mesh.model import Mesh

Workload = tuple[str, str]


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
