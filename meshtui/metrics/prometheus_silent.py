"""Whose requests a Prometheus knows by those who answered alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from meshtui.mesh.calls import UNKNOWN_CLIENT
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import UNKNOWN, Sample
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.counter_reading import Reading
from meshtui.metrics.prometheus_reading import Flaws, durations_of, requests_of
from meshtui.metrics.prometheus_result import Point
from meshtui.metrics.prometheus_series import Row
from meshtui.metrics.silent import SURE, Client, Filling, client_of
from meshtui.metrics.traffic import DESTINATION, WAYPOINT, traffic_of

Clients = Mapping[ServiceKey, frozenset[Client]]


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


def names_of(filling: Filling) -> Set[str]:
    """As telemetry spells the callers, without their namespaces."""
    return {workload or UNKNOWN for (_, workload), _ in filling}


def fill(
    ledger: Ledger,
    filling: Filling,
    requests: Iterable[Row],
    durations: Iterable[Row],
    s: float,
) -> None:
    """Counts those that are told apart by caller as callers'; `s` is the window in seconds."""
    if filling:
        counted = Reading(
            requests_of(by_caller(requests), Flaws()), durations_of(by_caller(durations))
        )
        ledger.fill(counted, s, filling)


def by_caller(rows: Iterable[Row]) -> Iterable[Row]:
    return (row for row in rows if row[0].told_apart)


def by_namespace(rows: Iterable[Row]) -> Iterable[Row]:
    """What is counted of all callers; those that are told apart are among them."""
    return (row for row in rows if not row[0].told_apart)


def with_clients(sample: Sample, filling: Filling) -> Sample:
    """`sample` with the callers that only those who answered know."""
    if not filling:
        return sample
    found = dict(sample.clients)
    for client, service in filling:
        if client != UNKNOWN_CLIENT:
            found[service] = found.get(service, frozenset()) | {client}
    return replace(sample, clients=found)
