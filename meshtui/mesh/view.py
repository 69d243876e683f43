"""What the screen and `meshtui services` show: services and versions, intent beside measurement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace

from meshtui.dataclass import dataclass
from meshtui.mesh.absence import unread_mark, unread_words
from meshtui.mesh.carrying import Route, Unruled, is_unruled, ordinary, rivals, traffic_to
from meshtui.mesh.changed import frozen, unfrozen
from meshtui.mesh.clusterless import without_cluster
from meshtui.mesh.connections import Connections
from meshtui.mesh.connections_join import (
    ByService,
    add_connections,
    by_service,
    judge_connections,
    with_connections,
)
from meshtui.mesh.judging import (
    NOT_KNOWN,
    Tally,
    over_limit,
    state_by,
    state_of,
    tally,
)
from meshtui.mesh.judging_rows import judge_rows, server_known, slowed
from meshtui.mesh.leaving import Leaving
from meshtui.mesh.model import Mesh, Rule, RuleOwner, Service, ServiceKey, VirtualService
from meshtui.mesh.parts_missing import counted_words, counts_elsewhere
from meshtui.mesh.pod_health import RowPods, row_pods, with_pods, with_pods_state
from meshtui.mesh.row_work import RowWork, begun, done
from meshtui.mesh.rule_marks import faults_beside, marks_of
from meshtui.mesh.sample_order import Orders, Side
from meshtui.mesh.signals import NO_REQUESTS, UNKNOWN, Sample, Signals, merged
from meshtui.mesh.telemetry_join import Joins, joined
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.undecided import mark_undecided, may_refuse_tokens
from meshtui.mesh.unread_callers import mark_copies, mark_hops, mark_unread
from meshtui.mesh.untimed import mark_uncounted, mark_untimed
from meshtui.mesh.versions import VersionView, version_rows

DELAYED = "DI"
"""The flag of a request that was answered as any other, only later."""


@dataclass(slots=True)
class Latest:
    """The snapshot that services are of. A newer one takes its place as long as it makes the same
    of them, so that what did not change holds on to no older one."""

    mesh: Mesh = field(default_factory=Mesh)


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

    tcp: Connections | None = None
    """All its connections that are no HTTP, where any were counted."""

    counted_because: str = ""
    """Why the callers' numbers are the servers' own, or not all; empty where callers counted."""

    state_since: float = field(default=0.0, compare=False)
    """When callers were first seen to find it so, seconds since the epoch; 0 where not known."""

    failed_at: float = field(default=0.0, compare=False)
    """When a request failed last, as far as that was seen; else 0."""

    leaving: Leaving | None = field(default=None, compare=False)
    """When callers' state goes, of which nothing fails any more."""

    unruled: Unruled = field(default=Unruled(), compare=False)
    no_rule: bool = False
    """The ordinary traffic takes no rule, though some callers have one: see `Unruled`."""

    latest: Latest = field(default_factory=Latest, compare=False, repr=False)
    joins: Joins | None = field(default=None, compare=False, repr=False)
    """Kept for as long as the rows are; None where they were put together otherwise."""

    row_pods: tuple[RowPods | None, ...] = field(default=(), compare=False, repr=False)
    """What there is to say of each row's pods; of the same rows as `joins`."""

    divided: bool = field(default=True, compare=False, repr=False)
    """Whether callers may have different ordinary rules."""

    @property
    def key(self) -> ServiceKey:
        return self.service.key

    @property
    def mesh(self) -> Mesh:
        return self.latest.mesh

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


@dataclass(slots=True)
class ServiceWork:
    """The same of a service; see `ServiceView`."""

    view: ServiceView
    rows: list[RowWork]
    caller: Signals | None
    server: Signals | None
    state: str
    server_state: str
    slow: str
    counted_because: str
    tallies: list[Tally | None]
    judged: list[str]
    """What was counted, and the state by that alone: of callers and of the server, of the service
    and then of each row. `judged` is empty where that was not worked out."""

    tcp: Connections | None = None
    state_since: float = 0.0
    failed_at: float = 0.0
    leaving: Leaving | None = None
    takes_long: bool = True
    """Whether any of its rows may be slow; where not, nobody has to look for one that is."""

    @classmethod
    def on(cls, view: ServiceView) -> ServiceWork:
        lines: tuple[ServiceView | VersionView, ...] = (view, *view.versions)
        sides = [signals for line in lines for signals in (line.caller, line.server)]
        return cls(
            view,
            [begun(row) for row in view.versions],
            view.caller,
            view.server,
            view.state,
            view.server_state,
            view.slow,
            view.counted_because,
            [tally(signals) for signals in sides],
            [],
            view.tcp,
        )

    def done(self) -> ServiceView:
        found = unfrozen(self.view)
        found.versions = tuple([done(work) for work in self.rows])
        found.caller, found.server = self.caller, self.server
        found.state, found.server_state = self.state, self.server_state
        found.slow, found.counted_because = self.slow, self.counted_because
        found.tcp = self.tcp
        if self.state_since:
            found.state_since, found.failed_at = self.state_since, self.failed_at
            found.leaving = self.leaving
        return frozen(found, type(self.view))


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
    latest = Latest(mesh)
    return tuple(structure_of(latest, one) for one in (mesh.services if of is None else of))


