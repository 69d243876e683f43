"""VirtualServices, DestinationRules, Gateways and EnvoyFilters from their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.hosts import CLUSTER_DOMAIN, full_host
from meshtui.mesh.model import (
    Destination,
    DestinationRule,
    EnvoyFilter,
    Fault,
    Gateway,
    Json,
    Match,
    Mirror,
    Ref,
    Retries,
    Rule,
    Server,
    StringMatch,
    Subset,
    VirtualService,
)
from meshtui.mesh.quantity import seconds

PROTOCOLS = ("http", "tls", "tcp")


def parse_ref(raw: Json, kind: str) -> Ref:
    meta = read.obj(raw, "metadata")
    return Ref(kind, read.text(meta, "namespace"), read.text(meta, "name"), read.text(meta, "uid"))


def parse_virtual_service(raw: Json, domain: str = CLUSTER_DOMAIN) -> VirtualService:
    ref = parse_ref(raw, "VirtualService")
    spec = read.obj(raw, "spec")
    return VirtualService(
        ref=ref,
        resource_version=read.text(read.obj(raw, "metadata"), "resourceVersion"),
        hosts=tuple(full_host(h, ref.namespace, domain) for h in read.texts(spec, "hosts")),
        gateways=read.texts(spec, "gateways") or ("mesh",),
        rules=tuple(
            parse_rule(rule, index, protocol, ref.namespace, domain)
            for protocol in PROTOCOLS
            for index, rule in enumerate(read.items(spec, protocol))
        ),
        export_to=read.texts(spec, "exportTo") or ("*",),
        raw=raw,
        created=read.created(raw),
    )


def parse_rule(
    raw: Any, index: int, protocol: str, namespace: str, domain: str = CLUSTER_DOMAIN
) -> Rule:
    """One rule; what is malformed in it reads as absent, and its neighbours keep their place."""
    return Rule(
        index=index,
        name=read.text(raw, "name"),
        protocol=protocol,
        matches=tuple(parse_match(match) for match in read.objects(raw, "match")),
        destinations=_destinations(raw, namespace, domain),
        mirrors=_mirrors(raw, namespace, domain),
        fault=parse_fault(raw),
        timeout_s=seconds(read.text(raw, "timeout")) or None,
        retries=_retries(raw),
        delegate=_delegate(raw, namespace),
        terminal=_terminal(raw),
    )


def _destinations(raw: Any, namespace: str, domain: str) -> tuple[Destination, ...]:
    routes = read.objects(raw, "route")
    if len(routes) == 1:
        return (Destination(*_target(read.obj(routes[0], "destination"), namespace, domain)),)
    return tuple(
        Destination(
            *_target(read.obj(route, "destination"), namespace, domain),
            weight=max(0, read.integer(route, "weight")),
        )
        for route in routes
    )


def _target(target: Json, namespace: str, domain: str) -> tuple[str, str, int]:
    port = read.integer(read.obj(target, "port"), "number")
    host = full_host(read.text(target, "host"), namespace, domain)
    return host, read.text(target, "subset"), port


def _mirrors(raw: Any, namespace: str, domain: str) -> tuple[Mirror, ...]:
    several = read.objects(raw, "mirrors")
    if several:
        return tuple(
            Mirror(
                *_target(read.obj(entry, "destination"), namespace, domain),
                percent=_percent(entry),
            )
            for entry in several
        )
    target = read.obj(raw, "mirror")
    if not target:
        return ()
    return (Mirror(*_target(target, namespace, domain), percent=mirror_percent(raw)),)


def _percent(entry: Json) -> float:
    """An empty message is no mirror; without one all requests are copied."""
    found = entry.get("percentage")
    return read.decimal(found, "value") if isinstance(found, Mapping) else 100.0


def mirror_percent(raw: Any) -> float:
    """The percentage of a rule's single `mirror`, in the newest of its three spellings.

    An empty `mirrorPercentage` is no mirror.
    """
    found = read.obj(raw).get("mirrorPercentage")
    if isinstance(found, Mapping):
        return read.decimal(found, "value")
    for key in ("mirrorPercent", "mirror_percent"):
        if key in raw:
            return float(read.integer(raw, key))
    return 100.0


def parse_fault(raw: Any) -> Fault | None:
    """The rule's fault. An omitted percentage is 0, as Istio has it."""
    fault = read.obj(raw, "fault")
    if not fault:
        return None
    delay, abort = read.obj(fault, "delay"), read.obj(fault, "abort")
    return Fault(
        delay_s=seconds(read.text(delay, "fixedDelay")) or 0.0,
        delay_percent=_fault_percent(delay),
        abort_http=read.integer(abort, "httpStatus"),
        abort_grpc=read.text(abort, "grpcStatus"),
        abort_percent=_fault_percent(abort),
    )


