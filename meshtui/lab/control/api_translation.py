"""Gateways and routes of the Gateway API → the Gateways and VirtualServices that istiod makes.

Nobody can read those objects, but their names stand in the proxies' configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control.api_backends import NOTHING_HAS_WEIGHT, Backends, Fault
from meshtui.lab.control.api_filters import InvalidFilterError
from meshtui.lab.control.api_parents import CLASS, NAME, Bound, Parent, inner_name, parents_of
from meshtui.lab.control.api_rules import ordered, rules_of
from meshtui.lab.control.hosts import covers, overlap, qualify, specificity
from meshtui.lab.control.reading import complain
from meshtui.lab.control.world import MALFORMED, ApiObject, Config, Service, World

MESH = "mesh"
_HTTP = ("HTTPRoute", "GRPCRoute")
_PRIVATE = {"exportTo": ["."]}


@dataclass(frozen=True, slots=True)
class ParentStatus:
    """What a route's status is to say of one parentRef; `unresolved` of its backends."""

    parent: Parent
    unresolved: Fault | None


@dataclass(slots=True)
class Translated:
    """`statuses` by kind, namespace and name of the route."""

    rules: list[Config] = field(default_factory=list)
    gateways: list[Config] = field(default_factory=list)
    statuses: dict[tuple[str, str, str], list[ParentStatus]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Key:
    """Routes of one key are one VirtualService, by this name.

    In the mesh they have one namespace; at a listener they may come from several.
    """

    name: str
    gateway: str
    hosts: tuple[str, ...]
    namespace: str = ""
    private: bool = False


def translated(world: World) -> Translated:
    """Everything, oldest routes first."""
    made = Translated()
    for gateway in world.api.gateways:
        try:
            made.gateways += _listeners(gateway, world)
        except MALFORMED as error:
            _skipped("Gateway", gateway, error)
    merged: dict[_Key, list[tuple[ApiObject, list[Obj]]]] = {}
    for route in world.api.routes:
        try:
            _translate(route, world, made, merged)
        except MALFORMED as error:
            _skipped(route.kind, route, error)
    made.rules += [_virtual_service(key, parts) for key, parts in merged.items()]
    return made


def _skipped(kind: str, obj: ApiObject, error: Exception) -> None:
    complain(f"{kind} {obj.namespace}/{obj.name} skipped: {error!r}")


def _translate(
    route: ApiObject,
    world: World,
    made: Translated,
    merged: dict[_Key, list[tuple[ApiObject, list[Obj]]]],
) -> None:
    statuses = []
    for parent in parents_of(route, world):
        backends = Backends(world, route, granted_only=not parent.mesh)
        try:
            for place in parent.places or (Bound(),):
                for key, rules in _placed(route, place, backends, world):
                    if place.host or place.gateway:
                        merged.setdefault(key, []).append((route, rules))
        except InvalidFilterError as error:
            backends.faults.insert(0, error.fault)
        statuses.append(ParentStatus(parent, next(iter(backends.faults), None)))
    made.statuses[route.kind, route.namespace, route.name] = statuses


def _placed(
    route: ApiObject, place: Bound, backends: Backends, world: World
) -> Iterator[tuple[_Key, list[Obj]]]:
    if route.kind in _HTTP:
        rules = rules_of(route, backends, place.port)
        yield from ((key, rules) for key in _http_keys(route, place, world))
    else:
        for index, rule in enumerate(route.spec.get("rules") or ()):
            yield _stream(route, place, index, rule, backends, world)


def _http_keys(route: ApiObject, place: Bound, world: World) -> Iterator[_Key]:
    if place.gateway:
        inner = inner_name(place.gateway, place.listener)
        for host in route.spec.get("hostnames") or ("*",):
            name = f"{place.gateway.namespace}~{inner}~{host}"
            yield _Key(name, f"{place.gateway.namespace}/{inner}", (str(host),))
    else:
        port = f"{place.port}~" if place.port else ""
        name = f"{route.namespace}~{port}{place.host}"
        private = not _produces(route, place.host, world)
        yield _Key(name, MESH, (place.host,), route.namespace, private)


def _produces(route: ApiObject, host: str, world: World) -> bool:
    """Whether the route stands beside the service it is for, and so holds for everybody."""
    service: Service | None = world.service(host)
    return service is None or service.namespace == route.namespace


def _stream(
    route: ApiObject,
    place: Bound,
    index: int,
    rule: Mapping[str, Any],
    backends: Backends,
    world: World,
) -> tuple[_Key, list[Obj]]:
    """A rule for connections is a VirtualService of its own; a TLSRoute's has names to go by."""
    word = "tls" if route.kind == "TLSRoute" else "tcp"
    name = f"{route.name}~{word}~{index}~istio-autogenerated-k8s-gateway"
    chosen = [part for _, part in backends.weighted(rule.get("backendRefs") or ())]
    made: Obj = {"route": chosen or [NOTHING_HAS_WEIGHT]}
    names = [str(name) for name in route.spec.get("hostnames") or ()]
    if place.gateway:
        inner = f"{place.gateway.namespace}/{inner_name(place.gateway, place.listener)}"
        match: Obj = {"sniHosts": names or ["*"]} if word == "tls" else {}
        hosts = tuple(names) or ("*",)
        return _Key(name, inner, hosts, route.namespace), [made | {"match": [match], "is": word}]
    near = [own for own in names if covers(own, place.host)]
    match = {"sniHosts": near or ([] if names else [place.host])} if word == "tls" else {}
    match |= {"port": place.port} if place.port else {}
    private = not _produces(route, place.host, world)
    key = _Key(name, MESH, (place.host,), route.namespace, private)
    return key, [made | {"match": [match], "is": word}]


def _virtual_service(key: _Key, parts: Iterable[tuple[ApiObject, list[Obj]]]) -> Config:
    """As old as the oldest of its routes, and in that one's namespace."""
    (oldest, _), *_ = listed = list(parts)
    rules = [rule for _, made in listed for rule in made]
    kind = "http" if oldest.kind in _HTTP else rules[0]["is"]
    spec: Obj = {
        "hosts": list(key.hosts),
        "gateways": [key.gateway],
        kind: ordered(rules) if kind == "http" else rules,
        **(_PRIVATE if key.private else {}),
    }
    return Config(oldest.namespace, key.name, spec, oldest.created, routed=True)


def _listeners(gateway: ApiObject, world: World) -> Iterator[Config]:
    """A Gateway of Istio for each listener, for the pods that the Gateway means."""
    if gateway.spec.get("gatewayClassName") != CLASS:
        return
    selector = pods_of(gateway, world)
    if not selector:
        return
    listeners = list(gateway.spec.get("listeners") or ())
    for listener in listeners:
        server = {
            "port": {
                "number": int(listener["port"]),
                "name": "default",
                "protocol": listener["protocol"],
            },
            "hosts": [f"*/{listener.get('hostname') or '*'}"],
            "closer": _closer(listener, listeners),
            **_tls(listener),
        }
        spec = {"selector": selector, "servers": [server], "of": gateway.namespace}
        name = inner_name(gateway, str(listener["name"]))
        yield Config(gateway.namespace, name, spec, gateway.created, routed=True)


def pods_of(gateway: ApiObject, world: World) -> Mapping[str, str]:
    """Labels: of the pods made for it, or of those behind the Service that it names.

    That Service is of the Gateway's own namespace, as its pods are; nothing where it is not there.
    """
    named = named_services(gateway)
    if not named:
        return {NAME: gateway.name}
    found = (world.service(host) for host in named)
    own = (s.selector for s in found if s and s.namespace == gateway.namespace)
    return next(own, {})


def named_services(gateway: ApiObject) -> list[str]:
    """The hosts among its addresses."""
    values = [
        str(address["value"])
        for address in gateway.spec.get("addresses") or ()
        if address.get("type", "IPAddress") == "Hostname"
    ]
    return [qualify(value, gateway.namespace) for value in values]


def _closer(listener: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> list[str]:
    """Narrower names of other listeners of the port: what they cover is theirs."""
    own = str(listener.get("hostname") or "*")
    named = [
        str(other.get("hostname") or "*")
        for other in others
        if other["name"] != listener["name"] and other["port"] == listener["port"]
    ]
    return [n for n in named if overlap(own, n) and specificity(n) > specificity(own)]


def _tls(listener: Mapping[str, Any]) -> Obj:
    if listener["protocol"] not in ("HTTPS", "TLS"):
        return {}
    passed = (listener.get("tls") or {}).get("mode") == "Passthrough"
    return {"tls": {"mode": "PASSTHROUGH" if passed else "SIMPLE"}}
