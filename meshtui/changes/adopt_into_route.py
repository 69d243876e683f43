"""Adopting a service whose HTTPRoute sends to all its pods at once, or lacks a version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from meshtui.changes.adopt import VERB, Version
from meshtui.changes.assemble import rule_change
from meshtui.changes.change import Change, Operation
from meshtui.changes.locate import Located
from meshtui.changes.patch import APPEND, pointer, tokens
from meshtui.errors import Refused
from meshtui.mesh.carrying import Route
from meshtui.mesh.model import Mesh, Rule, Service
from meshtui.mesh.parse_gateway_api import backend_host

Weights = Mapping[str, int]


def into_routes(
    mesh: Mesh,
    service: Service,
    routes: Sequence[Route],
    versions: Sequence[Version],
    names: Mapping[str, str],
    weights: Weights,
    why: str,
) -> tuple[list[Change], str]:
    """A change for each HTTPRoute that has something to get, and what a person should know of it.

    Each of `routes` is its object's ordinary rule; `names` are the versions' Services. Raises
    `Refused` where each rule has each version, sends elsewhere too, or has no effect.
    """
    if all(route.unused for route in routes):
        problem = f"{service.key} is routed by {routes[0].service.ref} already"
        raise Refused(problem, f"that has no effect ({routes[0].unused})")
    split = [_split(mesh, service, route, names, weights) for route in routes]
    if any(split):
        return [change for change in split if change is not None], why
    added = [_completed(mesh, service, route, versions, names) for route in routes]
    if any(added):
        kept = "the weights of the backends that are there stay as they are"
        return [change for change in added if change is not None], kept
    problem = f"{service.key} is routed by {routes[0].service.ref} already"
    raise Refused(problem, "its backends are the versions: shift between them")


def _split(
    mesh: Mesh, service: Service, route: Route, names: Mapping[str, str], weights: Weights
) -> Change | None:
    """In each rule that sends to the service alone, a backend for each version in its place."""
    whole = [rule for rule in route.service.rules if _sends_to_all(rule, service)]
    if not whole:
        return None
    located = Located(mesh, service, route.service, whole[-1])
    operations = tuple(one for rule in whole for one in _replaced(located, rule, names, weights))
    total = sum(weights.values())
    shares = ", ".join(f"{names[v]} {weight * 100 / total:.3g} %" for v, weight in weights.items())
    rules = ", ".join(rule.title for rule in whole)
    words = f"{route.service.ref}, rule {rules}: {service.key.name} becomes {shares}"
    return replace(rule_change(located, VERB, operations), words=(words,))


def _completed(
    mesh: Mesh,
    service: Service,
    route: Route,
    versions: Sequence[Version],
    names: Mapping[str, str],
) -> Change | None:
    """The versions that the ordinary rule lacks, with weight 0."""
    rule = f"rule {route.rule.title} of {route.service.ref}"
    if any(destination.host == service.host for destination in route.rule.destinations):
        problem = f"{service.key} is routed by {route.service.ref} already"
        raise Refused(problem, f"{rule} sends to all its pods beside other backends: edit it first")
    added = [names[v.value] for v in versions if not _has(mesh, route.rule, service, v)]
    if not added or not route.rule.destinations:
        return None
    located = Located(mesh, service, route.service, route.rule)
    change = rule_change(located, VERB, tuple(_appended(located, added)))
    return replace(change, words=(f"{rule}: {', '.join(added)} added with weight 0",))


def lacks(mesh: Mesh, service: Service, route: Route, version: Version) -> bool:
    """True where the route needs a Service of the version."""
    rules = route.service.rules
    return any(_sends_to_all(rule, service) for rule in rules) or not _has(
        mesh, route.rule, service, version
    )


def _sends_to_all(rule: Rule, service: Service) -> bool:
    return [destination.host for destination in rule.destinations] == [service.host]


def _has(mesh: Mesh, rule: Rule, service: Service, version: Version) -> bool:
    """Whether one of the backends selects the version's pods, whatever its name is."""
    wanted = {**service.selector, version.label: version.value}
    backends = (mesh.by_host.get(destination.host) for destination in rule.destinations)
    return any(backend and dict(backend.selector) == wanted for backend in backends)


def _replaced(
    located: Located, rule: Rule, names: Mapping[str, str], weights: Weights
) -> Iterator[Operation]:
    """The backend keeps its port, its namespace and its filters for each version."""
    own = replace(located, rule=rule)
    (at,) = [i for i, raw in enumerate(own.raw_routes) if _host(own, raw) == own.service.host]
    raw = own.raw_routes[at]
    steps = tokens(rule.pointer)
    first, *others = (
        {**raw, "name": names[value], "weight": weight} for value, weight in weights.items()
    )
    yield {"op": "replace", "path": pointer(*steps, own.routes_key, at), "value": first}
    for number, backend in enumerate(others, at + 1):
        yield {"op": "add", "path": pointer(*steps, own.routes_key, number), "value": backend}


def _host(located: Located, raw: Any) -> str:
    return backend_host(raw, located.owner.ref.namespace, located.domain) or ""


def _appended(located: Located, names: Iterable[str]) -> Iterator[Operation]:
    """Spelled as the backend beside which they stand, without what is that one's alone."""
    beside = located.raw_routes[0]
    kept = {key: beside[key] for key in ("group", "kind", "namespace", "port") if key in beside}
    path = pointer(*tokens(located.rule.pointer), located.routes_key, APPEND)
    for name in names:
        yield {"op": "add", "path": path, "value": {**kept, "name": name, "weight": 0}}
