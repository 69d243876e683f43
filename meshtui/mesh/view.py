"""What the screen and `meshtui services` show: services and versions, intent beside measurement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from meshtui.mesh.absence import unread_mark, unread_words
from meshtui.mesh.carrying import Route, Unruled, is_unruled, ordinary, rivals, traffic_to
from meshtui.mesh.changed import changed
from meshtui.mesh.flags import FLAGS
from meshtui.mesh.judging import (
    LONGER_MS,
    NOT_KNOWN,
    SICK,
    SLOW,
    Thresholds,
    over_limit,
    slower_than_sibling,
    state_of,
    worse,
)
from meshtui.mesh.model import Mesh, Rule, RuleOwner, Service, ServiceKey, VirtualService
from meshtui.mesh.pod_health import with_pods
from meshtui.mesh.signals import UNKNOWN, Responder, Sample, Signals, merged
from meshtui.mesh.telemetry_join import Joins, joined
from meshtui.mesh.unread_callers import filled_words, without_callers
from meshtui.mesh.versions import VersionView, version_rows

DELAYED = "DI"
"""The flag of a request that was answered as any other, only later."""


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with its versions, in the order of the subsets.

    `route` is the ordinary rule, None where no rule names the service or the ordinary traffic
    takes none. `caller` and `server` are the totals, requests that never reached a pod included;
    `state` is how callers see it.
    """

    service: Service
    versions: tuple[VersionView, ...] = ()
    routes: tuple[Route, ...] = ()
    route: Route | None = None
    caller: Signals | None = None
    server: Signals | None = None
    state: str = NOT_KNOWN
    marks: tuple[str, ...] = field(default=())
    server_state: str = NOT_KNOWN
    slow: str = ""
    """Against which limit callers found it slow as a whole; empty where they did not."""

    counted_because: str = ""
    """Why the callers' numbers are the servers' own; empty where callers counted."""

    unruled: Unruled = field(default=Unruled(), compare=False)
    no_rule: bool = False
    """The ordinary traffic takes no rule, though some callers have one: see `Unruled`."""

    mesh: Mesh = field(default_factory=Mesh, compare=False, repr=False)
    joins: Joins | None = field(default=None, compare=False, repr=False)
    """Kept for as long as the rows are; None where they were put together otherwise."""

    @property
    def key(self) -> ServiceKey:
        return self.service.key

    @property
    def usual(self) -> Route | None:
        """The rule that verbs mean when none is named."""
        return None if self.no_rule else ordinary(self.routes)

    @property
    def unread(self) -> tuple[str, ...]:
        """What of it is not known because a kind can't be read."""
        return unread_words(self.mesh, self.key.namespace)

    @property
    def pods_known(self) -> bool:
        return self.mesh.knows("pods", self.key.namespace)

    @property
    def rule(self) -> Rule | None:
        return self.route.rule if self.route else None

    @property
    def owner(self) -> RuleOwner | None:
        """What holds the rule."""
        return self.route.service if self.route else None

    @property
    def virtual_service(self) -> VirtualService | None:
        return self.owner if isinstance(self.owner, VirtualService) else None


def service_views(
    mesh: Mesh,
    sample: Sample | None,
    thresholds: Thresholds | None = None,
    *,
    of: Iterable[Service] | None = None,
) -> tuple[ServiceView, ...]:
    """All services of the mesh, by namespace and name, or those in `of`.

    `sample` None: nothing is known yet.
    """
    return measured(structure(mesh, of), sample, thresholds or Thresholds())


def structure(mesh: Mesh, of: Iterable[Service] | None = None) -> tuple[ServiceView, ...]:
    """The services before anything is measured; worth keeping for as long as the mesh stands."""
    return tuple(_structure_of(mesh, one) for one in (mesh.services if of is None else of))


