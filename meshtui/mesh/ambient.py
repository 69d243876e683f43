"""What of the mesh is ambient, and which waypoint stands before a service.

From istiod (pilot/pkg/serviceregistry/kube/controller/ambient: waypoints.go): a service's own label
comes before its namespace's; the waypoint is a Gateway of class istio-waypoint.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshtui.mesh import read
from meshtui.mesh.gateway_api import ALL, SAME, SELECTOR, ApiGateway
from meshtui.mesh.gateway_api import CLASS_NAME as CLASS_NAME
from meshtui.mesh.gateway_api import GATEWAY_NAME as GATEWAY_NAME
from meshtui.mesh.gateway_api import WAYPOINT_CLASS as WAYPOINT_CLASS
from meshtui.mesh.model import Mesh, Pod, Service, ServiceEntry

MODE, USE, USE_NAMESPACE = (
    "istio.io/dataplane-mode",
    "istio.io/use-waypoint",
    "istio.io/use-waypoint-namespace",
)
INGRESS_USE = "istio.io/ingress-use-waypoint"
WAYPOINT_FOR = "istio.io/waypoint-for"
HBONE = "HBONE"
MANAGED = "gateway.istio.io/managed"
_WAYPOINTS_OWN = frozenset({"istio.io-mesh-controller", "istio.io-eastwest-controller"})
"""The Services before waypoints and east-west gateways: they have none themselves."""

_NONE = "none"
_IDLE = "HTTP rules do nothing there, nor TCP rules"
_FOR_SERVICES = frozenset({"", "service", "all"})

Place = tuple[str, str]
"""A namespace and a name in it."""


def waypoint_of(mesh: Mesh, service: Service | ServiceEntry) -> Place | None:
    """The waypoint that a service's requests go through in the ambient mesh; None for none."""
    wanted = waypoint_named(mesh, service)
    return wanted if wanted and not _unusable(mesh, wanted, _home(service)) else None


def waypoint_named(mesh: Mesh, service: Service | ServiceEntry) -> Place | None:
    """The waypoint that a service or its namespace asks for, whether it is there or not."""
    home, labels = _home(service), service.labels
    if labels.get(MANAGED) in _WAYPOINTS_OWN:
        return None
    if USE not in labels:
        labels = mesh.namespace_labels.get(home, {})
    name = labels.get(USE, "")
    if not name or name == _NONE:
        return None
    return labels.get(USE_NAMESPACE) or home, name


def _home(service: Service | ServiceEntry) -> str:
    return service.key.namespace if isinstance(service, Service) else service.ref.namespace


def _unusable(mesh: Mesh, place: Place, namespace: str) -> str:
    """Why no service of a namespace is given to a waypoint; empty where some are."""
    name, gateway = "/".join(place), mesh.api_gateways_by_place.get(place)
    if gateway is None:
        return f"there is no waypoint {name}"
    if gateway.class_name != WAYPOINT_CLASS:
        return f"Gateway {name} is no waypoint: its class is {gateway.class_name or 'not named'}"
    if not _serves_services(gateway):
        return f"waypoint {name} stands before no services ({WAYPOINT_FOR})"
    if not _admits(mesh, gateway, namespace):
        return f"waypoint {name} admits no services of {namespace} (allowedRoutes)"
    return ""


def _admits(mesh: Mesh, gateway: ApiGateway, namespace: str) -> bool:
    """By its tunnels' listener. Where the namespaces' labels are not known, what it says holds."""
    listener = next((one for one in gateway.listeners if one.protocol == HBONE), None)
    admits = listener.admits if listener is not None else SAME
    if admits == SELECTOR and listener is not None:
        own = next((one for one in mesh.namespaces if one.name == namespace), None)
        return own is None or own.selected(listener.selector)
    return admits == ALL or namespace == gateway.ref.namespace


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


def waypoint_workloads(mesh: Mesh) -> frozenset[Place]:
    """The workloads of waypoints, which their callers' telemetry names as who answered.

    istiod calls a waypoint's Deployment by its name; its pods say it also where Gateways can't be
    read.
    """
    pods = (pod for pod in mesh.pods if pod.gateway and waypoint_name(mesh, pod))
    return frozenset((*waypoints(mesh), *((pod.namespace, pod.workload) for pod in pods)))


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


def goes_on_through_waypoint(mesh: Mesh, service: Service) -> bool:
    """Whether what gateways send to a service asks its waypoint's rules as well."""
    labels = service.labels
    if INGRESS_USE not in labels:
        labels = mesh.namespace_labels.get(service.key.namespace, {})
    place = waypoint_of(mesh, service) if labels.get(INGRESS_USE) == "true" else None
    return place is not None and not _not_bound(mesh, place)


def without_waypoint(mesh: Mesh, service: Service) -> str:
    """Why nobody in the ambient mesh asks rules for a service; empty where somebody does.

    ztunnel passes connections on and looks at no request.
    """
    if not is_ambient(mesh, service.key.namespace) or not (why := _no_waypoint(mesh, service)):
        return ""
    return f"{service.key} is in the ambient mesh and {why}, so that {_IDLE}"


def unheard_in_ambient(mesh: Mesh, service: Service) -> str:
    """The same, also for the ambient callers of a service that is not in it but asks for a
    waypoint; and where all that they send goes to one that nobody runs.
    """
    if said := without_waypoint(mesh, service):
        return said
    wanted = waypoint_named(mesh, service)
    if not wanted or not any(is_ambient(mesh, name) for name in mesh.namespace_labels):
        return ""
    if why := _no_waypoint(mesh, service):
        return f"{service.key} asks for a waypoint and {why}: {_IDLE}"
    return _not_run(mesh, wanted)


def _no_waypoint(mesh: Mesh, service: Service) -> str:
    wanted = waypoint_named(mesh, service)
    if wanted is None:
        labels = {**mesh.namespace_labels.get(service.key.namespace, {}), **service.labels}
        return f"it asks for none ({USE}: {_NONE})" if USE in labels else "it has no waypoint"
    return _unusable(mesh, wanted, service.key.namespace) or _not_bound(mesh, wanted)


def _not_bound(mesh: Mesh, place: Place) -> str:
    """istiod gives services to a waypoint once its status has an address, which then stays.

    The API server itself puts a status into each Gateway: one without any was made by hand.
    """
    status = read.obj(mesh.api_gateways_by_place[place].raw, "status")
    if not status or read.objects(status, "addresses"):
        return ""
    return f"waypoint {'/'.join(place)} has no address yet: no controller has started it"


def _not_run(mesh: Mesh, place: Place) -> str:
    gateway = mesh.api_gateways_by_place[place]
    if not gateway.managed or not mesh.knows("pods", place[0]):
        return ""
    runs = [pod for pod in mesh.pods if (pod.namespace, waypoint_name(mesh, pod)) == place]
    if any(pod.ready for pod in runs):
        return ""
    what = "no pod of it is ready" if runs else "it has no pod"
    return f"waypoint {'/'.join(place)} takes what ambient callers send, and {what}"
