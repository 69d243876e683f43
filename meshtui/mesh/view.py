"""What the screen and `meshtui services` show: services and versions, intent beside measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from meshtui.mesh.hosts import split_host
from meshtui.mesh.model import Mesh, Pod, Rule, Service, ServiceKey, Subset, VirtualService
from meshtui.mesh.routing import (
    Route,
    ordinary,
    pods_of,
    pods_of_subset,
    routes_to,
    subsets_of,
)
from meshtui.mesh.signals import UNKNOWN, Sample, Signals, VersionKey

OK = "ok"
DEGRADED = "degraded"
FAILING = "failing"
ONLY_ERRORS = "only errors"
NO_TRAFFIC = "no traffic"
NOT_KNOWN = "unknown"

SEVERITY = {ONLY_ERRORS: 0, FAILING: 1, DEGRADED: 2, NOT_KNOWN: 3, OK: 4, NO_TRAFFIC: 5}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Error ratios (0 to 1) from which a version is degraded and failing.

    The defaults are Kiali's for HTTP 5xx: anything above 0 is degraded, 10 % is failing.
    """

    degraded: float = 0.0
    failing: float = 0.10


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a service.

    `subset` is the DestinationRule's name for it, empty where there is none. `weight` is the
    weight in the ordinary rule and `percent` what part of the rule that is (0 to 100), both None
    where no rule tells the versions apart. `share` is the measured part of the service's requests
    that reached a pod, 0 to 1. `caller` and `server` are None where nothing is known.
    """

    version: str
    subset: str = ""
    host: str = ""
    weight: int | None = None
    percent: float | None = None
    share: float | None = None
    pods: int = 0
    pods_ready: int = 0
    caller: Signals | None = None
    server: Signals | None = None
    state: str = NOT_KNOWN
    mirrored_percent: float | None = None

    @property
    def label(self) -> str:
        """The name a person gives to shift traffic to it."""
        return self.subset or self.version


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with its versions, in the order of the subsets.

    `route` is the ordinary rule, None where no rule names the service. `caller` and `server` are
    the totals, requests that never reached a pod included.
    """

    service: Service
    versions: tuple[VersionView, ...] = ()
    routes: tuple[Route, ...] = ()
    route: Route | None = None
    caller: Signals | None = None
    server: Signals | None = None
    state: str = NOT_KNOWN
    marks: tuple[str, ...] = field(default=())

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
    limits = thresholds or Thresholds()
    measured = sample if sample is not None and sample.window_s > 0 else None
    return tuple(service_view(mesh, service, measured, limits) for service in mesh.services)


def service_view(
    mesh: Mesh, service: Service, sample: Sample | None, limits: Thresholds
) -> ServiceView:
    routes = routes_to(mesh, service)
    route = ordinary(routes)
    drafts = _versions(mesh, service, route)
    caller = _total(sample, service.key)
    versions = tuple(_measured(draft, service.key, sample, limits) for draft in drafts)
    versions += _strays(versions, service.key, sample, limits)
    return ServiceView(
        service=service,
        versions=_with_shares(versions),
        routes=routes,
        route=route,
        caller=caller,
        server=sample.server_totals.get(service.key, Signals()) if sample else None,
        state=state_of(caller, limits),
        marks=_marks(route.rule if route else None),
    )


def _total(sample: Sample | None, key: ServiceKey) -> Signals | None:
    return sample.caller_totals.get(key, Signals()) if sample else None


def _versions(mesh: Mesh, service: Service, route: Route | None) -> list[VersionView]:
    """The subsets, the versions that no subset names, then the destinations on other hosts."""
    pods = pods_of(mesh, service)
    subsets = subsets_of(mesh, service.host)
    rows = [_subset_row(service, subset, pods) for subset in subsets if subset.labels]
    named = {row.version for row in rows}
    versions = sorted({pod.version for pod in pods if pod.version not in named})
    rows += [_version_row(service, version, pods) for version in versions]
    rule = route.rule if route else None
    known = {(row.host, row.subset) for row in rows}
    rows += _destination_rows(mesh, service, rule, known)
    return [_weighted(row, rule, len(rows)) for row in rows]


def _subset_row(service: Service, subset: Subset, pods: tuple[Pod, ...]) -> VersionView:
    mine = pods_of_subset(pods, subset)
    versions = {pod.version for pod in mine}
    version = versions.pop() if len(versions) == 1 else subset.labels.get("version", subset.name)
    return VersionView(
        version=version or subset.name,
        subset=subset.name,
        host=service.host,
        pods=len(mine),
        pods_ready=sum(pod.serving for pod in mine),
    )


