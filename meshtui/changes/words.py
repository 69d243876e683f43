"""Changes in the operator's words, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.changes.change import Operation
from meshtui.changes.locate import Located, labels_of, whole_rule
from meshtui.mesh.model import Rule

NOTHING = "nothing to change"
ALREADY = f"{NOTHING}: it is so already"


def rule_words(
    located: Located, before: Rule, after: Rule, operations: tuple[Operation, ...]
) -> tuple[str, ...]:
    """What changes in a VirtualService's rule."""
    if not operations:
        return (ALREADY,)
    lines = [_whole_rule(located, op, *whole) for op in operations if (whole := whole_rule(op))]
    if len(lines) != len(operations):
        lines = [*_weights(located, before, after), *_extras(before, after), *lines]
    return tuple(lines) or ("fields of the rule that have no short name change; see the diff",)


def _whole_rule(located: Located, operation: Operation, protocol: str, index: int) -> str:
    if operation["op"] == "remove":
        rule = located.virtual_service.raw["spec"][protocol][index]
        return f"rule {rule.get('name') or index} is taken away"
    value = operation["value"] if isinstance(operation["value"], dict) else {}
    name, fault = value.get("name") or index, value.get("fault")
    return f"rule {name} is put in{' with ' + ' and '.join(fault) if fault else ''}"


def _weights(located: Located, before: Rule, after: Rule) -> list[str]:
    old = {(d.host, d.subset): before.percent(d) for d in before.destinations}
    new = {(d.host, d.subset): after.percent(d) for d in after.destinations}
    own = zip(labels_of(located), before.destinations, strict=True)
    names = {(d.host, d.subset): label for label, d in own}
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


def policy_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """What changes in a DestinationRule, leaf by leaf."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    lines = [
        f"{path} {old.get(path, 'unset')} → {new.get(path, 'unset')}"
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    ]
    return tuple(lines) or (ALREADY,)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value
