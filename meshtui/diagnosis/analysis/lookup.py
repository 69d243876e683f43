"""Rules and subsets where they are written, whoever gets them."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.model import DestinationRule, Json, Mesh, Rule, Subset, VirtualService
from meshtui.mesh.resolution.names import covered


@dataclass(frozen=True, slots=True)
class RuleDestination:
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


def rule_path(rule: Rule) -> str:
    return f"spec.{rule.protocol}[{rule.index}]"


def raw_rule(service: VirtualService, rule: Rule) -> Json:
    """The rule as written; empty where it is no object."""
    rules = read.items(read.obj(service.raw, "spec"), rule.protocol)
    found = rules[rule.index] if rule.index < len(rules) else None
    return read.obj(found)


def targets(mesh: Mesh) -> Iterator[RuleDestination]:
    """All destinations and mirrors of all rules."""
    for service in mesh.virtual_services:
        for rule in service.rules:
            yield from _destinations(service, rule)
            yield from _mirrors(service, rule)


def _destinations(service: VirtualService, rule: Rule) -> Iterator[RuleDestination]:
    for index, found in enumerate(rule.destinations):
        path = f"{rule_path(rule)}.route[{index}].destination"
        share = rule.percent(found)
        yield RuleDestination(
            service, rule, found.host, found.subset, found.port, share, False, path
        )


def _mirrors(service: VirtualService, rule: Rule) -> Iterator[RuleDestination]:
    several = bool(rule.mirrors) and bool(read.objects(raw_rule(service, rule), "mirrors"))
    for index, found in enumerate(rule.mirrors):
        place = f"mirrors[{index}].destination" if several else "mirror"
        path = f"{rule_path(rule)}.{place}"
        yield RuleDestination(
            service, rule, found.host, found.subset, found.port, found.percent, True, path
        )


def host_matches(pattern: str, host: str) -> bool:
    """`*.shop` takes `a.shop` and `*.b.shop`; a pattern without a star only itself."""
    return covered(host, pattern)


@dataclass(frozen=True, slots=True)
class Definition:
    """A subset where it is written."""

    rule: DestinationRule
    index: int
    subset: Subset

    @property
    def path(self) -> str:
        return f"spec.subsets[{self.index}]"


def definitions(mesh: Mesh, host: str, name: str) -> tuple[Definition, ...]:
    """Where the host's subset is defined, by whichever rule. Which one a client gets is the view's.

    By the host's name first, then by wildcards.
    """
    exact = mesh.rules_by_host.get(host, ())
    wild = [
        rule
        for rule in mesh.wildcard_destination_rules
        if rule not in exact and covered(host, rule.host)
    ]
    return tuple(
        Definition(rule, index, subset)
        for rule in (*exact, *wild)
        for index, subset in enumerate(rule.subsets)
        if subset.name == name
    )
