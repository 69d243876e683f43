"""Which of a service's destinations the callers' proxies have no cluster for.

Envoy answers what goes there itself, with the flag NC: a subset that nobody defines, a host that
nobody registers by its own name (a wildcard's cluster is another), a port that is not there.
Telemetry names the host that was asked and not the destination, so the rules must say which it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.caller_groups import callers_of
from meshtui.mesh.model import Mesh, Service
from meshtui.mesh.resolution import world
from meshtui.mesh.resolution.routes import Route
from meshtui.mesh.resolution.view import View
from meshtui.mesh.versions import HostAndSubset, VersionView

NO_CLUSTER = "NC"
_FROM = ("services", "serviceentries", "destinationrules", "virtualservices", "httproutes")
"""What clusters and routes are made of."""


@dataclass(frozen=True, slots=True)
class Clusterless:
    """The rows without a cluster for some caller; `others`: destinations that are no row, too."""

    rows: tuple[int, ...] = ()
    others: bool = False


Asked = Callable[[], Clusterless]


def without_cluster(mesh: Mesh, service: Service, rows: Sequence[VersionView]) -> Clusterless:
    """Nothing where a kind that they are made of can't be read: absence is not zero."""
    if not all(map(mesh.knows, _FROM)):
        return Clusterless()
    lost = set(_lost(mesh, service))
    found = tuple(i for i, row in enumerate(rows) if (row.host, row.subset) in lost)
    return Clusterless(found, bool(lost - {(rows[i].host, rows[i].subset) for i in found}))


def _lost(mesh: Mesh, service: Service) -> Iterator[HostAndSubset]:
    """What some caller's route for the service sends requests to, and has no cluster for."""
    whole = world(mesh)
    for client, _ in callers_of(whole, service.host):
        view = whole.view(client)
        for port in service.ports:
            for route in view.resolve(service.host, port.number).routes:
                yield from _lost_by(view, route)


def _lost_by(view: View, route: Route) -> Iterator[HostAndSubset]:
    """A mirror is none of these: a copy that is lost is nobody's answer."""
    for target in route.targets:
        if not view.reach(target.cluster).exists:
            rule = route.holder.rule if route.holder else None
            known = rule.destinations[target.index] if rule else None
            yield (known.host, known.subset) if known else (target.host, target.subset)
