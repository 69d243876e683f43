"""Ports of a destination: when a Service has several, which one is meant."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import ERROR, WARNING, Finding
from meshtui.diagnosis.analysis.lookup import Target, targets
from meshtui.mesh.admission import (
    MESH,
    admitted,
    entries_of,
    find_gateway,
    gateways_of,
    protocol_of,
    written_hosts,
)
from meshtui.mesh.model import Mesh, Rule, Service, VirtualService


def port_needed(mesh: Mesh) -> Iterator[Finding]:
    """A destination without a port on a Service with several.

    istiod then takes the port on which the request came in (GetDestinationCluster), which is
    right where the destination has it too: a call inside the mesh to the same service keeps its
    port. Only ports that are certain to come in, and that the destination lacks, are reported;
    istioctl's IST0112 names every such route.
    """
    for target in targets(mesh):
        service = mesh.by_host.get(target.host)
        if service is None or target.port or len(service.ports) < 2:
            continue
        known = {port.number for port in service.ports}
        wrong = sorted(_arrivals(mesh, target.service, target.rule) - known)
        if wrong:
            yield _needed(target, service, wrong)


def _needed(target: Target, service: Service, wrong: list[int]) -> Finding:
    came = ", ".join(map(str, wrong))
    loss = "is lost" if target.mirror else "is answered 503 (NC)"
    ports = ", ".join(f"{port.number} {port.name}".strip() for port in service.ports)
    return Finding(
        "port-needed",
        WARNING if target.mirror or target.idle else ERROR,
        target.service.ref,
        f"{target.path}.port",
        f"{service.host} has several ports and none is {came}, where the requests come in: "
        f"what is sent here {loss}.",
        f"Name the port in the destination (it has {ports}).",
        ("IST0112",),
    )


def _arrivals(mesh: Mesh, service: VirtualService, rule: Rule) -> set[int]:
    """The ports on which requests for the rule are known to come in."""
    found: set[int] = set()
    for match in entries_of(rule):
        ports = {
            port
            for name in gateways_of(service, match)
            for port in _ports_at(mesh, service, rule, name)
        }
        found |= ports & {match.port} if match and match.port else ports
    return found


def _ports_at(mesh: Mesh, service: VirtualService, rule: Rule, name: str) -> Iterator[int]:
    if name == MESH:
        for host in service.hosts:
            called = mesh.by_host.get(host)
            yield from (port.number for port in called.ports) if called else ()
        return
    gateway = find_gateway(mesh, name, service.ref.namespace)
    for server in gateway.servers if gateway else ():
        serves = not server.redirect and protocol_of(server) == rule.protocol
        hosts = written_hosts(service)
        if gateway and serves and any(admitted(gateway, server, service, *h) for h in hosts):
            yield server.port
