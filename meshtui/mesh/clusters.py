"""Several clusters beside each other: which services stand in more than one, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Signals, merged
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView

Why = tuple[str, str]
"""A cluster, and why something is not known of it."""


@dataclass(frozen=True, slots=True)
class ClusterReading:
    """What was read of one cluster.

    `unread` is why nothing is known of it, `unmeasured` why there are no golden signals; empty
    where it is known. `window_s` is the seconds that the numbers speak of.
    """

    name: str
    views: tuple[ServiceView, ...] = ()
    window_s: float = 0.0
    unread: str = ""
    unmeasured: str = ""


@dataclass(frozen=True, slots=True)
class VersionSum:
    """A version of that name in all clusters. What is None is not known in one of them."""

    version: str
    signals: Signals | None
    pods: int | None
    pods_ready: int | None


@dataclass(frozen=True, slots=True)
class ServiceSum:
    """A service of the same namespace and name in several clusters.

    `signals` is None as soon as one of the clusters does not tell: what is not known is never
    added as zero. `unknown` says of which clusters that is, and why.
    """

    key: ServiceKey
    clusters: tuple[str, ...]
    signals: Signals | None
    versions: tuple[VersionSum, ...] = ()
    unknown: tuple[Why, ...] = ()

    @property
    def because(self) -> str:
        return "; ".join(f"{cluster}: {why}" for cluster, why in self.unknown)


def sums(readings: Sequence[ClusterReading]) -> tuple[ServiceSum, ...]:
    """Of the services that stand in more than one of the clusters, by namespace and name.

    Where a cluster could not be read, it may hold any of them: the sums of all are not known.
    """
    places: dict[ServiceKey, list[tuple[ClusterReading, ServiceView]]] = {}
    for reading in readings:
        for view in reading.views:
            places.setdefault(view.key, []).append((reading, view))
    unread = tuple((one.name, one.unread) for one in readings if one.unread)
    several = {key: found for key, found in places.items() if len(found) + len(unread) > 1}
    return tuple(_sum(key, several[key], unread) for key in sorted(several))


def _sum(
    key: ServiceKey, found: Sequence[tuple[ClusterReading, ServiceView]], unread: tuple[Why, ...]
) -> ServiceSum:
    unmeasured = tuple(
        (reading.name, reading.unmeasured or "no numbers yet")
        for reading, view in found
        if view.caller is None
    )
    rows: dict[str, list[tuple[ClusterReading, ServiceView, VersionView]]] = {}
    for reading, view in found:
        for row in view.versions:
            rows.setdefault(row.label, []).append((reading, view, row))
    return ServiceSum(
        key,
        tuple(reading.name for reading, _ in found),
        None if unread else added((view.caller, reading.window_s) for reading, view in found),
        tuple(_version(label, rows[label], not unread) for label in rows),
        (*unread, *unmeasured),
    )


def _version(
    label: str, rows: Sequence[tuple[ClusterReading, ServiceView, VersionView]], read: bool
) -> VersionSum:
    counted = read and all(view.pods_known and row.pods_known for _, view, row in rows)
    return VersionSum(
        label,
        added((row.caller, reading.window_s) for reading, _, row in rows) if read else None,
        sum(row.pods for _, _, row in rows) if counted else None,
        sum(row.pods_ready for _, _, row in rows) if counted else None,
    )


def added(parts: Iterable[tuple[Signals | None, float]]) -> Signals | None:
    """The sum of what was measured over windows of so many seconds; None where one is not known.

    Counts are those of all windows. Ratios and times are weighed as if all windows were as long:
    a cluster that was looked at for longer has no more say in them.
    """
    found: list[Signals] = []
    windows: list[float] = []
    for signals, window_s in parts:
        if signals is None:
            return None
        found.append(signals)
        windows.append(window_s)
    total = merged(found)
    longest = max(windows, default=0.0)
    if len(set(windows)) <= 1 or min(windows) <= 0:
        return total
    even = merged(
        _stretched(one, longest / window) for one, window in zip(found, windows, strict=True)
    )
    return replace(
        total,
        error_ratio=even.error_ratio,
        p50_ms=even.p50_ms,
        p95_ms=even.p95_ms,
        p99_ms=even.p99_ms,
        buckets=even.buckets,
    )


def _stretched(signals: Signals, by: float) -> Signals:
    buckets: Mapping[float, float] = {bound: n * by for bound, n in signals.buckets.items()}
    return replace(signals, requests=signals.requests * by, buckets=buckets)