def structure_of(latest: Latest, service: Service) -> ServiceView:
    """One of them."""
    mesh = latest.mesh
    traffic = traffic_to(mesh, service)
    routes, unruled = traffic.routes, traffic.unruled
    no_rule = is_unruled(routes, None, unruled)
    divided = len(rivals(routes)) > 1 or bool(unruled.callers)
    known = ServiceView(
        service, routes=routes, unruled=unruled, no_rule=no_rule, latest=latest, divided=divided
    )
    return _named(known, known.usual)


def _named(view: ServiceView, route: Route | None) -> ServiceView:
    """The view by one of its rules."""
    rule = route.rule if route else None
    versions = version_rows(view.mesh, view.service, rule)
    joins = _joins(view, versions)
    pods = tuple(row_pods(row, view.mesh) for row in versions)
    unread = unread_mark(view.mesh, view.key.namespace)
    beside = faults_beside(view.routes, rule)
    marks = (*_chosen_by_callers(route), *marks_of(rule), *beside, *unread)
    return replace(view, route=route, versions=versions, marks=marks, joins=joins, row_pods=pods)


def _joins(view: ServiceView, versions: Sequence[VersionView]) -> Joins:
    """Which of them lack a cluster is asked only where requests found none."""
    latest, service = view.latest, view.service
    return Joins(view.key, versions, lambda: without_cluster(latest.mesh, service, versions))


def _chosen_by_callers(route: Route | None) -> tuple[str, ...]:
    """Said where weights are written that do nothing."""
    if route is None or not route.by_address or len(route.rule.destinations) < 2:
        return ()
    return ("headless: weights do nothing",)


def _by_callers(view: ServiceView, sample: Sample) -> ServiceView:
    """By the rule of those who call, where callers have different ones."""
    callers = sample.clients.get(view.key)
    if not callers:
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
    return tuple([work.done() for work in put_to(views, sample, limits)])


def put_to(
    views: Iterable[ServiceView],
    sample: Sample | None,
    limits: Thresholds,
    orders: Orders | None = None,
) -> Iterator[ServiceWork]:
    """The same for those who have more to say of them before they are done, one by one: what is
    known of a service is at hand still where it is done before the next one is begun.

    `orders` are those of the sample before.
    """
    if sample is None or sample.window_s <= 0:
        for view in views:
            yield ServiceWork.on(_by_pods(view, None))
        return
    sides = (orders or Orders()).sides(sample.calls, sample.answers)
    telemetry = _Telemetry(sample, *sides, by_service(sample.connections))
    for view in views:
        yield _measured_service(view, telemetry, limits)


def _pods_of(view: ServiceView) -> tuple[RowPods | None, ...]:
    if view.joins is not None:
        return view.row_pods
    return tuple(row_pods(row, view.mesh) for row in view.versions)


def _by_pods(view: ServiceView, now: float | None) -> ServiceView:
    """With what is wrong with the pods of its versions."""
    both = zip(view.versions, _pods_of(view), strict=True)
    rows = tuple(with_pods(row, pods, now) for row, pods in both)
    if all(new is old for new, old in zip(rows, view.versions, strict=True)):
        return view
    return replace(view, versions=rows)


@dataclass(frozen=True, slots=True)
class _Telemetry:
    """A sample, and what either side counted by who answered."""

    sample: Sample
    called: Side
    served: Side
    connected: ByService

    def total(self, services: Sequence[ServiceKey]) -> tuple[Signals, Signals]:
        """What was counted of several services, on either side."""
        caller, server = self.sample.caller_totals, self.sample.server_totals
        if len(services) == 1:
            called, served = caller.get(services[0]), server.get(services[0])
            if called and served and called.requests and served.requests:
                return called, served
        return (
            merged([caller.get(key, NO_REQUESTS) for key in services]),
            merged([server.get(key, NO_REQUESTS) for key in services]),
        )


