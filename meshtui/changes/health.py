"""How the versions that a rule may send traffic to do now, by what was measured of them."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh.connections_join import as_signals
from meshtui.mesh.hosts import split_host
from meshtui.mesh.interval import interval
from meshtui.mesh.judging import (
    DEGRADED,
    FAILING,
    FEW,
    NO_TRAFFIC,
    NOT_KNOWN,
    OK,
    ONLY_ERRORS,
    REFUSED,
    SLOW,
    bad_ratio,
    count_of,
    may_be_failing,
)
from meshtui.mesh.model import Mesh, Pod, Rule, Service
from meshtui.mesh.quantity import number_of
from meshtui.mesh.routing import pods_of, pods_of_subset
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.subsets import usable_subsets
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView, version_rows
from meshtui.mesh.view import ServiceView, measured

BAD = (ONLY_ERRORS, FAILING, REFUSED)
GOOD = (OK, DEGRADED)

SUSPECT = "may be failing"
"""More fails than is allowed, of too few requests to be certain. What would send more traffic there
does not wait for certainty: a person is asked."""

_MORE_THAN_CHANCE = 2
"""Failed requests: a single one may be anybody's."""


@dataclass(frozen=True, slots=True)
class VersionHealth:
    """One version as it is now.

    `percent` is its part of the rule, 0 to 100. `pods` and `ready` are None where the host is no
    service of the cluster. `errors` is a ratio (0 to 1) over `requests`, None where there were
    none; what a proxy refused, or what broke off, counts as one. `state` is the worse of what the
    callers saw and what the version itself counted.
    """

    host: str
    subset: str
    label: str
    percent: float = 0.0
    pods: int | None = 0
    ready: int | None = 0
    state: str = NOT_KNOWN
    errors: float | None = None
    requests: float = 0.0
    counted: str = "requests"
    """What `requests` counts: connections where there were no requests."""

    @property
    def place(self) -> tuple[str, str]:
        return self.host, self.subset

    @property
    def failing(self) -> bool:
        """True also where it is not certain."""
        return self.state in (*BAD, SUSPECT)

    @property
    def how(self) -> str:
        """`is failing now`, or less where that is not certain."""
        return SUSPECT if self.state == SUSPECT else "is failing now"

    @property
    def healthy(self) -> bool:
        return self.state in GOOD

    @property
    def without_pods(self) -> bool:
        """True where it is known that no pod is ready to answer."""
        return self.ready == 0

    @property
    def words(self) -> str:
        """`20 % errors of 45 requests, 1 of 1 pod ready`."""
        if self.errors is not None:
            counted = number_of(self.requests, self.counted.removesuffix("s"))
            health = f"{about_percent(self.errors)} errors of {counted}"
        else:
            health = "no traffic" if self.state == NO_TRAFFIC else "nothing measured"
        health += _MORE.get(self.state, "")
        if self.pods is None:
            return health
        return f"{health}, {self.ready} of {number_of(self.pods, 'pod')} ready"

    @property
    def interval(self) -> tuple[float, float]:
        """The error ratio's 95 % interval; all of it without requests."""
        if self.errors is None:
            return 0.0, 1.0
        return interval(self.errors * self.requests, self.requests)


_MORE = {SLOW: ", slow", **dict.fromkeys((FEW, SUSPECT), ", too few to be certain")}


def about_percent(ratio: float) -> str:
    return f"{float(f'{ratio * 100:.2g}'):.15g} %"


def health_of(
    mesh: Mesh, service: Service, rule: Rule, sample: Sample | None, limits: Thresholds
) -> tuple[VersionHealth, ...]:
    """The rule's destinations in their order, then the service's subsets that it does not name."""
    view = ServiceView(service, version_rows(mesh, service, rule))
    (seen,) = measured((view,), sample, limits)
    rows = {(row.host, row.subset): row for row in seen.versions if row.host}
    mine = [row for row in seen.versions if row.host == service.host]
    if len(mine) == 1:  # all of the host is this version, by whichever name it is sent to
        rows.setdefault((service.host, ""), mine[0])
    places = dict.fromkeys((d.host, d.subset) for d in rule.destinations)
    places |= dict.fromkeys(place for place in rows if place[1])
    return tuple(_health(mesh, service, rule, place, rows.get(place), limits) for place in places)


def failing_ratio(row: VersionView) -> float:
    """The errors of a failing version, 0 to 1: copies are counted only where they arrive."""
    return max((bad_ratio(s) or 0.0 for state, s in _sides(row) if s and state in BAD), default=0.0)


def _sides(row: VersionView) -> tuple[tuple[str, Signals | None], ...]:
    if _of_connections(row) and row.tcp is not None:
        seen = as_signals(row.tcp)
        return (row.state, seen), (row.server_state, seen)
    return (row.state, row.caller), (row.server_state, row.server)


def _of_connections(row: VersionView) -> bool:
    return row.tcp is not None and not any(s and s.requests for s in (row.caller, row.server))


def _health(
    mesh: Mesh,
    service: Service,
    rule: Rule,
    place: tuple[str, str],
    row: VersionView | None,
    limits: Thresholds,
) -> VersionHealth:
    host, subset = place
    pods = _pods(mesh, host, subset)
    health = VersionHealth(
        host,
        subset,
        subset or (service.key.name if host == service.host else _first(host)),
        percent=sum(rule.percent(d) for d in rule.destinations if (d.host, d.subset) == place),
        pods=None if pods is None else len(pods),
        ready=None if pods is None else sum(pod.serving for pod in pods),
    )
    return health if row is None else _measured(health, row, limits)


_ORDER = (*BAD, SUSPECT, SLOW, FEW, DEGRADED, OK, NO_TRAFFIC, NOT_KNOWN)


def _certain(state: str, signals: Signals | None, limits: Thresholds) -> str:
    """A version that may be failing is not known to do well, though it is not known to fail."""
    if signals is None or not may_be_failing(count := count_of(signals), limits):
        return state
    return SUSPECT if count.bad >= _MORE_THAN_CHANCE else FEW


def _measured(health: VersionHealth, row: VersionView, limits: Thresholds) -> VersionHealth:
    """With the side that does worse; a side that counted nothing says nothing."""
    sides = [(_certain(state, signals, limits), signals) for state, signals in _sides(row)]
    state, signals = min(sides, key=lambda side: _ORDER.index(side[0]))
    return VersionHealth(
        health.host,
        health.subset,
        health.label,
        health.percent,
        health.pods,
        health.ready,
        state,
        bad_ratio(signals) if signals else None,
        signals.requests if signals else 0.0,
        "connections" if _of_connections(row) else "requests",
    )


def _pods(mesh: Mesh, host: str, subset: str) -> tuple[Pod, ...] | None:
    """The pods behind a destination; None where the host is no service of this cluster."""
    service = mesh.by_host.get(host)
    if service is None:
        return () if split_host(host) and host not in mesh.service_entry_hosts else None
    pods = pods_of(mesh, service)
    if not subset:
        return pods
    found = next((s for s in usable_subsets(mesh, host) if s.name == subset), None)
    return pods_of_subset(pods, found) if found else ()


def _first(host: str) -> str:
    key = split_host(host)
    return key.name if key else host
