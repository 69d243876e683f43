"""Routes of the Gateway API from their JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.gateway_api import (
    HTTP_ROUTE,
    ROUTE_KINDS,
    RULES,
    STREAM_KINDS,
    TLS_ROUTE,
    HttpRoute,
)
from meshtui.mesh.hosts import CLUSTER_DOMAIN, service_host
from meshtui.mesh.istio import Json, Ref
from meshtui.mesh.model import RuleOwner
from meshtui.mesh.parse_rules import parse_match, parse_ref, parse_virtual_service
from meshtui.mesh.quantity import seconds
from meshtui.mesh.rules import Destination, Match, Mirror, Retries, Rule

_EXACT, _PREFIX, _REGEX = "Exact", "PathPrefix", "RegularExpression"
_KINDS = {_EXACT: "exact", _PREFIX: "prefix", _REGEX: "regex"}
_TRIES = 2
"""What istiod makes of a retry without a number."""


def parse_http_route(raw: Json, domain: str = CLUSTER_DOMAIN, kind: str = HTTP_ROUTE) -> HttpRoute:
    """An HTTPRoute, or with another `kind` a GRPCRoute."""
    ref = parse_ref(raw, kind)
    spec = read.obj(raw, "spec")
    return HttpRoute(
        ref=ref,
        resource_version=read.text(read.obj(raw, "metadata"), "resourceVersion"),
        created=read.created(raw),
        raw=raw,
        hosts=tuple(_parents(spec, ref.namespace, domain)),
        rules=tuple(
            _rule(rule, index, ref, domain) for index, rule in enumerate(read.items(spec, RULES))
        ),
        at_gateways=tuple(_gateways(spec, ref.namespace)),
    )


def parse_owner(raw: Json, domain: str = CLUSTER_DOMAIN) -> RuleOwner:
    """What holds rules, by its kind: a route of the Gateway API, else a VirtualService."""
    kind = read.text(raw, "kind")
    if kind in ROUTE_KINDS:
        return parse_http_route(raw, domain, kind)
    if kind in STREAM_KINDS:
        return parse_stream_route(raw, kind, domain)
    return parse_virtual_service(raw, domain)


def parse_stream_route(raw: Json, kind: str, domain: str = CLUSTER_DOMAIN) -> HttpRoute:
    """A TCPRoute or a TLSRoute, whose rules all have the names of the route."""
    found = parse_http_route(raw, domain, kind)
    names = read.texts(read.obj(raw, "spec"), "hostnames") if kind == TLS_ROUTE else ()
    matches = (Match(server_names=names),) if names else ()
    protocol = "tls" if kind == TLS_ROUTE else "tcp"
    rules = tuple(replace(rule, protocol=protocol, matches=matches) for rule in found.rules)
    return replace(found, rules=rules)


def _parents(spec: Json, namespace: str, domain: str) -> Iterator[str]:
    """The hosts of the Services that are parents, each once."""
    found: dict[str, None] = {}
    for parent in read.objects(spec, "parentRefs"):
        if is_service(parent) and read.text(parent, "kind") == "Service":
            home = read.text(parent, "namespace") or namespace
            found[service_host(home, read.text(parent, "name"), domain)] = None
    yield from found


def _gateways(spec: Json, namespace: str) -> Iterator[str]:
    for parent in read.objects(spec, "parentRefs"):
        if (read.text(parent, "kind") or "Gateway") in ("Gateway", "ListenerSet"):
            yield f"{read.text(parent, 'namespace') or namespace}/{read.text(parent, 'name')}"


def is_service(reference: Json) -> bool:
    """Whether the group and the kind of a reference are those of a Service.

    A parent without a kind is a Gateway, a backend without one a Service.
    """
    group, kind = read.text(reference, "group"), read.text(reference, "kind")
    return group in ("", "core") and kind in ("", "Service")


def backend_host(backend: Json, namespace: str, domain: str) -> str:
    """The full name of a backend; of a kind that can't be one, which is no host's, `Kind/name`."""
    kind, name = read.text(backend, "kind"), read.text(backend, "name")
    if is_service(backend):
        return service_host(read.text(backend, "namespace") or namespace, name, domain)
    return name if kind == "Hostname" else f"{kind}/{name}"


def backend_weight(backend: Json) -> int:
    """A weight that is missing is 1."""
    return read.integer(backend, "weight", 1)


def _rule(raw: Any, index: int, ref: Ref, domain: str) -> Rule:
    namespace, matches = ref.namespace, read.objects(raw, "matches")
    filters = read.objects(raw, "filters")
    timeouts = read.obj(raw, "timeouts")
    timeout = read.text(timeouts, "request") or read.text(timeouts, "backendRequest")
    retry = read.obj(raw).get("retry")
    return Rule(
        index=index,
        name=read.text(raw, "name"),
        matches=tuple(parse_match(as_match(match, ref.kind)) for match in matches),
        destinations=tuple(_destinations(raw, namespace, domain)),
        mirrors=tuple(_mirrors(filters, namespace, domain)),
        timeout_s=seconds(timeout) or None,
        retries=Retries(read.integer(retry, "attempts", _TRIES)) if retry else None,
        terminal="redirect" if any(_is(entry, "RequestRedirect") for entry in filters) else "",
        list_name=RULES,
    )


def _is(entry: Json, kind: str) -> bool:
    return read.text(entry, "type") == kind


def _destinations(raw: Any, namespace: str, domain: str) -> Iterator[Destination]:
    """A lone backend takes everything, whatever its weight, unless that is 0."""
    backends = read.objects(raw, "backendRefs")
    for backend in backends:
        weight = max(0, backend_weight(backend))
        yield Destination(
            backend_host(backend, namespace, domain),
            port=read.integer(backend, "port"),
            weight=100 if len(backends) == 1 and weight else weight,
        )


def _mirrors(filters: list[Json], namespace: str, domain: str) -> Iterator[Mirror]:
    for entry in filters:
        if _is(entry, "RequestMirror"):
            mirror = read.obj(entry, "requestMirror")
            backend = read.obj(mirror, "backendRef")
            host = backend_host(backend, namespace, domain)
            percent = mirror_percent(mirror)
            yield Mirror(
                host,
                port=read.integer(backend, "port"),
                percent=100.0 if percent is None else percent,
            )


def mirror_percent(mirror: Json) -> float | None:
    """None without a percentage or a fraction: all requests are copied."""
    part = mirror.get("fraction")
    if isinstance(part, Mapping):
        of = read.integer(part, "denominator", 100) or 100
        return 100 * float(read.integer(part, "numerator")) / of
    return float(read.integer(mirror, "percent")) if "percent" in mirror else None


def as_match(raw: Json, kind: str = HTTP_ROUTE) -> Json:
    """A match of a route as istiod writes it in a VirtualService."""
    found: dict[str, Any] = {}
    if kind == HTTP_ROUTE:
        found["uri"] = _path(read.obj(raw, "path"))
    elif method := read.obj(raw, "method"):
        found["uri"] = _called(method)
    for key in ("headers", "queryParams"):
        entries = read.objects(raw, key)
        if values := {read.text(entry, "name"): _comparison(entry) for entry in entries}:
            found[key] = values
    if verb := read.text(raw, "method"):
        found["method"] = {"exact": verb}
    return found


def _path(path: Json) -> Json:
    kind, value = read.text(path, "type") or _PREFIX, read.text(path, "value") or "/"
    if kind == _PREFIX and value != "/":
        value = value.removesuffix("/")
    return {_KINDS.get(kind, "exact"): value}


def _called(method: Json) -> Json:
    """A gRPC call as a path, `/SERVICE/METHOD`; one of both may be left out."""
    service, name = read.text(method, "service"), read.text(method, "method")
    if read.text(method, "type") == _REGEX:
        return {"regex": f"/{service or '[^/]+'}/{name or '.+'}"}
    if service and name:
        return {"exact": f"/{service}/{name}"}
    return {"prefix": f"/{service}/"} if service else {"regex": f"/[^/]+/{name}"}


def _comparison(entry: Json) -> Json:
    kind = "regex" if read.text(entry, "type") == _REGEX else "exact"
    return {kind: read.text(entry, "value")}
