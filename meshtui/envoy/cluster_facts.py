"""How a proxy's clusters differ from those that the objects make, in an operator's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from meshtui.envoy.dump import resources
from meshtui.envoy.route_facts import Fact, Facts, differing
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.mesh.quantity import seconds
from meshtui.mesh.resolution import Cluster

UNLIMITED = 4294967295
_LIMITS = {
    "max_connections": 1024,
    "max_pending_requests": 1024,
    "max_requests": 1024,
    "max_retries": 3,
}
"""Envoy's own limits, where a cluster says nothing."""

_BALANCING = ("ring_hash_lb_config", "maglev_lb_config", "least_request_lb_config")
_OUTLIERS = (
    "consecutive_5xx",
    "consecutive_gateway_failure",
    "interval",
    "base_ejection_time",
    "max_ejection_percent",
    "enforcing_consecutive_5xx",
    "enforcing_consecutive_gateway_failure",
    "split_external_local_origin_errors",
    "consecutive_local_origin_failure",
)


def parse_raw_clusters(dump: Any) -> dict[str, Json]:
    """The clusters of a config dump by name, as Envoy has them."""
    kinds = ("dynamic_active_clusters", "static_clusters")
    found = (read.obj(entry, "cluster") for entry in resources(dump, kinds))
    return {read.text(raw, "name"): raw for raw in found if read.text(raw, "name")}


def cluster_differences(asked: Cluster, actual: Json) -> tuple[str, ...]:
    """Empty where the proxy's cluster has the policy that the objects give it."""
    wanted, found = cluster_facts(asked.envoy), cluster_facts(actual)
    one_is_off = ("outlier detection" in wanted) != ("outlier detection" in found)
    left = [name for name in (*wanted, *found) if name.startswith("outlier detection: ")]
    title = f"{asked.subset.name if asked.subset else 'the host'} on port {asked.port.number}"
    differences = differing(wanted, found, left if one_is_off else ())
    return tuple(f"{title}: {text}" for text in differences)


def cluster_facts(raw: Json) -> Facts:
    return dict(_facts(raw))


def _facts(raw: Json) -> Iterator[tuple[str, Fact]]:
    yield from _thresholds(raw)
    timeout = seconds(read.text(raw, "connect_timeout", "5s")) or 0.0
    yield "connect timeout", Fact(timeout, f"{timeout:g} s")
    policy = read.text(raw, "lb_policy") or "ROUND_ROBIN"
    yield "load balancing", Fact(policy, policy.lower().replace("_", " "))
    for key in _BALANCING:
        if value := raw.get(key):
            yield key.replace("_", " "), _fact(value)
    outlier = raw.get("outlier_detection")
    if isinstance(outlier, dict):
        yield "outlier detection", Fact(True, "on")
        for key in _OUTLIERS:
            value = _number(outlier.get(key))
            if value is not None:
                yield f"outlier detection: {key.replace('_', ' ')}", Fact(value, f"{value:g}")


def _thresholds(raw: Json) -> Iterator[tuple[str, Fact]]:
    entries = read.objects(read.obj(raw, "circuit_breakers"), "thresholds")
    default = next((e for e in entries if e.get("priority", "DEFAULT") == "DEFAULT"), {})
    for key, envoys in _LIMITS.items():
        value = read.integer(default, key, envoys)
        yield key.replace("_", " "), Fact(value, "none" if value == UNLIMITED else str(value))
    if budget := default.get("retry_budget"):
        yield "retry budget", _fact(budget)


def _fact(value: Any) -> Fact:
    return Fact(json.dumps(_even(value), sort_keys=True), json.dumps(value, sort_keys=True))


def _even(value: Any) -> Any:
    """Numbers and durations in one form, whether they were written as text or not."""
    if isinstance(value, dict):
        return {key: _even(part) for key, part in value.items() if part not in (None, "", {})}
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return float(value)
    number = _number(value)
    return value if number is None or isinstance(value, bool) else number


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return seconds(value)
    return float(value) if isinstance(value, int | float) else None
