"""The mesh as the cluster's watches have it, for whoever follows it: screen or autopilot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.parsed import ParsedObjects
from meshtui.operations.health import cluster_health
from meshtui.operations.types import FeedHealth

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.kube.snapshot import RawObjects

FIRST_READ_S = 10.0
"""How long the first reading of the cluster is waited for."""

SLOW = ("pods", "deployments")
"""The kinds that are nine tenths of a cluster, and of which no rule is made."""


@dataclass(frozen=True, slots=True)
class News:
    """The objects of the cluster, and how many changes they have seen."""

    generation: int
    objects: RawObjects


class MeshFeed:
    """Follows one cluster from `start` to `stop`. `answered` is called when the API server is
    heard or missed.
    """

    def __init__(self, cluster: Cluster, answered: Callable[[], None] = lambda: None) -> None:
        from meshtui.kube.early import EARLY
        from meshtui.kube.feed import Feed
        from meshtui.kube.pulse import Pulse

        self._feed = Feed(cluster, early=EARLY)
        self._pulse = Pulse(cluster, answered)
        self._beating: asyncio.Task[None] | None = None
        self._mesh = Mesh()
        self._parsed = ParsedObjects()
        self._generation = -1

    async def start(self) -> None:
        await self._feed.start()
        self._beating = asyncio.create_task(self._pulse.run())

    async def stop(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        await self._feed.stop()

    async def ready(self) -> bool:
        """Whether the first reading is complete, which is waited for."""
        return await self._feed.ready(FIRST_READ_S)

    async def rules_ready(self) -> bool:
        """The same of all but the kinds that are slow: services and rules can be shown."""
        return await self._feed.ready(FIRST_READ_S, without=SLOW)

    async def changed(self, within_s: float) -> bool:
        """Waits for something new; False where there was nothing in time."""
        return await self._feed.changed(timeout=within_s)

    def mesh(self) -> Mesh:
        """The newest mesh; the same object as long as nothing has changed."""
        if (news := self.news()) is not None:
            self.parse(news)
            self.note(news)
        return self._mesh

    def news(self) -> News | None:
        """The objects for `parse`, for who does that beside the loop; None where none are new."""
        generation = self._feed.generation
        if generation == self._generation:
            return None
        return News(generation, self._feed.objects())

    def parse(self, news: News) -> Mesh:
        """The mesh of them: what has changed is parsed."""
        raw = news.objects
        self._mesh = parse_mesh(
            raw.items,
            istio=raw.istio,
            problems=raw.problems,
            partial=raw.partial,
            before=self._parsed,
        )
        return self._mesh

    def note(self, news: News) -> None:
        """They are known from now on."""
        self._generation = news.generation

    def health(self, name: str) -> FeedHealth:
        return cluster_health(name, self._feed.health(), self._pulse)

    def ask(self) -> None:
        """Ask the API server now, without waiting for the next time."""
        self._pulse.ask()
