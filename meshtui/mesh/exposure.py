"""What of the mesh can be reached from outside: hosts, ports and TLS, through which Gateway.

What a gateway lets in and where its routes lead is the resolution's answer for the pods that serve
it; a Gateway that none serves is asked as if one of its own namespace did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.mesh.gateway_api import API_GATEWAYS
from meshtui.mesh.gateway_status import (
    GatewayTrouble,
    proxy_troubles,
    troubles_at,
    waypoint_troubles,
    worth_saying,
)
from meshtui.mesh.model import Gateway, Mesh, Pod, Ref, Server, Service
from meshtui.mesh.request import covers
from meshtui.mesh.resolution import Client, Route, RulePlace, Ruling, View, client_of, world
from meshtui.mesh.resolution import Door as OpenDoor
from meshtui.mesh.resolution.gateways import admitted
from meshtui.mesh.resolution.idle_routes import unserved
from meshtui.mesh.resolution.listeners import with_listeners
from meshtui.mesh.resolution.routes import reached
from meshtui.mesh.routing import pods_selected
from meshtui.mesh.selector import selects
from meshtui.mesh.trace_entries import place_title

AUTO = "AUTO_PASSTHROUGH"
_SLOT = "_exposure"


@dataclass(frozen=True, slots=True)
class Lead:
    """A rule that leads to the service, and what part of its requests: None where all."""

    rule: str
    match: str
    percent: float | None


@dataclass(frozen=True, slots=True)
class Door:
    """The ways in through one server of a Gateway that one VirtualService or HTTPRoute gives.

    `gateway` is Istio's own or one of the Gateway API; of that `listener` is the name. `tls` is the
    server's mode, empty for plain text; `redirect` is true where the door only sends on to HTTPS.
    `pods` are those the Gateway's selector finds, `fronts` the Services before them. An
    AUTO_PASSTHROUGH server leads to every service by the name in the TLS handshake: there are no
    rules then.
    """

    gateway: Ref
    port: int
    protocol: str
    tls: str
    redirect: bool
    hosts: tuple[str, ...]
    rules_of: Ref | None
    leads: tuple[Lead, ...]
    pods: tuple[Pod, ...]
    fronts: tuple[Service, ...]
    listener: str = ""
    troubles: tuple[GatewayTrouble, ...] = ()
    """What its Gateway, or the ListenerSet, says in its status does not work."""


def doors_to(mesh: Mesh, service: Service) -> tuple[Door, ...]:
    """The ways in to a service, by the servers of Gateways and the rules behind them."""
    ruled = (_door(mesh, openings) for openings in _all_openings(mesh).get(service.host, ()))
    return (*ruled, *_passed_through(mesh, service))


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """A route of the Gateway API that names a service and a Gateway of that API, and no way in.

    `why` says why none of the Gateway's listeners has it; empty for a kind that is not resolved.
    """

    ref: Ref
    gateways: tuple[str, ...]
    why: str = ""


def api_routes_known(mesh: Mesh) -> bool:
    """Whether all routes of the Gateway API were read, or none is served."""
    kinds = ("httproutes", "grpcroutes", "tlsroutes", "tcproutes", API_GATEWAYS)
    return all(mesh.knows(kind) for kind in kinds)


def api_routes_to(mesh: Mesh, service: Service) -> tuple[ApiRoute, ...]:
    """The routes at Gateways of the Gateway API that name the service and are no way in to it.

    Those that are one are among the doors.
    """
    return tuple(
        ApiRoute(route.ref, route.at_gateways, why)
        for route in (*mesh.http_routes, *mesh.stream_routes)
        if route.at_gateways and service.host in route.backends
        if (why := unserved(mesh, route))
    )


def gateway_troubles(mesh: Mesh, service: Service) -> tuple[GatewayTrouble, ...]:
    """Of all that requests to a service come through: the Gateways before it, and its waypoint."""
    found = [trouble for door in doors_to(mesh, service) for trouble in door.troubles]
    for route in api_routes_to(mesh, service):
        for gateway in route.gateways:
            namespace, _, name = gateway.partition("/")
            found += proxy_troubles(mesh, (namespace, name))
    return worth_saying((*found, *waypoint_troubles(mesh, service)))


@dataclass(frozen=True, slots=True)
class _Opening:
    """A rule behind a server of a Gateway that sends `share` of its requests to a host."""

    door: OpenDoor
    hosts: tuple[str, ...]
    holder: RulePlace
    host: str
    share: float
    narrowed: str = ""
    """What it asks for where it stands in a delegate."""

    @property
    def key(self) -> tuple[Ref, Server, Ref]:
        return self.door.gateway.ref, self.door.server, self.holder.service.ref


_Openings = tuple[_Opening, ...]


def _all_openings(mesh: Mesh) -> Mapping[str, tuple[_Openings, ...]]:
    """By host what leads to it, together what is one server's and one VirtualService's.

    Worked out once for a snapshot, as it lives as long.
    """
    found = mesh.__dict__.get(_SLOT)
    if found is None:
        grouped: dict[str, dict[tuple[Ref, Server, Ref], list[_Opening]]] = {}
        for one in _openings(mesh):
            grouped.setdefault(one.host, {}).setdefault(one.key, []).append(one)
        found = {host: tuple(map(tuple, keys.values())) for host, keys in grouped.items()}
        mesh.__dict__[_SLOT] = found
    openings: Mapping[str, tuple[_Openings, ...]] = found
    return openings


def _openings(mesh: Mesh) -> Iterator[_Opening]:
    clients = {client.key: client for client in _clients(mesh)}
    for client in clients.values():
        view = world(mesh).view(client)
        for door in view.doors.doors:
            yield from (_through_routes if door.table else _through_chains)(view, door)


def _clients(mesh: Mesh) -> Iterator[Client]:
    """The gateways that serve each Gateway, pods that are alike once."""
    for gateway in with_listeners(mesh):
        pods = gateway_pods(mesh, gateway)
        alike = {(pod.namespace, *sorted(pod.labels.items())): pod for pod in pods}
        for pod in alike.values():
            yield client_of(mesh, replace(pod, gateway=True))
        if not pods:
            yield Client(gateway.home or gateway.ref.namespace, gateway.selector, gateway=True)


def _through_routes(view: View, door: OpenDoor) -> Iterator[_Opening]:
    """What the virtual hosts of the door's table send on, for the names that the door admits."""
    ordered = view.shared.rulings.seen(view.client.namespace, door.name).rulings
    for ruling in ordered:
        names = dict.fromkeys(admitted(door.hosts, ruling.hosts, ruling.namespace))
        for name in names:
            for route in _routes(view, door, name, ruling):
                for host, share in _shares(route).items():
                    if route.rule is not None:
                        rule = route.rule
                        yield _Opening(door, (name,), rule.holder, host, share, rule.narrowed)


