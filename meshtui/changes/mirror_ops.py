"""The patch that sets and clears mirrors, in whichever of the two spellings the rule uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.changes.change import Operation
from meshtui.changes.effects import SINGLE_PERCENTS
from meshtui.changes.locate import HostSubset, Located, resolve_version
from meshtui.changes.mirror_filter import require_percent
from meshtui.changes.patch import APPEND, pointer, tokens
from meshtui.changes.weight_ops import destination_like, host_in
from meshtui.mesh.quantity import number


def mirror_operations(located: Located, to: str, percent: float) -> tuple[Operation, ...]:
    """Mirror `percent` (above 0, to 100) of the rule's requests to `to`; other mirrors stay."""
    require_percent(percent)
    place = resolve_version(located, to)
    rule, steps = located.raw_rule, tokens(located.rule.pointer)
    percentage = {"value": number(percent)}
    if rule.get("mirrors"):
        return _in_list(located, place, percentage)
    if rule.get("mirror") and _place(rule["mirror"], located) != place:
        return _single_to_list(located, place, percentage)
    operations: list[Operation] = []
    if not rule.get("mirror"):
        target = destination_like(located, place)
        operations.append({"op": "add", "path": pointer(*steps, "mirror"), "value": target})
    operations += _set_single_percent(rule, steps, percentage)
    return tuple(operations)


def _set_single_percent(
    rule: Mapping[str, Any], steps: list[str], percentage: Mapping[str, Any]
) -> list[Operation]:
    operations: list[Operation] = [
        {"op": "remove", "path": pointer(*steps, key)} for key in SINGLE_PERCENTS[1:] if key in rule
    ]
    if rule.get("mirrorPercentage") != percentage:
        path = pointer(*steps, "mirrorPercentage")
        operations.append({"op": "add", "path": path, "value": percentage})
    return operations


def _in_list(
    located: Located, place: HostSubset, percentage: Mapping[str, Any]
) -> tuple[Operation, ...]:
    steps = tokens(located.rule.pointer)
    for index, entry in enumerate(located.raw_rule["mirrors"]):
        if _place(entry.get("destination"), located) == place:
            if entry.get("percentage") == percentage:
                return ()
            path = pointer(*steps, "mirrors", index, "percentage")
            return ({"op": "add", "path": path, "value": percentage},)
    entry = {"destination": destination_like(located, place), "percentage": percentage}
    return ({"op": "add", "path": pointer(*steps, "mirrors", APPEND), "value": entry},)


def _single_to_list(
    located: Located, place: HostSubset, percentage: Mapping[str, Any]
) -> tuple[Operation, ...]:
    """A second mirror needs the list form; both forms together are invalid."""
    steps, rule = tokens(located.rule.pointer), located.raw_rule
    retained: dict[str, Any] = {"destination": rule["mirror"]}
    present = located.rule.mirrors[0].percent
    if present != 100:
        retained["percentage"] = {"value": number(present)}
    added = {"destination": destination_like(located, place), "percentage": percentage}
    return (
        *_remove_single(rule, steps),
        {"op": "add", "path": pointer(*steps, "mirrors"), "value": [retained, added]},
    )


def clear_mirror_operations(located: Located, to: str = "") -> tuple[Operation, ...]:
    """No mirror any more, or none to `to`."""
    rule, steps = located.raw_rule, tokens(located.rule.pointer)
    if not to:
        several: list[Operation] = [
            {"op": "remove", "path": pointer(*steps, "mirrors")} for _ in range("mirrors" in rule)
        ]
        return (*_remove_single(rule, steps), *several)
    place = resolve_version(located, to)
    if rule.get("mirror") and _place(rule["mirror"], located) == place:
        return _remove_single(rule, steps)
    entries = rule.get("mirrors") or []
    hits = [i for i, e in enumerate(entries) if _place(e.get("destination"), located) == place]
    if hits and len(hits) == len(entries):
        return ({"op": "remove", "path": pointer(*steps, "mirrors")},)
    return tuple({"op": "remove", "path": pointer(*steps, "mirrors", i)} for i in reversed(hits))


def _remove_single(rule: Mapping[str, Any], steps: list[str]) -> tuple[Operation, ...]:
    return tuple(
        {"op": "remove", "path": pointer(*steps, key)}
        for key in ("mirror", *SINGLE_PERCENTS)
        if key in rule
    )


def _place(target: Any, located: Located) -> HostSubset | None:
    if not isinstance(target, Mapping):
        return None
    return HostSubset(host_in(located, target), target.get("subset") or "")
