"""What the clusters of a group show, as one: keys with their cluster, sums, what is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from meshtui.changes.change import Change, Plan
from meshtui.mesh.clusters import ClusterReading, ServiceSum, sums
from meshtui.mesh.model import Service, ServiceKey
from meshtui.mesh.placed import placed, plain
from meshtui.mesh.view import ServiceView
from meshtui.operations.types import Snapshot

Placing = Callable[[ServiceKey], ServiceKey]


class PlacedViews:
    """One cluster's views with placed keys; what has not changed stays the same object."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self._services: dict[ServiceKey, tuple[Service, Service]] = {}
        self._views: dict[ServiceKey, tuple[ServiceView, str, ServiceView]] = {}

    def of(
        self, views: Sequence[ServiceView], words: Mapping[ServiceKey, str]
    ) -> tuple[ServiceView, ...]:
        """`words` are the marks of the services that stand in other clusters too."""
        found = {view.key: self._placed(view, words.get(view.key, "")) for view in views}
        self._views = found
        return tuple(view for _, _, view in found.values())

    def _placed(self, view: ServiceView, word: str) -> tuple[ServiceView, str, ServiceView]:
        known = self._views.get(view.key)
        if known is not None and known[0] is view and known[1] == word:
            return known
        marks = (*view.marks, word) if word else view.marks
        return view, word, replace(view, service=self._service(view.service), marks=marks)

    def _service(self, service: Service) -> Service:
        known = self._services.get(service.key)
        if known is None or known[0] is not service:
            made = replace(service, key=placed(service.key, self.cluster))
            known = self._services[service.key] = service, made
        return known[1]


def sum_words(readings: Sequence[ClusterReading]) -> dict[ServiceKey, str]:
    """The mark of each service that stands in several clusters: all their requests together."""
    return {one.key: _words(one) for one in sums(readings) if len(one.clusters) > 1}


def _words(found: ServiceSum) -> str:
    """Short enough for the marks' column; how many clusters there are is in the header."""
    if found.signals is None:
        return "Σ unknown"
    ratio = found.signals.error_ratio
    return f"Σ {found.signals.rps:.1f}/s{f' {100 * ratio:.1f}%' if ratio else ''}"


def reading_of(cluster: str, snapshot: Snapshot | None, trouble: str) -> ClusterReading:
    """What is known of a cluster now; of one out of reach that is not what it was last."""
    if snapshot is None or trouble:
        views = snapshot.views if snapshot else ()
        unmeasured = tuple(replace(view, caller=None, versions=()) for view in views)
        return ClusterReading(cluster, unmeasured, unread=trouble or "not read yet")
    window_s = snapshot.sample.window_s if snapshot.sample else 0.0
    return ClusterReading(cluster, snapshot.views, window_s)


def trouble_of(snapshot: Snapshot | None, error: str) -> str:
    """Why what is shown of a cluster is old; empty where it is new."""
    if error or snapshot is None:
        return error or "not read yet"
    if snapshot.cluster.state == "reading":
        return f"{snapshot.cluster.message}: not read yet"
    for health in (snapshot.cluster, snapshot.telemetry):
        if health.stale(0.0):
            return health.message or f"{health.name} does not answer"
    return ""


def with_cluster(plan: Plan, cluster: str) -> Plan:
    """A plan that names the cluster wherever it names its service."""
    return _each(plan, lambda key: placed(plain(key), cluster))


def without_cluster(plan: Plan) -> Plan:
    """The plan as the cluster made it."""
    return _each(plan, plain)


def _each(plan: Plan, to: Placing) -> Plan:
    others = tuple(_each(other, to) for other in plan.others)
    return replace(plan, change=_changed(plan.change, to), others=others)


def _changed(change: Change, to: Placing) -> Change:
    return replace(change, service=to(change.service))
