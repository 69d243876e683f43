"""From counted requests to golden signals, per version and per service, as either side saw it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import field, replace
from typing import TypeVar

from meshtui.dataclass import dataclass
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.quantile import add_at_shared, quantiles
from meshtui.mesh.signals import (
    SHOWN,
    Hop,
    Responder,
    Sample,
    Signals,
    VersionKey,
    by_version,
    merged,
)
from meshtui.metrics.counter_reading import Buckets, Reading
from meshtui.metrics.hops import came_through, is_hop, lost
from meshtui.metrics.silent import Counting, Filling, client_of
from meshtui.metrics.traffic import DESTINATION, REPORTERS, SOURCE, WAYPOINT, Traffic

_K = TypeVar("_K")

Client = tuple[str, str]
"""Namespace and name of a workload."""


@dataclass(frozen=True, slots=True)
class Views:
    """The signals of one window, as in `Sample`."""

    caller: Mapping[VersionKey, Signals] = field(default_factory=dict)
    server: Mapping[VersionKey, Signals] = field(default_factory=dict)
    caller_totals: Mapping[ServiceKey, Signals] = field(default_factory=dict)
    server_totals: Mapping[ServiceKey, Signals] = field(default_factory=dict)
    called: Mapping[Responder, Signals] = field(default_factory=dict)
    served: Mapping[Responder, Signals] = field(default_factory=dict)

    def within(self, sample: Sample) -> Sample:
        """`sample` with these signals."""
        return replace(
            sample,
            caller=self.caller,
            server=self.server,
            caller_totals=self.caller_totals,
            server_totals=self.server_totals,
            called=self.called,
            served=self.served,
        )


class Tally:
    """Requests being added up for one version, or one service.

    Counts of several proxies, each over its own seconds, are added as counts and as rates.
    """

    __slots__ = (
        *("_buckets", "_codes", "_cut_off", "_errors", "_flags"),
        *("_grpc", "_refused", "_requests", "_rps"),
    )

    def __init__(self) -> None:
        self._requests = self._rps = self._errors = self._cut_off = self._refused = 0.0
        self._codes: dict[str, float] = {}
        self._grpc: dict[str, float] = {}
        self._flags: dict[str, float] = {}
        self._buckets: Buckets = {}

    def __bool__(self) -> bool:
        """Whether a request was counted."""
        return self._requests > 0

    def count(self, traffic: Traffic, requests: float, seconds: float) -> None:
        answered = traffic.answered
        self._requests += requests
        self._rps += requests / seconds if seconds > 0 else 0.0
        if answered.failed:
            self._errors += requests
        elif answered.cut_off:
            self._cut_off += requests
        elif answered.refused:
            self._refused += requests
        _add(self._codes, traffic.code, requests)
        _add(self._grpc, answered.grpc, requests)
        for flag in answered.flags:
            _add(self._flags, flag, requests)

    def time(self, buckets: Buckets) -> None:
        """One histogram, whole: of several only the bounds count that all of them have."""
        add_at_shared(self._buckets, buckets)

    def signals(self, *, times_apart: bool = False) -> Signals:
        """Histograms come later than counters: times without a request are an older window's.

        `times_apart`: another tally may have the requests that these times belong to.
        """
        buckets = self._buckets if self._requests or times_apart else {}
        p50_ms, p95_ms, p99_ms = quantiles(SHOWN, buckets)
        return Signals(
            requests=self._requests,
            rps=self._rps,
            error_ratio=self._errors / self._requests if self._requests else None,
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            p99_ms=p99_ms,
            codes=self._codes,
            grpc=self._grpc,
            flags=self._flags,
            buckets=buckets,
            cut_off=self._cut_off,
            refused=self._refused,
        )


class Ledger:
    """All tallies of one window. Feed it what each proxy counted, then take the views."""

    def __init__(
        self,
        unread: frozenset[Client] = frozenset(),
        gateways: frozenset[Client] = frozenset(),
        copied: frozenset[Client] = frozenset(),
        waypoints: frozenset[Client] = frozenset(),
    ) -> None:
        """For the clients that are `unread` the servers' side counts as theirs.

        What the `gateways` sent on is counted by gateway, too. Of what the workloads in `copied`
        answered nobody knows what was a copy that is mirrored to them: it is nobody's request.
        What is sent through the workloads in `waypoints` is counted by these, see `hops`.
        """
        self._waypoints = waypoints
        self._hops: dict[ServiceKey, Tally] = {}
        self._ways: dict[ServiceKey, set[Client]] = {}
        self._passed: dict[ServiceKey, set[Client]] = {}
        self._copied = copied
        self._copies: dict[ServiceKey, set[Client]] = {}
        self._unread = unread
        self._gateways = gateways
        self._sent: dict[Client, Tally] = {}
        self._filled: dict[ServiceKey, set[Client]] = {}
        self._targets: dict[str, dict[Responder, Tally]] = {name: {} for name in REPORTERS}
        self._services: dict[str, dict[ServiceKey, Tally]] = {name: {} for name in REPORTERS}
        self._of_traffic: dict[Traffic, tuple[Tally, ...]] = {}
        self._of_times: dict[Traffic, tuple[Tally, ...]] = {}
        self._of_filled: dict[Traffic, tuple[Tally, ...]] = {}
        self.counting = Counting()

    def add(self, counted: Reading, seconds: float) -> None:
        """Requests counted by one proxy; `seconds` is how long it was watched."""
        known = self._of_traffic
        for traffic, requests in counted.requests.items():
            tallies = known.get(traffic)
            if tallies is None:
                tallies = known[traffic] = self._new_tallies(traffic)
                self.counting.note(traffic, hop=is_hop(traffic, self._waypoints))
            for tally in tallies:
                tally.count(traffic, requests, seconds)
        for traffic, buckets in counted.durations.items():
            tallies = self._of_times.get(traffic)
            if tallies is None:
                tallies = self._of_times[traffic] = known.get(traffic) or self._new_tallies(traffic)
            for tally in tallies:
                tally.time(buckets)

    @property
    def timed(self) -> Set[Client]:
        """The callers that timed requests."""
        return {client_of(one) for one in self._of_times if one.reporter == SOURCE}

    def fill(
        self,
        counted: Reading,
        seconds: float,
        filling: Filling,
        timed: Set[Client] = frozenset(),
    ) -> None:
        """As callers counted it what was `counted` in the place of those who do not.

        Those of them who `timed` their requests know best how long they took; of what passed a
        waypoint that does.
        """
        for traffic, requests in counted.requests.items():
            if self._passes(traffic) or self._fills(traffic, filling):
                for tally in self._filled_tallies(traffic):
                    tally.count(traffic, requests, seconds)
        for traffic, buckets in counted.durations.items():
            untimed = client_of(traffic) not in timed
            if self._passes(traffic) or (untimed and self._fills(traffic, filling)):
                for tally in self._filled_tallies(traffic):
                    tally.time(buckets)

    def _passes(self, traffic: Traffic) -> bool:
        """Whether a waypoint counted what came from a caller that goes through waypoints."""
        return traffic.reporter == WAYPOINT and client_of(traffic) in self.counting.passing

    def _fills(self, traffic: Traffic, filling: Filling) -> bool:
        """Not what comes from a waypoint that counted it itself."""
        client, service = client_of(traffic), traffic.service_key
        if client in self._waypoints and self._services[WAYPOINT].get(service):
            return False
        return filling.get((client, service)) == traffic.reporter

    def views(self) -> Views:
        called, served = _signals(self._targets[SOURCE]), _signals(self._servers())
        return Views(
            caller=by_version(called),
            server=by_version(served),
            caller_totals={key: tally.signals() for key, tally in self._services[SOURCE].items()},
            server_totals=self._server_totals(served),
            called=called,
            served=served,
        )

    def _servers(self) -> Mapping[Responder, Tally]:
        """A waypoint counts what its destination's own proxy counts too: one of them is enough.

        The destination's own is, as it sees requests that pass by the waypoint, too.
        """
        own = self._targets[DESTINATION]
        return self._targets[WAYPOINT] | {t: tally for t, tally in own.items() if tally}

    def _server_totals(self, served: Mapping[Responder, Signals]) -> dict[ServiceKey, Signals]:
        own, waypoints = self._services[DESTINATION], self._services[WAYPOINT]
        totals = {key: tally.signals() for key, tally in own.items()}
        parts: dict[ServiceKey, list[Signals]] = {key: [] for key in waypoints}
        for target, signals in served.items():
            if target.service in parts:
                parts[target.service].append(signals)
        return totals | {key: merged(found) for key, found in parts.items()}

    def _filled_tallies(self, traffic: Traffic) -> tuple[Tally, ...]:
        found = self._of_filled.get(traffic)
        if found is None and self._is_copied(traffic):
            found = self._of_filled[traffic] = ()
        if found is None:
            client = client_of(traffic)
            self._filled.setdefault(traffic.service_key, set()).add(client)
            if traffic.reporter == WAYPOINT:
                self._passed.setdefault(traffic.service_key, set()).add(client)
            found = self._of_filled[traffic] = self._tallies_of(SOURCE, traffic, client)
        return found

    def _tallies_of(self, reporter: str, traffic: Traffic, client: Client) -> tuple[Tally, ...]:
        target = traffic.target
        found = (
            _tally(self._targets[reporter], target),
            _tally(self._services[reporter], target.service),
        )
        if reporter == SOURCE and client in self._gateways:
            return (*found, _tally(self._sent, client))
        return found

    def _new_tallies(self, traffic: Traffic) -> tuple[Tally, ...]:
        reporter = traffic.reporter
        if reporter not in REPORTERS:
            return ()
        client = traffic.client_namespace, traffic.client
        if is_hop(traffic, self._waypoints):
            return self._hop_tallies(traffic, client)
        found = self._tallies_of(reporter, traffic, client)
        if reporter == DESTINATION and client in self._unread and not self._is_copied(traffic):
            self._filled.setdefault(traffic.service_key, set()).add(client)
            found += self._tallies_of(SOURCE, traffic, client)
        return found

    def _hop_tallies(self, traffic: Traffic, client: Client) -> tuple[Tally, ...]:
        """What came to a waypoint is no version's; who answered is counted there."""
        if not came_through(traffic):
            return self._tallies_of(SOURCE, lost(traffic), client)
        service = traffic.service_key
        self._ways.setdefault(service, set()).add((traffic.workload_namespace, traffic.workload))
        found = (self._hops.setdefault(service, Tally()),)
        if client in self._gateways:
            return (*found, self._sent.setdefault(client, Tally()))
        return found

    def _is_copied(self, traffic: Traffic) -> bool:
        workload = traffic.workload_namespace, traffic.workload
        if workload not in self._copied:
            return False
        self._copies.setdefault(traffic.service_key, set()).add(workload)
        return True

    @property
    def answered_by(self) -> Mapping[ServiceKey, frozenset[str]]:
        """Which reporters counted what each service answered."""
        found: dict[ServiceKey, frozenset[str]] = {}
        for reporter in (DESTINATION, WAYPOINT):
            for service, tally in self._services[reporter].items():
                if tally:
                    found[service] = found.get(service, frozenset()) | {reporter}
        return found

    @property
    def hops(self) -> Mapping[ServiceKey, Hop]:
        """What callers sent through waypoints, whoever answered."""
        return {
            service: Hop(frozenset(self._ways[service]), tally.signals())
            for service, tally in self._hops.items()
            if tally
        }

    @property
    def passed(self) -> Mapping[ServiceKey, frozenset[Client]]:
        """The callers for whom waypoints counted, by the service that answered."""
        return {service: frozenset(clients) for service, clients in self._passed.items()}

    @property
    def copies(self) -> Mapping[ServiceKey, frozenset[Client]]:
        """The workloads of each service whose requests may be copies, and count for no caller."""
        return {service: frozenset(those) for service, those in self._copies.items()}

    @property
    def sent(self) -> Mapping[Client, Signals]:
        """What each gateway sent on."""
        return {client: tally.signals() for client, tally in self._sent.items()}

    @property
    def filled(self) -> Mapping[ServiceKey, frozenset[Client]]:
        """The clients whose requests the servers counted in their place, by service."""
        return {service: frozenset(clients) for service, clients in self._filled.items()}


def _signals(tallies: Mapping[Responder, Tally]) -> dict[Responder, Signals]:
    """Prometheus times what reached no pod whatever its flags were."""
    return {t: tally.signals(times_apart=t.nowhere) for t, tally in tallies.items()}


def clients_of(readings: Iterable[Reading]) -> dict[ServiceKey, frozenset[Client]]:
    """The workloads that ever sent a request to each service, while the proxies have run.

    Both sides tell: a client whose own proxy does not answer is named by those it sent to.
    """
    found: dict[ServiceKey, set[Client]] = {}
    for reading in readings:
        for traffic, requests in reading.requests.items():
            if requests and traffic.client:
                client = traffic.client_namespace, traffic.client
                found.setdefault(traffic.service_key, set()).add(client)
    return {service: frozenset(clients) for service, clients in found.items()}


def _tally(tallies: dict[_K, Tally], key: _K) -> Tally:
    found = tallies.get(key)
    if found is None:
        found = tallies[key] = Tally()
    return found


def _add(counts: dict[str, float], name: str, requests: float) -> None:
    if name:
        counts[name] = counts.get(name, 0.0) + requests
