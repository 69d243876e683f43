"""HTTPRoutes and GRPCRoutes as rules like a VirtualService's.

From istiod (pilot/pkg/config/kube/gateway: convertHTTPRoute, convertGRPCRoute, sortHTTPRoutes,
mergeHTTPRoutes): each match is a rule of its own; the routes of a namespace for one host (and one
port, where the parent names one), or all those of one name at a Gateway's listener, are joined, the
older first, and sorted: exact paths, prefixes, expressions, the longer first, then by method,
headers and query parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.gateway_api import GRPC_ROUTE, HTTP_ROUTE, HttpRoute
from meshtui.mesh.istio import Json
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse_gateway_api import as_match, backend_weight, mirror_percent
from meshtui.mesh.resolution.backends import Backends, Invalid
from meshtui.mesh.resolution.delegates import MergedRule, RulePlace
from meshtui.mesh.resolution.listeners import attached
from meshtui.mesh.resolution.names import MESH

SERVICES = (("", "Service"), ("core", "Service"))
"""Group and kind of a parent that is a Service."""

_RANKS = {"exact": 3, "prefix": 2, "regex": 1}
_RETRY_ON = ("connect-failure", "refused-stream", "unavailable", "cancelled")
_MODIFIERS = {
    "RequestHeaderModifier": ("requestHeaderModifier", "request"),
    "ResponseHeaderModifier": ("responseHeaderModifier", "response"),
}


@dataclass(frozen=True, slots=True)
class RouteGroup:
    """The routes of a namespace for one host; `port` is 0 for all of its ports.

    Or those of all namespaces for one host name at a listener, `gateway`.
    """

    namespace: str
    host: str
    port: int
    routes: tuple[HttpRoute, ...]
    rules: tuple[MergedRule, ...]
    gateway: str = MESH

    @property
    def name(self) -> str:
        """How istiod names the VirtualService that it makes of them."""
        if self.gateway != MESH:
            return f"{self.gateway.replace('/', '~')}~{self.host}"
        port = f"~{self.port}" if self.port else ""
        return f"{self.namespace}{port}~{self.host}"


def _oldest_first(mesh: Mesh) -> list[HttpRoute]:
    return sorted(mesh.http_routes, key=lambda r: (r.created, r.ref.namespace, r.ref.name))


def gateway_groups(mesh: Mesh) -> Iterator[RouteGroup]:
    """What the HTTPRoutes of a mesh come to at the listeners of Gateways."""
    found: dict[tuple[str, str], list[tuple[HttpRoute, tuple[MergedRule, ...]]]] = {}
    for route in _oldest_first(mesh):
        if not route.at_gateways:
            continue
        try:
            rules = tuple(route_rules(mesh, route, at_gateway=True))
        except Invalid:
            continue
        for place in attached(mesh, route):
            for host in place.hosts if rules else ():
                found.setdefault((place.open.name, host), []).append((route, rules))
    for (gateway, host), members in found.items():
        # each parent that leads here brings its rules
        joined = sorted((rule for _, rules in members for rule in rules), key=_precedence)
        routes = tuple(dict.fromkeys(route for route, _ in members))
        yield RouteGroup(routes[0].ref.namespace, host, 0, routes, tuple(joined), gateway)


def route_groups(mesh: Mesh) -> Iterator[RouteGroup]:
    """What the HTTPRoutes of a mesh come to for hosts that are called through sidecars."""
    found: dict[tuple[str, str, int], list[tuple[HttpRoute, tuple[MergedRule, ...]]]] = {}
    for route in _oldest_first(mesh):
        try:
            rules = tuple(route_rules(mesh, route))
        except Invalid:
            continue
        for host, port in route_parents(mesh, route):
            found.setdefault((route.ref.namespace, host, port), []).append((route, rules))
    for (namespace, host, port), members in found.items():
        joined = [_on_port(rule, port) for _, rules in members for rule in rules]
        joined.sort(key=_precedence)
        yield RouteGroup(namespace, host, port, tuple(r for r, _ in members), tuple(joined))


def route_parents(mesh: Mesh, route: HttpRoute) -> Iterator[tuple[str, int]]:
    """The hosts that a route is for, each with the port that it is for, 0 for all."""
    found: dict[tuple[str, int], None] = {}
    for parent in read.objects(read.obj(route.raw, "spec"), "parentRefs"):
        place = (read.text(parent, "namespace") or route.ref.namespace, read.text(parent, "name"))
        port = read.integer(parent, "port")
        kind = (read.text(parent, "group"), read.text(parent, "kind"))
        for host in _parent_hosts(mesh, kind, place):
            found[(host, port)] = None
    yield from found


def _parent_hosts(mesh: Mesh, kind: tuple[str, str], place: tuple[str, str]) -> Iterator[str]:
    if kind in SERVICES:
        for service in mesh.services:
            if (service.key.namespace, service.key.name) == place:
                yield service.host
    elif kind == ("networking.istio.io", "ServiceEntry"):
        for entry in mesh.service_entries:
            if (entry.ref.namespace, entry.ref.name) == place:
                yield from entry.hosts


def _on_port(rule: MergedRule, port: int) -> MergedRule:
    if not port:
        return rule
    matches = [{**match, "port": port} for match in rule.matches]
    return MergedRule(rule.root, rule.holder, {**rule.raw, "match": matches})


def _precedence(rule: MergedRule) -> tuple[int, ...]:
    """Smaller is tried first; rules that are alike keep their order."""
    match = rule.matches[0] if rule.matches else {}
    uri = read.obj(match, "uri")
    kind, value = next(iter(uri.items()), ("", ""))
    return (
        -_RANKS.get(kind, 0),
        -len(value),
        "method" not in match,
        -len(read.obj(match, "headers")),
        -len(read.obj(match, "queryParams")),
    )


def route_rules(mesh: Mesh, route: HttpRoute, at_gateway: bool = False) -> Iterator[MergedRule]:
    """A rule for each match of the route. Raises Invalid where istiod takes none of it.

    At a Gateway a backend of another namespace needs a ReferenceGrant.
    """
    spec, ask = read.obj(route.raw, "spec"), Backends(mesh, route, at_gateway)
    for index, raw in enumerate(read.items(spec, "rules")):
        place = RulePlace(route, index, "rules")
        rule = _rule(ask, index, raw if isinstance(raw, Mapping) else {})
        for match in _matches(raw, route.ref.kind):
            yield MergedRule(place, place, {**rule, **match})


def _matches(raw: Any, kind: str) -> Iterator[Json]:
    """The API server gives each rule of an HTTPRoute a match, and none to a GRPCRoute's."""
    written = read.objects(raw, "matches")
    if not written and kind != HTTP_ROUTE:
        yield {}
    for match in written or ([{}] if kind == HTTP_ROUTE else []):
        yield {"match": [as_match(match, kind)]}


