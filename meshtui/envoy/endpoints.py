"""Where a proxy sends requests, and whom it has thrown out: `/clusters?format=json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.envoy.clusternames import ClusterName, parse_cluster_name
from meshtui.mesh import read
from meshtui.mesh.model import Json

_GOOD = ("", "HEALTHY", "UNKNOWN")


@dataclass(frozen=True, slots=True)
class ProxyEndpoint:
    """One address of one cluster, as a proxy sees it; of a pod behind a tunnel it is the pod's.

    `ejected` is outlier detection's doing; `health` is what the control plane or a health check
    says ("healthy", "draining", "unhealthy", …). `active` requests and `connections` are under
    way now, `pending` requests wait for one (None where an older Envoy does not say); `requests`
    and `errors` count since the proxy began.
    """

    cluster: ClusterName
    address: str
    port: int = 0
    health: str = "healthy"
    ejected: bool = False
    weight: int = 1
    active: int = 0
    requests: int = 0
    errors: int = 0
    connections: int = 0
    pending: int | None = None
    priority: int = 0
    locality: str = ""

    @property
    def usable(self) -> bool:
        return self.health == "healthy" and not self.ejected


def parse_endpoints(status: Any) -> tuple[ProxyEndpoint, ...]:
    return tuple(
        _endpoint(name, host)
        for cluster in read.objects(status, "cluster_statuses")
        for name in [parse_cluster_name(read.text(cluster, "name"))]
        for host in read.objects(cluster, "host_statuses")
    )


def _endpoint(cluster: ClusterName, raw: Json) -> ProxyEndpoint:
    socket = read.obj(raw, "address", "socket_address") or _tunnelled(raw)
    state = read.obj(raw, "health_status")
    stats = dict(_stats(raw))
    return ProxyEndpoint(
        cluster=cluster,
        address=read.text(socket, "address") or _other_address(raw),
        port=read.integer(socket, "port_value"),
        health=_health(state),
        ejected=state.get("failed_outlier_check") is True,
        weight=read.integer(raw, "weight", 1),
        active=stats.get("rq_active", 0),
        requests=stats.get("rq_total", 0),
        errors=stats.get("rq_error", 0),
        connections=stats.get("cx_active", 0),
        pending=stats.get("rq_pending_active"),
        priority=read.integer(raw, "priority"),
        locality="/".join(_places(read.obj(raw, "locality"))),
    )


def _places(locality: Json) -> Iterator[str]:
    found = [read.text(locality, part) for part in ("region", "zone", "sub_zone")]
    while found and not found[-1]:
        found.pop()
    yield from found


def _health(state: Json) -> str:
    reason = read.text(state, "eds_health_status")
    if reason not in _GOOD:
        return reason.lower()
    checks = ("failed_active_health_check", "failed_active_degraded_check")
    return "unhealthy" if any(state.get(check) is True for check in checks) else "healthy"


def _tunnelled(raw: Json) -> Json:
    """The address behind an internal listener: a waypoint tunnels to its pods."""
    behind = read.text(read.obj(raw, "address", "envoy_internal_address"), "endpoint_id")
    address, _, port = behind.rpartition(":")
    if not address or not (port.isascii() and port.isdigit() and len(port) < 6):
        return {}
    return {"address": address.strip("[]"), "port_value": int(port)}


def _other_address(raw: Json) -> str:
    pipe = read.text(read.obj(raw, "address", "pipe"), "path")
    internal = read.obj(raw, "address", "envoy_internal_address")
    listener, behind = (read.text(internal, k) for k in ("server_listener_name", "endpoint_id"))
    return pipe or "/".join(filter(None, (listener, behind)))


def _stats(raw: Json) -> Iterator[tuple[str, int]]:
    """Counters are 64 bits wide, which proto's JSON writes as text; a zero is left out."""
    for entry in read.objects(raw, "stats"):
        value = read.text(entry, "value", "0")
        if value.isascii() and value.isdigit() and len(value) < 20:
            yield read.text(entry, "name"), int(value)
