"""What a run relies on in the mesh's objects, and what somebody else changed of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.canary.events import Edit, Edited
from meshtui.changes.change import RuleRef, Target
from meshtui.changes.checks import owners
from meshtui.changes.locate import Located, locate, resolve_version
from meshtui.changes.stream_rules import is_stream, refuse_requests
from meshtui.changes.undo import place_of
from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.carrying import place_of as route_place
from meshtui.mesh.carrying import routes_to
from meshtui.mesh.gateway_api import ROUTE_KINDS, rule_key
from meshtui.mesh.model import Json, Mesh, Ref, RuleOwner, Service
from meshtui.mesh.parse_gateway_api import parse_owner
from meshtui.mesh.rules import Rule

_DRIVERS = ("Argo Rollouts", "Flagger")


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """The route of a run as its objects have it.

    `kind`, `namespace`, `name` and `uid` are those of the VirtualService or HTTPRoute, `rule` and
    `index` say which of its rules; `spec` is the whole of it as JSON. `host` and `subset` are the
    canary's destination.
    `labels` are the labels that choose the pods, as JSON by subset and for the service itself.
    `drivers` are other programs that drive the weights. `version` is the resourceVersion. `idle`
    says why the rule carries nobody's traffic, empty where it does.
    """

    namespace: str
    name: str
    uid: str
    version: str
    rule: str
    index: int
    spec: str
    host: str
    subset: str
    labels: tuple[tuple[str, str], ...] = ()
    drivers: tuple[str, ...] = ()
    idle: str = ""
    kind: str = "VirtualService"

    @property
    def place(self) -> tuple[str, str]:
        return self.host, self.subset

    @property
    def ref(self) -> RuleRef:
        return RuleRef(self.rule, self.index, self.list_name)

    @property
    def list_name(self) -> str:
        """The list in its spec that has the rules."""
        return "rules" if self.kind in ROUTE_KINDS else "http"

    @property
    def targets(self) -> str:
        """The list in the rule that has the destinations."""
        return "backendRefs" if self.kind in ROUTE_KINDS else "route"

    @property
    def usual(self) -> int:
        """The weight of a destination that says none."""
        return 1 if self.kind in ROUTE_KINDS else 100

    @property
    def object_name(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def written(self) -> str:
        """How a person names the rule."""
        return f"{self.name}/{self.index}"


def find_route(mesh: Mesh, target: Target, version: str) -> tuple[Located, RouteFacts]:
    """The rule that a run drives. Raises what `locate` and `resolve_version` raise."""
    located = locate(mesh, target)
    if is_stream(located.rule):
        refuse_requests(located.owner.ref, located.rule, "a canary is judged by requests")
    place = resolve_version(located, version)
    facts = _facts(mesh, located.service, located.owner, located.rule, (place.host, place.subset))
    return located, facts


def read_route_facts(mesh: Mesh, service: Service, known: RouteFacts) -> RouteFacts | None:
    """The same route as it is now; None where its rule or its object is gone."""
    owners: tuple[RuleOwner, ...] = mesh.virtual_services
    if known.kind in ROUTE_KINDS:
        owners = tuple(one for one in mesh.http_routes if one.ref.kind == known.kind)
    names = known.namespace, known.name
    owner = next((one for one in owners if (one.ref.namespace, one.ref.name) == names), None)
    if owner is None or owner.ref.uid != known.uid:
        return None
    index = place_of(known.ref, json.loads(known.spec), read.obj(owner.raw, "spec"))
    rule = next((r for r in owner.rules if (r.protocol, r.index) == ("http", index)), None)
    return None if rule is None else _facts(mesh, service, owner, rule, known.place)


def _facts(
    mesh: Mesh, service: Service, owner: RuleOwner, rule: Rule, place: tuple[str, str]
) -> RouteFacts:
    meta: Ref = owner.ref
    owner_words = " ".join(caution.text for caution in owners(owner.raw))
    return RouteFacts(
        meta.namespace,
        meta.name,
        meta.uid,
        owner.resource_version,
        rule.name,
        rule.index,
        _json(read.obj(owner.raw, "spec")),
        *place,
        labels=tuple(_labels(mesh, rule, place)),
        drivers=tuple(name for name in _DRIVERS if name in owner_words),
        idle=_idle(mesh, service, owner, rule),
        kind=meta.kind,
    )


def _idle(mesh: Mesh, service: Service, owner: RuleOwner, rule: Rule) -> str:
    own = rule_key(owner.ref, rule.place, rule.index)
    routes = [route for route in routes_to(mesh, service) if route_place(route) == own]
    return routes[0].unused if routes else "it is not among the rules of the service any more"


def _labels(mesh: Mesh, rule: Rule, place: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """By what the pods of each destination are chosen."""
    places = dict.fromkeys([*((d.host, d.subset) for d in rule.destinations), place])
    for host in dict.fromkeys(host for host, _ in places):
        service = mesh.by_host.get(host)
        if service is not None:
            yield f"service {service.key}", _json(dict(service.selector))
    for destination_rule in mesh.destination_rules:
        for subset in destination_rule.subsets:
            if (destination_rule.host, subset.name) in places:
                yield f"subset {subset.name}", _json(dict(subset.labels))


def percent_of(facts: RouteFacts) -> float:
    """The canary's part of the rule, 0 to 100."""
    return percents_of(facts).get(facts.place, 0.0)


