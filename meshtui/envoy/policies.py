"""Circuit breakers and outlier detection: what a proxy's clusters hold against what is asked.

How istiod translates them: pilot/pkg/networking/core/cluster_traffic_policy.go
(applyConnectionPool, applyOutlierDetection).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshtui.envoy.clusternames import ClusterName, parse_cluster_name
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.mesh.quantity import seconds

THRESHOLDS: Mapping[tuple[str, ...], str] = {
    ("connectionPool", "tcp", "maxConnections"): "max_connections",
    ("connectionPool", "http", "http1MaxPendingRequests"): "max_pending_requests",
    ("connectionPool", "http", "http2MaxRequests"): "max_requests",
    ("connectionPool", "http", "maxRetries"): "max_retries",
}
UNLIMITED = 2.0**32 - 1
"""What istiod writes where no limit is asked for."""

OUTLIERS: Mapping[str, str] = {
    "consecutive5xxErrors": "consecutive_5xx",
    "consecutiveGatewayErrors": "consecutive_gateway_failure",
    "interval": "interval",
    "baseEjectionTime": "base_ejection_time",
    "maxEjectionPercent": "max_ejection_percent",
}


@dataclass(frozen=True, slots=True)
class ProxyCluster:
    """A cluster's limits in Envoy's own words; durations are seconds."""

    name: ClusterName
    thresholds: Mapping[str, float] = field(default_factory=dict)
    outlier: Mapping[str, float] | None = None


def parse_clusters(dump: Any) -> tuple[ProxyCluster, ...]:
    """The clusters of a config dump (`resource=dynamic_active_clusters`)."""
    found = (read.obj(entry, "cluster") for entry in read.objects(dump, "configs"))
    return tuple(_cluster(raw) for raw in found if read.text(raw, "name"))


def _cluster(raw: Json) -> ProxyCluster:
    default = next(
        (
            entry
            for entry in read.objects(read.obj(raw, "circuit_breakers"), "thresholds")
            if entry.get("priority", "DEFAULT") == "DEFAULT"
        ),
        {},
    )
    outlier = raw.get("outlier_detection")
    return ProxyCluster(
        parse_cluster_name(read.text(raw, "name")),
        _numbers(default),
        _numbers(outlier) if isinstance(outlier, dict) else None,
    )


def _numbers(raw: Json) -> dict[str, float]:
    found = {}
    for key, value in raw.items():
        number = seconds(value) if isinstance(value, str) else value
        if isinstance(number, int | float) and not isinstance(number, bool):
            found[key] = float(number)
    return found


def effective(policy: Json, subset: Json) -> dict[str, Any]:
    """A subset's policy: each top-level part of its own replaces the host's part whole."""
    return {**policy, **subset}


def cluster_differences(
    clusters: Iterable[ProxyCluster],
    host: str,
    policy: Json,
    subsets: Mapping[str, Json],
    gone: Iterable[str] = (),
) -> tuple[str, ...]:
    """What the clusters of `host` lack of the policies asked; `subsets` are policies by name.

    Subsets in `gone` must have no cluster any more.
    """
    mine = [c for c in clusters if c.name.direction == "outbound" and c.name.host == host]
    present = {cluster.name.subset for cluster in mine}
    found = [f"no cluster for subset {name}" for name in subsets if name not in present]
    found += [f"the cluster of subset {name} is still there" for name in gone if name in present]
    for cluster in mine:
        name = cluster.name.subset
        if not name or name in subsets:
            asked = effective(policy, subsets.get(name, {})) if name else policy
            if "portLevelSettings" not in asked:
                found += [f"{name or 'host'}: {text}" for text in _differences(cluster, asked)]
    return tuple(dict.fromkeys(found))


def _differences(cluster: ProxyCluster, policy: Json) -> Iterable[str]:
    for path, key in THRESHOLDS.items():
        asked = _leaf(policy, path)
        has = cluster.thresholds.get(key)
        if asked is None and has not in (None, UNLIMITED):
            yield f"{path[-1]} is {_show(has)}, asked none"
        if asked is not None and has != asked:
            yield f"{path[-1]} is {_show(has)}, asked {_show(asked)}"
    outlier = read.obj(policy, "outlierDetection")
    if not outlier:
        if cluster.outlier:
            yield "outlier detection is on, asked none"
        return
    for name, key in OUTLIERS.items():
        asked = _leaf(outlier, (name,))
        has = (cluster.outlier or {}).get(key)
        if asked is not None and has != asked:
            yield f"{name} is {_show(has)}, asked {_show(asked)}"


def _leaf(policy: Json, path: tuple[str, ...]) -> float | None:
    value = read.obj(policy, *path[:-1]).get(path[-1])
    if isinstance(value, str):
        return seconds(value)
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _show(value: float | None) -> str:
    return "unset" if value is None else f"{value:g}"
