"""Circuit breakers and outlier detection as a proxy's clusters have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.envoy.clusternames import ClusterName, parse_cluster_name
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.mesh.quantity import seconds

UNLIMITED = 2.0**32 - 1
"""What istiod writes where no limit is asked for."""


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
