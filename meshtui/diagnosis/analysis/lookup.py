"""What the checks ask of a mesh: where rules send traffic, what a host is, which pods it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshtui.mesh import read
from meshtui.mesh.hosts import split_host
from meshtui.mesh.model import (
    DestinationRule,
    Json,
    Mesh,
    Pod,
    Rule,
    Service,
    Subset,
    VirtualService,
)
from meshtui.mesh.routing import pods_of, pods_of_subset


@dataclass(frozen=True, slots=True)
class Target:
    """One place a rule sends traffic to, or a copy of it.

    `percent` is the part of the rule's traffic, 0 to 100. `path` is the destination's in its
    VirtualService.
    """

    service: VirtualService
    rule: Rule
    host: str
    subset: str
    port: int
    percent: float
    mirror: bool
    path: str

    @property
    def idle(self) -> bool:
        """Written down, and nothing is sent there now."""
        return self.percent <= 0

    @property
    def part(self) -> str:
        """How much of the rule's traffic, in words."""
        return f"{'every request' if self.percent >= 100 else f'{self.percent:.3g} %'} of rule"


def rule_path(rule: Rule) -> str:
    return f"spec.{rule.protocol}[{rule.index}]"


def raw_rule(service: VirtualService, rule: Rule) -> Json:
    """The rule as written; empty where it is no object."""
    rules = read.items(read.obj(service.raw, "spec"), rule.protocol)
    found = rules[rule.index] if rule.index < len(rules) else None
    return read.obj(found)


def targets(mesh: Mesh) -> Iterator[Target]:
    """All destinations and mirrors of all rules."""
    for service in mesh.virtual_services:
        for rule in service.rules:
            yield from _destinations(service, rule)
            yield from _mirrors(service, rule)


def _destinations(service: VirtualService, rule: Rule) -> Iterator[Target]:
    for index, found in enumerate(rule.destinations):
        path = f"{rule_path(rule)}.route[{index}].destination"
        share = rule.percent(found)
        yield Target(service, rule, found.host, found.subset, found.port, share, False, path)


def _mirrors(service: VirtualService, rule: Rule) -> Iterator[Target]:
    several = bool(rule.mirrors) and bool(read.objects(raw_rule(service, rule), "mirrors"))
    for index, found in enumerate(rule.mirrors):
        place = f"mirrors[{index}].destination" if several else "mirror"
        path = f"{rule_path(rule)}.{place}"
        yield Target(service, rule, found.host, found.subset, found.port, found.percent, True, path)


def host_matches(pattern: str, host: str) -> bool:
    """`*.shop` takes `a.shop` and `*.b.shop`; a pattern without a star only itself."""
    if pattern.startswith("*"):
        return host.removeprefix("*").endswith(pattern[1:])
    return pattern == host


def is_missing(mesh: Mesh, host: str) -> bool:
    """True where it is certain that neither a Service nor a ServiceEntry has the host.

    Names of other clusters (`clusterset.local`) and of another cluster domain are not judged.
    """
    key = split_host(host)
    if not host or "*" in host or host in mesh.by_host or _is_entry(mesh, host):
        return False
    if key is not None:
        return mesh.knows("services", key.namespace)
    return ".svc." not in f"{host}." and mesh.knows("services") and mesh.knows("serviceentries")


def _is_entry(mesh: Mesh, host: str) -> bool:
    known = mesh.service_entry_hosts
    return host in known or any(e.startswith("*") and host_matches(e, host) for e in known)


@dataclass(frozen=True, slots=True)
class Definition:
    """A subset where it is written."""

    rule: DestinationRule
    index: int
    subset: Subset

    @property
    def path(self) -> str:
        return f"spec.subsets[{self.index}]"


def rules_for(mesh: Mesh, host: str) -> Iterator[DestinationRule]:
    """Every DestinationRule that can speak of the host, by its name or by a wildcard."""
    yield from mesh.rules_by_host.get(host, ())
    for rule in mesh.wildcard_destination_rules:
        if host != rule.host and host_matches(rule.host, host):
            yield rule


def age(rule: DestinationRule) -> tuple[str, str]:
    """What istiod orders rules by: the oldest first."""
    meta = read.obj(rule.raw, "metadata")
    return read.text(meta, "creationTimestamp"), rule.ref.name


def definitions(mesh: Mesh, host: str, name: str) -> tuple[Definition, ...]:
    """Where the host's subset is defined. Which one a client sees depends on its namespace."""
    return tuple(
        Definition(rule, index, subset)
        for rule in rules_for(mesh, host)
        for index, subset in enumerate(rule.subsets)
        if subset.name == name
    )


def countable(mesh: Mesh, service: Service | None) -> bool:
    """True where the service's endpoints are pods, all of which were read.

    Endpoints made by hand, and WorkloadEntries that a ServiceEntry of the same host may add, are
    not seen.
    """
    return (
        service is not None
        and bool(service.selector)
        and service.host not in mesh.service_entry_hosts
        and mesh.knows("pods", service.key.namespace)
    )


def subset_pods(mesh: Mesh, service: Service, subset: Subset) -> tuple[Pod, ...]:
    return pods_of_subset(pods_of(mesh, service), subset)
