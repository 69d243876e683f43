"""An object edited by hand, as the smallest patch between what it was and what it is to be."""

from __future__ import annotations

from typing import Any

from meshtui.changes.assemble import policy_change, rule_change, spec_of
from meshtui.changes.change import Change, Operation
from meshtui.changes.locate import Located
from meshtui.changes.patch import pointer
from meshtui.errors import Refused
from meshtui.mesh.model import (
    DestinationRule,
    Json,
    Mesh,
    Rule,
    RuleOwner,
    ServiceKey,
)
from meshtui.mesh.routing import service_of

VERB = "edit"


def difference(before: Any, after: Any, *steps: str | int) -> tuple[Operation, ...]:
    """Operations that turn `before` into `after`: maps key by key, lists of one length by place."""
    if isinstance(before, dict) and isinstance(after, dict):
        return _in_map(before, after, steps)
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return tuple(
            operation
            for index, (old, new) in enumerate(zip(before, after, strict=True))
            for operation in difference(old, new, *steps, index)
        )
    if before == after and isinstance(before, bool) == isinstance(after, bool):
        return ()
    return ({"op": "replace", "path": pointer(*steps), "value": after},)


def _in_map(
    before: dict[str, Any], after: dict[str, Any], steps: tuple[str | int, ...]
) -> tuple[Operation, ...]:
    operations: list[Operation] = []
    for key in [*before, *(key for key in after if key not in before)]:
        if key not in after:
            operations.append({"op": "remove", "path": pointer(*steps, key)})
        elif key not in before:
            operations.append({"op": "add", "path": pointer(*steps, key), "value": after[key]})
        else:
            operations += difference(before[key], after[key], *steps, key)
    return tuple(operations)


def edited(
    mesh: Mesh, target: RuleOwner | DestinationRule, service: ServiceKey, after: Json
) -> Change:
    """The change from the object as it was opened to `after`, which is the whole object.

    Only the spec is taken over. Raises `Refused` where it is another object by name or kind.
    """
    _refuse_another(target, after)
    operations = difference(spec_of(target.raw), spec_of(after), "spec")
    if isinstance(target, DestinationRule):
        return policy_change(target, service, VERB, operations)
    rule = _touched(target, operations)
    if rule is None:
        raise Refused(f"{target.ref} has no rule to edit", "use `kubectl edit`")
    known = service_of(mesh, service)
    return rule_change(Located(mesh, known, target, rule), VERB, operations)


def _refuse_another(target: RuleOwner | DestinationRule, after: Json) -> None:
    meta = after.get("metadata") if isinstance(after, dict) else None
    if not isinstance(meta, dict) or not isinstance(after.get("spec"), dict):
        raise Refused("what was edited is no object with metadata and spec any more")
    place = (after.get("kind"), meta.get("namespace"), meta.get("name"))
    if place != (target.ref.kind, target.ref.namespace, target.ref.name):
        raise Refused("kind, name and namespace can't be edited", f"this is {target.ref}")


def _touched(target: RuleOwner, operations: tuple[Operation, ...]) -> Rule | None:
    """The first rule that an operation is in, else the first there is."""
    for operation in operations:
        steps = operation["path"].split("/")
        for rule in target.rules:
            if rule.pointer.split("/")[2:4] == steps[2:4]:
                return rule
    return next(iter(target.rules), None)
