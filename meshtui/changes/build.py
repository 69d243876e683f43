"""From what was asked to a `Change`: the one place where all verbs come together."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, assert_never

from meshtui.changes.change import (
    Change,
    ClearFault,
    ClearMirror,
    Operation,
    Promote,
    Request,
    Rollback,
    RuleRef,
    SetFault,
    SetMirror,
    Shift,
    Target,
)
from meshtui.changes.fault_ops import (
    clear_fault_operations,
    fault_operations,
)
from meshtui.changes.locate import Located, labels_of, locate
from meshtui.changes.mirror_ops import clear_mirror_operations, mirror_operations
from meshtui.changes.patch import apply, invert
from meshtui.changes.shape import rule_json
from meshtui.changes.weight_ops import weight_operations
from meshtui.errors import Usage
from meshtui.mesh.model import Json, Mesh, Rule
from meshtui.mesh.parse_rules import parse_virtual_service

VERBS: Mapping[type, str] = {
    Shift: "shift",
    Promote: "promote",
    Rollback: "rollback",
    SetMirror: "mirror",
    ClearMirror: "mirror off",
    SetFault: "fault",
    ClearFault: "fault off",
}


def build_change(mesh: Mesh, request: Request, target: Target) -> Change:
    """The change that does what is asked; an empty patch where the object already is so."""
    located = locate(mesh, target)
    return change_of(
        located, VERBS[type(request)], operations_for(located, request), expires_s=_expiry(request)
    )


def operations_for(located: Located, request: Request) -> tuple[Operation, ...]:
    """The operations of each verb on the located rule."""
    match request:
        case Shift():
            return weight_operations(located, request.weights)
        case Promote():
            return weight_operations(located, {request.version: 100.0})
        case Rollback():
            return rollback_operations(located, request.stable)
        case SetMirror():
            return mirror_operations(located, request.to, request.percent)
        case ClearMirror():
            return clear_mirror_operations(located, request.to)
        case SetFault():
            return fault_operations(located, request)
        case ClearFault():
            return clear_fault_operations(located, request.header)
    assert_never(request)


def rollback_operations(located: Located, stable: str) -> tuple[Operation, ...]:
    """All traffic to `stable`; the rule's mirrors and faults off."""
    if not stable:
        raise Usage("a rollback needs to know which version is stable")
    return (
        *weight_operations(located, {stable: 100.0}),
        *clear_mirror_operations(located),
        *clear_fault_operations(located),
    )


def _expiry(request: Request) -> float | None:
    return request.expires_s if isinstance(request, SetFault | SetMirror) else None


def change_of(
    located: Located,
    verb: str,
    operations: tuple[Operation, ...],
    *,
    expires_s: float | None = None,
    undoes: str = "",
) -> Change:
    """A change of the located rule by `operations`, told in words, YAML and JSON."""
    raw = located.virtual_service.raw
    changed = apply(raw, operations)
    before, after = located.rule, _rule_after(located, changed, operations)
    return Change(
        verb=verb,
        service=located.service.key,
        target=located.virtual_service.ref,
        resource_version=located.virtual_service.resource_version,
        rule=RuleRef(after.name, after.index, after.protocol),
        patch=operations,
        inverse=invert(raw, operations),
        before=rule_json(before),
        after=rule_json(after),
        words=words_of(located, before, after, operations),
        spec_before=_spec(raw),
        spec_after=_spec(changed),
        undoes=undoes,
        expires_s=expires_s if operations else None,
    )


def _spec(raw: Json) -> dict[str, Any]:
    spec: dict[str, Any] = copy.deepcopy(dict(raw.get("spec") or {}))
    return spec


def _rule_after(located: Located, changed: Any, operations: tuple[Operation, ...]) -> Rule:
    """The rule after the change; an inserted rule is what the change is about."""
    rules = [
        rule
        for rule in parse_virtual_service(changed).rules
        if rule.protocol == located.rule.protocol
    ]
    index = located.rule.index
    for operation in operations:
        parts = operation["path"].split("/")
        if len(parts) == 4 and operation["op"] == "remove" and int(parts[3]) < index:
            index -= 1
    return rules[min(index, len(rules) - 1)]


def words_of(
    located: Located, before: Rule, after: Rule, operations: tuple[Operation, ...]
) -> tuple[str, ...]:
    """What changes, a line each, in the operator's words."""
    if not operations:
        return ("nothing to change: it is so already",)
    whole = [op for op in operations if len(op["path"].split("/")) == 4]
    lines = [_whole_rule(located, operation) for operation in whole]
    if len(whole) != len(operations):
        lines = [*_weights(located, before, after), *_extras(before, after), *lines]
    return tuple(lines) or ("fields of the rule that have no short name change; see the diff",)


def _whole_rule(located: Located, operation: Operation) -> str:
    if operation["op"] == "remove":
        index = int(operation["path"].rsplit("/", 1)[1])
        rule = located.virtual_service.raw["spec"]["http"][index]
        return f"rule {rule.get('name') or index} is taken away"
    name = operation["value"].get("name", "") if isinstance(operation["value"], dict) else ""
    fault = operation["value"].get("fault") if isinstance(operation["value"], dict) else None
    kinds = " and ".join(fault) if fault else "no fault"
    return f"rule {name} is put in above {located.rule.title}, with {kinds}"


def _weights(located: Located, before: Rule, after: Rule) -> list[str]:
    old = {(d.host, d.subset): before.percent(d) for d in before.destinations}
    new = {(d.host, d.subset): after.percent(d) for d in after.destinations}
    names = {
        (d.host, d.subset): label
        for label, d in zip(labels_of(located), before.destinations, strict=True)
    }
    names = {**{(d.host, d.subset): d.label for d in after.destinations}, **names}
    return [
        f"{name} {old.get(place, 0.0):.4g} → {new.get(place, 0.0):.4g} %"
        for place, name in names.items()
        if abs(old.get(place, 0.0) - new.get(place, 0.0)) > 1e-9
    ]


def _extras(before: Rule, after: Rule) -> list[str]:
    lines = []
    if before.mirrors != after.mirrors:
        lines.append(f"mirror {_mirrors(before)} → {_mirrors(after)}")
    if before.fault != after.fault:
        lines.append(f"fault {before.fault or 'none'} → {after.fault or 'none'}")
    if before.timeout_s != after.timeout_s:
        lines.append(f"timeout {_time(before.timeout_s)} → {_time(after.timeout_s)}")
    if before.retries != after.retries:
        lines.append(f"retries {before.retries or 'default'} → {after.retries or 'default'}")
    return lines


def _mirrors(rule: Rule) -> str:
    return ", ".join(f"{m.label} {m.percent:g}%" for m in rule.mirrors) or "none"


def _time(seconds: float | None) -> str:
    return f"{seconds:g}s" if seconds else "none"
