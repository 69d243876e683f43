"""Endpoints that are no pod of this cluster: those of another network, and of another cluster."""

from __future__ import annotations

from meshtui.envoy.endpoints import ProxyEndpoint
from meshtui.mesh.model import Mesh

GATEWAY_PORT = 15443
"""Where a gateway between networks takes what is meant for its own; istiod puts its address in the
place of the pods there. https://istio.io/latest/docs/setup/install/multicluster/multi-primary_multi-network/
"""

OTHER_NETWORK, OTHER_CLUSTER = "another network, by its gateway", "no pod of this cluster"


def elsewhere(endpoint: ProxyEndpoint, mesh: Mesh) -> str:
    """Where an endpoint is that belongs to no pod here; empty where that is not known.

    Of a service that selects pods: the others have endpoints of their own making.
    """
    service = mesh.by_host.get(endpoint.cluster.host)
    if endpoint.cluster.direction != "outbound" or service is None or not service.selector:
        return ""
    if any(entry.endpoint.address == endpoint.address for entry in mesh.workload_entries):
        return ""
    if endpoint.port == GATEWAY_PORT and GATEWAY_PORT not in _targets(mesh, endpoint):
        return OTHER_NETWORK
    return OTHER_CLUSTER if mesh.knows("pods", service.key.namespace) else ""


def _targets(mesh: Mesh, endpoint: ProxyEndpoint) -> set[int]:
    """The ports that the service's own pods may serve on, as far as they are numbers."""
    service = mesh.by_host[endpoint.cluster.host]
    return {int(port.target) if port.target.isdigit() else port.number for port in service.ports}
