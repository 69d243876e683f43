"""`trafficPolicy` of a DestinationRule → the parts of an Envoy cluster it decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control import durations
from meshtui.lab.control.match import Match

Policy = Mapping[str, Any]

UNLIMITED = 4_294_967_295
PARTS = ("loadBalancer", "connectionPool", "outlierDetection", "tls")
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_LB_POLICIES = {
    "ROUND_ROBIN": "ROUND_ROBIN",
    "RANDOM": "RANDOM",
    "LEAST_REQUEST": "LEAST_REQUEST",
    "LEAST_CONN": "LEAST_REQUEST",
}


def inherited(host: Policy, subset: Policy) -> Policy:
    """A part the subset names replaces the host's part whole; the others are the host's."""
    return {part: subset.get(part) or host.get(part) for part in (*PARTS, "portLevelSettings")}


def for_port(policy: Policy, port: int) -> Policy:
    """Settings for a port inherit nothing from the policy around them."""
    for settings in policy.get("portLevelSettings") or ():
        if (settings.get("port") or {}).get("number") == port:
            found: Policy = settings
            return found
    return policy


def cluster_fields(policy: Policy) -> Obj:
    """Load balancing, limits and ejection of one cluster."""
    pool = policy.get("connectionPool") or {}
    outlier = policy.get("outlierDetection")
    return {
        **_balancing(policy.get("loadBalancer") or {}),
        **_limits(pool),
        **(_ejection(outlier) if outlier is not None else {}),
    }


def hash_policy(policy: Policy) -> list[Obj]:
    """What the routes to a cluster with consistent hashing hash."""
    chosen = (policy.get("loadBalancer") or {}).get("consistentHash") or {}
    if chosen.get("httpHeaderName"):
        return [{"header": {"header_name": chosen["httpHeaderName"]}}]
    if chosen.get("httpQueryParameterName"):
        return [{"query_parameter": {"name": chosen["httpQueryParameterName"]}}]
    if chosen.get("useSourceIp"):
        return [{"connection_properties": {"source_ip": True}}]
    return []


def _balancing(balancer: Match) -> Obj:
    if balancer.get("consistentHash"):
        return {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": "1024"}}
    return {"lb_policy": _LB_POLICIES.get(str(balancer.get("simple")), "LEAST_REQUEST")}


def _limits(pool: Match) -> Obj:
    tcp, http = pool.get("tcp") or {}, pool.get("http") or {}
    thresholds = {
        "max_connections": _limit(tcp.get("maxConnections")),
        "max_pending_requests": _limit(http.get("http1MaxPendingRequests")),
        "max_requests": _limit(http.get("http2MaxRequests")),
        "max_retries": _limit(http.get("maxRetries")),
        "track_remaining": True,
    }
    return {
        "connect_timeout": durations.positive(tcp.get("connectTimeout") or "10s"),
        "circuit_breakers": {"thresholds": [thresholds]},
        "typed_extension_protocol_options": {_HTTP_OPTIONS: _http_options(http)},
    }


def _limit(value: object) -> int:
    """0 and unset both mean no limit, as in istiod."""
    number = int(str(value or 0))
    if number < 0:
        raise ValueError(f"a limit of {number}")
    return number or UNLIMITED


def _http_options(http: Match) -> Obj:
    common: Obj = {}
    if http.get("idleTimeout"):
        common["idle_timeout"] = durations.envoy(http["idleTimeout"])
    if http.get("maxRequestsPerConnection"):
        common["max_requests_per_connection"] = int(http["maxRequestsPerConnection"])
    return {
        "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
        "explicit_http_config": {"http_protocol_options": {}},
        **({"common_http_protocol_options": common} if common else {}),
    }


def _ejection(outlier: Match) -> Obj:
    detection: Obj = {"enforcing_success_rate": 0}
    for field, count, enforced in (
        ("consecutive5xxErrors", "consecutive_5xx", "enforcing_consecutive_5xx"),
        (
            "consecutiveGatewayErrors",
            "consecutive_gateway_failure",
            "enforcing_consecutive_gateway_failure",
        ),
    ):
        if outlier.get(field) is not None:
            number = int(outlier[field])
            detection |= {count: number, enforced: 100 if number else 0}
    for field, target in (("interval", "interval"), ("baseEjectionTime", "base_ejection_time")):
        if outlier.get(field):
            detection[target] = durations.positive(outlier[field])
    if outlier.get("maxEjectionPercent"):
        detection["max_ejection_percent"] = int(outlier["maxEjectionPercent"])
    panic = float(outlier.get("minHealthPercent") or 0)
    return {
        "outlier_detection": detection,
        "common_lb_config": {"healthy_panic_threshold": {"value": panic}},
    }
