"""Routes of the Gateway API that nobody has, whole or at one of their parents, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshtui.mesh import read
from meshtui.mesh.gateway_api import API_GATEWAYS, HTTP_ROUTE, STREAM_KINDS, HttpRoute
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.resolution.backends import Invalid
from meshtui.mesh.resolution.httproutes import SERVICES, route_rules
from meshtui.mesh.resolution.listeners import attached, not_admitted
from meshtui.mesh.resolution.streamroutes import dropped_stream

LISTENER_SET = "ListenerSet"
_DOORS = ("Gateway", LISTENER_SET)
IDLE_ROUTES_SLOT = "_idle_routes"


def unserved(mesh: Mesh, route: HttpRoute) -> str:
    """Why nothing of a route comes in through the Gateways that it names; empty where it does."""
    return unattached(mesh, route) or taken_by_nobody(mesh, route)


def taken_by_nobody(mesh: Mesh, route: HttpRoute) -> str:
    """That istiod makes nothing of a whole route, and why; empty where it takes it."""
    why = dropped(mesh, route)
    return f"istiod takes none of its rules: {why}" if why else ""


def unattached(mesh: Mesh, route: HttpRoute) -> str:
    """Why no listener of the Gateways that a route names has it; empty where one does."""
    places = attached(mesh, route)
    if not places:
        if why := next(filter(None, (not_admitted(mesh, one) for one in route.at_gateways)), ""):
            return why
        return not_open(mesh, route) or (
            f"there is no {_named_parents(route)} of Istio's with a listener"
        )
    if not all(place.why for place in places):
        return ""
    meant = [place for place in places if not place.elsewhere]
    if not meant:
        return not_open(mesh, route) or (
            f"no listener of Gateway {', '.join(route.at_gateways)} is meant: {places[0].why}"
        )
    return "; ".join(f"listener {place.open.listener.name}: {place.why}" for place in meant)


def not_open(mesh: Mesh, route: HttpRoute) -> str:
    """That a listener which a route names is there and not served, as another has its port."""
    for parent in read.objects(read.obj(route.raw, "spec"), "parentRefs"):
        place = (read.text(parent, "namespace") or route.ref.namespace, read.text(parent, "name"))
        section = read.text(parent, "sectionName")
        sets = [one for one in mesh.listener_sets if (one.ref.namespace, one.ref.name) == place]
        gateway = mesh.api_gateways_by_place.get(place)
        is_set = read.text(parent, "kind") == LISTENER_SET
        holders = sets if is_set else [gateway] if gateway else []
        for holder in holders:
            if section and any(one.name == section for one in holder.listeners):
                return f"listener {section} of {holder.ref} is not served: see its status"
    return ""


def _named_parents(route: HttpRoute) -> str:
    """`Gateway a/b, ListenerSet a/c`."""
    parents = read.objects(read.obj(route.raw, "spec"), "parentRefs")
    found = (
        (
            read.text(parent, "kind") or "Gateway",
            read.text(parent, "namespace") or route.ref.namespace,
            read.text(parent, "name"),
        )
        for parent in parents
    )
    wanted = [f"{kind} {home}/{name}" for kind, home, name in found if kind in _DOORS]
    return ", ".join(dict.fromkeys(wanted))


def dropped(mesh: Mesh, route: HttpRoute) -> str:
    """Why istiod makes nothing of a whole route; empty where it takes it."""
    if route.ref.kind in STREAM_KINDS:
        return dropped_stream(mesh, route)
    try:
        tuple(route_rules(mesh, route, at_gateway=bool(route.at_gateways)))
    except Invalid as error:
        return str(error)
    return ""


def without_effect(mesh: Mesh) -> Mapping[str, tuple[tuple[HttpRoute, str], ...]]:
    """By host, for its parents and its backends: routes that nobody has, and why.

    Worked out once for a snapshot.
    """
    known: Mapping[str, tuple[tuple[HttpRoute, str], ...]] | None
    known = mesh.__dict__.get(IDLE_ROUTES_SLOT)
    if known is None:
        idle: dict[str, list[tuple[HttpRoute, str]]] = {}
        for route in (*mesh.http_routes, *mesh.stream_routes):
            if why := _why_idle(mesh, route):
                for host in dict.fromkeys((*route.hosts, *route.backends)):
                    idle.setdefault(host, []).append((route, why))
        known = {host: tuple(routes) for host, routes in idle.items()}
        mesh.__dict__[IDLE_ROUTES_SLOT] = known
    return known


def _why_idle(mesh: Mesh, route: HttpRoute) -> str:
    if why := taken_by_nobody(mesh, route):
        return why
    missing = dict(parents_missing(mesh, route))
    known = [host for host in route.hosts if host in mesh.by_host]
    if (known and len(missing) < _services_named(route)) or _is_for_entry(route):
        return ""
    if route.at_gateways:
        return unattached(mesh, route) if mesh.knows(API_GATEWAYS) else ""
    gone = ", ".join(missing.values())
    return f"there is no {gone}" if gone else "no parent of it is a Gateway or a Service"


def _services_named(route: HttpRoute) -> int:
    parents = read.objects(read.obj(route.raw, "spec"), "parentRefs")
    return sum((read.text(p, "group"), read.text(p, "kind")) in SERVICES for p in parents)


def _is_for_entry(route: HttpRoute) -> bool:
    parents = read.objects(read.obj(route.raw, "spec"), "parentRefs")
    return any(read.text(parent, "kind") == "ServiceEntry" for parent in parents)


def parents_missing(mesh: Mesh, route: HttpRoute) -> Iterator[tuple[int, str]]:
    """The Services among a route's parents, or their ports, that are not there; with their places.

    An HTTPRoute's status says Accepted of a port that its Service lacks. A GRPCRoute's rule that
    asks for nothing holds on all ports, whatever the parent names.
    """
    for index, parent in enumerate(read.objects(read.obj(route.raw, "spec"), "parentRefs")):
        kind = (read.text(parent, "group"), read.text(parent, "kind"))
        home = read.text(parent, "namespace") or route.ref.namespace
        name, port = read.text(parent, "name"), read.integer(parent, "port")
        if kind not in SERVICES or not mesh.knows("services", home):
            continue
        service = mesh.by_key.get(ServiceKey(home, name))
        if service is None:
            yield index, f"Service {home}/{name}"
        elif (
            route.ref.kind == HTTP_ROUTE
            and port
            and all(one.number != port for one in service.ports)
        ):
            yield index, f"port {port} of Service {home}/{name}"
