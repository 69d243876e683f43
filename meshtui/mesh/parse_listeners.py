"""Gateways, ListenerSets and ReferenceGrants of the Gateway API from their JSON."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.mesh import read
from meshtui.mesh.gateway_api import (
    API_GROUP,
    SAME,
    ApiGateway,
    Listener,
    ListenerSet,
    ReferenceGrant,
)
from meshtui.mesh.hosts import CLUSTER_DOMAIN, service_host
from meshtui.mesh.istio import Json
from meshtui.mesh.parse_rules import parse_ref

_SERVICE_NAME = "gateway.istio.io/name-override"
_TLS_MODE = "gateway.istio.io/tls-terminate-mode"
_OTHER_MODES = frozenset({"MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_MUTUAL"})
_CORE = ""


def parse_api_gateway(raw: Json, domain: str = CLUSTER_DOMAIN) -> ApiGateway:
    ref = parse_ref(raw, "Gateway")
    spec = read.obj(raw, "spec")
    addresses = read.objects(spec, "addresses")
    managed = _is_managed(addresses)
    namespaces = read.obj(spec, "allowedListeners", "namespaces")
    return ApiGateway(
        ref=ref,
        created=read.created(raw),
        class_name=read.text(spec, "gatewayClassName"),
        listeners=_listeners(spec),
        services=_own_service(raw, domain) if managed else tuple(_named(addresses, raw, domain)),
        managed=managed,
        admits=read.text(namespaces, "from"),
        selector=read.obj(namespaces, "selector"),
        labels=read.labels(read.obj(raw, "metadata"), "labels"),
        raw=raw,
    )


def parse_listener_set(raw: Json) -> ListenerSet:
    ref = parse_ref(raw, "ListenerSet")
    spec = read.obj(raw, "spec")
    parent = read.obj(spec, "parentRef")
    gateway = (read.text(parent, "namespace") or ref.namespace, read.text(parent, "name"))
    return ListenerSet(ref, gateway, read.created(raw), _listeners(spec), raw)


def parse_reference_grant(raw: Json) -> ReferenceGrant:
    spec = read.obj(raw, "spec")
    return ReferenceGrant(
        ref=parse_ref(raw, "ReferenceGrant"),
        sources=frozenset(
            (read.text(source, "kind"), read.text(source, "namespace"))
            for source in read.objects(spec, "from")
            if read.text(source, "group") == API_GROUP
        ),
        targets=frozenset(
            (read.text(target, "kind"), read.text(target, "name"))
            for target in read.objects(spec, "to")
            if read.text(target, "group") == _CORE
        ),
    )


def _is_managed(addresses: list[Json]) -> bool:
    """Whether istiod starts the pods: not where a host names a Service that is there."""
    if not addresses:
        return True
    return len(addresses) == 1 and read.text(addresses[0], "type") in ("", "IPAddress")


def _own_service(raw: Json, domain: str) -> tuple[str, ...]:
    """The Service that istiod makes, `NAME-CLASS`."""
    ref = parse_ref(raw, "Gateway")
    named = read.text(read.obj(raw, "metadata", "annotations"), _SERVICE_NAME)
    name = named or f"{ref.name}-{read.text(read.obj(raw, 'spec'), 'gatewayClassName')}"
    return (service_host(ref.namespace, name, domain),)


def _named(addresses: list[Json], raw: Json, domain: str) -> Iterator[str]:
    namespace = parse_ref(raw, "Gateway").namespace
    for address in addresses:
        value = read.text(address, "value")
        if read.text(address, "type") == "Hostname" and value:
            yield value if "." in value else service_host(namespace, value, domain)


def _listeners(spec: Json) -> tuple[Listener, ...]:
    return tuple(_listener(raw) for raw in read.objects(spec, "listeners"))


def _listener(raw: Json) -> Listener:
    allowed = read.obj(raw, "allowedRoutes")
    namespaces = read.obj(allowed, "namespaces")
    kinds = read.objects(allowed, "kinds")
    return Listener(
        name=read.text(raw, "name"),
        port=read.integer(raw, "port"),
        protocol=read.text(raw, "protocol"),
        hostname=read.text(raw, "hostname"),
        tls=_tls(raw),
        admits=read.text(namespaces, "from") or SAME,
        selector=read.obj(namespaces, "selector"),
        kinds=tuple((read.text(k, "group") or API_GROUP, read.text(k, "kind")) for k in kinds)
        or None,
    )


def _tls(raw: Json) -> str:
    tls = raw.get("tls")
    if not isinstance(tls, dict):
        return ""
    if read.text(tls, "mode") == "Passthrough":
        return "PASSTHROUGH"
    wanted = read.text(read.obj(tls, "options"), _TLS_MODE)
    return wanted if wanted in _OTHER_MODES else "SIMPLE"
