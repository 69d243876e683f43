"""Taking a change back, even when other things in the object moved since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from meshtui.changes.change import Operation, RuleRef
from meshtui.changes.patch import PatchError, apply, exists, pointer, tokens, value_at
from meshtui.dataclass import dataclass
from meshtui.mesh.model import Json

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Record:
    """What the journal kept of a change: enough to take it back.

    `spec_stored`, where it is known, is what the server made of `spec_after`.
    """

    change_id: str
    rule: RuleRef | None
    inverse: tuple[Operation, ...]
    spec_before: Json
    spec_after: Json
    spec_stored: Json | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A place that somebody else touched since: as it was, as we left it, as it is now."""

    path: str
    was: Any
    left: Any
    now: Any

    def __str__(self) -> str:
        values = (_show(value) for value in (self.was, self.left, self.now))
        return "{}: was {}, we left {}, now {}".format(self.path, *values)


def _show(value: Any) -> str:
    return "absent" if value is _ABSENT else str(value)


def undo_operations(
    record: Record, now: Json
) -> tuple[tuple[Operation, ...], tuple[Difference, ...]]:
    """The operations that take the change back from the spec `now`, and what stands against it.

    Where the rule moved in its list, the operations follow it. Where a place that the change
    touched is no longer as the change left it, that is a difference, and nothing is to be done.
    """
    stored = _as_stored(record)
    if stored is None:
        lost = "the rule that was changed is not in what the server stored"
        return (), (Difference(lost, _ABSENT, _ABSENT, _ABSENT),)
    record = stored
    if now == record.spec_after:
        return record.inverse, ()
    moved = _moved(record, now)
    operations = tuple({**op, "path": _relocated(op["path"], moved)} for op in record.inverse)
    differences = _differences(record, now, operations)
    if differences:
        return (), differences
    try:
        apply({"spec": now}, operations)
    except PatchError as error:
        return (), (Difference(str(error), _ABSENT, _ABSENT, _ABSENT),)
    return operations, ()


def _as_stored(record: Record) -> Record | None:
    """The record with what the server stored in the place of what was sent.

    None where a webhook changed the list of rules so that the changed one can't be found.
    """
    stored, sent = record.spec_stored, record.spec_after
    if stored is None or stored == sent:
        return record
    moved = _moved(record, stored)
    if moved is None and not _same_places(record, stored):
        return None
    inverse = tuple({**op, "path": _relocated(op["path"], moved)} for op in record.inverse)
    rule = record.rule
    if moved is not None and rule is not None:
        rule = replace(rule, index=int(moved[2]))
    return replace(record, rule=rule, inverse=inverse, spec_after=stored)


def _same_places(record: Record, stored: Json) -> bool:
    """True where every list of rules that the way back names is one of the same rules."""
    lists = {tokens(operation["path"])[1] for operation in record.inverse if operation["path"]}
    return all(
        list(map(identity, _rules(record.spec_after, name)))
        == list(map(identity, _rules(stored, name)))
        for name in lists
    )


def place_of(rule: RuleRef, spec: Json, now: Json) -> int | None:
    """The index in `now` of the rule that is `rule` in `spec`; None where there is a doubt.

    A rule is known by its name and by what it matches, and by its name alone where it has one.
    """
    known, rules = _rules(spec, rule.protocol), _rules(now, rule.protocol)
    if rule.index >= len(known):
        return None
    mine = identity(known[rule.index])
    if rule.index < len(rules) and identity(rules[rule.index]) == mine:
        return rule.index
    hits = [i for i, other in enumerate(rules) if identity(other) == mine]
    if not hits and rule.name:
        hits = [i for i, other in enumerate(rules) if identity(other)[0] == rule.name]
    return hits[0] if len(hits) == 1 else None


def _moved(record: Record, now: Json) -> tuple[str, str, str] | None:
    """The rule's list and its index before and now, where that changed and is beyond doubt."""
    if record.rule is None or not _inside_the_rule(record.rule, record.inverse):
        return None
    place = place_of(record.rule, record.spec_after, now)
    if place is None or place == record.rule.index:
        return None
    return record.rule.protocol, str(record.rule.index), str(place)


def _inside_the_rule(rule: RuleRef, inverse: Sequence[Operation]) -> bool:
    """True where the way back is inside this one rule, or takes it away whole."""
    if len(inverse) == 1 and inverse[0]["op"] == "remove":
        return tokens(inverse[0]["path"])[:3] == ["spec", rule.protocol, str(rule.index)]
    return all(len(tokens(operation["path"])) > 3 for operation in inverse)


def _rules(spec: Json, protocol: str) -> Sequence[Any]:
    rules = spec.get(protocol)
    return rules if isinstance(rules, list) else ()


def identity(rule: Any) -> tuple[Any, Any]:
    """By what a rule is known, wherever it stands: its name and what it matches."""
    if not isinstance(rule, Mapping):
        return None, rule
    return rule.get("name"), rule.get("match") or rule.get("matches")


def _relocated(path: str, moved: tuple[str, str, str] | None) -> str:
    steps = tokens(path)
    if moved is not None and steps[:3] == ["spec", *moved[:2]]:
        steps[2] = moved[2]
    return pointer(*steps)


def _differences(
    record: Record, now: Json, operations: Sequence[Operation]
) -> tuple[Difference, ...]:
    """Compares step by step, since each operation may move what the next one names."""
    left, present = {"spec": record.spec_after}, {"spec": now}
    found = []
    for operation, original in zip(operations, record.inverse, strict=True):
        difference = _difference(record, left, present, operation, original)
        if difference is not None:
            found.append(difference)
        try:
            left, present = apply(left, [original]), apply(present, [operation])
        except PatchError:
            break
    return tuple(found)


def _difference(
    record: Record, left: Json, present: Json, operation: Operation, original: Operation
) -> Difference | None:
    if _inserts(original, left):
        return _put_back(operation, original, left, present)
    ours, theirs = _value(left, original["path"]), _value(present, operation["path"])
    if ours == theirs:
        return None
    was = original.get("value", _value({"spec": record.spec_before}, original["path"]))
    return Difference(operation["path"], was, ours, theirs)


def _inserts(operation: Operation, document: Json) -> bool:
    """True where the operation puts an element into a list: what stands there is a neighbour."""
    if operation["op"] != "add":
        return False
    parent = pointer(*tokens(operation["path"])[:-1])
    return exists(document, parent) and isinstance(value_at(document, parent), list)


def _put_back(
    operation: Operation, original: Operation, left: Json, present: Json
) -> Difference | None:
    """What was taken out of a list may be in it again: to put it in once more would double it."""
    value = operation["value"]
    ours, theirs = _siblings(left, original).count(value), _siblings(present, operation)
    if theirs.count(value) <= ours:
        return None
    return Difference(operation["path"], value, _ABSENT, value)


def _siblings(document: Json, operation: Operation) -> list[Any]:
    found = _value(document, pointer(*tokens(operation["path"])[:-1]))
    return found if isinstance(found, list) else []


def _value(document: Json, path: str) -> Any:
    return value_at(document, path) if exists(document, path) else _ABSENT
