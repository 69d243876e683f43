"""Which services a changed VirtualService may concern, where that can be bounded.

Most are written for the mesh, exported to all, and name whole hosts: then they count for these
and for what they send to, and beside them for the services that meet one of these in a rule. With
Sidecars, delegates, wildcards, gateways or aliases more may hang on it: that is not bounded here.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.mesh.model import Mesh, Rule, VirtualService
from meshtui.mesh.resolution.names import MESH, is_wild
from meshtui.mesh.resolution.registry import PUBLIC
from meshtui.mesh.resolution.rulings import exports


def hosts_concerned(before: Mesh, after: Mesh) -> frozenset[str] | None:
    """The hosts for which callers may get something else, where only VirtualServices differ.

    None where they are not bounded.
    """
    if after.sidecars or any(service.external_name for service in after.services):
        return None
    found: set[str] = set()
    for mesh, other in ((before, after), (after, before)):
        for service in _only_in(mesh, other):
            if not _is_plain(mesh, service):
                return None
            found |= {*service.hosts, *map(str.lower, service.hosts), *_sent_to(service)}
    for mesh in (before, after):
        found |= {host for name in tuple(found) for host in _neighbours(mesh, name)}
    return frozenset(found)


def _only_in(mesh: Mesh, other: Mesh) -> Iterator[VirtualService]:
    known = {id(service) for service in other.virtual_services}
    return (service for service in mesh.virtual_services if id(service) not in known)


def _is_plain(mesh: Mesh, service: VirtualService) -> bool:
    return (
        bool(service.hosts)
        and not any(map(is_wild, service.hosts))
        and service.gateways == (MESH,)
        and all(rule.delegate is None for rule in service.rules)
        and PUBLIC in exports(mesh, service)
    )


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
