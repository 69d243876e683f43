"""Connections counted by proxies: from Istio's TCP counters to numbers of each version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from meshtui.mesh.connections import Connections
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Responder, Sample
from meshtui.metrics.hops import is_hop, lost
from meshtui.metrics.traffic import DESTINATION, REPORTERS, SOURCE, WAYPOINT, Traffic

OPENED = "istio_tcp_connections_opened_total"
CLOSED = "istio_tcp_connections_closed_total"
SENT = "istio_tcp_sent_bytes_total"
RECEIVED = "istio_tcp_received_bytes_total"
COUNTERS = (OPENED, CLOSED, SENT, RECEIVED)

Counted = tuple[str, Traffic]
"""One of the counters, and the connections it is of."""

_LOST = frozenset({"UF", "UH", "UO", "NR", "NC", "URX", "UAEX", "UT"})
"""Flags of connections that came to no server; those that a side ended have others (DC, UC …)."""


class ConnectionLedger:
    """All connections of one window. Feed it what each proxy counted, then take the sample."""

    def __init__(self, waypoints: frozenset[tuple[str, str]] = frozenset()) -> None:
        """Of what passes the workloads in `waypoints` these count who took it."""
        self._waypoints = waypoints
        self._found: dict[str, dict[Responder, _Sum]] = {name: {} for name in REPORTERS}

    def add(self, counted: Mapping[Counted, float], seconds: float) -> None:
        """What one proxy counted; `seconds` is how long it was watched."""
        for (counter, traffic), value in counted.items():
            side = self._found.get(traffic.reporter)
            if side is None or seconds <= 0:
                continue
            if is_hop(traffic, self._waypoints):
                if _LOST.isdisjoint(traffic.flags.split(",")):
                    continue
                traffic = lost(traffic)
            # Of connections that reached no pod flags tell nothing that their row needs.
            target = traffic.target._replace(flags="")
            side.setdefault(target, _Sum()).add(counter, traffic, value, seconds)

    def within(self, sample: Sample) -> Sample:
        """`sample` with the connections."""
        caller, server, passed = (
            {target: one.measured() for target, one in self._found[side].items()}
            for side in (SOURCE, DESTINATION, WAYPOINT)
        )
        return replace(sample, connected=caller, accepted={**passed, **server})


class _Sum:
    __slots__ = ("_closed", "_failed", "_opened", "_rates")

    def __init__(self) -> None:
        self._opened = self._closed = self._failed = 0.0
        self._rates = dict.fromkeys(COUNTERS, 0.0)

    def add(self, counter: str, traffic: Traffic, value: float, seconds: float) -> None:
        self._rates[counter] += value / seconds
        if counter == OPENED:
            self._opened += value
        elif counter == CLOSED:
            self._closed += value
            self._failed += value if not _LOST.isdisjoint(traffic.flags.split(",")) else 0.0

    def measured(self) -> Connections:
        return Connections(
            self._opened, self._closed, self._failed, *(self._rates[name] for name in COUNTERS)
        )


def grown(before: Mapping[Counted, float], after: Mapping[Counted, float]) -> dict[Counted, float]:
    """What was counted between two readings; a counter that is lower was reset."""
    found: dict[Counted, float] = {}
    for key, value in after.items():
        last = before.get(key, 0.0)
        if growth := value - last if value >= last else value:
            found[key] = growth
    return found


def with_clients(
    clients: Mapping[ServiceKey, frozenset[tuple[str, str]]], readings: Iterable[Iterable[Counted]]
) -> dict[ServiceKey, frozenset[tuple[str, str]]]:
    """The clients of each service, with the workloads that ever opened a connection to it."""
    found = dict(clients)
    for reading in readings:
        for counter, traffic in reading:
            if counter == OPENED and traffic.client:
                key, client = traffic.service_key, (traffic.client_namespace, traffic.client)
                found[key] = found.get(key, frozenset()) | {client}
    return found
