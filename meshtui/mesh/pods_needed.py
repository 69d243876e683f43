"""Which rules and pods of a mesh the rows of one service rest on.

Pods are nine tenths of what a mesh is, and most of them are callers of which only one thing counts:
that there are some in their namespace. That holds as long as no rule tells callers apart; where one
does, how many of them there are decides which rule carries the service's traffic, and all pods are
needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from meshtui.dataclass import dataclass
from meshtui.mesh.caller_groups import special_namespaces
from meshtui.mesh.carrying import rivals, traffic_to
from meshtui.mesh.hosts import split_host
from meshtui.mesh.model import (
    DestinationRule,
    Mesh,
    MeshSettings,
    Pod,
    Service,
    ServiceEntry,
    VirtualService,
)
from meshtui.mesh.resolution import World, world
from meshtui.mesh.resolution.client import asked_labels
from meshtui.mesh.resolution.names import covered, is_wild
from meshtui.mesh.resolution.registry import Host
from meshtui.mesh.routing import find_service

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PodsNeeded:
    """Pods of a namespace with all of some labels, and gateways with theirs, wherever they run.

    Of each namespace counts besides whether a caller is in it: see `is_caller`. `hosts` are those
    of which all is known then.
    """

    hosts: frozenset[str]
    selected: tuple[tuple[str, Labels], ...]
    gateways: tuple[Labels, ...] = ()

    @property
    def namespaces(self) -> frozenset[str]:
        """Where the services are whose pods are needed."""
        return frozenset(namespace for namespace, _ in self.selected)


def is_caller(pod: Pod) -> bool:
    """Whether requests of a workload in the mesh go out through the pod's proxy."""
    return pod.sidecar and not pod.gateway and pod.phase not in ("Succeeded", "Failed")


def pods_needed(mesh: Mesh, service: Service) -> PodsNeeded | None:
    """What has to be known beside `mesh`, in which all but the pods is; None for all pods."""
    if mesh.partial or mesh.sidecars or mesh.http_routes or mesh.stream_routes:
        return None
    if not _all_public(mesh.settings) or any(asked_labels(mesh)):
        return None
    if not all(gateway.selector for gateway in mesh.gateways):
        return None
    hosts = _hosts(mesh, service)
    whole = world(mesh)
    if hosts is None or not all(_alike_for_all(whole, host) for host in hosts):
        return None
    selected = {
        (known.namespace, tuple(sorted(labels.items())))
        for host in hosts
        for known in _registered(whole, host)
        if (labels := known.origin.selector) is not None
        if labels or isinstance(known.origin, ServiceEntry)
    }
    selectors = {tuple(sorted(gateway.selector.items())) for gateway in mesh.gateways}
    return PodsNeeded(
        hosts,
        tuple((namespace, dict(labels)) for namespace, labels in sorted(selected)),
        tuple(dict(selector) for selector in sorted(selectors)),
    )


def is_settled(mesh: Mesh, service: Service) -> bool:
    """Whether it does not matter for the rows who of the callers called, and how often."""
    traffic = traffic_to(mesh, service)
    ruled = any(route.carries and not route.elsewhere for route in traffic.routes)
    return len(rivals(traffic.routes)) < 2 and not (ruled and traffic.unruled.pods)


def related_hosts(mesh: Mesh, service: Service) -> frozenset[str]:
    """The service's host, and those that share rules with it as far as these have names."""
    return _hosts(mesh, service) or frozenset({service.host})


def mesh_about(
    naming: Callable[[Iterable[str]], Mesh], name: str, namespace: str
) -> tuple[Mesh, Service | None]:
    """The mesh as far as rules may concern the service of that name; None where there is none.

    `naming` gives a mesh with the rules in whose text any of the names stands that it was called
    with so far. Which names these are follows from the rules that are found: where one rules or
    sends to two hosts, the rules of both count.
    """
    mesh = naming(())
    service = find_service(mesh, name, namespace)
    names = frozenset[str]()
    wanted = _names_of(mesh, {service.host}) if service is not None else names
    while service is not None and not wanted <= names:
        names |= wanted
        mesh = naming(names)
        wanted = _names_of(mesh, related_hosts(mesh, service))
    return mesh, service


def _names_of(mesh: Mesh, hosts: Iterable[str]) -> frozenset[str]:
    """What rules may call the hosts by, and the names at gateways of what sends to them: whatever
    says something of the hosts names one of these.
    """
    found = set(hosts)
    for host in hosts:
        found |= {name for rules in _related(mesh, host) for name in rules.hosts}
    for service in mesh.services:
        target = service.external_name.lower().rstrip(".")
        if service.host in found or (target and target in found):
            found |= {service.host, *service.addresses, *([target] if target else ())}
    for entry in mesh.service_entries:
        if not found.isdisjoint(entry.hosts):
            found |= {*entry.addresses}
    return frozenset(_in_text(name) for name in found if not is_wild(name))


def _in_text(host: str) -> str:
    """A service stands by its short name in the rules of its namespace."""
    key = split_host(host)
    return key.name if key else host


def _hosts(mesh: Mesh, service: Service) -> frozenset[str] | None:
    """The service's host, and all that rules for it and for these name; None for any host."""
    found, seen = {service.host}, set[int]()
    fresh = list(found)
    while fresh:
        host = fresh.pop()
        if any(
            _rules_all(rules, host) for _, some in mesh.wildcard_virtual_services for rules in some
        ):
            return None
        for rules in _related(mesh, host):
            if id(rules) in seen:
                continue
            seen.add(id(rules))
            if not rules.hosts or any(rule.delegate is not None for rule in rules.rules):
                return None
            # What a gateway serves has names of its own.
            named = {*(rules.hosts if rules.in_mesh else ()), *_destinations(rules)} - found
            if any(map(is_wild, named)):
                return None
            found |= named
            fresh += named
    return frozenset(found)


def _rules_all(rules: VirtualService, host: str) -> bool:
    """Whether it rules the host for callers in the mesh, by a wildcard among others."""
    return rules.in_mesh and any(is_wild(one) and covered(host, one) for one in rules.hosts)


def _related(mesh: Mesh, host: str) -> Iterator[VirtualService]:
    """The VirtualServices that rule the host by its name, or send to it."""
    yield from mesh.virtual_services_by_host.get(host, ())
    for owner, _ in mesh.rules_by_destination.get(host, ()):
        if isinstance(owner, VirtualService):
            yield owner


def _destinations(rules: VirtualService) -> Iterator[str]:
    for rule in rules.rules:
        yield from (target.host for target in rule.destinations)
        yield from (target.host for target in rule.mirrors)


def _alike_for_all(whole: World, host: str) -> bool:
    """Whether all callers in the mesh get the same for a host."""
    registered = _registered(whole, host)
    if len(registered) > 1 or special_namespaces(whole, host):
        return False
    homes = {known.namespace for known in registered}
    return all(
        rule.ref.namespace in homes and _is_public(rule) and not rule.workload_selector
        for rule in whole.mesh.destination_rules
        if covered(host, rule.host)
    )


def _all_public(settings: MeshSettings) -> bool:
    exports = (
        settings.service_exports,
        settings.virtual_service_exports,
        settings.destination_rule_exports,
    )
    return all("*" in one for one in exports)


def _is_public(rule: DestinationRule) -> bool:
    return "*" in rule.export_to


def _registered(whole: World, host: str) -> tuple[Host, ...]:
    return whole.shared.registry.by_name.get(host, ())