def _version_row(service: Service, version: str, pods: tuple[Pod, ...]) -> VersionView:
    mine = [pod for pod in pods if pod.version == version]
    return VersionView(
        version=version or "(no version)",
        host=service.host,
        pods=len(mine),
        pods_ready=sum(pod.serving for pod in mine),
    )


def _destination_rows(
    mesh: Mesh, service: Service, rule: Rule | None, known: set[tuple[str, str]]
) -> list[VersionView]:
    """Destinations that are no row yet: subsets nobody defined, and other hosts."""
    rows: list[VersionView] = []
    for destination in rule.destinations if rule else ():
        place = (destination.host, destination.subset)
        if place in known or (destination.host == service.host and not destination.subset):
            continue
        known.add(place)
        other = mesh.by_host.get(destination.host)
        pods = pods_of(mesh, other) if other and other is not service else ()
        rows.append(
            VersionView(
                version=destination.label,
                subset=destination.subset,
                host=destination.host,
                pods=len(pods),
                pods_ready=sum(pod.serving for pod in pods),
            )
        )
    return rows


def _weighted(row: VersionView, rule: Rule | None, rows: int) -> VersionView:
    if rule is None or not rule.destinations:
        return row
    mine = [d for d in rule.destinations if (d.host, d.subset) == (row.host, row.subset)]
    whole = [d for d in rule.destinations if d.host == row.host and not d.subset]
    mirrored = [m for m in rule.mirrors if (m.host, m.subset) == (row.host, row.subset)]
    if not mine and whole:
        mine = whole if rows == 1 else []
    percent: float | None = sum(rule.percent(d) for d in mine)
    weight: int | None = sum(d.weight for d in mine)
    if whole and not mine:
        percent = weight = None
    return replace(
        row,
        weight=weight,
        percent=percent,
        mirrored_percent=sum(m.percent for m in mirrored) if mirrored else None,
    )


def _measured(
    row: VersionView, key: ServiceKey, sample: Sample | None, limits: Thresholds
) -> VersionView:
    if sample is None:
        return row
    caller, server = _signals_of(row, key, sample)
    return replace(row, caller=caller, server=server, state=state_of(caller, limits))


def _signals_of(row: VersionView, key: ServiceKey, sample: Sample) -> tuple[Signals, Signals]:
    owner = split_host(row.host) or key
    if owner != key:
        return (
            sample.caller_totals.get(owner, Signals()),
            sample.server_totals.get(owner, Signals()),
        )
    version = VersionKey(key, row.version)
    return sample.caller.get(version, Signals()), sample.server.get(version, Signals())


def _strays(
    rows: tuple[VersionView, ...], key: ServiceKey, sample: Sample | None, limits: Thresholds
) -> tuple[VersionView, ...]:
    """What was measured for versions that are no row: gone pods, and what reached none."""
    if sample is None:
        return ()
    known = {row.version for row in rows}
    found = sorted(
        version.version
        for version, signals in sample.caller.items()
        if version.service == key and version.version not in known and signals.requests > 0
    )
    return tuple(_measured(VersionView(version=version), key, sample, limits) for version in found)


def _with_shares(rows: tuple[VersionView, ...]) -> tuple[VersionView, ...]:
    """Shares are of the requests that reached a pod: an injected abort takes nobody's share."""
    reached = sum(r.caller.requests for r in rows if r.caller and r.version != UNKNOWN)
    return tuple(
        replace(row, share=row.caller.requests / reached)
        if row.caller and reached and row.version != UNKNOWN
        else row
        for row in rows
    )


def _marks(rule: Rule | None) -> tuple[str, ...]:
    """What is unusual about the ordinary rule, in words for one line."""
    if rule is None:
        return ()
    marks = [f"mirror {m.label} {m.percent:g}%" for m in rule.mirrors]
    if rule.fault and rule.fault.active:
        marks.append(f"fault {rule.fault}")
    if rule.timeout_s:
        marks.append(f"timeout {rule.timeout_s:g}s")
    return tuple(marks)


def worst_first(views: tuple[ServiceView, ...]) -> tuple[ServiceView, ...]:
    """By severity, then error ratio, then rate, then name, so that ties stand still."""
    return tuple(sorted(views, key=_badness))


def _badness(view: ServiceView) -> tuple[int, float, float, ServiceKey]:
    worst = min(
        (SEVERITY[state] for state in (view.state, *(v.state for v in view.versions))), default=9
    )
    errors = view.caller.error_ratio or 0.0 if view.caller else 0.0
    rate = view.caller.rps if view.caller else 0.0
    return worst, -round(errors, 2), -round(rate, -1), view.key


def severity_counts(views: tuple[ServiceView, ...]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for view in views:
        counts[view.state] = counts.get(view.state, 0) + 1
    return counts
