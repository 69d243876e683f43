"""Changes in the operator's words, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from meshtui.changes.breaker_fields import NAMES
from meshtui.changes.change import Operation
from meshtui.changes.locate import Located, labels_of, whole_rule
from meshtui.changes.patch import apply
from meshtui.changes.rule_tracking import follow
from meshtui.mesh.model import Json, Rule
from meshtui.mesh.parse_gateway_api import parse_owner

NOTHING = "nothing to change"
ALREADY = f"{NOTHING}: it is so already"


def rule_words(
    located: Located, before: Rule, after: Rule, operations: tuple[Operation, ...], changed: Json
) -> tuple[str, ...]:
    """What changes in a VirtualService's rule, and in others that the operations change with it.

    `changed` is the object after the operations.
    """
    if not operations:
        return (ALREADY,)
    lines = list(_whole_rules(located, operations))
    if len(lines) != len(operations):
        inside = [*_weights(located, before, after), *_extras(before, after)]
        lines = [*inside, *_beside(located, operations, changed), *lines]
    return tuple(lines) or ("fields of the rule that have no short name change; see the diff",)


def _beside(located: Located, operations: tuple[Operation, ...], changed: Json) -> Iterator[str]:
    """The other rules of the list that are changed inside, by name and in their old order."""
    protocol = located.rule.place
    old, new = (
        [rule for rule in service.rules if rule.place == protocol]
        for service in (located.owner, parse_owner(changed, located.domain))
    )
    followed = follow(protocol, len(old), operations)
    for index in followed.touched:
        place = followed.places[index]
        if index == located.rule.index or place is None or place >= len(new):
            continue
        there = replace(located, rule=old[index])
        differences = (*_weights(there, old[index], new[place]), *_extras(old[index], new[place]))
        yield from (f"rule {old[index].title}: {text}" for text in differences)


def _whole_rules(located: Located, operations: tuple[Operation, ...]) -> Iterator[str]:
    """A line for each rule that is put in or taken away, as the list is at that moment."""
    raw: Json = located.owner.raw
    for operation in operations:
        whole = whole_rule(operation)
        if whole is not None:
            put_in = operation["op"] != "remove"
            there = apply(raw, (operation,)) if put_in else raw
            yield _whole_rule(located, there, put_in, *whole)
        raw = apply(raw, (operation,))


def _whole_rule(located: Located, raw: Json, put_in: bool, protocol: str, index: int) -> str:
    """A fault for some requests is a rule that is put in: it is told as what it is."""
    rules = parse_owner(raw, located.domain).rules
    rule = next((r for r in rules if r.place == protocol and r.index == index), None)
    name = rule.name or str(index) if rule else str(index)
    done = f"rule {name} is {'put in' if put_in else 'taken away'}"
    if rule is None or rule.fault is None:
        return done
    return f"fault {rule.fault} for requests with {rule.match_text}: {done}"


def _weights(located: Located, before: Rule, after: Rule) -> list[str]:
    """What moves most first: that was asked for, and the others give or take for it."""
    old = {(d.host, d.subset): before.percent(d) for d in before.destinations}
    new = {(d.host, d.subset): after.percent(d) for d in after.destinations}
    own = zip(labels_of(located), before.destinations, strict=True)
    names = {(d.host, d.subset): label for label, d in own}
    names = {**{(d.host, d.subset): d.label for d in after.destinations}, **names}
    moved = {place: abs(old.get(place, 0.0) - new.get(place, 0.0)) for place in names}
    return [
        f"{names[place]} {old.get(place, 0.0):.4g} → {new.get(place, 0.0):.4g} %"
        for place in sorted(names, key=lambda place: -round(moved[place], 9))
        if moved[place] > 1e-9
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
    return ", ".join(f"{m.label} {m.percent:g} %" for m in rule.mirrors) or "none"


def _time(seconds: float | None) -> str:
    return f"{seconds:g}s" if seconds else "none"


def policy_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """What changes in a DestinationRule, leaf by leaf."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    lines = [
        f"{_leaf_name(path)} {old.get(path, 'unset')} → {new.get(path, 'unset')}"
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    ]
    return tuple(lines) or (ALREADY,)


def _leaf_name(path: tuple[str, ...]) -> str:
    """`v3: max-connections` of a limit that the command has a name for, else its place."""
    of_subset = len(path) > 3 and path[0] == "subsets" and path[2] == "policy"
    place = path[3:] if of_subset else path[1:] if path[:1] == ("policy",) else ()
    name = NAMES.get(place)
    if name is None:
        return ".".join(path)
    return f"{path[1]}: {name}" if of_subset else name


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, value
