"""Whose requests a Prometheus knows by those who answered alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import field, replace

from meshtui.dataclass import dataclass
from meshtui.mesh.calls import UNKNOWN_CLIENT
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import UNKNOWN, Sample
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.counter_reading import Buckets, Reading
from meshtui.metrics.hops import Workloads, came_through, is_hop
from meshtui.metrics.prometheus_reading import Flaws, reading_of
from meshtui.metrics.prometheus_result import Point
from meshtui.metrics.prometheus_series import Row, Series
from meshtui.metrics.silent import SURE, Client, Filling, client_of
from meshtui.metrics.traffic import DESTINATION, WAYPOINT, traffic_of

Clients = Mapping[ServiceKey, frozenset[Client]]


@dataclass(frozen=True, slots=True)
class Answered:
    """For whom those who answered count, and for whom waypoints do."""

    filling: Filling = field(default_factory=dict)
    passing: Set[Client] = frozenset()

    @property
    def names(self) -> Set[str]:
        """As telemetry spells the callers, without their namespaces."""
        return {workload or UNKNOWN for (_, workload), _ in self.filling} | self.through

    @property
    def through(self) -> Set[str]:
        return {workload for _, workload in self.passing}


def passing_of(points: Iterable[Point], waypoints: Workloads) -> Set[Client]:
    """The callers that send through waypoints."""
    counted = (traffic_of(point.labels) for point in points)
    return {
        client_of(one)
        for one in counted
        if one is not None and one.client and is_hop(one, waypoints) and came_through(one)
    }


def filling_of(
    points: Iterable[Point], clients: Clients, declared: Set[Client], sure: float = SURE
) -> Filling:
    """For whom those who answered count. `clients` are those that ever counted what they sent."""
    found: dict[tuple[Client, ServiceKey], set[str]] = {}
    often: dict[Client, float] = {}
    for point in points:
        traffic = traffic_of(point.labels)
        if traffic is None:
            continue
        client = client_of(traffic)
        often[client] = often.get(client, 0.0) + point.value
        found.setdefault((client, traffic.service_key), set()).add(traffic.reporter)
    ever = frozenset().union(*clients.values()) - declared if clients else frozenset[Client]()
    return {
        (client, service): DESTINATION if DESTINATION in reporters else WAYPOINT
        for (client, service), reporters in found.items()
        if client == UNKNOWN_CLIENT or client not in ever or often[client] >= sure
    }


def fill(
    ledger: Ledger,
    answered: Answered,
    requests: Iterable[Row],
    durations: Mapping[Series, Buckets],
    s: float,
) -> None:
    """Counts those that are told apart by caller as callers'; `s` is the window in seconds."""
    ledger.counting.passing.update(answered.passing)
    if answered.names:
        rows = (row for row in requests if row[0].told_apart)
        timed = {series: found for series, found in durations.items() if series.told_apart}
        ledger.fill(reading_of(rows, timed, Flaws()), s, answered.filling)


def by_namespace(
    requests: Iterable[Row], durations: Mapping[Series, Buckets], flaws: Flaws
) -> Reading:
    """What is counted of all callers; those that are told apart are among them."""
    rows = (row for row in requests if not row[0].told_apart)
    timed = {series: found for series, found in durations.items() if not series.told_apart}
    return reading_of(rows, timed, flaws)


def with_clients(sample: Sample, filling: Filling) -> Sample:
    """`sample` with the callers that only those who answered know."""
    if not filling:
        return sample
    found = dict(sample.clients)
    for client, service in filling:
        if client != UNKNOWN_CLIENT:
            found[service] = found.get(service, frozenset()) | {client}
    return replace(sample, clients=found)
