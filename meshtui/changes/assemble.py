"""A `Change` from operations on an object: what every verb and every undo ends in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshtui.changes.change import Change, Operation, RuleRef
from meshtui.changes.change_lines import policy_words, rule_words
from meshtui.changes.json_copy import plain
from meshtui.changes.locate import Located, whole_rule
from meshtui.changes.patch import apply, invert
from meshtui.changes.rule_tracking import follow
from meshtui.changes.shape import policy_json, rule_json
from meshtui.mesh.model import DestinationRule, Json, Ref, Rule, Service, ServiceKey
from meshtui.mesh.parse_gateway_api import parse_owner

Operations = tuple[Operation, ...]


def rule_change(
    located: Located,
    verb: str,
    operations: Operations,
    *,
    undoes: str = "",
) -> Change:
    """A change of the located rule, told in words and in JSON."""
    raw = located.owner.raw
    changed = apply(raw, operations)
    before, after = located.rule, _rule_after(located, changed, operations)
    return Change(
        verb=verb,
        service=located.service.key,
        target=located.owner.ref,
        resource_version=located.owner.resource_version,
        rule=RuleRef(after.name, after.index, after.place),
        patch=operations,
        inverse=invert(raw, operations),
        before=rule_json(before),
        after=rule_json(after),
        words=rule_words(located, before, after, operations, changed),
        spec_before=spec_of(raw),
        spec_after=spec_of(changed),
        undoes=undoes,
        rule_before=RuleRef(before.name, before.index, before.place),
    )


def _rule_after(located: Located, changed: Any, operations: Operations) -> Rule:
    """The same rule after the change, wherever it stands then.

    Where all that is done is to put one rule in, that one is what the change is about; of a rule
    that is taken away, what stands in its place.
    """
    protocol, index = located.rule.place, located.rule.index
    after = parse_owner(changed, located.domain)
    rules = [rule for rule in after.rules if rule.place == protocol]
    if not rules:
        return Rule(index, protocol=located.rule.protocol, list_name=located.rule.list_name)
    whole = whole_rule(operations[0]) if len(operations) == 1 else None
    if whole is not None and whole[0] == protocol and operations[0]["op"] == "add":
        return rules[whole[1]]
    count = sum(rule.place == protocol for rule in located.owner.rules)
    places = follow(protocol, count, operations).places
    place = places[index]
    if place is None:
        place = sum(found is not None for found in places[:index])
    return rules[min(place, len(rules) - 1)]


def policy_change(
    rule: DestinationRule,
    service: ServiceKey,
    verb: str,
    operations: Operations,
    *,
    undoes: str = "",
) -> Change:
    """A change of a DestinationRule."""
    changed = apply(rule.raw, operations)
    before, after = policy_json(rule.raw), policy_json(changed)
    return Change(
        verb=verb,
        service=service,
        target=rule.ref,
        resource_version=rule.resource_version,
        rule=None,
        patch=operations,
        inverse=invert(rule.raw, operations),
        before=before,
        after=after,
        words=policy_words(before, after),
        spec_before=spec_of(rule.raw),
        spec_after=spec_of(changed),
        undoes=undoes,
    )


def creation(
    service: ServiceKey, verb: str, body: Json, words: tuple[str, ...], *, undoes: str = ""
) -> Change:
    """A whole new object. Its inverse takes it away again."""
    shape = _shape(body)
    return Change(
        verb=verb,
        service=service,
        target=_ref(body),
        resource_version="",
        rule=None,
        patch=({"op": "add", "path": "", "value": dict(body)},),
        inverse=({"op": "remove", "path": ""},),
        before={},
        after=shape,
        words=words,
        spec_before={},
        spec_after=spec_of(body),
        undoes=undoes,
    )


def removal(
    service: ServiceKey, verb: str, raw: Json, words: tuple[str, ...], *, undoes: str = ""
) -> Change:
    """A whole object taken away. Its inverse makes it again, as it was."""
    meta = raw.get("metadata") or {}
    retained = {
        key: meta[key] for key in ("name", "namespace", "labels", "annotations") if key in meta
    }
    body = {"apiVersion": raw.get("apiVersion"), "kind": raw.get("kind"), "metadata": retained}
    body["spec"] = own_spec(str(raw.get("kind")), spec_of(raw))
    return Change(
        verb=verb,
        service=service,
        target=_ref(raw),
        resource_version=str(meta.get("resourceVersion", "")),
        rule=None,
        patch=({"op": "remove", "path": ""},),
        inverse=({"op": "add", "path": "", "value": body},),
        before=_shape(raw),
        after={},
        words=words,
        spec_before=spec_of(raw),
        spec_after={},
        undoes=undoes,
    )


def own_spec(kind: str, spec: Json) -> dict[str, Any]:
    """What of a spec is somebody's wish: a Service made again has other addresses."""
    of_server = ("clusterIP", "clusterIPs") if kind == "Service" else ()
    return {key: value for key, value in spec.items() if key not in of_server}


def free_name(objects: Iterable[Any], service: Service) -> str:
    """The service's name, unless an object for another host has it."""
    taken = {o.ref.name for o in objects if o.ref.namespace == service.key.namespace}
    name, number = service.key.name, 1
    while name in taken:
        number += 1
        name = f"{service.key.name}-{number}"
    return name


def _ref(raw: Json) -> Ref:
    meta = raw.get("metadata") or {}
    return Ref(
        str(raw.get("kind")), meta.get("namespace", ""), meta.get("name", ""), meta.get("uid", "")
    )


def _shape(raw: Json) -> Mapping[str, Any]:
    if raw.get("kind") == "DestinationRule":
        return policy_json(raw)
    if raw.get("kind") == "Service":
        spec = spec_of(raw)
        return {"selector": spec.get("selector") or {}, "ports": spec.get("ports") or []}
    rules = parse_owner(raw).rules
    return rule_json(rules[0]) if len(rules) == 1 else {"rules": [rule_json(r) for r in rules]}


def spec_of(raw: Json) -> dict[str, Any]:
    spec: dict[str, Any] = plain(raw.get("spec") or {})
    return spec
