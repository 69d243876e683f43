"""The clusters of a client: which there are, with which policy, and why another is not there.

From istiod (pilot/pkg/networking/core: buildOutboundClusters, applyDestinationRule,
applyTrafficPolicy): a cluster for each TCP port of each host that the client sees, and one for each
subset of the DestinationRule that counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.model import MeshSettings, Subset
from meshtui.mesh.resolution.backend_policies import at_sidecars, made_name
from meshtui.mesh.resolution.durations import envoy_duration
from meshtui.mesh.resolution.endpoints import Endpoints
from meshtui.mesh.resolution.forwarding import cluster_name
from meshtui.mesh.resolution.policies import Joined, host_policy, subset_policy
from meshtui.mesh.resolution.registry import (
    ALIAS,
    DNS,
    DNS_ROUND_ROBIN,
    NONE,
    Host,
    HostPort,
)

UNLIMITED = 4294967295
EDS, STRICT_DNS, LOGICAL_DNS, ORIGINAL_DST = "EDS", "STRICT_DNS", "LOGICAL_DNS", "ORIGINAL_DST"
_LB = {"RANDOM": "RANDOM", "ROUND_ROBIN": "ROUND_ROBIN"}
_LIMITS = (
    ("max_connections", "tcp", "maxConnections"),
    ("max_pending_requests", "http", "http1MaxPendingRequests"),
    ("max_requests", "http", "http2MaxRequests"),
    ("max_retries", "http", "maxRetries"),
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of a client.

    `kind` is Envoy's type. An ORIGINAL_DST cluster sends each request to the address that its
    caller connected to: neither subsets nor weights choose anything there. `policy` is the
    trafficPolicy that holds, with everything inherited or lost.
    """

    name: str
    host: Host
    port: HostPort
    subset: Subset | None
    kind: str
    policy: Json
    rule: Joined | None = None
    connect_timeout: str = "10s"

    @property
    def by_address(self) -> bool:
        return self.kind == ORIGINAL_DST

    @property
    def labels(self) -> Mapping[str, str]:
        """What its endpoints are selected by beside the host."""
        return self.subset.labels if self.subset else {}

    @property
    def envoy(self) -> Json:
        """The parts of Envoy's cluster that the objects decide, as its configuration has them."""
        return _envoy(self)


def kind_of(host: Host, gateway: bool) -> str:
    if host.resolution == DNS:
        return STRICT_DNS
    if host.resolution == DNS_ROUND_ROBIN:
        return LOGICAL_DNS
    return ORIGINAL_DST if host.resolution == NONE and not gateway else EDS


def host_clusters(
    host: Host, rule: Joined | None, settings: MeshSettings, gateway: bool
) -> Iterator[Cluster]:
    """All clusters of a host: for each port its own, then its subsets'."""
    if host.resolution == ALIAS:
        return
    for port in host.ports:
        if port.protocol == "UDP":
            continue
        policy = host_policy(rule, port.number, settings.policy)
        if not gateway:
            policy = at_sidecars(policy)
        kind = ORIGINAL_DST if _passes_through(policy) else kind_of(host, gateway)
        timeout = settings.connect_timeout
        name = cluster_name(host.name, port.number, "")
        yield Cluster(name, host, port, None, kind, policy, rule, timeout)
        for subset in rule.subsets if rule else ():
            own = subset_policy(policy, subset, port.number)
            through = _passes_through(own) or _passes_through(subset.policy)
            name = cluster_name(host.name, port.number, subset.name)
            of_subset = ORIGINAL_DST if through else kind
            yield Cluster(name, host, port, subset, of_subset, own, rule, timeout)


def _passes_through(policy: Json) -> bool:
    """A subset's own balancer counts here even where settings for the port replace it."""
    return read.text(read.obj(policy, "loadBalancer"), "simple") == "PASSTHROUGH"


def missing(host: Host | None, hidden: str, rule: Joined | None, port: int, subset: str) -> str:
    """Why there is no cluster: its host is not seen, the port is not there, or the subset."""
    if host is None:
        return hidden
    if host.resolution == ALIAS:
        return f"{host.name} is another name of {host.alias_of}"
    if host.port(port) is None:
        known = ", ".join(str(p.number) for p in host.ports) or "none"
        return f"{host.name} has no port {port} (its ports: {known})"
    if rule is None or not rule.rules:
        return f"no DestinationRule that counts for this client defines subset {subset}"
    places = ", ".join(str(found.ref) for found in rule.rules)
    known = ", ".join(found.name for found in rule.subsets) or "none"
    return f"{places} defines no subset {subset} (its subsets: {known})"


def split_cluster(name: str) -> tuple[int, str, str] | None:
    """Port, subset and host of an outbound cluster's name, or of a waypoint's own.

    A waypoint's has the protocol before the subset, `http/v1`.
    """
    parts = name.split("|")
    port = parts[1] if len(parts) == 4 and parts[0] in ("outbound", "inbound-vip") else ""
    if not (port.isascii() and port.isdigit() and len(port) < 6):
        return None
    subset = parts[2] if parts[0] == "outbound" else parts[2].partition("/")[2]
    return int(parts[1]), subset, parts[3]


def _envoy(cluster: Cluster) -> Json:
    pool = read.obj(cluster.policy, "connectionPool")
    timeout = read.obj(pool, "tcp").get("connectTimeout") or cluster.connect_timeout
    found: dict[str, Any] = {
        "name": cluster.name,
        "type": cluster.kind,
        "connect_timeout": envoy_duration(timeout),
        "circuit_breakers": {"thresholds": [_thresholds(pool, cluster.policy)]},
        **_balancing(cluster),
    }
    outlier = cluster.policy.get("outlierDetection")
    if isinstance(outlier, Mapping):
        found["outlier_detection"] = outlier_detection(outlier)
    if cluster.rule is not None:
        found["istio"] = {"config": _config(cluster.rule, cluster.host.name)}
        if cluster.rule.backend and (name := read.text(read.obj(cluster.policy, "tls"), "sni")):
            found["tls"] = name
            found["istio"]["alpn_override"] = "false"
        if cluster.subset is not None:
            found["istio"]["subset"] = cluster.subset.name
    return found