def _fault_percent(part: Json) -> float:
    found = read.obj(part, "percentage")
    return read.decimal(found, "value") if found else float(read.integer(part, "percent"))


def _retries(raw: Any) -> Retries | None:
    found = read.obj(raw, "retries")
    if not found:
        return None
    return Retries(
        attempts=read.integer(found, "attempts") if "attempts" in found else None,
        per_try_timeout_s=seconds(read.text(found, "perTryTimeout")) or None,
        retry_on=read.text(found, "retryOn"),
    )


def _delegate(raw: Any, namespace: str) -> tuple[str, str] | None:
    found = read.obj(raw, "delegate")
    name = read.text(found, "name")
    return (read.text(found, "namespace") or namespace, name) if name else None


def _terminal(raw: Any) -> str:
    if read.obj(raw, "redirect"):
        return "redirect"
    return "direct response" if read.obj(raw, "directResponse") else ""


def parse_match(raw: Json) -> Match:
    return Match(
        name=read.text(raw, "name"),
        uri=_string_match(raw.get("uri")),
        ignore_uri_case=raw.get("ignoreUriCase") is True,
        scheme=_string_match(raw.get("scheme")),
        method=_string_match(raw.get("method")),
        authority=_string_match(raw.get("authority")),
        headers=_named_matches(raw, "headers"),
        without_headers=_named_matches(raw, "withoutHeaders"),
        query_params=_named_matches(raw, "queryParams"),
        port=read.integer(raw, "port"),
        source_labels=tuple(sorted(read.labels(raw, "sourceLabels").items())),
        source_namespace=read.text(raw, "sourceNamespace"),
        gateways=read.texts(raw, "gateways"),
        server_names=read.texts(raw, "sniHosts"),
        networks=read.texts(raw, "destinationSubnets"),
    )


def _named_matches(raw: Json, key: str) -> tuple[tuple[str, StringMatch], ...]:
    return tuple(
        (str(name), _string_match(value) or StringMatch("present"))
        for name, value in sorted(read.obj(raw, key).items())
    )


def _string_match(raw: Any) -> StringMatch | None:
    """`{}` asks only that the value is there; an empty `exact`, that it is there and empty."""
    if raw is None:
        return None
    if isinstance(raw, Mapping) and raw.get("exact") == "":
        return StringMatch("exact")
    for kind in ("exact", "prefix", "regex"):
        value = read.text(raw, kind)
        if value:
            return StringMatch(kind, value)
    return StringMatch("present")


def parse_destination_rule(raw: Json, domain: str = CLUSTER_DOMAIN) -> DestinationRule:
    ref = parse_ref(raw, "DestinationRule")
    spec = read.obj(raw, "spec")
    return DestinationRule(
        ref=ref,
        resource_version=read.text(read.obj(raw, "metadata"), "resourceVersion"),
        host=full_host(read.text(spec, "host"), ref.namespace, domain),
        subsets=tuple(
            Subset(
                read.text(subset, "name"),
                read.labels(subset, "labels"),
                read.obj(subset, "trafficPolicy"),
            )
            for subset in read.objects(spec, "subsets")
            if read.text(subset, "name")
        ),
        policy=read.obj(spec, "trafficPolicy"),
        raw=raw,
        export_to=read.texts(spec, "exportTo") or ("*",),
        workload_selector=read.labels(read.obj(spec, "workloadSelector"), "matchLabels"),
        created=read.created(raw),
    )


def parse_gateway(raw: Json) -> Gateway:
    ref = parse_ref(raw, "Gateway")
    spec = read.obj(raw, "spec")
    servers = tuple(_server(server) for server in read.objects(spec, "servers"))
    hosts = dict.fromkeys(host for server in servers for host in server.hosts)
    return Gateway(
        ref, read.labels(spec, "selector"), tuple(hosts), servers, raw, read.created(raw)
    )


def _server(raw: Json) -> Server:
    port, tls = read.obj(raw, "port"), read.obj(raw, "tls")
    redirect = tls.get("httpsRedirect") is True
    default = "" if redirect or not tls else "PASSTHROUGH"
    return Server(
        port=read.integer(port, "number"),
        protocol=read.text(port, "protocol").upper(),
        hosts=read.texts(raw, "hosts"),
        tls=read.text(tls, "mode").upper() or default,
        redirect=redirect,
        name=read.text(raw, "name") or read.text(port, "name"),
        port_name=read.text(port, "name"),
        bind=read.text(raw, "bind"),
    )


def parse_envoy_filter(raw: Json) -> EnvoyFilter:
    spec = read.obj(raw, "spec")
    return EnvoyFilter(
        ref=parse_ref(raw, "EnvoyFilter"),
        selector=read.labels(read.obj(spec, "workloadSelector"), "labels"),
        attached=bool(read.items(spec, "targetRefs")),
        raw=raw,
    )