def _routes(view: View, door: OpenDoor, name: str, ruling: Ruling) -> Iterator[Route]:
    """The routes of one VirtualService in the virtual host of a name, where they can be reached."""
    for vhost in view.gateway_tables[door.table]:
        if name.lower() in vhost.domains:
            for route in reached(vhost.routes):
                rule = route.rule
                if rule is not None and _is_of(rule.root, ruling):
                    yield route


def _is_of(place: RulePlace, ruling: Ruling) -> bool:
    return place.service is ruling.service or place.service in ruling.routes


def _through_chains(view: View, door: OpenDoor) -> Iterator[_Opening]:
    """What passes the whole connection on: by its TLS name, or all of the port."""
    for chain in view.door_chains(door):
        if chain.place is None or chain.ruling is None:
            continue
        ruling = chain.ruling
        hosts = chain.server_names or admitted(door.hosts, ruling.hosts, ruling.namespace)
        shares: dict[str, float] = {}
        for target in chain.targets:
            shares[target.host] = shares.get(target.host, 0.0) + target.share
        for host, share in shares.items():
            yield _Opening(door, tuple(dict.fromkeys(hosts)), chain.place, host, share)


def _shares(route: Route) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for target in route.targets:
        found[target.host] = found.get(target.host, 0.0) + target.share
    return found


def _door(mesh: Mesh, openings: _Openings) -> Door:
    first = openings[0]
    gateway, server = first.door.gateway, first.door.server
    pods = gateway_pods(mesh, gateway)
    return Door(
        gateway=gateway.owner,
        port=server.port,
        protocol=server.protocol,
        tls=server.tls,
        redirect=server.redirect,
        hosts=tuple(dict.fromkeys(host for one in openings for host in one.hosts)),
        rules_of=first.holder.service.ref,
        leads=tuple(dict.fromkeys(_lead(one) for one in openings)),
        pods=pods,
        fronts=_fronts(mesh, pods),
        listener=gateway.listener,
        troubles=troubles_at(mesh, gateway.owner, gateway.listener) if gateway.listener else (),
    )


def _lead(opening: _Opening) -> Lead:
    holder, percent = opening.holder, 100.0 * opening.share
    match = opening.narrowed or (holder.rule.match_text if holder.rule else "any request")
    return Lead(place_title(holder), match, None if percent >= 100 else percent)


def _passed_through(mesh: Mesh, service: Service) -> Iterator[Door]:
    """What gateways between networks pass on; `*.local` there is every service of the mesh."""
    for gateway in mesh.gateways:
        for server in gateway.servers:
            hosts = [host.rpartition("/")[2].lower() for host in server.hosts]
            if server.tls == AUTO and any(covers(host, service.host) for host in hosts):
                pods = gateway_pods(mesh, gateway)
                yield Door(
                    gateway.ref, server.port, server.protocol, server.tls, False,
                    (service.host,), None, (), pods, _fronts(mesh, pods),
                )  # fmt: skip


def gateway_pods(mesh: Mesh, gateway: Gateway) -> tuple[Pod, ...]:
    """The pods that serve a Gateway, in all namespaces; without a selector every gateway does.

    Pods with the labels whose kind can't be told are taken for gateways where no other has them.
    """
    homes = (gateway.home,) if gateway.home else None
    some = pods_selected(mesh, gateway.selector, homes) if gateway.selector else mesh.pods
    found = [pod for pod in some if pod.phase not in ("Succeeded", "Failed")]
    gateways = tuple(pod for pod in found if pod.gateway)
    return gateways if gateways or not gateway.selector else tuple(found)


def _fronts(mesh: Mesh, pods: Iterable[Pod]) -> tuple[Service, ...]:
    """The Services in front of the pods of a gateway."""
    pods = tuple(pods)
    homes = {pod.namespace for pod in pods}
    near = (service for service in mesh.services if service.key.namespace in homes)
    return tuple(s for s in near if any(_stands_before(s, pod) for pod in pods))


def _stands_before(service: Service, pod: Pod) -> bool:
    return pod.namespace == service.key.namespace and selects(service.selector, pod.labels)
