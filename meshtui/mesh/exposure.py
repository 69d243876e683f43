"""What of the mesh can be reached from outside: hosts, ports and TLS, through which Gateway."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meshtui.mesh.admission import (
    MESH,
    admitted,
    entries_of,
    find_gateway,
    gateways_of,
    protocol_of,
    written_hosts,
)
from meshtui.mesh.model import Gateway, Mesh, Pod, Ref, Rule, Server, Service, VirtualService
from meshtui.mesh.request import covers
from meshtui.mesh.routing import pods_selected, selects, with_delegates

AUTO = "AUTO_PASSTHROUGH"


@dataclass(frozen=True, slots=True)
class Exposure:
    """One way in: requests for `host` at a Gateway's port that a rule sends to a destination.

    `tls` is the server's mode, empty for plain text; `redirect` is true where the door only sends
    on to HTTPS. `virtual_service` and `rule` say which rule, `match` what it asks for, `percent`
    what part of the rule's requests the destination gets. An AUTO_PASSTHROUGH server leads to
    every service by the name in the TLS handshake: there is no VirtualService then.
    """

    gateway: Ref
    host: str
    port: int
    protocol: str
    tls: str
    redirect: bool
    virtual_service: Ref | None
    rule: str
    match: str
    destination: str
    subset: str
    percent: float


@dataclass(frozen=True, slots=True)
class Lead:
    """A rule that leads to the service, and what part of its requests: None where all."""

    rule: str
    match: str
    percent: float | None


@dataclass(frozen=True, slots=True)
class Door:
    """The ways in through one server of a Gateway that one VirtualService gives.

    `pods` are those the Gateway's selector finds, `fronts` the Services before them.
    """

    gateway: Ref
    port: int
    protocol: str
    tls: str
    redirect: bool
    hosts: tuple[str, ...]
    virtual_service: Ref | None
    leads: tuple[Lead, ...]
    pods: tuple[Pod, ...]
    fronts: tuple[Service, ...]


def exposures(mesh: Mesh) -> tuple[Exposure, ...]:
    """All ways in, by VirtualService, gateway and rule. Servers that split TCP by port included."""
    return tuple(_of_rules(mesh, mesh.virtual_services))


def exposures_of(mesh: Mesh, service: Service) -> tuple[Exposure, ...]:
    """The ways in that lead to the service."""
    named = {found.ref: found for found, _ in mesh.rules_by_destination.get(service.host, ())}
    ruled = (
        way
        for way in _of_rules(mesh, [*named.values(), *_handing_over(mesh, named.values())])
        if way.destination == service.host
    )
    return (*ruled, *_passed_through(mesh, service))


def _handing_over(mesh: Mesh, services: Iterable[VirtualService]) -> Iterator[VirtualService]:
    """Those that hand requests over to one of `services`; who takes over has no hosts."""
    places = {(s.ref.namespace, s.ref.name) for s in services if not s.hosts}
    if places:
        for service in mesh.virtual_services:
            if any(rule.delegate in places for rule in service.rules):
                yield service


def _of_rules(mesh: Mesh, services: Iterable[VirtualService]) -> Iterator[Exposure]:
    for service in services:
        for name in dict.fromkeys(service.gateways):
            gateway = find_gateway(mesh, name, service.ref.namespace) if name != MESH else None
            if gateway is not None:
                yield from _through(mesh, service, name, gateway)


def _passed_through(mesh: Mesh, service: Service) -> Iterator[Exposure]:
    """What gateways between networks pass on; `*.local` there is every service of the mesh."""
    for gateway in mesh.gateways:
        for server in gateway.servers:
            hosts = [host.rpartition("/")[2].lower() for host in server.hosts]
            if server.tls == AUTO and any(covers(host, service.host) for host in hosts):
                yield Exposure(
                    gateway.ref, service.host, server.port, server.protocol, server.tls,
                    False, None, "", "by the name in the TLS handshake", service.host, "", 100.0,
                )  # fmt: skip


def doors_to(mesh: Mesh, service: Service) -> tuple[Door, ...]:
    """The ways in to a service, those of one server of a Gateway together."""
    found: dict[tuple[object, ...], list[Exposure]] = {}
    for way in exposures_of(mesh, service):
        key = (way.gateway, way.port, way.protocol, way.tls, way.redirect, way.virtual_service)
        found.setdefault(key, []).append(way)
    return tuple(_door(mesh, ways) for ways in found.values())


def _door(mesh: Mesh, ways: list[Exposure]) -> Door:
    first = ways[0]
    gateway = mesh.gateways_by_place.get((first.gateway.namespace, first.gateway.name))
    pods = gateway_pods(mesh, gateway) if gateway else ()
    return Door(
        gateway=first.gateway,
        port=first.port,
        protocol=first.protocol,
        tls=first.tls,
        redirect=first.redirect,
        hosts=tuple(dict.fromkeys(way.host for way in ways)),
        virtual_service=first.virtual_service,
        leads=_leads(ways),
        pods=pods,
        fronts=_fronts(mesh, pods),
    )


def _leads(ways: list[Exposure]) -> tuple[Lead, ...]:
    """Each rule once, its destinations in the service added up."""
    shares: dict[tuple[str, str], float] = {}
    for way in ways:
        if way.host == ways[0].host:
            shares[way.rule, way.match] = shares.get((way.rule, way.match), 0.0) + way.percent
    return tuple(
        Lead(rule, match, None if percent >= 100 else percent)
        for (rule, match), percent in shares.items()
    )


def gateway_pods(mesh: Mesh, gateway: Gateway) -> tuple[Pod, ...]:
    """The pods that the Gateway's selector finds; istiod looks in all namespaces."""
    found = pods_selected(mesh, gateway.selector)
    return tuple(pod for pod in found if pod.phase not in ("Succeeded", "Failed"))


def _fronts(mesh: Mesh, pods: tuple[Pod, ...]) -> tuple[Service, ...]:
    """The Services in front of the pods of a gateway."""
    homes = {pod.namespace for pod in pods}
    near = (service for service in mesh.services if service.key.namespace in homes)
    return tuple(s for s in near if any(_stands_before(s, pod) for pod in pods))


def _stands_before(service: Service, pod: Pod) -> bool:
    return pod.namespace == service.key.namespace and selects(service.selector, pod.labels)


def _through(
    mesh: Mesh, service: VirtualService, name: str, gateway: Gateway
) -> Iterator[Exposure]:
    rules = [
        (route.service, route.rule)
        for route in with_delegates(mesh, service)
        if any(name in gateways_of(service, match) for match in entries_of(route.rule))
    ]
    for server in gateway.servers:
        hosts = written_hosts(service)
        names = (name for host in hosts for name in admitted(gateway, server, service, *host))
        for host in dict.fromkeys(names):
            for owner, rule in rules:
                if rule.protocol == protocol_of(server):
                    yield from _ways(gateway, server, host, owner, rule)


def _ways(
    gateway: Gateway, server: Server, host: str, owner: VirtualService, rule: Rule
) -> Iterator[Exposure]:
    for destination in rule.destinations:
        yield Exposure(
            gateway=gateway.ref,
            host=host,
            port=server.port,
            protocol=server.protocol,
            tls=server.tls,
            redirect=server.redirect,
            virtual_service=owner.ref,
            rule=rule.title,
            match=rule.match_text,
            destination=destination.host,
            subset=destination.subset,
            percent=rule.percent(destination),
        )
