"""Faults and mirrors as things of their own: by what each is known, wherever its rule stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from meshtui.changes.change import Effect, Operation
from meshtui.changes.mirror_filter import MIRROR, part_of
from meshtui.changes.patch import apply, pointer
from meshtui.changes.shape import rule_json
from meshtui.changes.undo import identity
from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.gateway_api import HTTP_ROUTE, RULES
from meshtui.mesh.hosts import CLUSTER_DOMAIN, full_host
from meshtui.mesh.model import Json
from meshtui.mesh.parse_gateway_api import backend_host, parse_owner
from meshtui.mesh.quantity import go_duration, number

TARGETED = "meshtui-fault"
"""How the name of a rule begins that exists only to inject a fault."""

SINGLE_PERCENTS = ("mirrorPercentage", "mirrorPercent", "mirror_percent")


@dataclass(frozen=True, slots=True)
class Placed:
    """An effect that is on: the rule's list and index, and what is set, as the contract shows it.

    `value` is the fault's part, or the mirror's percentage.
    """

    protocol: str
    index: int
    value: Any


def effects_of(spec: Json, namespace: str) -> dict[Effect, Placed]:
    """The faults and mirrors of the spec of a VirtualService or an HTTPRoute."""
    raw = {"kind": _kind(spec), "metadata": {"namespace": namespace}, "spec": spec}
    rules = parse_owner(raw).rules
    found: dict[Effect, Placed] = {}
    seen: dict[tuple[str, str], int] = {}
    for rule in rules:
        known = _known_by(spec, rule.place, rule.index)
        number_of = seen.get((rule.place, known), 0)
        seen[rule.place, known] = number_of + 1
        for (kind, to), value in _values(rule_json(rule)).items():
            effect = Effect(rule.place, known, number_of, kind, to)
            found[effect] = Placed(rule.place, rule.index, value)
    return found


def _kind(spec: Json) -> str:
    """By the list that has the rules: what is kept of a change is the spec alone."""
    return HTTP_ROUTE if RULES in spec else "VirtualService"


def effects_at(spec: Json, namespace: str, protocol: str, index: int) -> dict[Effect, Placed]:
    """Those of one rule."""
    found = effects_of(spec, namespace)
    return {e: p for e, p in found.items() if (p.protocol, p.index) == (protocol, index)}


def find_effect(effect: Effect, spec: Json, namespace: str) -> tuple[Placed, ...]:
    """The effect in `spec`; of a rule that is no more as it was, each that it may be."""
    found = effects_of(spec, namespace)
    if effect in found:
        return (found[effect],)
    rules = read.items(spec, effect.protocol)
    alike = [i for i in range(len(rules)) if _known_by(spec, effect.protocol, i) == effect.rule]
    if len(alike) > effect.number:
        return ()
    name = json.loads(effect.rule)[0]
    return tuple(
        placed
        for other, placed in found.items()
        if (other.kind, other.to) == (effect.kind, effect.to)
        and (not name or json.loads(other.rule)[0] == name)
    )


def _known_by(spec: Json, protocol: str, index: int) -> str:
    rules = read.items(spec, protocol)
    return json.dumps(identity(rules[index] if index < len(rules) else None), sort_keys=True)


def _values(rule: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    fault = rule.get("fault") or {}
    parts = {(part, ""): fault[part] for part in ("delay", "abort") if fault.get(part)}
    copies = {
        ("mirror", f"{m['host']}/{m['subset'] or ''}"): m["percent"]
        for m in rule.get("mirrors") or ()
    }
    return parts | copies


def restored(
    spec: Json, namespace: str, wanted: Mapping[Effect, Any]
) -> tuple[tuple[Operation, ...], Json]:
    """The operations that bring each effect to a value, None for off, and the spec after them.

    A rule that exists only to inject a fault goes with it. What is not there is left out.
    """
    operations: list[Operation] = []
    for effect, value in wanted.items():
        placed = effects_of(spec, namespace).get(effect)
        if placed is None or placed.value == value:
            continue
        rule = read.items(spec, placed.protocol)[placed.index]
        steps = ("spec", placed.protocol, placed.index)
        if placed.protocol == RULES:
            made = _filter(rule, steps, effect.to, value, namespace)
        elif effect.kind == "mirror":
            made = _mirror(rule, steps, effect.to, value, namespace)
        else:
            made = _fault(rule, steps, effect.kind, value)
        operations += made
        spec = apply({"spec": spec}, made)["spec"]
    return tuple(operations), spec


Steps = tuple[str, str, int]


def _fault(rule: Json, steps: Steps, part: str, value: Any) -> list[Operation]:
    if value is not None:
        path = pointer(*steps, "fault", part)
        return [{"op": "add", "path": path, "value": _part(part, value)}]
    others = [key for key in read.obj(rule, "fault") if key != part]
    if others:
        return [{"op": "remove", "path": pointer(*steps, "fault", part)}]
    if read.text(rule, "name").startswith(f"{TARGETED}-"):
        return [{"op": "remove", "path": pointer(*steps)}]
    return [{"op": "remove", "path": pointer(*steps, "fault")}]


def _part(part: str, value: Mapping[str, Any]) -> dict[str, Any]:
    percentage = {"percentage": {"value": number(value["percent"])}}
    if part == "delay":
        return {**percentage, "fixedDelay": go_duration(value["seconds"])}
    if value["http_status"]:
        return {**percentage, "httpStatus": value["http_status"]}
    return {**percentage, "grpcStatus": value["grpc_status"]}


def _mirror(rule: Json, steps: Steps, to: str, percent: Any, namespace: str) -> list[Operation]:
    percentage = {"value": percent}
    entries = read.items(rule, "mirrors")
    for index, entry in enumerate(entries):
        if _to(read.obj(entry, "destination"), namespace) != to:
            continue
        if percent is not None:
            path = pointer(*steps, "mirrors", index, "percentage")
            return [{"op": "add", "path": path, "value": percentage}]
        only = () if len(entries) > 1 else ("mirrors",)
        path = pointer(*steps, *(only or ("mirrors", index)))
        return [{"op": "remove", "path": path}]
    gone = SINGLE_PERCENTS if percent is None else SINGLE_PERCENTS[1:]
    keys = [key for key in (*(("mirror",) if percent is None else ()), *gone) if key in rule]
    operations: list[Operation] = [{"op": "remove", "path": pointer(*steps, k)} for k in keys]
    if percent is not None:
        path = pointer(*steps, "mirrorPercentage")
        operations.append({"op": "add", "path": path, "value": percentage})
    return operations


def _filter(rule: Json, steps: Steps, to: str, percent: Any, namespace: str) -> list[Operation]:
    """A mirror of an HTTPRoute, which is a filter."""
    filters = read.items(rule, "filters")
    for index, entry in enumerate(filters):
        backend = read.obj(read.obj(entry, "requestMirror"), "backendRef")
        if read.text(entry, "type") != MIRROR or _backend(backend, to, namespace) != to:
            continue
        if percent is None:
            only = () if len(filters) > 1 else ("filters",)
            return [{"op": "remove", "path": pointer(*steps, *(only or ("filters", index)))}]
        path = pointer(*steps, "filters", index, "requestMirror")
        wanted = {"backendRef": backend, **part_of(percent)}
        return [{"op": "replace", "path": path, "value": wanted}]
    return []


def _backend(backend: Json, to: str, namespace: str) -> str:
    """`host/` of a backend, in the domain of `to`."""
    _, _, domain = to.removesuffix("/").partition(".svc.")
    return f"{backend_host(backend, namespace, domain or CLUSTER_DOMAIN)}/"


def _to(destination: Json, namespace: str) -> str:
    host = full_host(read.text(destination, "host"), namespace)
    return f"{host}/{read.text(destination, 'subset')}"