def _config(rule: Joined, host: str) -> str:
    """The first DestinationRule that went into it, or that istiod has made."""
    name = made_name(host) if rule.began_as_backend else rule.rules[0].ref.name
    return f"/apis/networking.istio.io/v1/namespaces/{rule.namespace}/destination-rule/{name}"


def _thresholds(pool: Json, policy: Json) -> Json:
    """What is not set, or set to 0, is without a limit."""
    found: dict[str, Any] = {}
    for field_name, part, key in _LIMITS:
        value = read.integer(read.obj(pool, part), key)
        found[field_name] = value if value > 0 else UNLIMITED
    budget = policy.get("retryBudget")
    if isinstance(budget, Mapping):
        found["retry_budget"] = _retry_budget(budget)
    return found


def _retry_budget(budget: Json) -> Json:
    percent = budget.get("percent")
    value = read.decimal(percent, "value") if isinstance(percent, Mapping) else 20.0
    found: dict[str, Any] = {"budget_percent": {"value": value} if value else {}}
    if interval := envoy_duration(budget.get("budgetInterval")):
        found["budget_interval"] = interval
    found["min_retry_concurrency"] = read.integer(budget, "minRetryConcurrency") or 3
    return found


def _balancing(cluster: Cluster) -> Json:
    """How an endpoint is chosen; Envoy's configuration leaves its default, round robin, out."""
    if cluster.by_address:
        return {"lb_policy": "CLUSTER_PROVIDED"}
    balancer = read.obj(cluster.policy, "loadBalancer")
    consistent = balancer.get("consistentHash")
    if isinstance(consistent, Mapping):
        return _hashing(consistent)
    chosen = _LB.get(read.text(balancer, "simple"), "LEAST_REQUEST")
    found: dict[str, Any] = {} if chosen == "ROUND_ROBIN" else {"lb_policy": chosen}
    if chosen != "RANDOM" and (warm := _slow_start(balancer)):
        key = "round_robin" if chosen == "ROUND_ROBIN" else "least_request"
        found[f"{key}_lb_config"] = {"slow_start_config": warm}
    return found


def _slow_start(balancer: Json) -> Json | None:
    warm = balancer.get("warmup")
    if isinstance(warm, Mapping):
        minimum = read.decimal(warm, "minimumPercent", 10.0)
        return {
            "slow_start_window": envoy_duration(warm.get("duration")),
            "aggression": {
                "default_value": read.decimal(warm, "aggression", 1.0),
                "runtime_key": "(",
            },
            "min_weight_percent": {"value": minimum} if minimum else {},
        }
    length = envoy_duration(balancer.get("warmupDurationSecs"))
    return {"slow_start_window": length} if length else None


def _hashing(consistent: Json) -> Json:
    if isinstance(consistent.get("maglev"), Mapping):
        size = _unsigned(read.obj(consistent, "maglev").get("tableSize"))
        return {
            "lb_policy": "MAGLEV",
            **({"maglev_lb_config": {"table_size": str(size)}} if size else {}),
        }
    if isinstance(consistent.get("ringHash"), Mapping):
        size = _unsigned(read.obj(consistent, "ringHash").get("minimumRingSize"))
    else:
        size = _unsigned(consistent.get("minimumRingSize")) or 1024
    ring = {"ring_hash_lb_config": {"minimum_ring_size": str(size)}} if size else {}
    return {"lb_policy": "RING_HASH", **ring}


def _unsigned(value: object) -> int:
    """A 64-bit number, which JSON may have as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 21:
        return int(value)
    return read.integer({"value": value}, "value")


def outlier_detection(raw: Json) -> Json:
    """`{}` is on, with Envoy's defaults; a number of errors of 0 switches that part off."""
    found: dict[str, Any] = {"enforcing_success_rate": 0}
    for key, name in (
        ("consecutive5xxErrors", "consecutive_5xx"),
        ("consecutiveGatewayErrors", "consecutive_gateway_failure"),
    ):
        if isinstance(raw.get(key), int):
            value = read.integer(raw, key)
            found[name] = value
            found[f"enforcing_{name}"] = 100 if value > 0 else 0
    for key, name in (("interval", "interval"), ("baseEjectionTime", "base_ejection_time")):
        if length := envoy_duration(raw.get(key)):
            found[name] = length
    if (most := read.integer(raw, "maxEjectionPercent")) > 0:
        found["max_ejection_percent"] = most
    if raw.get("splitExternalLocalOriginErrors") is True:
        found |= _local_origin(raw)
    return found


def _local_origin(raw: Json) -> Json:
    found: dict[str, Any] = {
        "split_external_local_origin_errors": True,
        "enforcing_local_origin_success_rate": 0,
    }
    if (errors := read.integer(raw, "consecutiveLocalOriginFailures")) > 0:
        found["consecutive_local_origin_failure"] = errors
        found["enforcing_consecutive_local_origin_failure"] = 100
    return found


@dataclass(frozen=True, slots=True)
class Reach:
    """A cluster that a route names: the cluster itself, or why it is not there; its endpoints."""

    name: str
    cluster: Cluster | None = None
    missing: str = ""
    endpoints: Endpoints = field(default_factory=Endpoints)

    @property
    def exists(self) -> bool:
        return self.cluster is not None
