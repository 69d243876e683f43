"""Whose turn it is: of a large mesh the sidecars that somebody looks at are read first.

To read all of a large mesh takes minutes. Those that the rows on screen rest on are read in every
round; the others in turns with what is left of its time, so that the worst of the mesh is found
although nobody looks at it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import inf
from typing import NamedTuple

from meshtui.mesh.calls import Client
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.metrics.focus import callers_among, own_pods
from meshtui.metrics.scrape import PodId, pod_id


class Turn(NamedTuple):
    """Of a pod: whether it was read once, so that the next reading gives its first rate, and when
    it was last asked; -inf for never."""

    half: bool
    at: float


class Needed(NamedTuple):
    """Whom the rows rest on: those in sight, and all that a filter lets through (None: no filter,
    everything)."""

    first: frozenset[PodId]
    listed: frozenset[PodId] | None = None


class Round(NamedTuple):
    """Who is asked in any case, and who is as long as there is time, each in the order of turns.

    `begins`: of some workload among the others there is no rate yet.
    """

    first: list[Pod]
    others: list[Pod]
    begins: bool = False


def needed(
    mesh: Mesh,
    pods: Sequence[Pod],
    shown: Collection[ServiceKey],
    listed: Collection[ServiceKey] | None,
    clients: Mapping[ServiceKey, frozenset[Client]],
) -> Needed:
    """The pods of these services, of those who reached them as far as `clients` know, and the
    gateways."""
    first = _rest_on(mesh, pods, shown, clients)
    if listed is None:
        return Needed(first)
    return Needed(first, first | _rest_on(mesh, pods, listed, clients))


def _rest_on(
    mesh: Mesh,
    pods: Sequence[Pod],
    about: Collection[ServiceKey],
    clients: Mapping[ServiceKey, frozenset[Client]],
) -> frozenset[PodId]:
    own = map(pod_id, own_pods(mesh, about, pods))
    return frozenset(own).union(map(pod_id, callers_among(clients, about, pods)))


def round_of(pods: Iterable[Pod], need: Needed, turn: Callable[[Pod], Turn]) -> Round:
    """Those that were read once come first, then whoever waits longest.

    Of workloads that were never read one pod each is enough to begin with: it shows what fails.
    """
    first: list[tuple[bool, float, int, int, Pod]] = []
    others: list[tuple[bool, float, int, int, Pod]] = []
    copies: Counter[Client] = Counter()
    begins = False
    for place, pod in enumerate(pods):
        one = pod_id(pod)
        if one not in need.first and need.listed is not None and one not in need.listed:
            continue
        half, at = turn(pod)
        workload = pod.namespace, pod.workload
        entry = not half, at, copies[workload], place, pod
        begins = begins or (one not in need.first and not copies[workload] and (half or at == -inf))
        copies[workload] += 1
        (first if one in need.first else others).append(entry)
    return Round(_in_order(first), _in_order(others), begins)


def _in_order(entries: list[tuple[bool, float, int, int, Pod]]) -> list[Pod]:
    return [entry[-1] for entry in sorted(entries)]
