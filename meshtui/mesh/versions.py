"""The versions of a service: sets of pods, by its subsets, else by version and workload.

A row is what a destination of a rule reaches, or pods that no destination names. Where two rows
have a pod in common, only a destination that is named by a rule can have sent requests to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from typing import TypedDict

from meshtui.dataclass import dataclass
from meshtui.mesh.connections import Connections
from meshtui.mesh.gateway_api import RULES
from meshtui.mesh.hosts import short_host, split_host
from meshtui.mesh.judging import NOT_KNOWN
from meshtui.mesh.leaving import Leaving
from meshtui.mesh.model import Mesh, Pod, Rule, Service, ServiceKey, Subset
from meshtui.mesh.resolution import world
from meshtui.mesh.routing import pods_of, pods_of_subset
from meshtui.mesh.signals import Signals
from meshtui.mesh.subsets import usable_subsets

_NO_RULES = "which pods it has is not known: DestinationRules can't be read"

HostAndSubset = tuple[str, str]
"""A host and a subset of it; the subset is empty for all of the host."""


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a service.

    `subset` is the DestinationRule's name for it, empty where there is none. `weight` is the
    weight in the ordinary rule and `percent` what part of the rule that is (0 to 100), both None
    where no rule tells the versions apart. `share` is the measured part of the service's requests
    that reached a pod, 0 to 1, and `reached` their number. `caller` and `server` are None where
    nothing is known, and `unknown_because` may say why; `state` and `server_state` say how each
    side sees it. `proxies` counts the pods whose requests a proxy of the mesh counts on the
    server's side.

    `members` are its pods and `owner` the service whose requests are counted for its host;
    `named`: some rule sends to it. `limited`: its subset has a connection pool of its own, and
    `ejects` outlier detection. `by_address`: callers choose the address themselves, so their
    proxies know no endpoint by it, and may not say who answered.

    `pods_words` says what is wrong with its pods or how far a rollout is, and `pods_state` what
    that makes of it, empty where it is nothing.

    `undecided` names answers that may be its proxies' or its own, where nobody counts them apart.

    `slow` and `server_slow` say against what either side found it slow, empty where it is not.
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
    proxies: int = 0
    server_state: str = NOT_KNOWN
    unknown_because: str = ""
    reached: float | None = None
    slow: str = ""
    server_slow: str = ""
    pods_state: str = ""
    pods_words: str = ""
    members: tuple[Pod, ...] = field(default=(), compare=False, repr=False)
    owner: ServiceKey | None = field(default=None, compare=False, repr=False)
    named: bool = field(default=False, compare=False, repr=False)
    limited: bool = field(default=False, compare=False, repr=False)
    ejects: bool = field(default=False, compare=False, repr=False)
    by_address: bool = field(default=False, compare=False, repr=False)
    tcp: Connections | None = None
    """Its connections that are no HTTP, where any were counted."""

    undecided: str = ""
    untimed: str = ""
    """Why nothing is known of how long its requests take, where they are counted."""
    state_since: float = field(default=0.0, compare=False)
    """When callers were first seen to find it so, seconds since the epoch; 0 where not known."""

    failed_at: float = field(default=0.0, compare=False)
    """When a request failed last, as far as that was seen; else 0."""

    leaving: Leaving | None = field(default=None, compare=False)
    """When callers' state goes, of which nothing fails any more."""

    @property
    def label(self) -> str:
        """The name a person gives to shift traffic to it."""
        return self.subset or self.version

    @property
    def pods_known(self) -> bool:
        """False where nobody may read which labels its pods have."""
        return self.unknown_because != _NO_RULES


def version_rows(mesh: Mesh, service: Service, rule: Rule | None) -> tuple[VersionView, ...]:
    """The subsets, the pods that no subset has, then the destinations on other hosts."""
    named = _named(mesh, service.host, rule)
    pods = pods_of(mesh, service)
    rows = [
        _subset_row(service, subset, pods)
        for subset in usable_subsets(mesh, service.host)
        if subset.labels or (service.host, subset.name) in named
    ]
    others = _destination_rows(mesh, service, rule, {(row.host, row.subset) for row in rows})
    rows = [row for row in rows if not _is_backends(rule, row, others, named)]
    placed = {pod.place for row in (*rows, *others) for pod in row.members}
    rest = _rest_rows(service, [pod for pod in pods if pod.place not in placed])
    own_pods = sum(row.pods for row in (*rows, *rest))
    if _is_split(service, rule, len(rows) + len(rest), own_pods < len(pods)):
        rest = [_own_row(service, service.key.name, pods)]
    rows += [*rest, *others]
    own = sum(row.host == service.host for row in rows)
    lost = {row.host for row in others if row.unknown_because}
    return tuple(
        row
        if row.host in lost and not row.subset
        else _weighted(replace(row, named=(row.host, row.subset) in named), service, rule, own)
        for row in rows
    )


def _is_backends(
    rule: Rule | None,
    row: VersionView,
    others: Iterable[VersionView],
    named: frozenset[HostAndSubset],
) -> bool:
    """True for a subset beside a route of the Gateway API that sends to its pods as a backend.

    Such a route can't send to a subset: its pods are counted once, where their requests go.
    """
    if rule is None or rule.list_name != RULES or (row.host, row.subset) in named:
        return False
    reached = {pod.place for other in others for pod in other.members}
    return bool(row.members) and all(pod.place in reached for pod in row.members)


