"""EnvoyFilters, as far as they limit rates in the proxy itself: which proxies, and what is patched.

Of all that an EnvoyFilter can do the lab does this: a local rate limit inserted among the HTTP
filters, and a local rate limit, or descriptors, merged into routes, virtual hosts and whole route
configurations. Every other patch is named once and left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control.reading import complain
from meshtui.lab.control.world import MALFORMED, ROOT, Config, Proxy, World, selects

INBOUND, OUTBOUND, GATEWAY = "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY"
_LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_MANAGER = "envoy.filters.network.http_connection_manager"
_INSERTIONS = frozenset({"INSERT_BEFORE", "INSERT_FIRST"})
_ROUTES = frozenset({"HTTP_ROUTE", "VIRTUAL_HOST", "ROUTE_CONFIGURATION"})
_ACTIONS = {"ROUTE": "route", "REDIRECT": "redirect", "DIRECT_RESPONSE": "direct_response"}
_MERGED = frozenset({"typed_per_filter_config", "rate_limits", "route"})


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch that the lab carries out; what its match leaves open is empty."""

    kind: str
    value: Obj
    context: str = ""
    port: int = 0
    filter: str = ""
    before: str = ""
    config: str = ""
    host: str = ""
    route: str = ""
    action: str = ""

    def is_for(self, context: str, port: int) -> bool:
        return self.context in ("", "ANY", context) and self.port in (0, port)


def patches_for(world: World, proxy: Proxy) -> list[Patch]:
    """The patches of a proxy, those of the root namespace first."""
    own = [c for c in world.envoy_filters if c.namespace == ROOT]
    if proxy.namespace != ROOT:
        own += [c for c in world.envoy_filters if c.namespace == proxy.namespace]
    return [patch for config in own if _selects(config, proxy) for patch in _patches(config)]


def _selects(config: Config, proxy: Proxy) -> bool:
    """What is attached by targetRefs is for waypoints and the Gateway API's gateways: none here."""
    if config.spec.get("targetRefs"):
        complain(f"EnvoyFilter {config.namespace}/{config.name} ignored: the lab has no targetRefs")
        return False
    labels = (config.spec.get("workloadSelector") or {}).get("labels") or {}
    return selects(labels, proxy.labels)


def _patches(config: Config) -> Iterator[Patch]:
    for index, raw in enumerate(config.spec.get("configPatches") or ()):
        try:
            patch = _patch(raw)
        except MALFORMED:
            patch = None
        if patch is None:
            complain(
                f"EnvoyFilter {config.namespace}/{config.name} configPatches[{index}] ignored: "
                "the lab knows local rate limits only"
            )
        else:
            yield patch


def _patch(raw: Mapping[str, Any]) -> Patch | None:
    kind, patch = raw["applyTo"], raw["patch"]
    operation, value = patch["operation"], dict(patch["value"])
    inserted = kind == "HTTP_FILTER" and operation in _INSERTIONS
    if inserted and value["name"] and _is_limit(value["typed_config"]):
        found = _placed(kind, value, raw.get("match") or {})
        return replace(found, before="") if operation == "INSERT_FIRST" else found
    if kind in _ROUTES and operation == "MERGE" and _is_merged(value):
        return _placed(kind, value, raw.get("match") or {})
    return None


def _placed(kind: str, value: Obj, match: Mapping[str, Any]) -> Patch:
    listener, routes = match.get("listener") or {}, match.get("routeConfiguration") or {}
    found = (listener.get("filterChain") or {}).get("filter") or {}
    host = routes.get("vhost") or {}
    route = host.get("route") or {}
    return Patch(
        kind,
        value,
        str(match.get("context") or ""),
        int((listener if kind == "HTTP_FILTER" else routes).get("portNumber") or 0),
        str(found.get("name") or ""),
        str((found.get("subFilter") or {}).get("name") or ""),
        str(routes.get("name") or ""),
        str(host.get("name") or ""),
        str(route.get("name") or ""),
        str(route.get("action") or ""),
    )


def _is_limit(config: Mapping[str, Any]) -> bool:
    """Written out, or in a TypedStruct, which Envoy takes as well."""
    types = (str(config.get("@type", "")), str(config.get("type_url", "")))
    return any(found.rpartition("/")[2] == _LIMIT for found in types)


def _is_merged(value: Mapping[str, Any]) -> bool:
    filters = (value.get("typed_per_filter_config") or {}).values()
    route = value.get("route") or {}
    return value.keys() <= _MERGED and route.keys() <= _MERGED and all(map(_is_limit, filters))


def patched_listener(listener: Obj, context: str, port: int, patches: list[Patch]) -> Obj:
    """The listener of a port with what the patches add to it and to the routes within it."""
    chains = [_patched_chain(c, context, port, patches) for c in listener["filter_chains"]]
    return {**listener, "filter_chains": chains}


def _patched_chain(chain: Obj, context: str, port: int, patches: list[Patch]) -> Obj:
    (found,) = chain["filters"]
    if found["name"] != _MANAGER:
        return chain
    manager = {**found["typed_config"]}
    manager["http_filters"] = list(manager["http_filters"])
    for patch in patches:
        wanted = patch.kind == "HTTP_FILTER" and patch.filter in ("", _MANAGER)
        if wanted and patch.is_for(context, port):
            _insert(patch, manager["http_filters"])
    if "route_config" in manager:
        manager["route_config"] = patched_routes(manager["route_config"], context, port, patches)
    return {**chain, "filters": [{**found, "typed_config": manager}]}


def _insert(patch: Patch, filters: list[Obj]) -> None:
    """Before the filter that is named; at the front where none is."""
    names = [found["name"] for found in filters]
    if not patch.before:
        filters.insert(0, patch.value)
    elif patch.before in names:
        filters.insert(names.index(patch.before), patch.value)


def patched_routes(routes: Obj, context: str, port: int, patches: list[Patch]) -> Obj:
    """A route configuration with what the patches merge into it, its hosts and its routes."""
    for patch in patches:
        fits = patch.kind in _ROUTES and patch.config in ("", routes["name"])
        if fits and patch.is_for(context, port):
            routes = _merged_into(routes, patch)
    return routes


def _merged_into(routes: Obj, patch: Patch) -> Obj:
    if patch.kind == "ROUTE_CONFIGURATION":
        return _merged(routes, patch.value)
    hosts = [
        _host(host, patch) if patch.host in ("", host["name"]) else host
        for host in routes["virtual_hosts"]
    ]
    return {**routes, "virtual_hosts": hosts}


def _host(host: Obj, patch: Patch) -> Obj:
    if patch.kind == "VIRTUAL_HOST":
        return _merged(host, patch.value)
    routes = [_merged(r, patch.value) if _is_route(r, patch) else r for r in host["routes"]]
    return {**host, "routes": routes}


def _is_route(route: Obj, patch: Patch) -> bool:
    acts = patch.action in ("", "ANY") or _ACTIONS.get(patch.action, "") in route
    return acts and patch.route in ("", route.get("name", ""))


def _merged(base: Obj, more: Mapping[str, Any]) -> Obj:
    """As protocol buffers merge: messages and maps by field, lists one after the other."""
    found = dict(base)
    for key, value in more.items():
        before = found.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            found[key] = _merged(dict(before), value)
        elif isinstance(before, list) and isinstance(value, list):
            found[key] = [*before, *value]
        else:
            found[key] = value
    return found
