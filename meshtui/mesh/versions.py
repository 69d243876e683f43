"""The versions of a service: its subsets, the pods that no subset names, its other hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from meshtui.mesh.model import Mesh, Pod, Rule, Service, Subset
from meshtui.mesh.routing import pods_of, pods_of_subset, subsets_of
from meshtui.mesh.signals import Signals

OK = "ok"
DEGRADED = "degraded"
FAILING = "failing"
ONLY_ERRORS = "only errors"
NO_TRAFFIC = "no traffic"
NOT_KNOWN = "unknown"

SEVERITY = {ONLY_ERRORS: 0, FAILING: 1, DEGRADED: 2, NOT_KNOWN: 3, OK: 4, NO_TRAFFIC: 5}


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a service.

    `subset` is the DestinationRule's name for it, empty where there is none. `weight` is the
    weight in the ordinary rule and `percent` what part of the rule that is (0 to 100), both None
    where no rule tells the versions apart. `share` is the measured part of the service's requests
    that reached a pod, 0 to 1. `caller` and `server` are None where nothing is known; `state` and
    `server_state` say how each side sees it. `proxies` counts the pods whose requests a proxy of
    the mesh counts on the server's side.
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

    @property
    def label(self) -> str:
        """The name a person gives to shift traffic to it."""
        return self.subset or self.version


def version_rows(mesh: Mesh, service: Service, rule: Rule | None) -> tuple[VersionView, ...]:
    """The subsets, the versions that no subset names, then the destinations on other hosts."""
    pods = pods_of(mesh, service)
    subsets = subsets_of(mesh, service.host)
    rows = [_subset_row(service, subset, pods) for subset in subsets if subset.labels]
    named = {row.version for row in rows}
    versions = sorted({pod.version for pod in pods if pod.version not in named})
    rows += [_version_row(service, version, pods) for version in versions]
    known = {(row.host, row.subset) for row in rows}
    rows += _destination_rows(mesh, service, rule, known)
    return tuple(_weighted(row, rule, len(rows)) for row in rows)


class _Counts(TypedDict):
    pods: int
    pods_ready: int
    proxies: int


def _counts(pods: Sequence[Pod]) -> _Counts:
    return _Counts(
        pods=len(pods),
        pods_ready=sum(pod.serving for pod in pods),
        proxies=sum(pod.sidecar or pod.ambient for pod in pods),
    )


def _subset_row(service: Service, subset: Subset, pods: tuple[Pod, ...]) -> VersionView:
    mine = pods_of_subset(pods, subset)
    versions = {pod.version for pod in mine}
    version = versions.pop() if len(versions) == 1 else subset.labels.get("version", subset.name)
    return VersionView(
        version=version or subset.name,
        subset=subset.name,
        host=service.host,
        **_counts(mine),
    )


def _version_row(service: Service, version: str, pods: tuple[Pod, ...]) -> VersionView:
    mine = [pod for pod in pods if pod.version == version]
    return VersionView(
        version=version or "(no version)",
        host=service.host,
        **_counts(mine),
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
                **_counts(pods),
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
