"""What Envoy does with a request it routes, from the JSON of a config dump."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.routes import RouteDestination, RouteMirror
from meshtui.mesh import read
from meshtui.mesh.effects import (
    direct_text,
    header_text,
    host_rewrite,
    path_rewrite,
    prefix_rewrite,
    redirect_text,
)
from meshtui.mesh.model import Fault, Json, Retries
from meshtui.mesh.quantity import seconds

FAULT_FILTER = "envoy.filters.http.fault"
STATUS_CODES = "retriable-status-codes"

_REDIRECTS = {"FOUND": 302, "SEE_OTHER": 303, "TEMPORARY_REDIRECT": 307, "PERMANENT_REDIRECT": 308}
_VERBS = {
    "OVERWRITE_IF_EXISTS_OR_ADD": "set",
    "OVERWRITE_IF_EXISTS": "set if there",
    "ADD_IF_ABSENT": "add if absent",
}
_PARTS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
_ENVOYS_RETRIES = 1

_GRPC = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS "
    "PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE "
    "UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
)
GRPC_STATUS = {name: number for number, name in enumerate(_GRPC.split())}
"""gRPC status codes by name, as VirtualServices write them."""

_GRPC_NAME = {number: name for name, number in GRPC_STATUS.items()}


def fraction(raw: Json) -> float:
    """Envoy's FractionalPercent as 0 to 100. Left-out parts are proto defaults: 0 of HUNDRED."""
    whole = _PARTS.get(read.text(raw, "denominator", "HUNDRED"), 100)
    return 100.0 * read.decimal(raw, "numerator") / whole


def parse_destinations(action: Json) -> tuple[RouteDestination, ...]:
    if "weighted_clusters" in action:
        entries = read.objects(read.obj(action, "weighted_clusters"), "clusters")
        return tuple(
            _destination(read.text(entry, "name"), read.integer(entry, "weight"))
            for entry in entries
        )
    name = read.text(action, "cluster")
    return (_destination(name, 100),) if name else ()


def _destination(name: str, weight: int) -> RouteDestination:
    cluster = parse_cluster_name(name)
    return RouteDestination(name, cluster.host, cluster.subset, cluster.port, weight)


def parse_mirrors(action: Json) -> tuple[RouteMirror, ...]:
    return tuple(_mirror(entry) for entry in read.objects(action, "request_mirror_policies"))


def _mirror(raw: Json) -> RouteMirror:
    name = read.text(raw, "cluster")
    cluster = parse_cluster_name(name)
    percent = (
        fraction(read.obj(raw, "runtime_fraction", "default_value"))
        if "runtime_fraction" in raw
        else 100.0
    )
    return RouteMirror(name, cluster.host, cluster.subset, cluster.port, percent)


def parse_retries(action: Json) -> Retries | None:
    """Retriable status codes are told as numbers in `retry_on`, as a VirtualService writes them."""
    raw = read.obj(action, "retry_policy")
    if not raw:
        return None
    conditions = [part.strip() for part in read.text(raw, "retry_on").split(",") if part.strip()]
    codes = [str(code) for code in read.items(raw, "retriable_status_codes") if code]
    if codes:
        conditions = [part for part in conditions if part != STATUS_CODES]
    return Retries(
        attempts=read.integer(raw, "num_retries", _ENVOYS_RETRIES),
        per_try_timeout_s=seconds(read.text(raw, "per_try_timeout")) or None,
        retry_on=",".join(conditions + codes),
    )


def parse_fault(route: Json) -> Fault | None:
    raw = read.obj(route, "typed_per_filter_config", FAULT_FILTER)
    delay, abort = read.obj(raw, "delay"), read.obj(raw, "abort")
    if not delay and not abort:
        return None
    status = read.integer(abort, "grpc_status", -1)
    return Fault(
        delay_s=seconds(read.text(delay, "fixed_delay")) or 0.0,
        delay_percent=fraction(read.obj(delay, "percentage")),
        abort_http=read.integer(abort, "http_status"),
        abort_grpc=_GRPC_NAME.get(status, str(status) if status >= 0 else ""),
        abort_percent=fraction(read.obj(abort, "percentage")),
    )


def parse_rewrites(action: Json) -> tuple[str, ...]:
    """What is changed of the request before it goes out, each in a few words."""
    return tuple(_rewrites(action))


def _rewrites(action: Json) -> Iterator[str]:
    regex = read.obj(action, "regex_rewrite")
    if read.text(action, "prefix_rewrite"):
        yield prefix_rewrite(read.text(action, "prefix_rewrite"))
    if read.text(action, "path_rewrite"):
        yield f"path → {read.text(action, 'path_rewrite')}"
    if regex:
        pattern = read.text(read.obj(regex, "pattern"), "regex")
        yield path_rewrite(pattern, read.text(regex, "substitution"))
    if "path_rewrite_policy" in action:
        yield "path → by an extension"
    if read.text(action, "host_rewrite_literal"):
        yield host_rewrite(read.text(action, "host_rewrite_literal"))
    if read.text(action, "host_rewrite_header"):
        yield f"host → as header {read.text(action, 'host_rewrite_header')} says"
    if action.get("auto_host_rewrite") is True:
        yield "host → the endpoint's name"


def parse_answer(route: Json) -> str:
    """What the proxy answers by itself; empty where it forwards."""
    redirect = read.obj(route, "redirect")
    if redirect:
        https = "https" if redirect.get("https_redirect") is True else ""
        return redirect_text(
            _REDIRECTS.get(read.text(redirect, "response_code"), 301),
            scheme=read.text(redirect, "scheme_redirect") or https,
            host=read.text(redirect, "host_redirect"),
            port=read.integer(redirect, "port_redirect"),
            path=read.text(redirect, "path_redirect") or read.text(redirect, "prefix_rewrite"),
        )
    direct = read.obj(route, "direct_response")
    return direct_text(read.integer(direct, "status")) if direct else ""


def parse_headers(route: Json) -> tuple[str, ...]:
    """What is done to headers, on the way there and back, by the route and by each cluster."""
    found = list(_operations(route))
    for entry in read.objects(read.obj(route, "route", "weighted_clusters"), "clusters"):
        label = parse_cluster_name(read.text(entry, "name")).label
        found += [f"{text} for {label}" for text in _operations(entry)]
    return tuple(found)


def _operations(raw: Json) -> Iterator[str]:
    for side in ("request", "response"):
        for option in read.objects(raw, f"{side}_headers_to_add"):
            header = read.obj(option, "header")
            yield header_text(
                side, _verb(option), read.text(header, "key"), read.text(header, "value")
            )
        for name in read.texts(raw, f"{side}_headers_to_remove"):
            yield header_text(side, "remove", name)


def _verb(option: Json) -> str:
    if option.get("append") is False:
        return "set"
    return _VERBS.get(read.text(option, "append_action"), "add")
