"""What a breaker did since a load began, as the caller's proxy counts it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.envoy.clusternames import ClusterName
from meshtui.envoy.policies import UNLIMITED
from meshtui.operations.proxies.columns import detection_words

if TYPE_CHECKING:
    from meshtui.operations.proxies.proxy_reads import SeenCluster

LIMITS = {
    "max_connections": "connections",
    "max_pending_requests": "pending",
    "max_requests": "requests",
    "max_retries": "retries",
}
"""What the breaker limits, in the words of its overflows."""

Place = tuple[str, str]
"""A host and a subset."""


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """One cluster of the caller's proxy. `overflows`, `ejections` and `attempts` are of the time
    since the load began, the rest is of the last reading.

    What the proxy does not keep is not there: `overflows` and `full` are None, and `ejections`.
    `full` are the limits that are reached, `was_full` those that were at any reading. `attempts`
    reached an endpoint. `detection` is what the outlier detection asks, empty where there is none.
    """

    name: ClusterName
    limits: Mapping[str, int] = field(default_factory=dict)
    overflows: Mapping[str, int] | None = None
    full: tuple[str, ...] | None = None
    was_full: tuple[str, ...] = ()
    detection: str = ""
    endpoints: int = 0
    ejected: int = 0
    ejections: int | None = None
    attempts: int = 0

    @property
    def acts(self) -> bool:
        """Whether it has done something, or was asked to."""
        return bool(self.attempts or self.ejected or any((self.overflows or {}).values()))

    @property
    def unlimited(self) -> bool:
        """Whether there is nothing to say of it but how many requests it sent on."""
        quiet = not (self.ejected or self.full or any((self.overflows or {}).values()))
        return quiet and not self.limits and not self.detection

    @property
    def turned_away(self) -> int | None:
        """Requests that it answered at once; connections that overflow only make them wait."""
        if self.overflows is None:
            return None
        return self.overflows.get("pending", 0) + self.overflows.get("requests", 0)


def breaker_rows(
    first: Sequence[SeenCluster],
    now: Sequence[SeenCluster],
    was_full: Mapping[str, Collection[str]],
    wanted: Collection[Place] = (),
) -> tuple[BreakerRow, ...]:
    """What grew between two readings of a proxy's outbound clusters: the wanted ones first, then
    those that did something. A counter that fell has begun anew.
    """
    before = {seen.configured.limits.name.raw: seen for seen in first}
    outbound = [s for s in now if s.configured.limits.name.direction == "outbound"]
    rows = [_row(before.get(seen.configured.limits.name.raw), seen, was_full) for seen in outbound]
    places = list(dict.fromkeys(wanted))
    found = [row for row in rows if row.acts or (row.name.host, row.name.subset) in places]
    return tuple(sorted(found, key=lambda row: (_rank(row, places), _by_host(row))))


def _by_host(row: BreakerRow) -> tuple[str, str, int]:
    return row.name.host, row.name.subset, row.name.port


def _rank(row: BreakerRow, places: Sequence[Place]) -> int:
    place = (row.name.host, row.name.subset)
    return places.index(place) if place in places else len(places)


def _row(
    first: SeenCluster | None, now: SeenCluster, was_full: Mapping[str, Collection[str]]
) -> BreakerRow:
    configured, pressure = now.configured.limits, now.pressure
    old = first.pressure if first is not None else None
    overflows = pressure.overflows if pressure is not None and pressure.overflows else None
    ejections = pressure.ejections.get("total") if pressure is not None else None
    before = old.ejections.get("total", 0) if old is not None else 0
    name = configured.name.raw
    return BreakerRow(
        name=configured.name,
        limits=dict(_limits(configured.thresholds)),
        overflows=_grown(old.overflows if old else {}, overflows) if overflows else None,
        full=now.full if overflows else None,
        was_full=tuple(sorted(was_full.get(name, ()))),
        detection=detection_words(now),
        endpoints=len(now.endpoints),
        ejected=now.ejected,
        ejections=None if ejections is None else _since(before, ejections),
        attempts=sum(_grown(_requests(first), _requests(now)).values()),
    )


def _limits(thresholds: Mapping[str, float]) -> Iterator[tuple[str, int]]:
    for name, what in LIMITS.items():
        value = thresholds.get(name)
        if value is not None and value < UNLIMITED:
            yield what, int(value)


def _requests(seen: SeenCluster | None) -> dict[str, int]:
    endpoints = seen.endpoints if seen is not None else ()
    return {f"{one.address} {one.port}": one.requests for one in endpoints}


def _grown(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    return {what: _since(before.get(what, 0), value) for what, value in now.items()}


def _since(before: int, now: int) -> int:
    return now - before if now >= before else now
