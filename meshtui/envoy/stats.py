"""How near a proxy's clusters are to their circuit breakers, out of `/stats?format=json`.

Istio's proxies keep few statistics of clusters by default (`proxyStatsMatcher` widens it): what is
not there is not known, it is not 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read

_GAUGES = {
    "upstream_rq_active": "requests",
    "upstream_cx_active": "connections",
    "upstream_rq_pending_active": "pending",
}
_OVERFLOWS = {
    "upstream_cx_overflow": "connections",
    "upstream_rq_pending_overflow": "pending",
    "upstream_rq_active_overflow": "requests",
    "upstream_rq_retry_overflow": "retries",
}
"""Older Envoys count what overflows `max_requests` as pending, too."""

_OPEN = {
    "circuit_breakers.default.cx_open": "connections",
    "circuit_breakers.default.rq_open": "requests",
    "circuit_breakers.default.rq_pending_open": "pending",
    "circuit_breakers.default.rq_retry_open": "retries",
}
_EJECTIONS = {
    "outlier_detection.ejections_active": "now",
    "outlier_detection.ejections_enforced_total": "total",
}
"""`ejections_total` counts those too that were not enforced."""

_KEPT = {**_GAUGES, **_OVERFLOWS, **_OPEN, **_EJECTIONS}
_PREFIX = "cluster."
DELIMITER = ";"
"""Newer editions of istiod end the cluster's part of a statistic's name with it."""

MOST_NAMES = 60
"""Clusters that are asked for by name in one question; more of them are asked for by kind."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """What is under way in a cluster now, and what its breaker has turned away since the start.

    A key that is not there is not kept by the proxy. `active` has requests, connections, pending;
    `overflows` has those and retries; `open` names the limits that are reached at this moment;
    `ejections` has those in force now, and their total.
    """

    active: Mapping[str, int] = field(default_factory=dict)
    overflows: Mapping[str, int] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    ejections: Mapping[str, int] = field(default_factory=dict)

    @property
    def turned_away(self) -> int | None:
        """Requests answered at once because a limit was reached (flag UO); None: not kept."""
        retained = [
            self.overflows[what] for what in ("pending", "requests") if what in self.overflows
        ]
        return sum(retained) if retained else None


def stats_filter(names: Iterable[str] = ()) -> str:
    """A regular expression for the statistics of these clusters, of all without names."""
    chosen = [re.escape(name) for name in names]
    cluster = f"({'|'.join(chosen)});?" if 0 < len(chosen) <= MOST_NAMES else ".*"
    retained = "|".join(re.escape(name) for name in _KEPT)
    return rf"^cluster\.{cluster}\.({retained})$"


def parse_stats(document: Any) -> Mapping[str, Pressure]:
    """By the name that the cluster's statistics have."""
    found: dict[str, dict[str, int]] = {}
    for entry in read.objects(document, "stats"):
        name = read.text(entry, "name")
        kind = next((kind for kind in _KEPT if name.endswith(f".{kind}")), "")
        value = read.integer(entry, "value", -1)
        if kind and value >= 0 and name.startswith(_PREFIX):
            cluster = name[len(_PREFIX) : -len(kind) - 1].removesuffix(DELIMITER)
            found.setdefault(cluster, {})[kind] = value
    return {cluster: _pressure(values) for cluster, values in found.items()}


def _pressure(values: Mapping[str, int]) -> Pressure:
    return Pressure(
        {what: values[name] for name, what in _GAUGES.items() if name in values},
        {what: values[name] for name, what in _OVERFLOWS.items() if name in values},
        tuple(what for name, what in _OPEN.items() if values.get(name)),
        {what: values[name] for name, what in _EJECTIONS.items() if name in values},
    )
