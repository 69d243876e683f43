"""What of the mesh is ambient, and which waypoint stands before a service.

From istiod (pilot/pkg/serviceregistry/kube/controller/ambient: waypoints.go): a service's own label
comes before its namespace's; the waypoint is a Gateway of class istio-waypoint.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshtui.mesh.gateway_api import ApiGateway
from meshtui.mesh.model import Mesh, Pod, Service, ServiceEntry

MODE, USE, USE_NAMESPACE = (
    "istio.io/dataplane-mode",
    "istio.io/use-waypoint",
    "istio.io/use-waypoint-namespace",
)
WAYPOINT_FOR = "istio.io/waypoint-for"
WAYPOINT_CLASS = "istio-waypoint"
CLASS_NAME = "gateway.networking.k8s.io/gateway-class-name"
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_FOR_SERVICES = frozenset({"", "service", "all"})

Place = tuple[str, str]
"""A namespace and a name in it."""


def waypoint_of(mesh: Mesh, service: Service | ServiceEntry) -> Place | None:
    """The waypoint that a service's requests go through in the ambient mesh; None for none."""
    wanted = waypoint_named(mesh, service)
    gateway = mesh.api_gateways_by_place.get(wanted) if wanted else None
    return wanted if gateway is not None and _serves_services(gateway) else None


def waypoint_named(mesh: Mesh, service: Service | ServiceEntry) -> Place | None:
    """The waypoint that a service or its namespace asks for, whether it is there or not."""
    home = service.key.namespace if isinstance(service, Service) else service.ref.namespace
    labels = service.labels
    if USE not in labels:
        labels = mesh.namespace_labels.get(home, {})
    name = labels.get(USE, "")
    if not name or name.lower() == "none":
        return None
    return labels.get(USE_NAMESPACE) or home, name


def waypoints(mesh: Mesh) -> tuple[Place, ...]:
    """The waypoints that stand before services, whether a pod runs them or not."""
    return tuple(
        place for place, one in mesh.api_gateways_by_place.items() if _serves_services(one)
    )


def _serves_services(gateway: ApiGateway) -> bool:
    return (
        gateway.class_name == WAYPOINT_CLASS
        and gateway.labels.get(WAYPOINT_FOR, "") in _FOR_SERVICES
    )


def waypoint_name(mesh: Mesh, pod: Pod) -> str:
    """The waypoint that a pod runs, in its own namespace; empty for another pod."""
    name = pod.labels.get(GATEWAY_NAME, "")
    if pod.labels.get(CLASS_NAME) == WAYPOINT_CLASS:
        return name
    gateway = mesh.api_gateways_by_place.get((pod.namespace, name)) if name else None
    return name if gateway is not None and gateway.class_name == WAYPOINT_CLASS else ""


def is_ambient(mesh: Mesh, namespace: str) -> bool:
    labels: Mapping[str, str] = mesh.namespace_labels.get(namespace, {})
    return labels.get(MODE) == "ambient"


def without_waypoint(mesh: Mesh, service: Service) -> str:
    """Why nobody in the ambient mesh asks HTTP rules for a service; empty where somebody does.

    ztunnel passes connections on and looks at no request.
    """
    if not is_ambient(mesh, service.key.namespace) or waypoint_of(mesh, service) is not None:
        return ""
    wanted = waypoint_named(mesh, service)
    named = f"there is no waypoint {'/'.join(wanted)}" if wanted else "it has no waypoint"
    return f"{service.key} is in the ambient mesh and {named}, so that HTTP rules do nothing there"
