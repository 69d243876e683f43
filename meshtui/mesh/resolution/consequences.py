"""What a change of objects does to the clusters of the clients, beside what it is meant for.

A new DestinationRule for a host takes the place of a wildcard's as a whole: its subsets and
policies are gone with it. Two worlds are compared: that of the snapshot, and that of the snapshot
as it would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh.istio import Json
from meshtui.mesh.resolution.client import Client
from meshtui.mesh.resolution.clusters import Cluster
from meshtui.mesh.resolution.policies import PARTS
from meshtui.mesh.resolution.view import View
from meshtui.mesh.resolution.world import World


@dataclass(frozen=True, slots=True)
class ClusterChange:
    """A cluster that is not the same afterwards. `before` None: it is new; `after` None: gone.

    `parts` are the parts of its policy that change; `moved` that it selects other endpoints.
    """

    client: Client
    name: str
    before: Cluster | None
    after: Cluster | None
    parts: tuple[str, ...] = ()
    moved: bool = False


@dataclass(frozen=True, slots=True)
class LostRoute:
    """A route that sends to a cluster which is not there afterwards: such requests end in 503."""

    client: Client
    host: str
    port: int
    cluster: str
    share: float
    why: str
    before: bool = False
    """It is so already without the change."""


def cluster_changes(
    before: World, after: World, clients: Iterable[Client], hosts: Iterable[str]
) -> tuple[ClusterChange, ...]:
    """What becomes of the clusters for some hosts, for each of the clients."""
    names = tuple(hosts)
    return tuple(
        change
        for client in clients
        for host in names
        for change in _changes(before.view(client), after.view(client), host)
    )


def _changes(before: View, after: View, host: str) -> Iterator[ClusterChange]:
    old, new = before.clusters(host), after.clusters(host)
    for name in dict.fromkeys((*old, *new)):
        one, other = old.get(name), new.get(name)
        parts = _parts(one.policy if one else {}, other.policy if other else {})
        moved = one is not None and other is not None and dict(one.labels) != dict(other.labels)
        if one is None or other is None or parts or moved:
            changed = parts if one and other else ()
            yield ClusterChange(before.client, name, one, other, changed, moved)


def _parts(one: Json, other: Json) -> tuple[str, ...]:
    """`{}` is not the same as nothing: outlier detection is on with it."""
    return tuple(part for part in PARTS if one.get(part) != other.get(part))


def lost_routes(
    before: World, after: World, clients: Iterable[Client], hosts: Iterable[tuple[str, int]]
) -> tuple[LostRoute, ...]:
    """The routes of some hosts and ports that lead nowhere afterwards."""
    places = tuple(hosts)
    return tuple(
        lost
        for client in clients
        for host, port in places
        for lost in _lost(before.view(client), after.view(client), host, port)
    )


def _lost(before: View, after: View, host: str, port: int) -> Iterator[LostRoute]:
    old = {
        target.cluster
        for route in before.resolve(host, port).routes
        for target in route.targets
        if not before.reach(target.cluster).exists
    }
    for route in after.resolve(host, port).routes:
        for target in route.targets:
            reach = after.reach(target.cluster)
            if not reach.exists:
                known = target.cluster in old
                yield LostRoute(
                    after.client, host, port, target.cluster, target.share, reach.missing, known
                )
