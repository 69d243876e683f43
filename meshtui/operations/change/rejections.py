"""Configurations that proxies refuse: counted before a change, and again where it is not served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.changes.change import Change
from meshtui.changes.outcome import ProxyVerdict
from meshtui.dataclass import dataclass
from meshtui.envoy.compare import OLD
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import DestinationRule, Mesh, Pod, Ref
from meshtui.mesh.signals import Sample
from meshtui.operations.change.verify import client_proxies
from meshtui.operations.change.written_objects import object_of

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

REJECTED = "rejected"

BEFORE_S = 1.0
"""A write waits that long for proxies that have not reported their count since its plan."""

URGENT_S = 0.2
"""A rollback waits less, and that from its plan on: at worst its verdict says old for rejected."""

FRESH_S = 5.0
"""Counts that are older may include somebody else's refusal: taken anew before a write."""

RECENT_S = 60.0
"""A rollback goes by older ones, since its write waits for nothing."""

AFTER_S = 3.0

_CONCURRENCY = 8

Counts = Mapping[tuple[str, str], int]
"""Refused configurations since each proxy began, by the pod's namespace and name."""


class Refusals:
    """What the clients of a change had refused before it, counted from its plan on.

    The write of a rollback, which is urgent, waits for none of it.
    """

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._clock = clock
        self._begun: dict[Ref, _Counting] = {}

    def begin(self, change: Change, mesh: Mesh, sample: Sample | None) -> _Counting:
        """Starts to count for a change that is being planned."""
        self._forget(change.target)
        found: dict[tuple[str, str], int] = {}
        clients = _clients(change, mesh, sample)
        count = asyncio.create_task(_count_into(found, self._cluster, clients, AFTER_S))
        self._begun[change.target] = _Counting(self._clock(), found, count)
        return self._begun[change.target]

    async def before(self, change: Change, mesh: Mesh, sample: Sample | None) -> Counts:
        """To be held against the counts afterwards: a dump does not tell of a refusal."""
        urgent = change.verb == "rollback"
        counting = self._begun.get(change.target)
        age_limit = RECENT_S if urgent else FRESH_S
        if counting is None or self._clock() - counting.began > age_limit:
            counting = self.begin(change, mesh, sample)
        left = counting.began + URGENT_S - self._clock() if urgent else BEFORE_S
        if left > 0:
            await asyncio.wait([counting.task], timeout=left)
        counting.task.cancel()  # what comes from now on may be of the change itself
        return dict(counting.found)

    def close(self) -> None:
        for target in tuple(self._begun):
            self._forget(target)

    def _forget(self, target: Ref) -> None:
        counting = self._begun.pop(target, None)
        if counting is not None:
            counting.task.cancel()


@dataclass(frozen=True, slots=True)
class _Counting:
    """Counts as they come in; `began` by the clock of `Refusals`."""

    began: float
    found: dict[tuple[str, str], int]
    task: asyncio.Task[None]


def _clients(change: Change, mesh: Mesh, sample: Sample | None) -> tuple[Pod, ...]:
    item = object_of(mesh, change.target)
    owner = None if isinstance(item, DestinationRule) else item
    return client_proxies(mesh, change.service, owner, sample).pods


async def count_refusals(cluster: Cluster, pods: Iterable[Pod], seconds: float) -> Counts:
    """The counts of the proxies that tell them within `seconds`."""
    found: dict[tuple[str, str], int] = {}
    await _count_into(found, cluster, pods, seconds)
    return found


async def _count_into(
    found: dict[tuple[str, str], int], cluster: Cluster, pods: Iterable[Pod], seconds: float
) -> None:
    from meshtui.envoy.proxy import rejected_updates

    gate = asyncio.Semaphore(_CONCURRENCY)

    async def ask(pod: Pod) -> None:
        with suppress(MeshtuiError):
            async with gate:
                count = await rejected_updates(cluster, pod, timeout=seconds)
            found[pod.namespace, pod.name] = count

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*map(ask, pods))


def with_refusals(
    verdicts: Iterable[ProxyVerdict], before: Counts, after: Counts
) -> tuple[ProxyVerdict, ...]:
    """A proxy that still serves what was, and has refused something since, has rejected it."""
    return tuple(_judged(verdict, before, after) for verdict in verdicts)


def _judged(verdict: ProxyVerdict, before: Counts, after: Counts) -> ProxyVerdict:
    pod = verdict.namespace, verdict.pod
    if verdict.state != OLD or pod not in before or pod not in after:
        return verdict
    count = after[pod] - before[pod]
    if count <= 0:
        return verdict
    refused = f"its Envoy has refused {count} configuration{'s' if count > 1 else ''} since"
    return replace(verdict, state=REJECTED, detail=f"{refused}; {verdict.detail}".rstrip("; "))
