"""From counted requests to calls: who called whom, as the callers saw it where they counted."""

from __future__ import annotations

from collections.abc import Iterator, Set

from meshtui.mesh.calls import THROUGH, Call, Client
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Responder
from meshtui.metrics.aggregate import Tally
from meshtui.metrics.counter_reading import Reading
from meshtui.metrics.hops import came_through, is_hop, lost
from meshtui.metrics.silent import Filling
from meshtui.metrics.traffic import DESTINATION, REPORTERS, SOURCE, WAYPOINT, Traffic

MUTUAL_TLS, PLAIN = "mutual_tls", "none"
"""Values of `connection_security_policy`. Only the servers know it; callers count "unknown"."""

_Pair = tuple[Client, ServiceKey]


class CallLedger:
    """Feed it what each proxy counted, then take the calls."""

    def __init__(self, waypoints: frozenset[Client] = frozenset()) -> None:
        """What is sent through the workloads in `waypoints` these count by who answered."""
        self._waypoints = waypoints
        self._passing: set[Client] = set()
        self._tallies: dict[str, dict[_Pair, dict[Responder, _Tallied]]] = {
            name: {} for name in REPORTERS
        }
        self._policies: dict[_Pair, dict[str, float]] = {}

    def add(self, counted: Reading, seconds: float) -> None:
        """Requests counted by one proxy; `seconds` is how long it was watched."""
        for traffic, requests in counted.requests.items():
            if traffic.reporter in REPORTERS and requests > 0:
                self._add(traffic, requests, seconds)

    def _add(self, traffic: Traffic, requests: float, seconds: float) -> None:
        pair = (traffic.client_namespace, traffic.client), traffic.service_key
        if not traffic.client:
            pair = ("", ""), traffic.service_key
        target = traffic.target
        if is_hop(traffic, self._waypoints):
            passes = came_through(traffic)
            self._passing.update([pair[0]] if passes else [])
            target = Responder(target.service, THROUGH) if passes else lost(traffic).target
        targets = self._tallies[traffic.reporter].setdefault(pair, {})
        targets.setdefault(target, _Tallied()).count(traffic, requests, seconds)
        if traffic.reporter != SOURCE and traffic.security in (MUTUAL_TLS, PLAIN):
            policies = self._policies.setdefault(pair, {})
            policies[traffic.security] = policies.get(traffic.security, 0.0) + requests

    def calls(
        self, read: frozenset[Client] = frozenset(), filling: Filling | None = None
    ) -> tuple[Call, ...]:
        """By caller, service and who answered. `read` are workloads of which all proxies were;
        without them it is those that count anything. For the callers in `filling` who answered
        counts, too."""
        found = self._calls(read, filling or {})
        return tuple(sorted(found, key=lambda call: (call.target, call.caller)))

    def _calls(self, read: frozenset[Client], filling: Filling) -> Iterator[Call]:
        """Each pair of caller and service as one side counted it: the caller's own where it did.

        A caller that counts knows best whom it calls: a server that names it otherwise is not
        believed. A waypoint counts what its destination's own proxy counts too: one is enough. What
        a caller sends through a waypoint is called so: who shows it knows who counts the rest.
        """
        pairs = {pair for tallies in self._tallies.values() for pair in tallies}
        counts = read or {client for client, _ in self._tallies[SOURCE]}
        for pair in pairs:
            for name in self._counting(pair, counts, filling):
                for target, tallied in self._tallies[name][pair].items():
                    yield Call(
                        caller=pair[0],
                        target=target,
                        signals=tallied.tally.signals(),
                        protocols=tallied.ranked,
                        mutual_tls=self._mutual_tls(pair),
                        by_server=name != SOURCE,
                    )

    def _counting(self, pair: _Pair, counts: Set[Client], filling: Filling) -> tuple[str, ...]:
        """The reporters of a pair: a waypoint beside the caller that sends through it."""
        known = [name for name in (SOURCE, DESTINATION, WAYPOINT) if pair in self._tallies[name]]
        passed = pair[0] in self._passing and WAYPOINT in known
        if pair[0] in self._waypoints and any(pair[1] == one for _, one in self._tallies[WAYPOINT]):
            return ()
        if passed:
            return (SOURCE, WAYPOINT) if known[0] == SOURCE else (WAYPOINT,)
        if known[0] != SOURCE and pair[0] in counts and pair not in filling:
            return ()
        return (known[0],)

    def _mutual_tls(self, pair: _Pair) -> float | None:
        policies = self._policies.get(pair)
        if not policies:
            return None
        return policies.get(MUTUAL_TLS, 0.0) / sum(policies.values())


class _Tallied:
    """A tally, and the protocols of what it counted."""

    __slots__ = ("protocols", "tally")

    def __init__(self) -> None:
        self.tally = Tally()
        self.protocols: dict[str, float] = {}

    def count(self, traffic: Traffic, requests: float, seconds: float) -> None:
        self.tally.count(traffic, requests, seconds)
        if traffic.protocol:
            before = self.protocols.get(traffic.protocol, 0.0)
            self.protocols[traffic.protocol] = before + requests

    @property
    def ranked(self) -> tuple[str, ...]:
        return tuple(sorted(self.protocols, key=lambda name: (-self.protocols[name], name)))
