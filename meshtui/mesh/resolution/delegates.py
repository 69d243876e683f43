"""The HTTP rules of a VirtualService with those of its delegates in their places.

As istiod joins them (pilot/pkg/model/virtualservice.go): names of hosts and Gateways are completed
where they stand, each pair of matches must narrow, and a rule whose delegate is missing, private
or in conflict is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.gateway_api import HttpRoute
from meshtui.mesh.istio import Json
from meshtui.mesh.model import Rule, VirtualService
from meshtui.mesh.parse_rules import parse_match
from meshtui.mesh.resolution.names import full_name, gateway_name
from meshtui.mesh.rules import ANY_REQUEST

_STRINGS = ("uri", "scheme", "method", "authority")
_NAMED = ("headers", "withoutHeaders", "queryParams")
_INHERITED = (
    "rewrite",
    "directResponse",
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirrorPercent",
    "mirror_percent",
    "mirrorPercentage",
    "corsPolicy",
    "mirrors",
    "headers",
)


@dataclass(frozen=True, slots=True)
class RulePlace:
    """Where a rule stands: in which object, in which list, at which index.

    The list is `http`, `tcp` or `tls` of a VirtualService, or `rules` of an HTTPRoute.
    """

    service: VirtualService | HttpRoute
    index: int
    protocol: str = "http"

    @property
    def pointer(self) -> str:
        return f"/spec/{self.protocol}/{self.index}"

    @property
    def rule(self) -> Rule | None:
        """The rule as the model has it; None where a VirtualService has no such rule."""
        rules = self.service.rules
        for rule in chain(rules[self.index : self.index + 1], rules):
            if (rule.place, rule.index) == (self.protocol, self.index):
                return rule
        return None

    @property
    def raw(self) -> Json:
        """The rule as it is written there."""
        rules = read.items(read.obj(self.service.raw, "spec"), self.protocol)
        found = rules[self.index] if self.index < len(rules) else None
        return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class MergedRule:
    """A rule as the proxies get it. `holder` is where its destinations are written.

    Without a delegate that is `root` itself. `dropped` says why nothing is made of the rule.
    """

    root: RulePlace
    holder: RulePlace
    raw: Json
    dropped: str = ""

    @property
    def matches(self) -> tuple[Json, ...]:
        return tuple(read.objects(self.raw, "match"))

    @property
    def narrowed(self) -> str:
        """What a delegate's rule takes of its root's requests; empty for a rule of the root."""
        if self.holder.service is self.root.service:
            return ""
        return " or ".join(str(parse_match(match)) for match in self.matches) or ANY_REQUEST


Delegates = Callable[[str, str], VirtualService | None]
"""The VirtualService without hosts of a namespace and name."""


def merged_rules(
    service: VirtualService,
    delegates: Delegates,
    visible: Callable[[VirtualService, str], bool],
    domain: str,
) -> Iterator[MergedRule]:
    """All HTTP rules of a VirtualService in order, the dropped ones among them."""
    for index, raw in enumerate(read.items(read.obj(service.raw, "spec"), "http")):
        place = RulePlace(service, index)
        rule = completed(raw if isinstance(raw, Mapping) else {}, service.ref.namespace, domain)
        if not isinstance(rule.get("delegate"), Mapping):
            yield MergedRule(place, place, rule)
            continue
        wanted = read.obj(rule, "delegate")
        namespace = read.text(wanted, "namespace") or service.ref.namespace
        target = delegates(namespace, read.text(wanted, "name"))
        if target is None or not visible(target, service.ref.namespace):
            why = (
                "is not there" if target is None else f"is not exported to {service.ref.namespace}"
            )
            why = f"its delegate {namespace}/{read.text(wanted, 'name')} {why}"
            yield MergedRule(place, place, rule, why)
            continue
        yield from _of_delegate(place, rule, target, domain)


def _of_delegate(
    root: RulePlace, rule: Json, target: VirtualService, domain: str
) -> Iterator[MergedRule]:
    for index, raw in enumerate(read.items(read.obj(target.raw, "spec"), "http")):
        leaf = completed(raw if isinstance(raw, Mapping) else {}, target.ref.namespace, domain)
        matches, conflict = _joined_matches(rule, leaf)
        joined = {key: value for key, value in leaf.items() if key != "delegate"}
        names = filter(None, (read.text(rule, "name"), read.text(leaf, "name")))
        joined["name"] = "-".join(names)
        joined["match"] = matches
        for key in _INHERITED:
            if _unset(joined, key) and not _unset(rule, key):
                joined[key] = rule[key]
        yield MergedRule(root, RulePlace(target, index), joined, conflict)


def _unset(rule: Json, key: str) -> bool:
    """An empty list is none for istiod; an empty message is one."""
    value = rule.get(key)
    return value is None or (key == "mirrors" and not value)


def _joined_matches(root: Json, leaf: Json) -> tuple[list[Json], str]:
    """Each match of the leaf with each that it narrows; one without any drops the whole rule."""
    outer, inner = read.objects(root, "match"), read.objects(leaf, "match")
    if not outer or not inner:
        return outer or inner, ""
    found: list[Json] = []
    for match in inner:
        fitting = [one for one in outer if not conflict(one, match)]
        if not fitting:
            return [], f"its delegate asks for something else: {conflict(outer[0], match)}"
        found += [_joined(one, match) for one in fitting]
    return found, ""


def _joined(root: Json, leaf: Json) -> Json:
    joined = dict(leaf)
    names = filter(None, (read.text(root, "name"), read.text(leaf, "name")))
    joined["name"] = "-".join(names)
    for key in (*_STRINGS, "port", "sourceNamespace", "gateways", "statPrefix"):
        if not joined.get(key) and joined.get(key) != {} and key in root:
            joined[key] = root[key]
    for key in (*_NAMED, "sourceLabels"):
        joined[key] = {**read.obj(root, key), **read.obj(leaf, key)}
    return joined


def conflict(root: Json, leaf: Json) -> str:
    """Why the delegate's match does not narrow the root's; empty where it does."""
    for key in _STRINGS:
        if _strings_conflict(root.get(key), leaf.get(key)):
            return f"another {key}"
    for key in _NAMED:
        for name, value in read.obj(leaf, key).items():
            if _strings_conflict(read.obj(root, key).get(name), value):
                return f"another {name} in {key}"
    if bool(root.get("ignoreUriCase")) is not bool(leaf.get("ignoreUriCase")):
        return "another ignoreUriCase"
    ports = read.integer(root, "port"), read.integer(leaf, "port")
    if all(ports) and ports[0] != ports[1]:
        return "another port"
    namespace = read.text(root, "sourceNamespace")
    if namespace and read.text(leaf, "sourceNamespace") != namespace:
        return "another sourceNamespace"
    labels = read.labels(root, "sourceLabels")
    for name, value in read.labels(leaf, "sourceLabels").items():
        if labels.get(name, value) != value:
            return f"another source label {name}"
    outer, inner = read.texts(root, "gateways"), read.texts(leaf, "gateways")
    if outer and inner and (len(outer) < len(inner) or not set(inner) <= set(outer)):
        return "more gateways"
    return ""


def _strings_conflict(root: Any, leaf: Any) -> bool:
    """As istiod has it: expressions never narrow, and an empty condition narrows nothing."""
    if root is None or leaf is None:
        return False
    outer, inner = _spelled(root), _spelled(leaf)
    if (outer["regex"] and any(inner.values())) or (inner["regex"] and any(outer.values())):
        return True
    if outer["exact"]:
        return bool(inner["prefix"]) or inner["exact"] != outer["exact"]
    if outer["prefix"] and (inner["prefix"] or inner["exact"]):
        return not (inner["prefix"] or inner["exact"]).startswith(outer["prefix"])
    return True


def _spelled(match: Any) -> dict[str, str]:
    return {kind: read.text(match, kind) for kind in ("exact", "prefix", "regex")}


def completed(rule: Json, namespace: str, domain: str) -> dict[str, Any]:
    """The rule with the full names of its hosts and Gateways, as the namespace means them."""
    found = dict(rule)
    if "route" in found:
        found["route"] = [_named(r, namespace, domain) for r in read.objects(rule, "route")]
    if isinstance(found.get("mirror"), Mapping):
        found["mirror"] = _target(read.obj(rule, "mirror"), namespace, domain)
    if "mirrors" in found:
        found["mirrors"] = [_named(m, namespace, domain) for m in read.objects(rule, "mirrors")]
    if "match" in found:
        found["match"] = [_match(match, namespace) for match in read.objects(rule, "match")]
    return found


def _named(entry: Json, namespace: str, domain: str) -> Json:
    if not isinstance(entry.get("destination"), Mapping):
        return entry
    return {**entry, "destination": _target(read.obj(entry, "destination"), namespace, domain)}


def _target(target: Json, namespace: str, domain: str) -> Json:
    return {**target, "host": full_name(read.text(target, "host"), namespace, domain)}


def _match(match: Json, namespace: str) -> Json:
    named = read.texts(match, "gateways")
    if not named:
        return match
    return {**match, "gateways": [gateway_name(name, namespace) for name in named]}
