"""Callers that count nothing of what they send: who answered counts it in their place.

A caller without a proxy has no name in telemetry, a Telemetry can have a proxy count nothing as a
client, and the proxies of another cluster are not read. No request is counted twice: in the place
of whoever counts anything at all nobody fills in, nor where a caller that counts is not known by
its name to those who answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh.calls import UNKNOWN_CLIENT
from meshtui.mesh.model import ServiceKey
from meshtui.metrics.counter_reading import Reading
from meshtui.metrics.traffic import DESTINATION, SOURCE, WAYPOINT, Traffic

Client = tuple[str, str]
"""Namespace and name of a workload."""

Filling = Mapping[tuple[Client, ServiceKey], str]
"""Which reporter counts in the place of a caller of a service."""

SURE = 5
"""Requests of one that counted once, and does not now, that are no chance: its own proxy may have
been read a moment earlier than those it asked."""


@dataclass(frozen=True, slots=True)
class Counting:
    """Who counted in one window: the callers, those of them that a service has answered, and the
    reporters that counted in the place of others."""

    callers: set[Client] = field(default_factory=set)
    answered: dict[ServiceKey, set[Client]] = field(default_factory=dict)
    served: dict[Client, dict[ServiceKey, set[str]]] = field(default_factory=dict)
    passing: set[Client] = field(default_factory=set)
    """Callers that send through waypoints: these count it by who answered."""

    let_in: set[ServiceKey] = field(default_factory=set)
    """Services that answered a caller without a name, and did not turn it away."""

    def note(self, traffic: Traffic, *, hop: bool = False) -> None:
        """Requests of this kind were counted; `hop`: at a waypoint that they were sent to."""
        client = client_of(traffic)
        if traffic.reporter == SOURCE:
            self.callers.add(client)
            if hop:
                self.passing.update([client] if traffic.client else [])
            elif traffic.workload and not traffic.flags:
                self.answered.setdefault(traffic.service_key, set()).add(client)
        elif traffic.reporter in (DESTINATION, WAYPOINT):
            services = self.served.setdefault(client, {})
            services.setdefault(traffic.service_key, set()).add(traffic.reporter)
            if client == UNKNOWN_CLIENT and not traffic.flags:
                self.let_in.add(traffic.service_key)

    def turned_away(self, client: Client, service: ServiceKey) -> bool:
        """Whether a service turned all away that had no name, while others counted what they sent
        it: a filter that stands in front of the one that reads names knows none of theirs."""
        nameless = client == UNKNOWN_CLIENT and service not in self.let_in
        return nameless and service in self.answered


def client_of(traffic: Traffic) -> Client:
    return (traffic.client_namespace, traffic.client) if traffic.client else UNKNOWN_CLIENT


Readings = Iterable[tuple[Client, Reading]]
"""Of proxies, each with the workload that it is of."""


def filling_of(
    counting: Counting,
    latest: Readings,
    window: Readings,
    declared: Set[Client],
    unread: Set[Client],
    sure: float = SURE,
) -> Filling:
    """For whom those who answered count.

    `latest` are the counters since each proxy began, `window` what they grew by. For the `unread`
    they do anyway; of the `declared` it is known that they do not count.
    """
    others = counting.served.keys() - counting.callers - unread
    if not others:
        return {}
    others -= {client for client, reading in window if _sends(reading)}
    ever = Counting()
    for client, reading in latest:
        if _sends(reading):
            ever.callers.add(client)
        for traffic, count in reading.requests.items():
            if count:
                ever.note(traffic)
    doubtful = others & ever.callers - declared
    often = _of_clients(window, doubtful) if doubtful else {}
    silent = {client for client in others if client not in doubtful or often[client] >= sure}
    return {
        (client, service): DESTINATION if DESTINATION in reporters else WAYPOINT
        for client in silent
        for service, reporters in counting.served[client].items()
        if not counting.turned_away(client, service)
        if all(service in ever.served.get(one, {}) for one in counting.answered.get(service, ()))
    }


def behind_waypoints(counting: Counting, unread: Set[Client]) -> Filling:
    """For whom of the `unread` only waypoints count."""
    return {
        (client, service): WAYPOINT
        for client in counting.served.keys() & unread
        for service, reporters in counting.served[client].items()
        if reporters == {WAYPOINT}
    }


def _sends(reading: Reading) -> bool:
    """Whether the proxy counts requests as a client, by whatever name."""
    return any(count and one.reporter == SOURCE for one, count in reading.requests.items())


def _of_clients(window: Readings, clients: Set[Client]) -> Mapping[Client, float]:
    """How many requests of each were answered."""
    found = dict.fromkeys(clients, 0.0)
    for _, reading in window:
        for traffic, requests in reading.requests.items():
            client = client_of(traffic)
            if client in found and traffic.reporter != SOURCE:
                found[client] += requests
    return found