def _rule(ask: Backends, index: int, raw: Json) -> dict[str, Any]:
    ref = ask.route.ref
    name = read.text(raw, "name") or f"{ref.namespace}.{ref.name}.{index}"
    found: dict[str, Any] = {"name": name}
    for entry in read.objects(raw, "filters"):
        _filter(ask, entry, found)
    if ref.kind == HTTP_ROUTE:
        _timing(raw, found)
    backends = read.objects(raw, "backendRefs")
    total = sum(backend_weight(backend) for backend in backends)
    if total == 0 and "redirect" not in found:
        found["directResponse"] = {"status": 500}
    else:
        found["route"] = list(_destinations(ask, backends))
    return found


def _filter(ask: Backends, raw: Json, found: dict[str, Any]) -> None:
    kind = read.text(raw, "type")
    if kind in _MODIFIERS:
        _modify(raw, found)
    elif ask.route.ref.kind == GRPC_ROUTE and kind != "RequestMirror":
        raise Invalid(f"filter {kind}")
    elif kind == "RequestRedirect":
        found["redirect"] = _redirect(read.obj(raw, "requestRedirect"))
    elif kind == "RequestMirror":
        if mirror := _mirror(ask, read.obj(raw, "requestMirror")):
            found.setdefault("mirrors", []).append(mirror)
    elif kind == "URLRewrite":
        if rewrite := _rewrite(read.obj(raw, "urlRewrite")):
            found["rewrite"] = rewrite
    elif kind == "CORS":
        found["corsPolicy"] = _cors(read.obj(raw, "cors"))
    else:
        raise Invalid(f"filter {kind}")


def _modify(raw: Json, found: dict[str, Any]) -> None:
    key, side = _MODIFIERS[read.text(raw, "type")]
    written = read.obj(raw, key)
    operations: dict[str, Any] = {
        action: _named(written, action) for action in ("set", "add") if action in written
    }
    operations["remove"] = list(read.texts(written, "remove"))
    found["headers"] = {**found.get("headers", {}), side: operations}


