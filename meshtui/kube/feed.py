"""The objects of a mesh over time: listed, watched, and kept through every failure."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Collection

from meshtui.errors import MeshtuiError
from meshtui.kube.cluster import Cluster
from meshtui.kube.pace import Pace
from meshtui.kube.resources import ISTIO_GROUP, MESH_RESOURCES, other_versions
from meshtui.kube.snapshot import Early, RawObjects, partly_read
from meshtui.kube.source import Source, SourceHealth
from meshtui.mesh.text import clean


class Feed:
    """Follows all kinds a mesh is made of, in `namespaces` or in as much as can be read.

    `objects()` and `health()` are for the event loop `start()` was called in; both are cheap and
    never raise. There is one reader of `changed()`.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespaces: tuple[str, ...] | None = None,
        *,
        clock: Callable[[], float] | None = None,
        pace: Pace | None = None,
        early: Early | None = None,
    ) -> None:
        """Of the kinds in `early` no dictionary is retained: each object is parsed as it comes."""
        self.generation = 0
        """Rises with every change of the objects, of what can be read, or of a failure."""

        self._cluster = cluster
        pace = pace or Pace()
        self._pace = dataclasses.replace(pace, clock=clock or pace.clock)
        # `-n` given twice or given as nothing at all must not end in no watch at all.
        wanted = tuple(dict.fromkeys(namespaces)) if namespaces else None
        self._sources = [
            Source(
                cluster,
                resource,
                wanted if resource.namespaced else None,
                self._pace,
                self._changed,
                early,
            )
            for resource in MESH_RESOURCES
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._bell = asyncio.Event()
        self._seen_generation = 0
        self._built: tuple[int, RawObjects] = (-1, RawObjects())

    async def start(self) -> None:
        """Begin to read; returns at once. See `ready`."""
        self._tasks = [asyncio.create_task(self._keep(source)) for source in self._sources]

    async def stop(self) -> None:
        """Hang up every watch; what was read stays readable."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def objects(self) -> RawObjects:
        """What is known now. The same object again as long as nothing has changed."""
        if self._built[0] != self.generation:
            self._built = (self.generation, self._build())
        return self._built[1]

    def health(self) -> tuple[SourceHealth, ...]:
        return tuple(source.health() for source in self._sources)

    async def changed(self, timeout: float) -> bool:  # noqa: ASYNC109
        """Wait up to `timeout` seconds for a change since the last call; False where none came."""
        await self._until(lambda: self.generation != self._seen_generation, timeout)
        news = self.generation != self._seen_generation
        self._seen_generation = self.generation
        return news

    async def ready(self, timeout: float, without: Collection[str] = ()) -> bool:  # noqa: ASYNC109
        """Wait until every kind was read once or has failed; False where that takes longer.

        `without`: by plural name, kinds that are not waited for.
        """
        awaited = [one for one in self._sources if one.resource.plural not in without]
        return await self._until(lambda: all(one.answered for one in awaited), timeout)

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._bell.clear()
                    await self._bell.wait()
        except TimeoutError:
            return condition()
        return True

    async def _keep(self, source: Source) -> None:
        failures = 0
        while True:
            try:
                await source.run()
            except Exception as error:  # noqa: BLE001
                # A mistake in one kind's reading must not leave the screen with old data and
                # nobody told: it is shown as that kind's failure, and tried again.
                failures += 1
                source.note(MeshtuiError(f"meshtui failed: {clean(repr(error), 200)}"))
                await self._pace.sleep(max(1.0, self._pace.backoff(failures)))

    def _changed(self) -> None:
        self.generation += 1
        self._bell.set()

    def _build(self) -> RawObjects:
        parts = [source.namespaces for source in self._sources]
        names = {name for part in parts if part is not None for name in part}
        return RawObjects(
            items={source.resource.key: source.objects() for source in self._sources},
            istio=not all(s.missing for s in self._sources if s.resource.group == ISTIO_GROUP),
            problems=tuple(
                filter(None, (*(s.problem for s in self._sources), other_versions(self._cluster)))
            ),
            namespaces=tuple(sorted(names)) if names else None,
            partial=partly_read(
                (s.resource, () if s.unread else s.namespaces) for s in self._sources
            ),
        )
