"""Where mirrored copies arrive: who answers them counts them as requests of their caller."""

from __future__ import annotations

from meshtui.mesh.model import Mesh, RuleOwner
from meshtui.mesh.routing import pods_of, pods_of_subset
from meshtui.mesh.subsets import usable_subsets

Workload = tuple[str, str]


def copied_to(mesh: Mesh) -> frozenset[Workload]:
    """The workloads that some rule mirrors to."""
    owners: tuple[RuleOwner, ...] = (*mesh.virtual_services, *mesh.http_routes)
    places = {
        (mirror.host, mirror.subset)
        for owner in owners
        for rule in owner.rules
        for mirror in rule.mirrors
        if mirror.percent > 0
    }
    found: set[Workload] = set()
    for host, name in places:
        service = mesh.by_host.get(host)
        if service is None:
            continue
        pods = pods_of(mesh, service)
        if name:
            subsets = [one for one in usable_subsets(mesh, host) if one.name == name]
            pods = pods_of_subset(pods, subsets[0]) if subsets else ()
        found.update((pod.namespace, pod.workload) for pod in pods)
    return frozenset(found)