def _named(written: Json, action: str) -> Mapping[str, str]:
    """By name in lower case; the first of several of one name counts."""
    found: dict[str, str] = {}
    for entry in read.objects(written, action):
        found.setdefault(read.text(entry, "name").lower(), read.text(entry, "value"))
    return found


def _redirect(raw: Json) -> Json:
    """Without a port it is the scheme's, or the listener's where no scheme is named either."""
    found: dict[str, Any] = {
        "redirectCode": read.integer(raw, "statusCode", 302),
        "authority": read.text(raw, "hostname"),
        "scheme": read.text(raw, "scheme"),
    }
    if "port" in raw:
        found["port"] = read.integer(raw, "port")
    elif not found["scheme"]:
        found["derivePort"] = "FROM_REQUEST_PORT"
    path = read.obj(raw, "path")
    if read.text(path, "type") == "ReplaceFullPath":
        found["uri"] = read.text(path, "replaceFullPath")
    elif path:
        found["prefixRewrite"] = read.text(path, "replacePrefixMatch")
    return found


def _rewrite(raw: Json) -> Json:
    found: dict[str, Any] = {}
    path = read.obj(raw, "path")
    if read.text(path, "type") == "ReplaceFullPath":
        replaced = read.text(path, "replaceFullPath")
        found["uriRegexRewrite"] = {"match": "/.*", "rewrite": replaced}
    elif path:
        found["uri"] = read.text(path, "replacePrefixMatch").removesuffix("/") or "/"
    if host := read.text(raw, "hostname"):
        found["authority"] = host
    return found


def _cors(raw: Json) -> Json:
    """Origins with a wildcard are expressions."""
    found: dict[str, Any] = {
        "allowOrigins": [_origin(origin) for origin in read.texts(raw, "allowOrigins")],
        "allowMethods": list(read.texts(raw, "allowMethods")),
        "allowHeaders": list(read.texts(raw, "allowHeaders")),
        "exposeHeaders": list(read.texts(raw, "exposeHeaders")),
        "unmatchedPreflights": "IGNORE",
    }
    if "maxAge" in raw:
        found["maxAge"] = f"{read.integer(raw, 'maxAge')}s"
    if isinstance(raw.get("allowCredentials"), bool):
        found["allowCredentials"] = raw["allowCredentials"]
    return found


def _origin(origin: str) -> Json:
    return {"exact": origin}


def _mirror(ask: Backends, raw: Json) -> Json | None:
    """None where its backend is none: such a mirror is left out, and of a GRPCRoute all."""
    host, problem = ask.destination(read.obj(raw, "backendRef"))
    if problem and ask.route.ref.kind == GRPC_ROUTE:
        raise Invalid(problem)
    if problem:
        return None
    found: dict[str, Any] = {"destination": host}
    percent = mirror_percent(raw)
    if percent is not None:
        found["percentage"] = {"value": percent}
    return found


def _timing(raw: Json, found: dict[str, Any]) -> None:
    """`backendRequest` is a limit for each try, or without retries the whole limit."""
    retry = raw.get("retry")
    if isinstance(retry, Mapping):
        codes = [str(code) for code in read.items(retry, "codes") if isinstance(code, int)]
        attempts = read.integer(retry, "attempts", 2)
        found["retries"] = {"attempts": attempts, "retryOn": ",".join((*_RETRY_ON, *codes))}
        if backoff := read.text(retry, "backoff"):
            found["retries"]["backoff"] = backoff
    timeouts = read.obj(raw, "timeouts")
    whole, each = (_length(timeouts, key) for key in ("request", "backendRequest"))
    if whole:
        found["timeout"] = whole
    if each and "retries" in found:
        found["retries"]["perTryTimeout"] = each
    elif each:
        found["timeout"] = each


def _length(timeouts: Json, key: str) -> str:
    """Empty for none; `0s` is no limit."""
    text = read.text(timeouts, key)
    return "" if text.strip("0.hms") == "" else text


def _destinations(ask: Backends, backends: list[Json]) -> Iterator[Json]:
    """What is no backend keeps its share: its requests are answered 500."""
    weighed = [backend for backend in backends if backend_weight(backend) > 0]
    for backend in weighed:
        target, _ = ask.destination(backend)
        found: dict[str, Any] = {"destination": target}
        if len(weighed) > 1:
            found["weight"] = backend_weight(backend)
        for entry in read.objects(backend, "filters"):
            if read.text(entry, "type") not in _MODIFIERS:
                raise Invalid(f"filter {read.text(entry, 'type')} of a backend")
            _modify(entry, found)
        yield found
