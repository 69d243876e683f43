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
from meshtui.mesh.gateway_api import API_GATEWAYS, GRPC_ROUTE, HTTP_ROUTE, HttpRoute
from meshtui.mesh.hosts import service_host
from meshtui.mesh.istio import Json
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse_gateway_api import as_match, backend_weight, mirror_percent
from meshtui.mesh.resolution.delegates import MergedRule, RulePlace
from meshtui.mesh.resolution.listeners import attached
from meshtui.mesh.resolution.names import MESH

_SERVICES = (("", "Service"), ("core", "Service"))
IDLE_ROUTES_SLOT = "_idle_routes"
_RANKS = {"exact": 3, "prefix": 2, "regex": 1}
_RETRY_ON = ("connect-failure", "refused-stream", "unavailable", "cancelled")
_MODIFIERS = {
    "RequestHeaderModifier": ("requestHeaderModifier", "request"),
    "ResponseHeaderModifier": ("responseHeaderModifier", "response"),
}


class Invalid(ValueError):
    """istiod makes nothing of the whole route because of it."""


@dataclass(frozen=True, slots=True)
class Backends:
    """What the backends of a route come to, as its namespace may name them."""

    mesh: Mesh
    route: HttpRoute
    at_gateway: bool = False

    def destination(self, raw: Json) -> tuple[Json, str]:
        """The destination of a backend, and why it is none; empty where it is one."""
        mesh, namespace = self.mesh, self.route.ref.namespace
        kind = (read.text(raw, "group"), read.text(raw, "kind") or "Service")
        home, name = read.text(raw, "namespace") or namespace, read.text(raw, "name")
        if not self._is_granted(kind[1], home, name):
            grant = f"no ReferenceGrant of {home} lets {self.route.ref} name"
            return {}, f"{grant} {kind[1]} {name}"
        if kind == ("", "Service"):
            host = service_host(home, name, mesh.settings.domain)
            problem = "" if host in mesh.by_host else f"there is no Service {home}/{name}"
            if "." in name:
                raise Invalid("a Service is named by its name, not by its host")
        elif kind == ("networking.istio.io", "Hostname"):
            host, known = name, name in mesh.by_host or name in mesh.service_entry_hosts
            problem = "" if known else f"no host is called {name}"
        else:
            return {}, f"a {kind[1]} can't be a backend"
        if "port" not in raw:
            raise Invalid("a backend has no port")
        return {"host": host, "port": {"number": read.integer(raw, "port")}}, problem

    def _is_granted(self, kind: str, home: str, name: str) -> bool:
        """Only Gateways ask. Where grants can't be read, they are taken for given."""
        ref = self.route.ref
        if not self.at_gateway or home == ref.namespace:
            return True
        if not self.mesh.knows("referencegrants", home):
            return True
        mine = (one for one in self.mesh.reference_grants if one.ref.namespace == home)
        return any(one.grants(ref.kind, ref.namespace, (kind, name)) for one in mine)


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


def unserved(mesh: Mesh, route: HttpRoute) -> str:
    """Why nothing of a route comes in through the Gateways that it names; empty where it does."""
    why = dropped(mesh, route)
    return unattached(mesh, route) or (f"istiod takes none of its rules: {why}" if why else "")


def unattached(mesh: Mesh, route: HttpRoute) -> str:
    """Why no listener of the Gateways that a route names has it; empty where one does."""
    places = attached(mesh, route)
    if not places:
        return f"there is no Gateway {', '.join(route.at_gateways)} of Istio's with a listener"
    if not all(place.why for place in places):
        return ""
    meant = [place for place in places if not place.elsewhere]
    if not meant:
        return f"no listener of Gateway {', '.join(route.at_gateways)} is meant: {places[0].why}"
    return "; ".join(f"listener {place.open.listener.name}: {place.why}" for place in meant)


def dropped(mesh: Mesh, route: HttpRoute) -> str:
    """Why istiod makes nothing of a whole route; empty where it takes it."""
    try:
        tuple(route_rules(mesh, route, at_gateway=bool(route.at_gateways)))
    except Invalid as error:
        return str(error)
    return ""


def without_effect(mesh: Mesh) -> Mapping[str, tuple[tuple[HttpRoute, str], ...]]:
    """By host, for its parents and its backends: routes that nobody has, and why.

    Worked out once for a snapshot.
    """
    known: Mapping[str, tuple[tuple[HttpRoute, str], ...]] | None
    known = mesh.__dict__.get(IDLE_ROUTES_SLOT)
    if known is None:
        idle: dict[str, list[tuple[HttpRoute, str]]] = {}
        for route in mesh.http_routes:
            if why := _why_idle(mesh, route):
                for host in dict.fromkeys((*route.hosts, *route.backends)):
                    idle.setdefault(host, []).append((route, why))
        known = {host: tuple(routes) for host, routes in idle.items()}
        mesh.__dict__[IDLE_ROUTES_SLOT] = known
    return known


def _why_idle(mesh: Mesh, route: HttpRoute) -> str:
    if why := dropped(mesh, route):
        return f"istiod takes none of its rules: {why}"
    if any(host in mesh.by_host for host in route.hosts) or _is_for_entry(route):
        return ""
    if route.at_gateways:
        return unattached(mesh, route) if mesh.knows(API_GATEWAYS) else ""
    gone = ", ".join(name for _, name in parents_missing(mesh, route))
    return f"there is no {gone}" if gone else "no parent of it is a Gateway or a Service"


def _is_for_entry(route: HttpRoute) -> bool:
    parents = read.objects(read.obj(route.raw, "spec"), "parentRefs")
    return any(read.text(parent, "kind") == "ServiceEntry" for parent in parents)


def parents_missing(mesh: Mesh, route: HttpRoute) -> Iterator[tuple[int, str]]:
    """The Services among a route's parents that are not there, with their places."""
    for index, parent in enumerate(read.objects(read.obj(route.raw, "spec"), "parentRefs")):
        kind = (read.text(parent, "group"), read.text(parent, "kind"))
        home = read.text(parent, "namespace") or route.ref.namespace
        name = read.text(parent, "name")
        if kind not in _SERVICES or not mesh.knows("services", home):
            continue
        if ServiceKey(home, name) not in mesh.by_key:
            yield index, f"Service {home}/{name}"


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
    if kind in _SERVICES:
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
