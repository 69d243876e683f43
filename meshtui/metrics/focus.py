"""Which sidecars are read where one service is asked for and the mesh is large.

The service's own proxies name whoever reached it; the callers' proxies tell what it was like for
them. To read all of a large mesh takes longer than anybody waits, and where it is broken off most
callers are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshtui.mesh.calls import Client
from meshtui.mesh.model import Mesh, Pod, Service, ServiceKey
from meshtui.mesh.pods_needed import related_hosts
from meshtui.mesh.routing import pods_of
from meshtui.metrics.scrape import pod_id

FEW = 300
"""So many sidecars are read in a few seconds: then all are, whoever is asked for."""


def services_about(mesh: Mesh, service: Service) -> frozenset[ServiceKey]:
    """The service, and those that its rules send to or that share a rule with it."""
    hosts = related_hosts(mesh, service)
    return frozenset(one.key for one in mesh.services if one.host in hosts)


def own_pods(mesh: Mesh, about: Iterable[ServiceKey], pods: Sequence[Pod]) -> list[Pod]:
    """The pods behind these services, and the gateways: requests from outside begin there."""
    services = [mesh.by_key[key] for key in about if key in mesh.by_key]
    behind = {pod_id(pod) for service in services for pod in pods_of(mesh, service)}
    return [pod for pod in pods if pod.gateway or pod_id(pod) in behind]


def callers_among(
    clients: Mapping[ServiceKey, frozenset[Client]],
    about: Iterable[ServiceKey],
    pods: Iterable[Pod],
) -> list[Pod]:
    """The pods of the workloads that ever reached these services."""
    found = frozenset().union(*(clients.get(key, frozenset()) for key in about))
    return [pod for pod in pods if (pod.namespace, pod.workload) in found]
