"""The patch that gives a rule's destinations their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.changes.change import Operation
from meshtui.changes.locate import HostSubset, Located, resolve_version
from meshtui.changes.patch import APPEND, pointer, tokens
from meshtui.changes.weights import as_named, redistribute, whole_weights
from meshtui.errors import Refused, Usage
from meshtui.mesh import read
from meshtui.mesh.hosts import full_host
from meshtui.mesh.model import HttpRoute
from meshtui.mesh.parse_gateway_api import backend_host


def weight_operations(located: Located, wanted: Mapping[str, float]) -> tuple[Operation, ...]:
    """Operations that bring the rule to `wanted` (percent by label), and nothing besides.

    Destinations that are not in the route yet are added at its end, spelled as their siblings;
    those that come to 0 stay in it.
    """
    if not located.rule.destinations:
        raise Refused(f"rule {located.rule.title} has no destinations to weigh")
    asked = {resolve_version(located, label): weight for label, weight in wanted.items()}
    if len(asked) < len(wanted):
        raise Usage("two of the names mean the same destination")
    current = _current(located)
    _refuse_excess(asked, current, located.rule.total_weight)
    percents = redistribute(_by_key(current), _by_key(asked))
    _refuse_half(percents, asked)
    exact = [_key(place) for place in asked]
    weights = as_named(percents, exact) or whole_weights(percents, exact, located.rule.total_weight)
    return _operations(located, current, weights, asked)


def _key(place: HostSubset) -> str:
    return f"{place.host}|{place.subset}"


def _by_key(weights: Mapping[HostSubset, float]) -> dict[str, float]:
    return {_key(place): weight for place, weight in weights.items()}


def _current(located: Located) -> dict[HostSubset, float]:
    """Percent by destination; one that is listed twice counts once, with both weights."""
    found: dict[HostSubset, float] = {}
    for destination in located.rule.destinations:
        place = HostSubset(destination.host, destination.subset)
        found[place] = found.get(place, 0.0) + located.rule.percent(destination)
    return found


def _refuse_excess(
    asked: Mapping[HostSubset, float], current: Mapping[HostSubset, float], total: int
) -> None:
    """Weights of all destinations are ratios, but a sum over 100 is rather a slip of the hand."""
    given = sum(asked.values())
    if set(current) <= set(asked) and given > 100 and given != total:
        raise Usage(f"the weights given sum to {given:g}, more than 100")


def _refuse_half(percents: Mapping[str, float], asked: Mapping[HostSubset, float]) -> None:
    """A lone destination takes everything: less than 100 % of it means nothing to Istio."""
    if len(percents) == 1 and 0 < sum(asked.values()) < 100:
        only = next(iter(asked))
        raise Refused(
            f"{only.subset or only.host} is the rule's only destination and takes everything",
            "name the version that takes the rest",
        )


def _operations(
    located: Located,
    current: Mapping[HostSubset, float],
    weights: Mapping[str, int],
    asked: Mapping[HostSubset, float],
) -> tuple[Operation, ...]:
    added = [place for place in asked if place not in current and weights[_key(place)] > 0]
    if len(current) + len(added) == 1:
        return ()
    steps = tokens(located.rule.pointer)
    seen: set[str] = set()
    operations: list[Operation] = []
    for index, route in enumerate(located.raw_routes):
        key = _route_key(route, located)
        if key is None:
            continue
        weight = 0 if key in seen else weights[key]
        seen.add(key)
        path = pointer(*steps, located.routes_key, index, "weight")
        operations += _set_weight(route, weight, path, _missing(located))
    for place in added:
        entry = _new_route(located, place, weights[_key(place)])
        path = pointer(*steps, located.routes_key, APPEND)
        operations.append({"op": "add", "path": path, "value": entry})
    return tuple(operations)


def _route_key(route: Any, located: Located) -> str | None:
    if isinstance(located.owner, HttpRoute):
        host = backend_host(route, located.owner.ref.namespace, located.domain)
        return _key(HostSubset(host, "")) if host else None
    target = route.get("destination") if isinstance(route, Mapping) else None
    if not isinstance(target, Mapping):
        return None
    return _key(HostSubset(host_in(located, target), target.get("subset") or ""))


def _missing(located: Located) -> int:
    """What a destination without a weight counts among others."""
    return 1 if isinstance(located.owner, HttpRoute) else 0


def _set_weight(route: Mapping[str, Any], weight: int, path: str, missing: int) -> list[Operation]:
    if "weight" not in route:
        return [{"op": "add", "path": path, "value": weight}] if weight != missing else []
    if route["weight"] == weight:
        return []
    return [{"op": "replace", "path": path, "value": weight}]


def _new_route(located: Located, place: HostSubset, weight: int) -> dict[str, Any]:
    if isinstance(located.owner, HttpRoute):
        return {**new_backend(located, place), "weight": weight}
    return {"destination": destination_like(located, place), "weight": weight}


def new_backend(located: Located, place: HostSubset) -> dict[str, Any]:
    """A Service as a backend, on the port of the others. Raises `Refused` for anything else."""
    service = located.mesh.by_host.get(place.host)
    if service is None or place.subset:
        raise Refused(f"{place.subset or place.host} is no Service", "a backend is a Service")
    written = (read.integer(route, "port") for route in located.raw_routes)
    known = [port.number for port in service.ports]
    port = next((port for port in written if port in known), next(iter(known), 0))
    home = service.key.namespace
    elsewhere = home != located.owner.ref.namespace
    return {
        "name": service.key.name,
        **({"namespace": home} if elsewhere else {}),
        "port": port,
    }


def host_in(located: Located, target: Mapping[str, Any]) -> str:
    """The full name of the host that a destination of the rule's VirtualService names."""
    namespace = located.owner.ref.namespace
    return full_host(str(target.get("host", "")), namespace, located.domain)


def destination_like(located: Located, place: HostSubset) -> dict[str, Any]:
    """A `destination` spelled as the rule spells its others: the same host name and port."""
    for route in located.raw_routes:
        target = route.get("destination") if isinstance(route, Mapping) else None
        if isinstance(target, Mapping) and host_in(located, target) == place.host:
            entry = {key: target[key] for key in ("host", "port") if key in target}
            return {**entry, **({"subset": place.subset} if place.subset else {})}
    return {"host": place.host, **({"subset": place.subset} if place.subset else {})}