def _measured_service(view: ServiceView, telemetry: _Telemetry, limits: Thresholds) -> ServiceWork:
    sample = telemetry.sample
    if view.divided:
        view = _by_callers(view, sample)
    joins = view.joins or _joins(view, view.versions)
    rows = joined(joins, view.versions, telemetry.called, telemetry.served)
    if sample.unread or sample.muted:
        known = view.mesh
        mark_unread(
            rows, view.key, known, sample, lambda: counts_elsewhere(known, view.key, sample)
        )
    if sample.copies:
        mark_copies(rows, view.key, sample)
    hop = mark_hops(rows, joins.services, sample) if sample.hops else None
    mark_uncounted(rows, view.key, sample)
    mark_untimed(rows, view.key, view.mesh, sample)
    tallies, judged, takes_long = judge_rows(rows, limits)
    sent = _add_sent(rows, view, sample, limits) if sample.sent else ()
    if sent:
        tallies = [tally(signals) for row in rows for signals in (row.caller, row.server)]
        judged, takes_long = [state_by(known, limits) for known in tallies], True
    if may_refuse_tokens(view.mesh):
        mark_undecided(rows, view.key, view.mesh, sample)
    tcp = add_connections(rows, joins, telemetry.connected) if telemetry.connected else None
    if tcp is not None:
        tallies, judged = judge_connections(rows, tallies, judged, limits)
    _share(rows)
    _mark_pods(rows, view, sample.time)
    seen_by, seen = telemetry.total(joins.services)
    server = server_known(seen_by, seen, _are_counted(rows))
    if hop is not None:
        sent = (*sent, hop)
    caller = _known(merged((seen_by, *sent)) if sent else seen_by, rows)
    slow = over_limit(caller, limits)
    called, served = with_connections(tally(caller), tcp), with_connections(tally(server), tcp)
    state, server_state = state_by(called, limits), state_by(served, limits)
    filled = ""
    if sample.filled or sample.unread:
        filled = counted_words(rows, joins.services, view.mesh, sample, _retried(view))
    return ServiceWork(
        view,
        rows,
        caller,
        server,
        slowed(state, slow),
        server_state,
        slow,
        filled,
        [called, served, *tallies],
        [state, server_state, *judged],
        tcp,
        takes_long=takes_long or bool(slow),
    )


def _known(caller: Signals, rows: Sequence[RowWork]) -> Signals | None:
    """What callers saw of a service; None where it is known of none of its rows."""
    known = caller.requests or not rows or any(work.caller is not None for work in rows)
    return caller if known else None


def _retried(view: ServiceView) -> bool:
    """Whether a rule has proxies try again what fails; Istio's default does so before an answer."""
    retries = [route.rule.retries for route in view.routes if not route.unused]
    return any(one is not None and one.attempts != 0 for one in retries)


def _are_counted(rows: Sequence[RowWork]) -> bool:
    """Whether a proxy counts requests at the server's side, as far as there are pods."""
    pods = 0
    for work in rows:
        if work.proxies:
            return True
        pods += work.pods
    return not pods


def _add_sent(
    rows: Sequence[RowWork], view: ServiceView, sample: Sample, limits: Thresholds
) -> tuple[Signals, ...]:
    """To the rows of a gateway what it sends on: that is its traffic, and how outsiders fare."""
    if not any(namespace == view.key.namespace for namespace, _ in sample.sent):
        return ()
    found = []
    for work in rows:
        workloads = {(p.namespace, p.workload) for p in work.members if p.gateway}
        mine = [sample.sent[place] for place in sorted(workloads) if place in sample.sent]
        if mine and work.caller is not None:
            work.caller = merged((work.caller, *mine))
            work.state = state_of(work.caller, limits)
            found += mine
    return tuple(found)


def _mark_pods(rows: Iterable[RowWork], view: ServiceView, now: float) -> None:
    """What belongs to no row of the view has no pods."""
    known = _pods_of(view)
    if not any(known):
        return
    for work, pods in zip(rows, known, strict=False):
        if pods is None:
            continue
        state, words = pods.health(now)
        work.pods_state, work.pods_words = state, words
        work.state = with_pods_state(work.state, state)
        work.server_state = with_pods_state(work.server_state, state)


def _share(rows: Sequence[RowWork]) -> None:
    """Shares are of the requests that reached a pod: an injected abort takes nobody's share."""
    known = [work for work in rows if work.reached is not None and work.version != UNKNOWN]
    total = sum([work.reached or 0.0 for work in known])
    for work in known if total else ():
        work.share = (work.reached or 0.0) / total