def _named(mesh: Mesh, host: str, rule: Rule | None) -> frozenset[HostAndSubset]:
    """All that any rule sends or copies requests to."""
    rules = [known for _, known in mesh.rules_by_destination.get(host, ())]
    return frozenset(
        (target.host, target.subset)
        for known in (*rules, *((rule,) if rule else ()))
        for target in (*known.destinations, *known.mirrors)
    )


class _Pods(TypedDict):
    pods: int
    pods_ready: int
    proxies: int
    members: tuple[Pod, ...]


def _counts(pods: Sequence[Pod]) -> _Pods:
    return _Pods(
        pods=len(pods),
        pods_ready=sum(pod.serving for pod in pods),
        proxies=sum(pod.sidecar or pod.ambient for pod in pods),
        members=tuple(pods),
    )


def pods_counted(rows: Iterable[VersionView]) -> tuple[int, int]:
    """Ready pods and all pods of several rows; one that stands in two of them counts once."""
    known = tuple(rows)
    if any(row.pods != len(row.members) for row in known):
        return sum(row.pods_ready for row in known), sum(row.pods for row in known)
    pods = {pod.place: pod for row in known for pod in row.members}
    return sum(pod.serving for pod in pods.values()), len(pods)


def _subset_row(service: Service, subset: Subset, pods: tuple[Pod, ...]) -> VersionView:
    mine = pods_of_subset(pods, subset)
    versions = {pod.version for pod in mine}
    version = versions.pop() if len(versions) == 1 else subset.labels.get("version", subset.name)
    return VersionView(
        version=version or subset.name,
        subset=subset.name,
        host=service.host,
        owner=service.key,
        limited=bool(subset.policy.get("connectionPool")),
        ejects=bool(subset.policy.get("outlierDetection")),
        by_address=service.headless,
        **_counts(mine),
    )


def _rest_rows(service: Service, pods: Iterable[Pod]) -> list[VersionView]:
    """Pods by version; those without one by their workload."""
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        found.setdefault(pod.version or pod.workload or pod.name, []).append(pod)
    return [_own_row(service, name, mine) for name, mine in sorted(found.items())]


def _is_split(service: Service, rule: Rule | None, rows: int, shared: bool = False) -> bool:
    """Whether all pods of the host are one destination of the rule beside others.

    One version alone keeps its name, unless some of the host's pods are `shared` with another.
    """
    places = {(d.host, d.subset) for d in rule.destinations} if rule else set()
    if (service.host, "") not in places or len(places) < 2:
        return False
    if rows != 1 or shared:
        return True
    return any(host == service.host and subset for host, subset in places)


def _own_row(service: Service, name: str, pods: Sequence[Pod]) -> VersionView:
    """A row of no subset."""
    return VersionView(
        version=name,
        host=service.host,
        owner=service.key,
        by_address=service.headless,
        **_counts(pods),
    )


def _destination_rows(
    mesh: Mesh, service: Service, rule: Rule | None, known: set[HostAndSubset]
) -> list[VersionView]:
    """Destinations that are no row yet: subsets nobody defined, and other hosts."""
    rows: list[VersionView] = []
    for destination in rule.destinations if rule else ():
        place = (destination.host, destination.subset)
        if place in known or place == (service.host, ""):
            continue
        known.add(place)
        other = mesh.by_host.get(destination.host)
        pods = pods_of(mesh, other) if other and other is not service else ()
        unread = ""
        if other and destination.subset:
            subsets = usable_subsets(mesh, destination.host)
            mine = next((s for s in subsets if s.name == destination.subset), None)
            pods = pods_of_subset(pods, mine) if mine else ()
            unread = "" if mine or mesh.knows("destinationrules") else _NO_RULES
        rows.append(
            VersionView(
                version=destination.subset or short_host(destination.host, service.key.namespace),
                subset=destination.subset,
                host=destination.host,
                owner=owner_of(mesh, destination.host),
                unknown_because=unread,
                by_address=_by_address(mesh, destination.host),
                **_counts(pods),
            )
        )
    return rows


def owner_of(mesh: Mesh, host: str) -> ServiceKey | None:
    """The service under whose name telemetry counts what goes to a host.

    One that is not there (any more) has what proxies counted while it was.
    """
    service = mesh.by_host.get(host)
    if service is not None:
        return service.key
    found = world(mesh).shared.registry.by_name.get(host, ())
    return ServiceKey(found[0].namespace, host) if found else split_host(host)


def _by_address(mesh: Mesh, host: str) -> bool:
    registered = world(mesh).shared.registry.by_name.get(host, ())
    return any(one.headless for one in registered)


def _weighted(row: VersionView, service: Service, rule: Rule | None, own: int) -> VersionView:
    """The row with its part of the rule; `own` is how many rows the service's host has."""
    if rule is None or not rule.destinations:
        return row
    place = (row.host, row.subset)
    whole = any((d.host, d.subset) == (service.host, "") for d in rule.destinations)
    mine = [d for d in rule.destinations if (d.host, d.subset) == place]
    mirrored = [m for m in rule.mirrors if (m.host, m.subset) == place]
    if whole and row.host == service.host and own == 1:
        mine = [d for d in rule.destinations if d.host == service.host and d.subset in ("", *place)]
    by_pods = whole and row.host == service.host and own > 1 and not _is_split(service, rule, own)
    return replace(
        row,
        weight=None if by_pods else sum(d.weight for d in mine),
        percent=None if by_pods else sum(rule.percent(d) for d in mine),
        mirrored_percent=sum(m.percent for m in mirrored) if mirrored else None,
    )
