"""Rate limits, which Istio knows only as EnvoyFilters: who they reach and what they allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.limitsettings import DEPTH, Settings, at, key, settings_in
from meshtui.mesh.limitsettings import EXTERNAL as EXTERNAL
from meshtui.mesh.limitsettings import LOCAL as LOCAL
from meshtui.mesh.limitsettings import Bucket as Bucket
from meshtui.mesh.model import EnvoyFilter, Json, Mesh, Pod, Ref
from meshtui.mesh.routing import pods_selected

ROOT_NAMESPACE = "istio-system"
"""EnvoyFilters here reach the proxies of every namespace (MeshConfig.rootNamespace's default)."""

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""The label of the pods that Istio starts for a Kubernetes Gateway."""

DESCRIPTORS = "descriptors"


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
    home = found.ref.namespace
    namespaces = (home,) if home != ROOT_NAMESPACE else tuple(mesh.pods_by_namespace)
    if found.selector:
        pods = pods_selected(mesh, found.selector, namespaces)
    else:
        pods = tuple(pod for one in namespaces for pod in mesh.pods_by_namespace.get(one, ()))
    return tuple(p for p in pods if p.sidecar and p.phase not in ("Succeeded", "Failed"))


def _target_gateways(found: EnvoyFilter) -> frozenset[str]:
    targets = read.objects(read.obj(found.raw, "spec"), "targetRefs")
    return frozenset(read.text(t, "name") for t in targets if read.text(t, "kind") == "Gateway")


def _limits_of(mesh: Mesh, found: EnvoyFilter) -> Iterator[RateLimit]:
    parts = list(_parts(found))
    pods = proxies_of(mesh, found) if parts else ()
    for index, settings, patch in parts:
        yield _limit(mesh, found, index, settings, patch, pods)


def _limit(
    mesh: Mesh,
    found: EnvoyFilter,
    index: int,
    settings: Settings,
    patch: Json,
    pods: tuple[Pod, ...],
) -> RateLimit:
    match = read.obj(patch, "match")
    context = read.text(match, "context") or "ANY"
    return RateLimit(
        ref=found.ref,
        path=f"spec.configPatches[{index}]",
        kind=settings.kind,
        context=context,
        scope=_scope(patch, match),
        pods=tuple(pod for pod in pods if found.attached or _is_in(context, pod)),
        buckets=settings.buckets,
        enforced=settings.enforced,
        stat_prefix=settings.text("stat_prefix"),
        domain=settings.text("domain"),
        service=_address(mesh, settings.cluster) if settings.cluster else "",
        deny_on_failure=settings.deny_on_failure,
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


def _parts(found: EnvoyFilter) -> Iterator[tuple[int, Settings, Json]]:
    """The patches that say something of rate limits: index, settings, patch."""
    for index, patch in enumerate(read.items(read.obj(found.raw, "spec"), "configPatches")):
        value = read.obj(patch, "patch", "value")
        for settings in settings_in(value):
            yield index, settings, patch
        if any(key(place, "rate_limits") in place for place in (value, read.obj(value, "route"))):
            yield index, Settings(DESCRIPTORS, False, {}), patch


def _address(mesh: Mesh, cluster: str) -> str:
    """Where a cluster leads: Istio's own names say it, others are added by an EnvoyFilter."""
    parts = cluster.split("|")
    if len(parts) == 4:
        return f"{parts[3]}:{parts[1]}"
    for found in mesh.envoy_filters:
        for patch in read.objects(read.obj(found.raw, "spec"), "configPatches"):
            value = read.obj(patch, "patch", "value")
            if read.text(patch, "applyTo") == "CLUSTER" and value.get("name") == cluster:
                return _first_socket(value, DEPTH) or cluster
    return cluster


def _first_socket(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        socket = at(value, "socket_address")
        if socket:
            return (
                f"{read.text(socket, 'address')}:{read.integer(socket, key(socket, 'port_value'))}"
            )
        value = list(value.values())
    if isinstance(value, list) and depth > 0:
        return next(filter(None, (_first_socket(inner, depth - 1) for inner in value)), "")
    return ""
