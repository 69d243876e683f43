"""The clusters a proxy is configured with, in istioctl's columns, with their limits."""

from __future__ import annotations

import re
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.envoy.dump import resources
from meshtui.envoy.policies import ProxyCluster, parse_clusters
from meshtui.envoy.stats import DELIMITER
from meshtui.mesh import read
from meshtui.mesh.model import Json

MASK = ",".join(
    f"cluster.{field}"
    for field in (
        "name",
        "alt_stat_name",
        "type",
        "circuit_breakers",
        "outlier_detection",
        "metadata.filter_metadata",
    )
)
"""All that is read of a cluster: what is left out is most of it, the TLS contexts first."""

_OWNER = re.compile(
    r"/apis/networking\.istio\.io/[^/]+/namespaces/([^/]+)/destination-rule/([^/]+)"
)


@dataclass(frozen=True, slots=True)
class ConfiguredCluster:
    """A cluster as configured; `stat_name` is what its statistics are called after.

    `destination_rule` (namespace, name) is where its policy is from, None for Istio's own.
    """

    limits: ProxyCluster
    type: str = "STATIC"
    stat_name: str = ""
    destination_rule: tuple[str, str] | None = None


def parse_configured(dump: Any) -> tuple[ConfiguredCluster, ...]:
    """By service, subset and port, as istioctl has them."""
    found = [
        _configured(raw, limits)
        for entry in resources(dump, ("dynamic_active_clusters", "static_clusters"))
        for raw in [read.obj(entry, "cluster")]
        for limits in parse_clusters({"configs": [entry]})
    ]
    return tuple(sorted(found, key=_place))


def _configured(raw: Json, limits: ProxyCluster) -> ConfiguredCluster:
    name = read.text(raw, "name")
    path = read.text(read.obj(raw, "metadata", "filter_metadata", "istio"), "config")
    owner = _OWNER.fullmatch(path)
    return ConfiguredCluster(
        limits,
        read.text(raw, "type") or read.text(read.obj(raw, "cluster_type"), "name") or "STATIC",
        (read.text(raw, "alt_stat_name") or name).removesuffix(DELIMITER),
        (owner[1], owner[2]) if owner else None,
    )


def _place(cluster: ConfiguredCluster) -> tuple[str, str, int, str]:
    name = cluster.limits.name
    return name.host or name.raw, name.subset, name.port, name.direction