def percents_of(facts: RouteFacts) -> dict[tuple[str, str], float]:
    """Each destination's part of the rule, 0 to 100."""
    found: dict[tuple[str, str], float] = {}
    rule = _parsed(facts)
    for destination in rule.destinations if rule else ():
        place = (destination.host, destination.subset)
        found[place] = found.get(place, 0.0) + (rule.percent(destination) if rule else 0.0)
    return found


def mirrored(facts: RouteFacts) -> bool:
    """Whether the rule copies requests to the canary."""
    rule = _parsed(facts)
    mirrors = rule.mirrors if rule else ()
    return any((mirror.host, mirror.subset) == facts.place for mirror in mirrors)


def _parsed(facts: RouteFacts) -> Rule | None:
    raw = {
        "kind": facts.kind,
        "metadata": {"namespace": facts.namespace, "name": facts.name},
        "spec": json.loads(facts.spec),
    }
    rules = parse_owner(raw, _domain(facts)).rules
    return next((r for r in rules if (r.protocol, r.index) == ("http", facts.index)), None)


def _domain(facts: RouteFacts) -> str:
    """The domain that short names are completed with, by the canary's own full name."""
    _, _, domain = facts.host.partition(".svc.")
    return domain or "cluster.local"


def edited(before: RouteFacts, now: RouteFacts | None, by: str = "") -> Edited | None:
    """The gravest thing that somebody changed; None where all is as it was."""
    whom = f" by {by}" if by else ""
    if now is None:
        rule = before.rule or before.index
        return Edited(Edit.REMOVED, f"the rule {rule} of {before.object_name} is gone")
    found = next(_changes(before, now), None)
    return found and Edited(found.edit, f"{found.words}{whom}", found.weight)


def _changes(before: RouteFacts, now: RouteFacts) -> Iterator[Edited]:
    if set(now.drivers) - set(before.drivers):
        yield Edited(Edit.DRIVER, f"{', '.join(now.drivers)} drives these weights now")
    was, weight = percent_of(before), percent_of(now)
    if abs(was - weight) > 0.01:
        words = f"the canary's weight was changed from {was:.3g} to {weight:.3g} %"
        yield Edited(Edit.WEIGHT, words, weight)
    old, new = (_rule(facts) for facts in (before, now))
    if _match(old) != _match(new):
        yield Edited(Edit.MATCH, "what the rule matches was changed")
    if _ahead(before) != _ahead(now):
        yield Edited(Edit.MATCH, "the rules ahead of the canary's were changed")
    if old.get("fault") != new.get("fault"):
        yield Edited(Edit.MATCH, "a fault was set or taken off, which falsifies the judgement")
    if mirrored(before) and not mirrored(now):
        yield Edited(Edit.MATCH, "the copies to the canary were switched off")
    if now.idle and not before.idle:
        yield Edited(Edit.MATCH, f"the canary's rule carries no traffic any more ({now.idle})")
    if before.labels != now.labels:
        changed = [name for name, labels in now.labels if (name, labels) not in before.labels]
        words = f"the labels of {', '.join(changed) or 'a subset'} were changed"
        yield Edited(Edit.LABELS, words)
    if percents_of(before) != percents_of(now):
        yield Edited(Edit.UNRELATED, "the other versions' weights were changed")
    if before.spec != now.spec:
        words = f"{now.object_name} was edited, not in what the canary rests on"
        yield Edited(Edit.UNRELATED, words)


def _rule(facts: RouteFacts) -> Mapping[str, Any]:
    rules = json.loads(facts.spec).get(facts.list_name) or []
    return rules[facts.index] if facts.index < len(rules) else {}


def _match(rule: Mapping[str, Any]) -> Any:
    return rule.get("match") or rule.get("matches") or None


def _ahead(facts: RouteFacts) -> list[Any]:
    rules: list[Any] = json.loads(facts.spec).get(facts.list_name) or []
    return [(_match(rule), rule.get("name")) for rule in rules[: facts.index]]


def _json(value: Json | dict[str, str]) -> str:
    return json.dumps(value, sort_keys=True)
