"""Who counted the requests of a service: its callers, gateways, who answered, or a waypoint."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.mesh.courses import callers_seen, counted_under
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView

CALLERS, GATEWAY, CALLEES, WAYPOINT = "callers", "gateway", "callees", "waypoint"
DESTINATION = "destination"


def caller_side(view: ServiceView, row: VersionView | None, sample: Sample | None) -> list[str]:
    """Of the callers' numbers of a service, or of a version of it; empty where there are none.

    Where callers count nothing, or can't be read, who answered counted in their place.
    """
    line = row or view
    if sample is None or not _counted(line.caller):
        return []
    if _sends_on(row.members if row else _members(view), sample):
        return [GATEWAY]
    filled = frozenset().union(*(sample.filled.get(key, ()) for key in counted_under(view)))
    callers = callers_seen(view, sample) - filled
    gateways = callers & _gateways(view.mesh, callers)
    names = {
        CALLERS: bool(callers - gateways) or not (gateways or filled),
        GATEWAY: bool(gateways),
        **(_answered(view, sample) if filled else {}),
    }
    return [name for name, counted in names.items() if counted]


def server_side(view: ServiceView, row: VersionView | None, sample: Sample | None) -> list[str]:
    """The same of the servers' numbers."""
    if sample is None or not _counted((row or view).server):
        return []
    return [name for name, counted in _answered(view, sample).items() if counted]


def _answered(view: ServiceView, sample: Sample) -> dict[str, bool]:
    by = frozenset().union(*(sample.answered_by.get(key, ()) for key in counted_under(view)))
    by = by or frozenset({DESTINATION})
    return {CALLEES: DESTINATION in by, WAYPOINT: WAYPOINT in by and DESTINATION not in by}


def _counted(signals: Signals | None) -> bool:
    return signals is not None and signals.requests > 0


def _members(view: ServiceView) -> Iterable[Pod]:
    return (pod for row in view.versions for pod in row.members)


def _sends_on(members: Iterable[Pod], sample: Sample) -> bool:
    return any((pod.namespace, pod.workload) in sample.sent for pod in members)


def _gateways(mesh: Mesh, callers: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    wanted = frozenset(callers)
    return frozenset(
        (pod.namespace, pod.workload)
        for namespace in {namespace for namespace, _ in wanted}
        for pod in mesh.pods_by_namespace.get(namespace, ())
        if pod.gateway and (pod.namespace, pod.workload) in wanted
    )