def _structure_of(mesh: Mesh, service: Service) -> ServiceView:
    traffic = traffic_to(mesh, service)
    routes, unruled = traffic.routes, traffic.unruled
    no_rule = is_unruled(routes, None, unruled)
    known = ServiceView(service, routes=routes, unruled=unruled, no_rule=no_rule, mesh=mesh)
    return _named(known, known.usual)


def _named(view: ServiceView, route: Route | None) -> ServiceView:
    """The view by one of its rules."""
    rule = route.rule if route else None
    versions = version_rows(view.mesh, view.service, rule)
    joins = Joins(view.key, versions)
    unread = unread_mark(view.mesh, view.key.namespace)
    marks = (*_chosen_by_callers(route), *marks_of(rule), *unread)
    return replace(view, route=route, versions=versions, marks=marks, joins=joins)


def _chosen_by_callers(route: Route | None) -> tuple[str, ...]:
    """Said where weights are written that do nothing."""
    if route is None or not route.by_address or len(route.rule.destinations) < 2:
        return ()
    return ("headless: weights do nothing",)


def _by_callers(view: ServiceView, sample: Sample) -> ServiceView:
    """By the rule of those who call, where callers have different ones."""
    callers = sample.clients.get(view.key)
    if not callers or (len(rivals(view.routes)) < 2 and not view.unruled.callers):
        return view
    no_rule = is_unruled(view.routes, callers, view.unruled)
    route = None if no_rule else ordinary(view.routes, callers)
    if route == view.route:
        return view
    return _named(replace(view, no_rule=no_rule), route)


def measured(
    views: Iterable[ServiceView], sample: Sample | None, limits: Thresholds
) -> tuple[ServiceView, ...]:
    """`views` with what `sample` says. A source read only once has no rates: nothing is known."""
    if sample is None or sample.window_s <= 0:
        return tuple(_by_pods(view, None) for view in views)
    by_service = _Telemetry(sample, _by_service(sample.calls), _by_service(sample.answers))
    known = (_measured_service(view, by_service, limits) for view in views)
    return tuple(_by_pods(view, sample.time) for view in known)


def _by_pods(view: ServiceView, now: float | None) -> ServiceView:
    """With what is wrong with the pods of its versions."""
    rows = tuple(with_pods(row, view.mesh, now) for row in view.versions)
    if all(new is old for new, old in zip(rows, view.versions, strict=True)):
        return view
    return replace(view, versions=rows)


_ByService = Mapping[ServiceKey, list[tuple[Responder, Signals]]]


@dataclass(frozen=True, slots=True)
class _Telemetry:
    """A sample, and what either side counted by the service that was asked."""

    sample: Sample
    called: _ByService
    served: _ByService

    def total(self, services: Iterable[ServiceKey]) -> tuple[Signals, Signals]:
        """What was counted of several services, on either side."""
        caller, server = self.sample.caller_totals, self.sample.server_totals
        mine = tuple(services)
        return (
            merged(caller.get(key, Signals()) for key in mine),
            merged(server.get(key, Signals()) for key in mine),
        )


def _by_service(targets: Mapping[Responder, Signals]) -> _ByService:
    found: dict[ServiceKey, list[tuple[Responder, Signals]]] = {}
    for target, signals in targets.items():
        found.setdefault(target.service, []).append((target, signals))
    return found


def _measured_service(view: ServiceView, telemetry: _Telemetry, limits: Thresholds) -> ServiceView:
    view = _by_callers(view, telemetry.sample)
    joins = view.joins or Joins(view.key, view.versions)
    called, served = (
        [counted for key in joins.services for counted in side.get(key, ())]
        for side in (telemetry.called, telemetry.served)
    )
    found = joined(joins, view.versions, called, served)
    rows = _judged(without_callers(found, view.key, telemetry.sample), limits)
    counted = any(row.proxies for row in rows) or not any(row.pods for row in rows)
    caller, seen = telemetry.total(joins.services)
    server = server_known(caller, seen, counted)
    slow = over_limit(caller, limits)
    return changed(
        view,
        versions=_with_shares(rows),
        caller=caller,
        server=server,
        state=_slowed(state_of(caller, limits), slow),
        server_state=state_of(server, limits),
        slow=slow,
        counted_because=filled_words(view.key, telemetry.sample),
    )


