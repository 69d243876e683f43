"""What stands behind a screen without a server: the objects of a fake cluster, and no telemetry."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from meshtui.errors import Unreachable
from meshtui.kube.snapshot import RawObjects
from meshtui.kube.source import SourceHealth
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample
from tests.unit.fake_cluster import FakeCluster, objects_of


class Watched:
    """The feed of a screen: the fake cluster's objects, read again when a test says `news`."""

    def __init__(self, cluster: FakeCluster, early: object = None) -> None:
        self.generation = 1
        self._cluster = cluster
        self._news = asyncio.Event()

    def news(self) -> None:
        self.generation += 1
        self._news.set()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def objects(self) -> RawObjects:
        found = objects_of(self._cluster)
        return RawObjects({plural: tuple(items) for plural, items in found.items()})

    def health(self) -> tuple[SourceHealth, ...]:
        return (SourceHealth("pods", "ok", 0.0),)

    async def ready(self, _: float, without: Collection[str] = ()) -> bool:
        return True

    async def changed(self, timeout: float) -> bool:  # noqa: ASYNC109
        await self._news.wait()
        self._news.clear()
        return True


class Blind:
    """Telemetry that nobody answers."""

    name = "none"

    async def sample(self, _: Mesh) -> Sample:
        raise Unreachable("no telemetry here")

    async def close(self) -> None: ...
