"""One reading of one proxy: its counters as numbers, and how they grew since the last one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.metrics.connections import COUNTERS, Counted, grown
from meshtui.metrics.denied import denied_in
from meshtui.metrics.denied import grown as denied_since
from meshtui.metrics.exposition import points, read_labels, split_le
from meshtui.metrics.traffic import BUCKETS, REQUESTS, Traffic, traffic_of

Buckets = dict[float, float]
"""Cumulative counts by upper bound, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters since the proxy started, or what they grew by since the reading before."""

    requests: Mapping[Traffic, float] = field(default_factory=dict)
    durations: Mapping[Traffic, Buckets] = field(default_factory=dict)
    unusable: int = 0
    """Counters of requests whose value is no count: infinite, negative or none at all."""

    connections: Mapping[Counted, float] = field(default_factory=dict)
    """Connections that are no HTTP, by the counter."""

    denied: Mapping[str, float] = field(default_factory=dict)
    """Requests into the pod that its proxy's own filters denied, by the code of the answer."""


class SeriesCache:
    """What label texts mean.

    A proxy says the same labels every time; to understand them is most of the work of a reading.
    Bounded: when it is full it is emptied, which costs time only.
    """

    def __init__(self, limit: int = 50_000) -> None:
        self._limit = limit
        self._known: dict[str, Traffic | None] = {}

    def traffic(self, labels: str) -> Traffic | None:
        try:
            return self._known[labels]
        except KeyError:
            pass
        if len(self._known) >= self._limit:
            self._known.clear()
        found = self._known[labels] = traffic_of(read_labels(labels))
        return found


def read(text: str, cache: SeriesCache) -> Reading:
    """The counters in a proxy's statistics; series that differ in other labels only are added."""
    requests: dict[Traffic, float] = {}
    durations: dict[Traffic, Buckets] = {}
    unusable = 0
    connections: dict[Counted, float] = {}
    for name, labels, value in points(text, (REQUESTS, BUCKETS, *COUNTERS)):
        if not 0 <= value < math.inf:
            unusable += name == REQUESTS
            continue
        if name in COUNTERS:
            traffic = cache.traffic(labels)
            if traffic is not None:
                key = name, traffic
                connections[key] = connections.get(key, 0.0) + value
            continue
        if name == REQUESTS:
            traffic = cache.traffic(labels)
            if traffic is not None:
                requests[traffic] = requests.get(traffic, 0.0) + value
            continue
        rest, bound = split_le(labels)
        traffic = cache.traffic(rest)
        if traffic is not None and bound is not None:
            buckets = durations.setdefault(traffic, {})
            buckets[bound] = buckets.get(bound, 0.0) + value
    return Reading(requests, durations, unusable, connections, denied_in(text))


def growth(before: Reading, after: Reading) -> Reading:
    """What was counted between two readings of one proxy; only what grew is in it.

    A counter that is lower than before was reset and counts from 0, and so does one that was not
    there. A histogram is reset as a whole, or its buckets would contradict each other.
    """
    requests: dict[Traffic, float] = {}
    for traffic, count in after.requests.items():
        last = before.requests.get(traffic, 0.0)
        counted = count - last if count >= last else count
        if counted:
            requests[traffic] = counted
    durations: dict[Traffic, Buckets] = {}
    for traffic, buckets in after.durations.items():
        grown_buckets = _bucket_growth(before.durations.get(traffic), buckets)
        if grown_buckets:
            durations[traffic] = grown_buckets
    denied = denied_since(before.denied, after.denied)
    connections = grown(before.connections, after.connections)
    return Reading(requests, durations, connections=connections, denied=denied)


def _bucket_growth(before: Buckets | None, after: Buckets) -> Buckets:
    reset = before is None or after.get(math.inf, 0.0) < before.get(math.inf, 0.0)
    if before is None or reset or before.keys() != after.keys():
        return after if any(after.values()) else {}
    grown = {bound: max(0.0, count - before.get(bound, 0.0)) for bound, count in after.items()}
    return grown if any(grown.values()) else {}
