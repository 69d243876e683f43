"""The graph of calls: callers, the versions that they reach, and the services between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from meshtui.dataclass import dataclass
from meshtui.mesh.absence import unread_words
from meshtui.mesh.calls import THROUGH, UNKNOWN_CLIENT, Call, Calls, Client
from meshtui.mesh.courses import counted_under
from meshtui.mesh.judging import NOT_KNOWN, SEVERITY, state_of, worse
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import NO_REQUESTS, Responder, Sample, Signals, merged
from meshtui.mesh.telemetry_join import Joins
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView

SERVICE, ENTRY = "Service", "ServiceEntry"

OUTSIDE = "outside"
"""The version of a host that a ServiceEntry names, of whose endpoints telemetry says nothing."""


CONNECTIONS = "TCP connections are not counted by caller"


class Row(NamedTuple):
    """A version of a service, as a row of the table."""

    service: ServiceKey
    version: str


@dataclass(frozen=True, slots=True)
class Caller:
    """A workload that calls; without a name where telemetry does not know it.

    `row` is the version whose pods it has, None where it belongs to no service.
    """

    client: Client
    gateway: bool = False
    row: Row | None = None

    @property
    def known(self) -> bool:
        return self.client != UNKNOWN_CLIENT

    @property
    def namespace(self) -> str:
        return self.client[0]


@dataclass(frozen=True, slots=True)
class Edge:
    """What one caller sent to one version.

    `version` is the row's label, UNKNOWN for what reached no pod, and empty where nothing was
    sent or it is not known what: then the edge is to the service as a whole. `row` is None where
    the version is no row. `signals` is None where nothing is known, and `why` may say why.
    `mutual_tls` and `by_server` are as in `Call`.
    """

    caller: Caller
    version: str
    signals: Signals | None
    state: str
    row: Row | None = None
    protocols: tuple[str, ...] = ()
    mutual_tls: float | None = None
    by_server: bool = False
    why: str = ""

    @property
    def rps(self) -> float:
        return self.signals.rps if self.signals else 0.0


@dataclass(frozen=True, slots=True)
class Callee:
    """A service with those who call it. `kind` is empty where the mesh has no such service.

    `edges` are by caller, then in the order of the table's versions; `uncalled` are the versions
    to which none leads. `others` counts the callers that were left out.
    """

    key: ServiceKey
    kind: str
    edges: tuple[Edge, ...] = ()
    view: ServiceView | None = None
    uncalled: tuple[VersionView, ...] = ()
    others: int = 0

    @property
    def signals(self) -> Signals | None:
        """Of all edges; None where one of them is not known."""
        parts = [edge.signals for edge in self.edges]
        known = [part for part in parts if part is not None]
        return merged(known) if known or not parts else None

    def only(self, callers: Container[Client]) -> Callee:
        """With the edges of these callers; the others are counted."""
        edges = tuple(edge for edge in self.edges if edge.caller.client in callers)
        others = {e.caller.client for e in self.edges if e.caller.client not in callers}
        return replace(self, edges=edges, uncalled=(), others=len(others))

    @property
    def severity(self) -> int:
        states = [edge.state for edge in self.edges]
        if self.view is not None:
            states += [self.view.state, *(row.state for row in self.view.versions)]
        return SEVERITY[worse(*states)] if states else SEVERITY[NOT_KNOWN]


@dataclass(frozen=True, slots=True)
class Graph:
    """Some or all services with their callers; `silent` counts those that nobody ever called.

    `centre` is the service whose neighbourhood this is, None for the whole mesh. `unread` are the
    kinds that can't be read, and what is not known without them.
    """

    callees: tuple[Callee, ...] = ()
    centre: ServiceKey | None = None
    silent: int = 0
    unread: tuple[str, ...] = ()


class CallGraph:
    """The graph of one window. A service is worked out when it is asked for."""

    def __init__(
        self,
        mesh: Mesh,
        views: Sequence[ServiceView],
        calls: Calls | None,
        sample: Sample | None,
        limits: Thresholds,
    ) -> None:
        """`calls` None: they have not been read; who ever called is known from `sample`."""
        self._mesh = mesh
        self._views = {view.key: view for view in views}
        self._read = calls is not None
        self._sample = sample
        self._limits = limits
        self._calls: dict[ServiceKey, list[Call]] = {}
        for call in calls.calls if calls else ():
            self._calls.setdefault(call.target.service, []).append(call)
        self._callees: dict[ServiceKey, Callee] = {}

    # Who is who

    @cached_property
    def _rows(self) -> Mapping[Client, Row]:
        """The row of each workload; the first, where several services have its pods."""
        found: dict[Client, Row] = {}
        for view in self._views.values():
            for version in view.versions:
                if version.owner in (None, view.key):
                    for pod in version.members:
                        client = pod.namespace, pod.workload
                        found.setdefault(client, Row(view.key, version.label))
        return found

    @cached_property
    def _gateways(self) -> frozenset[Client]:
        return frozenset((pod.namespace, pod.workload) for pod in self._mesh.pods if pod.gateway)

    @cached_property
    def _entries(self) -> frozenset[str]:
        entries = self._mesh.service_entries
        return self._mesh.service_entry_hosts | {host for entry in entries for host in entry.hosts}

    @cached_property
    def _connected(self) -> frozenset[ServiceKey]:
        """The services to which there are connections that are no HTTP."""
        found = self._sample.connections if self._sample else {}
        return frozenset(target.service for target in found)

    def _clients(self, key: ServiceKey) -> frozenset[Client]:
        return self._sample.clients.get(key, frozenset()) if self._sample else frozenset()

    def _caller(self, client: Client) -> Caller:
        return Caller(client, client in self._gateways, self._rows.get(client))

    def _kind(self, key: ServiceKey) -> str:
        if key in self._mesh.by_key:
            return SERVICE
        return ENTRY if key.name in self._entries else ""

    # Parts of it

    def of(self, key: ServiceKey) -> Callee:
        """A service with all that call it."""
        found = self._callees.get(key)
        if found is None:
            found = self._callees[key] = self._callee(key)
        return found

    def neighbourhood(self, key: ServiceKey) -> Graph:
        """A service with its callers and those of the services that its rule sends to, then the
        services that its own workloads call."""
        own = {client for client, row in self._rows.items() if row.service == key}
        view = self._views.get(key)
        sent = [row.owner for row in view.versions if row.owner] if view else []
        first = tuple(dict.fromkeys((key, *sent)))
        called = sorted(set(self._called(own)).difference(first))
        callees = (*map(self.of, first), *(self.of(one).only(own) for one in called))
        return Graph(callees, key, 0, unread_words(self._mesh, key.namespace))

    def _called(self, own: set[Client]) -> Iterator[ServiceKey]:
        """By these workloads, now or before."""
        for key, calls in self._calls.items():
            if any(call.caller in own for call in calls):
                yield key
        for key, callers in (self._sample.clients if self._sample else {}).items():
            if not own.isdisjoint(callers):
                yield key

    def whole(self) -> Graph:
        """Every service that was ever called, the worst first."""
        known = self._sample.clients if self._sample else {}
        keys = {*self._calls, *(key for key, callers in known.items() if callers)}
        callees = sorted(map(self.of, keys), key=lambda one: (one.severity, one.key))
        silent = len(self._views.keys() - keys)
        return Graph(tuple(callees), None, silent, unread_words(self._mesh, None))

    # One service

    def _callee(self, key: ServiceKey) -> Callee:
        view = self._views.get(key)
        edges = [*_as_the_rows(self._measured(key, view), view), *self._unmeasured(key)]
        order = {row.label: place for place, row in enumerate(view.versions)} if view else {}
        edges.sort(key=lambda e: (not e.caller.known, e.caller.client, _order(e.version, order)))
        reached = {edge.version for edge in edges}
        rows = view.versions if view else ()
        return Callee(
            key,
            self._kind(key),
            tuple(edges),
            view,
            tuple(r for r in rows if r.owner in (None, key) and r.host and r.label not in reached),
        )

    def _measured(self, key: ServiceKey, view: ServiceView | None) -> Iterator[Edge]:
        """One edge for each caller and version, whatever else telemetry tells apart."""
        joins = (view.joins or Joins(key, view.versions)) if view else None
        found: dict[tuple[Client, str, Row | None], list[Call]] = {}
        for call in self._calls.get(key, ()):
            if call.target.version == THROUGH and self._passed(key, view):
                continue
            label, own = self._version(call.target, view, joins)
            row = Row(key, label) if own else None
            found.setdefault((call.caller, label, row), []).append(call)
        for (client, label, row), calls in found.items():
            yield self._edge(self._caller(client), label, row, calls)

    def _passed(self, key: ServiceKey, view: ServiceView | None) -> bool:
        """Whether waypoints count who answered what came to a service through them."""
        passed = self._sample.passed if self._sample else {}
        return any(one in passed for one in (counted_under(view) if view else (key,)))

    def _version(
        self, target: Responder, view: ServiceView | None, joins: Joins | None
    ) -> tuple[str, bool]:
        """What the version is called, and whether it is one row of the table."""
        rows = joins.find(target).rows if joins else ()
        names = [view.versions[i].label for i in rows] if view else []
        if names:
            return " or ".join(names), len(names) == 1
        if target.nowhere and view is None and self._kind(target.service) == ENTRY:
            return OUTSIDE, False
        return target.version, False

    def _edge(self, caller: Caller, version: str, row: Row | None, calls: list[Call]) -> Edge:
        signals = merged(call.signals for call in calls)
        secured = [call for call in calls if call.mutual_tls is not None]
        weight = sum(call.signals.requests for call in secured)
        mutual = sum((call.mutual_tls or 0.0) * call.signals.requests for call in secured)
        return Edge(
            caller,
            version,
            signals,
            state_of(signals, self._limits),
            row,
            tuple(dict.fromkeys(name for call in calls for name in call.protocols)),
            mutual / weight if weight else None,
            any(call.by_server for call in calls),
        )

    def _unmeasured(self, key: ServiceKey) -> Iterator[Edge]:
        """Callers of before: silent now, or not known where their proxies could not be read."""
        counted = {call.caller for call in self._calls.get(key, ())}
        unread = self._sample.unread if self._sample else frozenset[Client]()
        hop = self._sample.hops.get(key) if self._sample else None
        ways = hop.waypoints if hop else frozenset[Client]()
        for client in self._clients(key) - counted - ways:
            caller = self._caller(client)
            if not self._read or client in unread:
                why = "its proxies were not read" if client in unread else ""
                yield Edge(caller, "", None, NOT_KNOWN, why=why)
            elif key in self._connected:
                yield Edge(caller, "", None, NOT_KNOWN, protocols=("tcp",), why=CONNECTIONS)
            else:
                yield Edge(caller, "", NO_REQUESTS, state_of(NO_REQUESTS, self._limits))


def _order(version: str, order: Mapping[str, int]) -> tuple[int, str]:
    return order.get(version, len(order)), version


def _as_the_rows(edges: Iterable[Edge], view: ServiceView | None) -> Iterator[Edge]:
    """A version that one caller calls is to that caller what it is to all: the row's own state
    stands until a change is certain, which one window cannot tell."""
    known = tuple(edges)
    rows = {row.label: row for row in view.versions} if view else {}
    callers = Counter(edge.version for edge in known)
    for edge in known:
        row = rows.get(edge.version)
        alone = edge.row is not None and callers[edge.version] == 1 and not edge.by_server
        if row is not None and row.caller is not None and alone and not row.pods_state:
            yield replace(edge, state=row.state)
        else:
            yield edge