def _judged(rows: Iterable[VersionView], limits: Thresholds) -> list[VersionView]:
    """By their answers first: what fails is no measure of how fast the others should be."""
    known = [_by_answers(row, limits) for row in rows]
    callers = [_Timed(row, row.state, row.caller) for row in known if row.host]
    servers = [_Timed(row, row.server_state, row.server) for row in known if row.host]
    return [_by_times(row, callers, servers, limits) for row in known]


def _by_answers(row: VersionView, limits: Thresholds) -> VersionView:
    if row.caller is None and row.server is None:
        return row
    server = row.server
    if server is not None:
        counted = bool(row.proxies or not row.pods)
        server = server_known(row.caller or Signals(), server, counted)
    state, server_state = state_of(row.caller, limits), state_of(server, limits)
    return changed(row, server=server, state=state, server_state=server_state)


class _Timed(NamedTuple):
    """A row of the service with what one side measured of it."""

    row: VersionView
    state: str
    signals: Signals | None


def _by_times(
    row: VersionView, callers: Iterable[_Timed], servers: Iterable[_Timed], limits: Thresholds
) -> VersionView:
    if not row.host:
        return row
    slow, server_slow = (
        _slow(row, row.caller, callers, limits),
        _slow(row, row.server, servers, limits),
    )
    if not (slow or server_slow):
        return row
    return replace(
        row,
        slow=slow,
        server_slow=server_slow,
        state=_slowed(row.state, slow),
        server_state=_slowed(row.server_state, server_slow),
    )


def _slow(
    row: VersionView, signals: Signals | None, side: Iterable[_Timed], limits: Thresholds
) -> str:
    if signals is None or not signals.p95_ms:
        return ""
    slow = over_limit(signals, limits)
    if slow or signals.p95_ms <= LONGER_MS:
        return slow
    return slower_than_sibling(signals, _siblings(row, side))


def _slowed(state: str, slow: str) -> str:
    return worse(state, SLOW) if slow else state


def _siblings(row: VersionView, side: Iterable[_Timed]) -> Iterator[tuple[str, Signals]]:
    for other, state, signals in side:
        if other is not row and signals is not None and state not in SICK:
            yield other.label, signals


def server_known(caller: Signals, server: Signals, counted: bool) -> Signals | None:
    """What the server's side counted; None where nobody counts there.

    So it is where no pod has a proxy (`counted` false), and where pods were reached by requests
    that none of them counted. A request without a flag that says otherwise has reached one.
    """
    if server.requests > 0:
        return server
    lost = sum(number for flag, number in caller.flags.items() if not _reached(flag))
    return server if counted and caller.requests - lost < 1 else None


def _reached(flag: str) -> bool:
    """Whether a request with the flag has come to a pod."""
    return flag == "-" or (flag in FLAGS and FLAGS[flag].reached)


def _with_shares(rows: list[VersionView]) -> tuple[VersionView, ...]:
    """Shares are of the requests that reached a pod: an injected abort takes nobody's share."""
    reached = sum(row.reached or 0.0 for row in rows if row.version != UNKNOWN)
    return tuple(
        changed(row, share=row.reached / reached)
        if row.reached is not None and reached and row.version != UNKNOWN
        else row
        for row in rows
    )


def marks_of(rule: Rule | None) -> tuple[str, ...]:
    """What is unusual about a rule, in words for one line."""
    if rule is None:
        return ()
    marks = [f"mirror {m.label} {m.percent:g}%" for m in rule.mirrors]
    if rule.fault and rule.fault.active:
        marks.append(f"fault {rule.fault}")
    if rule.timeout_s:
        marks.append(f"timeout {rule.timeout_s:g}s")
    return tuple(marks)
