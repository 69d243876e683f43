"""What was counted between two looks: intervals that do not overlap, and leave nothing out.

A `Sample` speaks of a window that slides. Whoever adds up counts, as a canary's verdict does, must
see each request once.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Unreachable
from meshtui.mesh.ambient import waypoint_workloads
from meshtui.mesh.copies import copied_to
from meshtui.mesh.count_overrides import CLIENT
from meshtui.mesh.metrics_off import not_counting
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.metrics.aggregate import Client, Ledger, clients_of
from meshtui.metrics.counter_reading import Reading, SeriesCache, growth, read
from meshtui.metrics.denied import Denials, with_all_denied
from meshtui.metrics.scrape import PodId, Scraper, pod_id
from meshtui.metrics.silent import filling_of

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.metrics.prometheus import PrometheusSource
    from meshtui.metrics.source import Supplement

_CONCURRENCY = 16
_POD_TIMEOUT_S = 2.5
_ALL_EVERY_S = 60.0
"""New callers are looked for so often; in between only the known ones are read."""


Services = frozenset[ServiceKey]
"""The services whose requests are counted: a canary may be a service of its own."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A sample of one interval, and how long the source's intervals usually are (0: any)."""

    sample: Sample
    usual_s: float = 0.0


class IntervalSource(Protocol):
    """Counts of some services' callers, interval by interval."""

    @property
    def name(self) -> str: ...

    async def begin(self, mesh: Mesh, services: Services) -> None:
        """What is counted from now on is of the first interval. Raises as `count` does."""
        ...

    async def count(self, mesh: Mesh, services: Services) -> Counted | None:
        """What was counted since the last interval; None where there is nothing new yet.

        Raises `Unreachable` or `NotAllowed` where nothing could be read: then the next interval
        begins with the next call.
        """
        ...

    async def close(self) -> None: ...


class Supplemented:
    """Intervals with what no counter tells, read elsewhere and counted in."""

    def __init__(self, source: IntervalSource, supplement: Supplement) -> None:
        self._source = source
        self._supplement = supplement

    @property
    def name(self) -> str:
        return self._source.name

    async def begin(self, mesh: Mesh, services: Services) -> None:
        await self._source.begin(mesh, services)

    async def count(self, mesh: Mesh, services: Services) -> Counted | None:
        found = await self._source.count(mesh, services)
        if found is None:
            return None
        return replace(found, sample=await self._supplement(mesh, found.sample))

    async def close(self) -> None:
        await self._source.close()


