"""What of the mesh can be reached from outside: hosts, ports and TLS, through which Gateway."""

from __future__ import annotations

from collections.abc import Iterator
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
from meshtui.mesh.routing import selects, with_delegates


@dataclass(frozen=True, slots=True)
class Exposure:
    """One way in: requests for `host` at a Gateway's port that a rule sends to a destination.

    `tls` is the server's mode, empty for plain text; `redirect` is true where the door only sends
    on to HTTPS. `virtual_service` and `rule` say which rule, `match` what it asks for, `percent`
    what part of the rule's requests the destination gets.
    """

    gateway: Ref
    host: str
    port: int
    protocol: str
    tls: str
    redirect: bool
    virtual_service: Ref
    rule: str
    match: str
    destination: str
    subset: str
    percent: float


def exposures(mesh: Mesh) -> tuple[Exposure, ...]:
    """All ways in, by VirtualService, gateway and rule. Servers that split TCP by port included."""
    return tuple(
        found
        for service in mesh.virtual_services
        for name in dict.fromkeys(service.gateways)
        if name != MESH and (gateway := find_gateway(mesh, name, service.ref.namespace))
        for found in _through(mesh, service, name, gateway)
    )


def exposures_of(mesh: Mesh, service: Service) -> tuple[Exposure, ...]:
    """The ways in that lead to the service."""
    return tuple(found for found in exposures(mesh) if found.destination == service.host)


def gateway_pods(mesh: Mesh, gateway: Gateway) -> tuple[Pod, ...]:
    """The pods that the Gateway's selector finds; istiod looks in all namespaces."""
    return tuple(
        pod
        for pod in mesh.pods
        if pod.phase not in ("Succeeded", "Failed") and selects(gateway.selector, pod.labels)
    )


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
