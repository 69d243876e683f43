"""What the screen and `meshtui services` show: services and versions, intent beside measurement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from meshtui.mesh.carrying import Route, ordinary, rivals, routes_to
from meshtui.mesh.flags import FLAGS
from meshtui.mesh.hosts import split_host
from meshtui.mesh.model import Mesh, Rule, Service, ServiceKey, VirtualService
from meshtui.mesh.signals import UNKNOWN, Sample, Signals, VersionKey
from meshtui.mesh.versions import (
    DEGRADED,
    FAILING,
    NO_TRAFFIC,
    NOT_KNOWN,
    OK,
    ONLY_ERRORS,
    VersionView,
    version_rows,
)

DELAYED = "DI"
"""The flag of a request that was answered as any other, only later."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Error ratios (0 to 1) from which a version is degraded and failing.

    The defaults are Kiali's for HTTP 5xx: anything above 0 is degraded, 10 % is failing.
    """

    degraded: float = 0.0
    failing: float = 0.10


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with its versions, in the order of the subsets.

    `route` is the ordinary rule, None where no rule names the service. `caller` and `server` are
    the totals, requests that never reached a pod included; `state` is how callers see it.
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
    mesh: Mesh = field(default_factory=Mesh, compare=False, repr=False)

    @property
    def key(self) -> ServiceKey:
        return self.service.key

    @property
    def rule(self) -> Rule | None:
        return self.route.rule if self.route else None

    @property
    def virtual_service(self) -> VirtualService | None:
        return self.route.service if self.route else None


def state_of(signals: Signals | None, thresholds: Thresholds) -> str:
    """The three that are no number never look alike: unknown, no traffic, only errors."""
    if signals is None:
        return NOT_KNOWN
    if signals.requests <= 0 or signals.error_ratio is None:
        return NO_TRAFFIC
    if signals.error_ratio >= 1.0:
        return ONLY_ERRORS
    if signals.error_ratio >= thresholds.failing:
        return FAILING
    return DEGRADED if signals.error_ratio > thresholds.degraded else OK


def service_views(
    mesh: Mesh, sample: Sample | None, thresholds: Thresholds | None = None
) -> tuple[ServiceView, ...]:
    """All services of the mesh, by namespace and name. `sample` None: nothing is known yet."""
    return measured(structure(mesh), sample, thresholds or Thresholds())


def structure(mesh: Mesh) -> tuple[ServiceView, ...]:
    """The services before anything is measured; worth keeping for as long as the mesh stands."""
    return tuple(_structure_of(mesh, service) for service in mesh.services)


def _structure_of(mesh: Mesh, service: Service) -> ServiceView:
    routes = routes_to(mesh, service)
    known = ServiceView(service, routes=routes, mesh=mesh)
    return _aimed(known, ordinary(routes))


def _aimed(view: ServiceView, route: Route | None) -> ServiceView:
    """The view by one of its rules."""
    rule = route.rule if route else None
    versions = version_rows(view.mesh, view.service, rule)
    return replace(view, route=route, versions=versions, marks=marks_of(rule))


def _by_callers(view: ServiceView, sample: Sample) -> ServiceView:
    """By the rule of those who call, where callers have different ones."""
    callers = sample.clients.get(view.key)
    if not callers or len(rivals(view.routes)) < 2:
        return view
    route = ordinary(view.routes, callers)
    return view if route == view.route else _aimed(view, route)


def measured(
    views: Iterable[ServiceView], sample: Sample | None, limits: Thresholds
) -> tuple[ServiceView, ...]:
    """`views` with what `sample` says. A source read only once has no rates: nothing is known."""
    if sample is None or sample.window_s <= 0:
        return tuple(views)
    extra = _strays_by_service(sample)
    return tuple(_measured_service(view, sample, extra.get(view.key, ()), limits) for view in views)


def _measured_service(
    view: ServiceView, sample: Sample, found: Iterable[str], limits: Thresholds
) -> ServiceView:
    view = _by_callers(view, sample)
    rows = [_measured(row, view.key, sample, limits) for row in view.versions]
    known = {row.version for row in rows}
    rows += [
        _measured(VersionView(version=version), view.key, sample, limits)
        for version in found
        if version not in known
    ]
    caller = sample.caller_totals.get(view.key, Signals())
    counted = any(row.proxies for row in rows) or not any(row.pods for row in rows)
    server = server_known(caller, sample.server_totals.get(view.key, Signals()), counted)
    return replace(
        view,
        versions=_with_shares(rows),
        caller=caller,
        server=server,
        state=state_of(caller, limits),
        server_state=state_of(server, limits),
    )


def _strays_by_service(sample: Sample) -> Mapping[ServiceKey, list[str]]:
    """The versions seen in telemetry: those that are no row are of gone pods, or of none."""
    found: dict[ServiceKey, list[str]] = {}
    for key in sorted(key for key, signals in sample.caller.items() if signals.requests > 0):
        found.setdefault(key.service, []).append(key.version)
    return found


def _measured(row: VersionView, key: ServiceKey, sample: Sample, limits: Thresholds) -> VersionView:
    caller, counted = _signals_of(row, key, sample)
    server = server_known(caller, counted, bool(row.proxies or not row.pods))
    return replace(
        row,
        caller=caller,
        server=server,
        state=state_of(caller, limits),
        server_state=state_of(server, limits),
    )


def _signals_of(row: VersionView, key: ServiceKey, sample: Sample) -> tuple[Signals, Signals]:
    owner = split_host(row.host) or key
    if owner != key:
        return (
            sample.caller_totals.get(owner, Signals()),
            sample.server_totals.get(owner, Signals()),
        )
    version = VersionKey(key, row.version)
    return sample.caller.get(version, Signals()), sample.server.get(version, Signals())


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
    reached = sum(r.caller.requests for r in rows if r.caller and r.version != UNKNOWN)
    return tuple(
        replace(row, share=row.caller.requests / reached)
        if row.caller and reached and row.version != UNKNOWN
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
