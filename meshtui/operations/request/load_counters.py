"""What a caller's own proxy counts while a load runs: answers, flags, and its breakers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from meshtui.dataclass import dataclass
from meshtui.envoy.clusters import ConfiguredCluster
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Mesh, Pod, Service, ServiceKey
from meshtui.mesh.signals import Sample, Signals
from meshtui.operations.proxies.proxy_reads import CLUSTERS, Reader, SeenCluster
from meshtui.operations.request.breaker import BreakerRow, Place, breaker_rows
from meshtui.operations.request.load_plan import MOST_SECONDS

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

T = TypeVar("T")
LIMITS_EVERY = 3
"""Readings from one of the clusters' limits to the next: somebody may change them meanwhile."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What a caller's proxy counted of one version; no `workload`: of what reached no pod."""

    service: ServiceKey
    workload: str
    version: str
    signals: Signals


@dataclass(frozen=True, slots=True)
class Counted:
    """What a caller's proxy counted since the load began, of all that it sent to the services;
    `troubles` says what could not be read."""

    reached: tuple[Reached, ...] = ()
    breaker: tuple[BreakerRow, ...] = ()
    troubles: tuple[str, ...] = ()


class CallerCounters:
    """Reads a caller's proxy again and again, and gives what grew since the first time."""

    def __init__(
        self,
        cluster: Cluster,
        mesh: Mesh,
        pod: Pod,
        services: Collection[ServiceKey],
        wanted: Collection[Place] = (),
    ) -> None:
        """`wanted`: the destinations that are shown though nothing has come of them yet."""
        from meshtui.metrics.sidecar_reader import Limits
        from meshtui.metrics.sidecars import SidecarSource

        self._source = SidecarSource(cluster, Limits(window_s=2 * MOST_SECONDS))
        self._mesh = replace(mesh, pods=(pod,))
        self._services = frozenset(services)
        self._wanted = wanted
        asked = (mesh.by_key.get(key) for key in sorted(services))
        self._readers = [Reader(cluster, mesh, pod, one) for one in asked if one is not None]
        self._configured: list[tuple[ConfiguredCluster, ...]] = []
        self._readings = 0
        self._first: dict[str, SeenCluster] = {}
        self._was_full: dict[str, set[str]] = {}
        self.latest = Counted()

    async def begin(self) -> None:
        """What is counted from. Never raises: what can't be read is said."""
        await self.read()

    async def end(self) -> Counted:
        """All of it once more, the limits too. Never raises."""
        self._configured = []
        return await self.read()

    async def read(self) -> Counted:
        """Never raises, and keeps what was read last where it can't be read now."""
        troubles: list[str] = []
        reached, breaker = await asyncio.gather(
            _or_none(self._reached, troubles), _or_none(self._breaker, troubles)
        )
        self.latest = Counted(
            self.latest.reached if reached is None else reached,
            self.latest.breaker if breaker is None else breaker,
            tuple(dict.fromkeys(troubles)),
        )
        return self.latest

    async def _reached(self) -> tuple[Reached, ...]:
        sample: Sample = await self._source.sample(self._mesh)
        found = sample.calls if sample.window_s else {}
        return tuple(
            Reached(to.service, to.workload, to.version, signals)
            for to, signals in sorted(found.items())
            if to.service in self._services and signals.requests
        )

    async def _breaker(self) -> tuple[BreakerRow, ...]:
        seen = [cluster for found in await self._clusters() for cluster in found]
        for cluster in seen:
            name = cluster.configured.limits.name.raw
            self._first.setdefault(name, cluster)
            self._was_full.setdefault(name, set()).update(cluster.full or ())
        first = list(self._first.values())
        return breaker_rows(first, seen, self._was_full, self._wanted)

    async def _clusters(self) -> list[tuple[SeenCluster, ...]]:
        """Of each service. Their limits are read now and then only: most of it is always so."""
        if self._readings % LIMITS_EVERY and self._configured:
            parts = zip(self._readers, self._configured, strict=False)
            found = await asyncio.gather(*(reader.counted(part) for reader, part in parts))
        else:
            read = await asyncio.gather(*(reader.read(CLUSTERS) for reader in self._readers))
            found = [reading.clusters for reading in read]
            self._configured = [tuple(one.configured for one in part) for part in found]
        self._readings += 1
        return found


async def _or_none(read: Callable[[], Awaitable[T]], troubles: list[str]) -> T | None:
    try:
        return await read()
    except MeshtuiError as error:
        troubles.append(str(error))
        return None


def services_of(hosts: Iterable[str], mesh: Mesh, service: Service) -> frozenset[ServiceKey]:
    """The service, and those that its rules send the requests to."""
    others = (mesh.by_host[host].key for host in hosts if host in mesh.by_host)
    return frozenset((service.key, *others))
