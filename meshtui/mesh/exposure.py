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
from meshtui.mesh.carrying import Route
from meshtui.mesh.model import Gateway, Mesh, Pod, Ref, Rule, Server, Service, VirtualService
from meshtui.mesh.request import covers
from meshtui.mesh.routing import pods_selected, selects
from meshtui.mesh.rule_entries import visible

AUTO = "AUTO_PASSTHROUGH"


@dataclass(frozen=True, slots=True)
class Lead:
    """A rule that leads to the service, and what part of its requests: None where all."""

    rule: str
    match: str
    percent: float | None


@dataclass(frozen=True, slots=True)
class Door:
    """The ways in through one server of a Gateway that one VirtualService gives.

    `tls` is the server's mode, empty for plain text; `redirect` is true where the door only sends
    on to HTTPS. `pods` are those the Gateway's selector finds, `fronts` the Services before them.
    An AUTO_PASSTHROUGH server leads to every service by the name in the TLS handshake: there is
    no VirtualService then.
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


def doors_to(mesh: Mesh, service: Service) -> tuple[Door, ...]:
    """The ways in to a service, by VirtualService and by the servers of its Gateways."""
    found: dict[tuple[Ref, Server, Ref], list[_Opening]] = {}
    for one in _openings_to(mesh, service):
        found.setdefault((one.gateway.ref, one.server, one.owner.ref), []).append(one)
    ruled = (_door(mesh, openings, service) for openings in found.values())
    return (*ruled, *_passed_through(mesh, service))


@dataclass(frozen=True, slots=True)
class _Opening:
    """A rule that stands behind a server of a Gateway, and the hosts that are let in for it."""

    gateway: Gateway
    server: Server
    hosts: tuple[str, ...]
    owner: VirtualService
    rule: Rule


def _openings_to(mesh: Mesh, service: Service) -> Iterator[_Opening]:
    named = {found.ref: found for found, _ in mesh.rules_by_destination.get(service.host, ())}
    for one in _openings(mesh, [*named.values(), *_handing_over(mesh, named.values())]):
        if any(destination.host == service.host for destination in one.rule.destinations):
            yield one


def _handing_over(mesh: Mesh, services: Iterable[VirtualService]) -> Iterator[VirtualService]:
    """Those that hand requests over to one of `services`; who takes over has no hosts."""
    places = {(s.ref.namespace, s.ref.name) for s in services if not s.hosts}
    if places:
        for service in mesh.virtual_services:
            if any(rule.delegate in places for rule in service.rules):
                yield service


def _openings(mesh: Mesh, services: Iterable[VirtualService]) -> Iterator[_Opening]:
    for service in services:
        for name in dict.fromkeys(service.gateways):
            gateway = find_gateway(mesh, name, service.ref.namespace) if name != MESH else None
            if gateway is not None and _is_seen(mesh, service, gateway):
                yield from _through(mesh, service, name, gateway)


def _is_seen(mesh: Mesh, service: VirtualService, gateway: Gateway) -> bool:
    """`exportTo` may hide a VirtualService from the namespace that the gateway's pods are in."""
    homes = {pod.namespace for pod in gateway_pods(mesh, gateway)}
    return not homes or any(visible(service, home) for home in homes)


def _through(
    mesh: Mesh, service: VirtualService, name: str, gateway: Gateway
) -> Iterator[_Opening]:
    rules = [
        (route.service, route.rule)
        for route in _with_delegates(mesh, service)
        if any(name in gateways_of(service, match) for match in entries_of(route.rule))
    ]
    for server in gateway.servers:
        hosts = written_hosts(service)
        names = (name for host in hosts for name in admitted(gateway, server, service, *host))
        let_in = tuple(dict.fromkeys(names))
        for owner, rule in rules:
            if let_in and rule.protocol == protocol_of(server):
                yield _Opening(gateway, server, let_in, owner, rule)


def _with_delegates(mesh: Mesh, service: VirtualService) -> Iterator[Route]:
    """The rules of a VirtualService, those it hands over to in place of the rules that do."""
    for rule in service.rules:
        if rule.delegate is None:
            yield Route(service, rule)
            continue
        for target in mesh.virtual_services:
            if (target.ref.namespace, target.ref.name) == rule.delegate:
                yield from (Route(target, inner) for inner in target.rules)


def _door(mesh: Mesh, openings: list[_Opening], service: Service) -> Door:
    first = openings[0]
    pods = gateway_pods(mesh, first.gateway)
    return Door(
        gateway=first.gateway.ref,
        port=first.server.port,
        protocol=first.server.protocol,
        tls=first.server.tls,
        redirect=first.server.redirect,
        hosts=tuple(dict.fromkeys(host for one in openings for host in one.hosts)),
        virtual_service=first.owner.ref,
        leads=tuple(dict.fromkeys(_lead(one.rule, service) for one in openings)),
        pods=pods,
        fronts=_fronts(mesh, pods),
    )


def _lead(rule: Rule, service: Service) -> Lead:
    """The rule's destinations in the service added up."""
    percent = sum(rule.percent(d) for d in rule.destinations if d.host == service.host)
    return Lead(rule.title, rule.match_text, None if percent >= 100 else percent)


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
