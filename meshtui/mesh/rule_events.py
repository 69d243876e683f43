"""Which services changed rules may concern, where that can be bounded.

Most VirtualServices are written for the mesh, exported to all, and name whole hosts: then they
count for these and for what they send to, and beside them for the services that meet one of these
in a rule. A DestinationRule and a Service count for their host and for who meets it in a rule. With
Sidecars, delegates, wildcards, gateways, routes of the Gateway API or aliases more may hang on
them: that is not bounded here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from meshtui.mesh.model import DestinationRule, Mesh, Rule, Service, VirtualService
from meshtui.mesh.resolution.names import MESH, covered, is_wild, labels_in
from meshtui.mesh.resolution.registry import PUBLIC
from meshtui.mesh.resolution.rulings import exports

T = TypeVar("T")


def hosts_concerned(before: Mesh, after: Mesh) -> frozenset[str] | None:
    """The hosts for which callers may get something else, where only VirtualServices,
    DestinationRules and Services differ.

    None where they are not bounded.
    """
    if any(mesh.sidecars or _aliases(mesh) for mesh in (before, after)):
        return None
    found: set[str] = set()
    for mesh, other in ((before, after), (after, before)):
        hosts = _changed(mesh, other)
        if hosts is None:
            return None
        found |= hosts
    for mesh in (before, after):
        found |= {host for name in tuple(found) for host in _neighbours(mesh, name)}
    return frozenset(found)


def _aliases(mesh: Mesh) -> bool:
    return any(service.external_name for service in mesh.services)


def _changed(mesh: Mesh, other: Mesh) -> set[str] | None:
    """The hosts of what is in the mesh and not in the other one."""
    found: set[str] = set()
    for rules in _only_in(mesh.virtual_services, other.virtual_services):
        if not _is_plain(mesh, rules):
            return None
        found |= {*rules.hosts, *map(str.lower, rules.hosts), *_sent_to(rules)}
    for policy in _only_in(mesh.destination_rules, other.destination_rules):
        if not _is_bounded(mesh, policy):
            return None
        found.add(policy.host)
    for service in _only_in(mesh.services, other.services):
        if not _is_own(mesh, service):
            return None
        found |= {service.host, *_ruled_with(mesh, service.host)}
    return found


def _only_in(some: Sequence[T], others: Sequence[T]) -> Iterator[T]:
    if some is not others:
        known = {id(one) for one in others}
        yield from (one for one in some if id(one) not in known)


def _is_plain(mesh: Mesh, service: VirtualService) -> bool:
    return (
        bool(service.hosts)
        and not any(map(is_wild, service.hosts))
        and service.gateways == (MESH,)
        and all(rule.delegate is None for rule in service.rules)
        and PUBLIC in exports(mesh, service)
    )


def _is_bounded(mesh: Mesh, policy: DestinationRule) -> bool:
    return not (is_wild(policy.host) or _gateway_api(mesh))


def _gateway_api(mesh: Mesh) -> bool:
    return bool(
        mesh.http_routes or mesh.stream_routes or mesh.api_gateways or mesh.backend_tls_policies
    )


def _is_own(mesh: Mesh, service: Service) -> bool:
    """Whether nothing but its host hangs on it: a gateway listens as its Services say, and whether
    a wildcard rules names that no service has is a matter of which services there are."""
    if _gateway_api(mesh) or any(
        covered(service.host, host) for host, _ in mesh.wildcard_virtual_services
    ):
        return False
    pods = mesh.pods_by_namespace.get(service.key.namespace, ()) if service.selector else ()
    return not any(pod.gateway and labels_in(service.selector, pod.labels) for pod in pods)


def _ruled_with(mesh: Mesh, host: str) -> Iterator[str]:
    """The other hosts of VirtualServices that name a host: they may be ruled for its sake."""
    for rules in mesh.virtual_services_by_host.get(host.lower(), ()):
        yield from rules.hosts


def _sent_to(service: VirtualService) -> Iterator[str]:
    for rule in service.rules:
        yield from _targets(rule)


def _targets(rule: Rule) -> Iterator[str]:
    yield from (target.host for target in rule.destinations)
    yield from (mirror.host for mirror in rule.mirrors)


def _neighbours(mesh: Mesh, host: str) -> Iterator[str]:
    """What the rules of a host send to, and the hosts whose rules send to it."""
    for service in mesh.virtual_services_by_host.get(host, ()):
        yield from _sent_to(service)
    for owner, _ in mesh.rules_by_destination.get(host, ()):
        yield from owner.hosts
