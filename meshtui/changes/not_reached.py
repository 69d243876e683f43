"""What a rollback of one rule does not reach: other rules and objects that use the service too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from meshtui.changes.assemble import rule_change
from meshtui.changes.change import Change, Operation
from meshtui.changes.fault_ops import clear_fault_operations, targeted_removals
from meshtui.changes.http_route_mirror import without_mirrors
from meshtui.changes.locate import HostSubset, Located, label_of, whole_rule
from meshtui.changes.mirror_ops import clear_mirror_operations
from meshtui.changes.patch import apply
from meshtui.changes.stream_rules import is_stream
from meshtui.changes.weight_ops import weight_operations
from meshtui.dataclass import dataclass
from meshtui.mesh.gateway_api import RULES
from meshtui.mesh.model import HttpRoute, Json, Mesh, Rule, RuleOwner, VirtualService
from meshtui.mesh.parse_gateway_api import parse_owner
from meshtui.mesh.parse_rules import PROTOCOLS

VERB = "rollback"


@dataclass(frozen=True, slots=True)
class Beyond:
    """A rule that still sends the service's traffic elsewhere than to stable, in words."""

    owner: RuleOwner
    rule: Rule
    words: str


def beyond(located: Located, stable: HostSubset) -> tuple[Beyond, ...]:
    """The rules that use the service too and are not as a rollback would leave them.

    Those of the located rule's object come first. A rule that names no subset chooses no version;
    the rules that only target faults at the located one go with it.
    """
    own = located.owner
    skipped = {_at(located), *_removed(_targeted(located))}
    found = []
    for owner, rule in _candidates(located):
        mine = owner.ref == own.ref
        if mine and (rule.place, rule.index) in skipped:
            continue
        if isinstance(owner, HttpRoute):
            away = _to_other_backends(located, rule, stable)
        else:
            away = _elsewhere(rule, located.service.host, stable)
        parts = [*away, *_effects(rule, stable)]
        if parts:
            whose = "" if mine else f" of {owner.ref}"
            match = f" ({rule.match_text})" if rule.matches else ""
            words = f"rule {rule.title}{whose}{match}: {', '.join(parts)}"
            found.append(Beyond(owner, rule, words))
    return tuple(sorted(found, key=lambda one: one.owner.ref != own.ref))


def _candidates(located: Located) -> Iterator[tuple[RuleOwner, Rule]]:
    """VirtualServices' rules that send to the service, and those of HTTPRoutes attached to it."""
    mesh, host = located.mesh, located.service.host
    for owner, rule in mesh.rules_by_destination.get(host, ()):
        if isinstance(owner, VirtualService):
            yield owner, rule
    for route in (*mesh.http_routes, *mesh.stream_routes):
        if host in route.hosts:
            yield from ((route, rule) for rule in route.rules)


def _to_other_backends(located: Located, rule: Rule, stable: HostSubset) -> Iterator[str]:
    """Backends that are versions too: the rule that is rolled back has them."""
    versions = {destination.host for destination in located.rule.destinations}
    for destination in rule.destinations:
        percent = rule.percent(destination)
        if destination.host in versions and destination.host != stable.host and percent > 0:
            yield f"{percent:.3g} % to {destination.label}"


def _elsewhere(rule: Rule, host: str, stable: HostSubset) -> Iterator[str]:
    for destination in rule.destinations:
        percent = rule.percent(destination)
        away = (destination.host, destination.subset) != (stable.host, stable.subset)
        if destination.host == host and destination.subset and away and percent > 0:
            yield f"{percent:.3g} % to {destination.subset}"


def _effects(rule: Rule, stable: HostSubset) -> Iterator[str]:
    """Copies to other versions, and faults."""
    for mirror in rule.mirrors:
        if (mirror.host, mirror.subset) != (stable.host, stable.subset):
            yield f"mirror {mirror.label} {mirror.percent:g} %"
    if rule.fault and rule.fault.active:
        yield f"fault {rule.fault}"


def rollback_rules(
    mesh: Mesh, first: Located, stable: HostSubset, others: Sequence[Beyond] = ()
) -> tuple[Change, ...]:
    """One change for each object: the located rule and, with it, the `others`; its own first."""
    by_object: dict[tuple[str, str, str], list[Located]] = {_place(first): [first]}
    for one in others:
        located = Located(mesh, first.service, one.owner, one.rule)
        by_object.setdefault(_place(located), []).append(located)
    return tuple(_of_object(group, stable) for group in by_object.values())


def _place(located: Located) -> tuple[str, str, str]:
    ref = located.owner.ref
    return ref.kind, ref.namespace, ref.name


def _of_object(group: Sequence[Located], stable: HostSubset) -> Change:
    """The rules of one object in one patch, the last first: what is before keeps its place."""
    first, several = group[0], len(group) > 1
    raw = first.owner.raw
    operations: list[Operation] = []
    words: dict[tuple[str, int], list[str]] = {}
    gone: set[tuple[str, int]] = set()
    for one in sorted(group, key=lambda located: -located.rule.index):
        if _at(one) in gone:
            continue
        service = parse_owner(raw, one.domain)
        rule = next(r for r in service.rules if (r.place, r.index) == _at(one))
        there = replace(one, owner=service, rule=rule)
        steps = to_stable(there, stable)
        raw = apply(raw, steps)
        operations += steps
        gone |= set(_removed(steps))
        if steps:
            change = rule_change(there, VERB, steps)
            words[_at(one)] = [
                f"rule {rule.title}: {text}" if several else text for text in change.words
            ]
    made = rule_change(first, VERB, tuple(operations))
    lines = [text for at in sorted(words) for text in words[at]]
    return replace(made, words=tuple(lines)) if lines else made


def _at(located: Located) -> tuple[str, int]:
    return located.rule.place, located.rule.index


def _targeted(located: Located) -> tuple[Operation, ...]:
    return () if is_stream(located.rule) else targeted_removals(located)


def _removed(operations: Iterable[Operation]) -> Iterator[tuple[str, int]]:
    for operation in operations:
        whole = whole_rule(operation)
        if whole is not None and operation["op"] == "remove":
            yield whole


def to_stable(located: Located, stable: HostSubset) -> tuple[Operation, ...]:
    """All of a rule's traffic to stable, its mirrors and faults off."""
    label = label_of(located, stable.host, stable.subset)
    if isinstance(located.owner, HttpRoute):
        return (*weight_operations(located, {label: 100.0}), *without_mirrors(located))
    if is_stream(located.rule):
        return weight_operations(located, {label: 100.0})
    return (
        *weight_operations(located, {label: 100.0}),
        *clear_mirror_operations(located),
        *clear_fault_operations(located),
    )


def rules_touched(spec_before: Json, spec_after: Json) -> int:
    """How many rules of its object a change alters or takes away."""
    return sum(
        rule not in (spec_after.get(name) or [])
        for name in (*PROTOCOLS, RULES)
        for rule in spec_before.get(name) or []
    )
