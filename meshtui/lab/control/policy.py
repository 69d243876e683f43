"""`trafficPolicy` of a DestinationRule → the parts of an Envoy cluster it decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control import durations
from meshtui.lab.control.destinationrules import Destination, Policy
from meshtui.lab.control.match import Match

UNLIMITED = 4_294_967_295
PASSTHROUGH_LB = "PASSTHROUGH"
_PARTS = ("loadBalancer", "connectionPool", "outlierDetection", "tls")
_SLOW_START = {
    "aggression": {"default_value": 1.0, "runtime_key": "("},
    "min_weight_percent": {"value": 10.0},
}
"""What istiod writes where the warmup names neither, its odd key included."""
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_LB_POLICIES = {
    "ROUND_ROBIN": "ROUND_ROBIN",
    "RANDOM": "RANDOM",
    "LEAST_REQUEST": "LEAST_REQUEST",
    "LEAST_CONN": "LEAST_REQUEST",
}


def policy_for(rule: Destination | None, subset: str, port: int) -> Policy:
    """The policy of one cluster.

    Settings for a port replace the whole of the policy around them; those of the host hold for a
    subset too, unless it has parts, or settings for the port, of its own.
    """
    if rule is None:
        return {}
    base = _for_port(rule.policy or {}, port)
    chosen = rule.subset(subset)
    if chosen is None:
        return base
    own = {part: chosen.policy[part] for part in _PARTS if chosen.policy.get(part) is not None}
    merged = {**base, **own}
    settings = _settings(chosen.policy, port)
    return merged if settings is None else settings


def _for_port(policy: Policy, port: int) -> Policy:
    settings = _settings(policy, port)
    return policy if settings is None else settings


def _settings(policy: Policy, port: int) -> Policy | None:
    for settings in policy.get("portLevelSettings") or ():
        if (settings.get("port") or {}).get("number") == port:
            return {part: settings[part] for part in _PARTS if settings.get(part) is not None}
    return None


def destination_hash(rule: Destination, destination: Match) -> Match | None:
    """`consistentHash` for a destination; settings for a port count where it names the port."""
    number = (destination.get("port") or {}).get("number")
    chosen = rule.subset(str(destination.get("subset") or ""))
    for policy in (chosen.policy if chosen else {}, rule.policy or {}):
        settings = _settings(policy, number) if number else None
        for found in (_hash(settings or {}), _hash(policy)):
            if found is not None:
                return found
    return None


def _hash(policy: Policy) -> Match | None:
    return (policy.get("loadBalancer") or {}).get("consistentHash")


def hash_policy(chosen: Match) -> Obj | None:
    """What Envoy hashes for one `consistentHash`."""
    if chosen.get("httpHeaderName"):
        return {"header": {"header_name": chosen["httpHeaderName"]}}
    if chosen.get("httpCookie") is not None:
        cookie = chosen["httpCookie"]
        return {
            "cookie": {
                "name": cookie.get("name", ""),
                **({"ttl": durations.envoy(cookie["ttl"])} if cookie.get("ttl") else {}),
                **({"path": cookie["path"]} if cookie.get("path") else {}),
            }
        }
    if chosen.get("httpQueryParameterName"):
        return {"query_parameter": {"name": chosen["httpQueryParameterName"]}}
    if "useSourceIp" in chosen:
        return {"connection_properties": {"source_ip": bool(chosen["useSourceIp"])}}
    return None


def cluster_fields(policy: Policy) -> Obj:
    """Load balancing, limits and ejection of one cluster."""
    pool = policy.get("connectionPool") or {}
    outlier = policy.get("outlierDetection")
    return {
        **_balancing(policy.get("loadBalancer") or {}),
        **_limits(pool),
        **(_ejection(outlier) if outlier is not None else {}),
    }


def _balancing(balancer: Match) -> Obj:
    hashed = balancer.get("consistentHash")
    if hashed is not None:
        return _hashing(hashed)
    if balancer.get("simple") == PASSTHROUGH_LB:
        return {"lb_policy": "CLUSTER_PROVIDED"}
    chosen = _LB_POLICIES.get(str(balancer.get("simple")), "LEAST_REQUEST")
    warmup = balancer.get("warmup") or {}
    window = warmup.get("duration") or balancer.get("warmupDurationSecs")
    if not window or chosen == "RANDOM":
        return {"lb_policy": chosen}
    start = {"slow_start_window": durations.envoy(window), **_SLOW_START}
    config = {"slow_start_config": start}
    return {"lb_policy": chosen, f"{chosen.lower()}_lb_config": config}


def _hashing(hashed: Match) -> Obj:
    if hashed.get("maglev") is not None:
        size = hashed["maglev"].get("tableSize")
        table = {"maglev_lb_config": {"table_size": str(size)}} if size else {}
        return {"lb_policy": "MAGLEV", **table}
    ring = hashed.get("ringHash") or {}
    size = ring.get("minimumRingSize") or hashed.get("minimumRingSize") or 1024
    return {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": str(size)}}


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


def _ejection(outlier: Mapping[str, Any]) -> Obj:
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