class SidecarIntervals:
    """From the proxies of the service's callers and of its own pods."""

    name = "sidecars"

    def __init__(
        self,
        cluster: Cluster,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._now = now
        self._scraper = Scraper(cluster, _POD_TIMEOUT_S)
        self._series = SeriesCache()
        self._last: dict[PodId, tuple[float, Reading]] = {}
        self._looked_at = float("-inf")

    async def begin(self, mesh: Mesh, services: Services) -> None:
        self._last.clear()
        self._looked_at = float("-inf")
        await self._grown(mesh, services)

    async def count(self, mesh: Mesh, services: Services) -> Counted | None:
        """A proxy that does not answer is counted with the interval in which it answers again.

        Its requests then are of a longer time than the interval's, which changes no ratio.
        """
        if not self._last:
            await self.begin(mesh, services)
            return None
        ledger, elapsed_s, denied, muted = await self._grown(mesh, services)
        sample = Sample(
            time=self._now(),
            source=self.name,
            window_s=elapsed_s,
            clients=clients_of(reading for _, reading in self._last.values()),
            read=len(self._last),
            filled=ledger.filled,
            answered_by=ledger.answered_by,
            hops=ledger.hops,
            passed=ledger.passed,
            copies=ledger.copies,
            muted=muted,
        )
        if elapsed_s <= 0:
            return None
        gateways = {(pod.namespace, pod.workload) for pod in mesh.pods if pod.gateway}
        return Counted(with_all_denied(ledger.views().within(sample), denied, gateways))

    async def close(self) -> None:
        self._last.clear()

    async def _grown(
        self, mesh: Mesh, services: Services
    ) -> tuple[Ledger, float, Denials, Mapping[Client, str]]:
        pods = self._chosen(mesh, services)
        if not pods:
            raise Unreachable("no running pod has a sidecar whose requests could be counted")
        gate = asyncio.Semaphore(_CONCURRENCY)
        found = await asyncio.gather(*(self._read(pod, gate) for pod in pods))
        failures = [one for one in found if isinstance(one, MeshtuiError)]
        if len(failures) == len(pods):
            kind = NotAllowed if isinstance(failures[0], NotAllowed) else Unreachable
            raise kind(f"none of {len(pods)} sidecars could be read ({failures[0].what})")
        ledger = Ledger(copied=copied_to(mesh), waypoints=waypoint_workloads(mesh))
        longest_s = 0.0
        steps: list[tuple[Client, float, Reading]] = []
        for pod, one in zip(pods, found, strict=True):
            if not isinstance(one, MeshtuiError):
                seconds, grown = self._step(pod_id(pod), *one)
                ledger.add(grown, seconds)
                longest_s = max(longest_s, seconds)
                steps.append(((pod.namespace, pod.workload), seconds, grown))
        muted = self._fill(ledger, mesh, steps)
        return ledger, longest_s, [(client, grown.denied) for client, _, grown in steps], muted

    def _fill(
        self, ledger: Ledger, mesh: Mesh, steps: Sequence[tuple[Client, float, Reading]]
    ) -> Mapping[Client, str]:
        """Has those who answered count for whoever does not; gives who is told not to count.

        Who counted once is taken to count still, and whose proxy is not read now counts with a
        later interval: no request is in two of them.
        """
        muted = not_counting(mesh, CLIENT)
        workloads = {pod_id(pod): (pod.namespace, pod.workload) for pod in mesh.pods}
        latest = ((workloads[pod], one) for pod, (_, one) in self._last.items() if pod in workloads)
        grown = [(client, one) for client, _, one in steps]
        read = {client for client, _ in grown}
        later = {workloads[pod_id(pod)] for pod in mesh.pods if pod.sidecar} - read
        later -= muted.keys()
        filling = filling_of(ledger.counting, latest, grown, muted.keys(), later, sure=math.inf)
        for _, seconds, one in steps if filling or ledger.counting.passing else ():
            ledger.fill(one, seconds, filling, ledger.timed)
        return muted

    def _step(self, pod: PodId, at: float, reading: Reading) -> tuple[float, Reading]:
        """Takes in one proxy's reading; gives the seconds since the one before, and what was
        counted in them."""
        known = self._last.get(pod)
        if known is None:
            self._last[pod] = at, reading
            return 0.0, Reading()
        then, before = known
        if before.requests and not reading.requests:
            # Istio's agent answers without Envoy's part where Envoy was too slow.
            return 0.0, Reading()
        self._last[pod] = at, reading
        return at - then, growth(before, reading)

    def _chosen(self, mesh: Mesh, services: Services) -> Sequence[Pod]:
        """The proxies that count requests to the service; all of them now and then."""
        able = [pod for pod in mesh.pods if pod.sidecar and pod.phase in ("Running", "")]
        there = {pod_id(pod) for pod in able}
        self._last = {pod: reading for pod, reading in self._last.items() if pod in there}
        if self._clock() - self._looked_at >= _ALL_EVERY_S:
            self._looked_at = self._clock()
            return able
        own = {key: _selector(mesh, key) for key in services}
        known = clients_of(reading for _, reading in self._last.values())
        named = frozenset[Client]().union(*(known.get(key, ()) for key in services))
        return [
            pod
            for pod in able
            if self._counts(pod, services)
            or (pod.namespace, pod.workload) in named
            or _is_behind(pod, own)
        ] or able

    def _counts(self, pod: Pod, services: Services) -> bool:
        known = self._last.get(pod_id(pod))
        return known is None or any(t.service_key in services for t in known[1].requests)

    async def _read(
        self, pod: Pod, gate: asyncio.Semaphore
    ) -> tuple[float, Reading] | MeshtuiError:
        async with gate:
            try:
                text = await self._scraper.fetch(pod)
            except NotFound as gone:
                return gone
            except MeshtuiError as error:
                return error
            return self._clock(), read(text, self._series)


def _selector(mesh: Mesh, key: ServiceKey) -> Mapping[str, str]:
    service = mesh.by_key.get(key)
    return service.selector if service else {}


def _is_behind(pod: Pod, own: Mapping[ServiceKey, Mapping[str, str]]) -> bool:
    return any(
        selector and pod.namespace == key.namespace and selector.items() <= pod.labels.items()
        for key, selector in own.items()
    )


class PrometheusIntervals:
    """From a Prometheus: as long as one of its scrape intervals, or several of them."""

    def __init__(self, source: PrometheusSource) -> None:
        self._source = source
        self._end: float | None = None
        self.name = source.name

    async def begin(self, mesh: Mesh, services: Services) -> None:
        """The scrape that is on its way still holds requests of before: it is left out."""
        self._end = None
        self._end = await self._source.next_scrape()

    async def count(self, mesh: Mesh, services: Services) -> Counted | None:
        if self._end is None:
            await self.begin(mesh, services)
            return None
        found = await self._source.between(mesh, self._end)
        if found is None:
            return None
        sample, self._end, usual_s = found
        return Counted(sample, usual_s)

    async def close(self) -> None:
        """The source is its owner's."""
