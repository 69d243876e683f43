"""Rate limits, which Istio knows only as EnvoyFilters: who they reach and what they allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.model import EnvoyFilter, Json, Mesh, Pod, Ref
from meshtui.mesh.quantity import seconds
from meshtui.mesh.routing import selects

ROOT_NAMESPACE = "istio-system"
"""EnvoyFilters here reach the proxies of every namespace (MeshConfig.rootNamespace's default)."""

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""The label of the pods that Istio starts for a Kubernetes Gateway."""

LOCAL = "local"
EXTERNAL = "external"
DESCRIPTORS = "descriptors"

_TYPES = {
    "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit": LOCAL,
    "envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit": LOCAL,
    "envoy.extensions.filters.http.ratelimit.v3.RateLimit": EXTERNAL,
    "envoy.extensions.filters.network.ratelimit.v3.RateLimit": EXTERNAL,
}
_DEPTH = 8
_DENOMINATORS = {"HUNDRED": 100.0, "TEN_THOUSAND": 10_000.0, "MILLION": 1_000_000.0}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: `burst` at once, then `tokens` every `interval_s`.

    `descriptor` names the requests it is for (`path=/a`), empty for all. Each proxy counts its
    own.
    """

    burst: int
    tokens: int
    interval_s: float
    descriptor: str = ""

    @property
    def rps(self) -> float | None:
        return self.tokens / self.interval_s if self.interval_s > 0 else None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One patch of an EnvoyFilter that limits something.

    `kind` is "local" (each proxy for itself), "external" (a rate-limit service is asked) or
    "descriptors" (only what such a service is told). `scope` says what of a proxy's traffic it is
    for; `vhost` and `port` are the virtual host and the port it is limited to, if any. `unknown`
    is true where it is not known which pods it reaches. `enforced` is the percentage of requests
    over the limit that are refused: 0 unless the filter says otherwise, as Envoy has it.
    `stat_prefix` leads to the counters (`<stat_prefix>.http_local_rate_limit.rate_limited`).
    `service` is where the external service listens, `domain` its name for these limits;
    `deny_on_failure` refuses all while it is away.
    """

    ref: Ref
    path: str
    kind: str
    context: str
    scope: str
    pods: tuple[Pod, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    enforced: float = 100.0
    stat_prefix: str = ""
    domain: str = ""
    service: str = ""
    deny_on_failure: bool = False
    vhost: str = ""
    port: int = 0
    unknown: bool = False

    @property
    def limits(self) -> bool:
        """False where it only puts a filter there, or switches none on."""
        return self.kind == EXTERNAL or (
            self.kind == LOCAL and bool(self.buckets and self.enforced)
        )

    @property
    def workloads(self) -> tuple[tuple[str, str], ...]:
        """The workloads it reaches, as (namespace, name)."""
        return tuple(sorted({(pod.namespace, pod.workload) for pod in self.pods}))


def rate_limits(mesh: Mesh) -> tuple[RateLimit, ...]:
    """Every rate limit of the mesh, in the order of the EnvoyFilters and their patches."""
    return tuple(limit for found in mesh.envoy_filters for limit in _limits_of(mesh, found))


def is_rate_limit(found: EnvoyFilter) -> bool:
    return any(True for _ in _parts(found))


def proxies_of(mesh: Mesh, found: EnvoyFilter) -> tuple[Pod, ...]:
    """The pods whose proxies the EnvoyFilter patches, as far as labels tell.

    `targetRefs` name Kubernetes Gateways, whose pods carry the Gateway's name as a label; other
    targets choose waypoints, which no label of a pod tells.
    """
    if found.attached:
        names = _target_gateways(found)
        pods = mesh.pods_by_namespace.get(found.ref.namespace, ())
        return tuple(pod for pod in pods if pod.sidecar and pod.labels.get(GATEWAY_NAME) in names)
    everywhere = found.ref.namespace == ROOT_NAMESPACE
    pods = mesh.pods if everywhere else mesh.pods_by_namespace.get(found.ref.namespace, ())
    return tuple(
        pod
        for pod in pods
        if pod.sidecar
        and pod.phase not in ("Succeeded", "Failed")
        and (not found.selector or selects(found.selector, pod.labels))
    )


def _target_gateways(found: EnvoyFilter) -> frozenset[str]:
    targets = read.objects(read.obj(found.raw, "spec"), "targetRefs")
    return frozenset(read.text(t, "name") for t in targets if read.text(t, "kind") == "Gateway")


def _limits_of(mesh: Mesh, found: EnvoyFilter) -> Iterator[RateLimit]:
    parts = list(_parts(found))
    pods = proxies_of(mesh, found) if parts else ()
    for index, kind, config, patch in parts:
        yield _limit(mesh, found, index, kind, config, patch, pods)


def _limit(
    mesh: Mesh,
    found: EnvoyFilter,
    index: int,
    kind: str,
    config: Json,
    patch: Json,
    pods: tuple[Pod, ...],
) -> RateLimit:
    match = read.obj(patch, "match")
    context = read.text(match, "context") or "ANY"
    cluster = _service_cluster(config)
    return RateLimit(
        ref=found.ref,
        path=f"spec.configPatches[{index}]",
        kind=kind,
        context=context,
        scope=_scope(patch, match),
        pods=tuple(pod for pod in pods if found.attached or _is_in(context, pod)),
        buckets=tuple(_buckets(config)) if kind == LOCAL else (),
        enforced=_enforced(config) if kind == LOCAL else 100.0,
        stat_prefix=read.text(config, _key(config, "stat_prefix")),
        domain=read.text(config, "domain"),
        service=_address(mesh, cluster) if cluster else "",
        deny_on_failure=config.get(_key(config, "failure_mode_deny")) is True,
        vhost=read.text(read.obj(match, "routeConfiguration", "vhost"), "name"),
        port=_port(match),
        unknown=found.attached and not pods,
    )


def _port(match: Json) -> int:
    listener, routes = read.obj(match, "listener"), read.obj(match, "routeConfiguration")
    return read.integer(listener, "portNumber") or read.integer(routes, "portNumber")


def _is_in(context: str, pod: Pod) -> bool:
    if context == "GATEWAY":
        return pod.gateway
    return not (pod.gateway and context.startswith("SIDECAR"))


def _scope(patch: Json, match: Json) -> str:
    """What the patch is for, in words."""
    kind = read.text(patch, "applyTo")
    host, port = read.obj(match, "routeConfiguration", "vhost"), _port(match)
    at = f" on port {port}" if port else ""
    if kind == "HTTP_ROUTE":
        return f"route {read.text(read.obj(host, 'route'), 'name') or 'any'}{at}"
    if kind == "VIRTUAL_HOST":
        return f"virtual host {read.text(host, 'name') or 'any'}{at}"
    if kind == "NETWORK_FILTER":
        return f"connections{at}"
    return f"every request{at}"


def _parts(found: EnvoyFilter) -> Iterator[tuple[int, str, Json, Json]]:
    """The patches that say something of rate limits: index, kind, configuration, patch."""
    for index, patch in enumerate(read.items(read.obj(found.raw, "spec"), "configPatches")):
        value = read.obj(patch, "patch", "value")
        for kind, config in _typed(value, _DEPTH):
            yield index, kind, config, patch
        if any(_key(place, "rate_limits") in place for place in (value, read.obj(value, "route"))):
            yield index, DESCRIPTORS, {}, patch


def _typed(value: Any, depth: int) -> Iterator[tuple[str, Json]]:
    """The rate-limit configurations in a patch, plain or in a TypedStruct, wherever they stand."""
    if isinstance(value, Mapping):
        kind = _TYPES.get(_type_name(value, "@type"))
        wrapped = _TYPES.get(_type_name(value, _key(value, "type_url")))
        if kind or wrapped:
            yield (kind, value) if kind else (wrapped or "", read.obj(value, "value"))
            return
        value = list(value.values())
    if isinstance(value, list) and depth > 0:
        for inner in value:
            yield from _typed(inner, depth - 1)


def _type_name(value: Json, key: str) -> str:
    return read.text(value, key).rpartition("/")[2]


def _key(value: Json, snake: str) -> str:
    """Envoy's JSON takes `stat_prefix` and `statPrefix` alike."""
    head, *rest = snake.split("_")
    camel = head + "".join(word.capitalize() for word in rest)
    return camel if camel in value else snake


def _at(value: Json, *path: str) -> Json:
    for part in path:
        value = read.obj(value, _key(value, part))
    return value


def _buckets(config: Json) -> Iterator[Bucket]:
    whole = _at(config, "token_bucket")
    if whole:
        yield _bucket(whole, "")
    for descriptor in read.objects(config, "descriptors"):
        entries = read.objects(descriptor, "entries")
        name = ", ".join(f"{read.text(e, 'key')}={read.text(e, 'value') or '*'}" for e in entries)
        yield _bucket(_at(descriptor, "token_bucket"), name)


def _bucket(raw: Json, descriptor: str) -> Bucket:
    return Bucket(
        burst=read.integer(raw, _key(raw, "max_tokens")),
        tokens=read.integer(raw, _key(raw, "tokens_per_fill"), 1),
        interval_s=seconds(raw.get(_key(raw, "fill_interval"))) or 0.0,
        descriptor=descriptor,
    )


def _enforced(config: Json) -> float:
    """Both switches are 0 where they are not set: such a filter only stands there."""
    shares = (_fraction(_at(config, key)) for key in ("filter_enabled", "filter_enforced"))
    enabled, enforced = shares
    return enabled * enforced / 100.0


def _fraction(switch: Json) -> float:
    """A percentage from a runtime fraction, whose denominator is HUNDRED unless it is named."""
    value = _at(switch, "default_value")
    whole = _DENOMINATORS.get(read.text(value, "denominator"), 100.0)
    return min(100.0, max(0.0, 100.0 * read.decimal(value, "numerator") / whole))


def _service_cluster(config: Json) -> str:
    grpc = _at(config, "rate_limit_service", "grpc_service")
    plain, google = _at(grpc, "envoy_grpc"), _at(grpc, "google_grpc")
    return read.text(plain, _key(plain, "cluster_name")) or read.text(
        google, _key(google, "target_uri")
    )


def _address(mesh: Mesh, cluster: str) -> str:
    """Where a cluster leads: Istio's own names say it, others are added by an EnvoyFilter."""
    parts = cluster.split("|")
    if len(parts) == 4:
        return f"{parts[3]}:{parts[1]}"
    for found in mesh.envoy_filters:
        for patch in read.objects(read.obj(found.raw, "spec"), "configPatches"):
            value = read.obj(patch, "patch", "value")
            if read.text(patch, "applyTo") == "CLUSTER" and value.get("name") == cluster:
                return _first_socket(value, _DEPTH) or cluster
    return cluster


def _first_socket(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        socket = _at(value, "socket_address")
        if socket:
            return (
                f"{read.text(socket, 'address')}:{read.integer(socket, _key(socket, 'port_value'))}"
            )
        value = list(value.values())
    if isinstance(value, list) and depth > 0:
        return next(filter(None, (_first_socket(inner, depth - 1) for inner in value)), "")
    return ""
