"""Sampling a source of golden signals over time, with its failures told and its age kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from meshtui.errors import MeshtuiError, Unreachable
from meshtui.mesh.calls import Calls
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample
from meshtui.metrics.source import CallSource
from meshtui.operations.types import FeedHealth

if TYPE_CHECKING:
    from meshtui.metrics.source import MetricsSource

STALE_TICKS = 4
"""After so many periods without an answer what is known counts as old."""


class Telemetry:
    """Keeps the newest sample. An old sample is kept on a failure, and its age tells so."""

    def __init__(
        self,
        source: MetricsSource,
        tick_s: float,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.sample: Sample | None = None
        self._source = source
        self._tick_s = tick_s
        self.limit_s = STALE_TICKS * tick_s
        """Beyond this age, in seconds, what is known is old."""

        self._changed = changed
        self._clock = clock
        self._error = ""
        self._asked_at = clock()
        self._now = asyncio.Event()

    async def run(self, mesh: Callable[[], Mesh]) -> None:
        """Samples for ever, a tick apart; the first two come quickly, since rates need two."""
        while True:
            began = time.monotonic()
            await self._once(mesh())
            soon = self.sample is None or self.sample.window_s <= 0
            period = min(1.0, self._tick_s) if soon else self._tick_s
            await self._until_asked(max(0.1, period - (time.monotonic() - began)))

    def ask(self) -> None:
        """Sample now, without waiting for the next time."""
        self._now.set()

    async def _until_asked(self, seconds: float) -> None:
        self._now.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._now.wait()

    async def _once(self, mesh: Mesh) -> None:
        try:
            self.sample = await self._source.sample(mesh)
            self._error = ""
        except MeshtuiError as error:
            self._error = str(error)
        self._changed()

    async def calls(self, mesh: Mesh) -> Calls:
        """Who calls whom, from the same source. Raises `MeshtuiError`."""
        return await calls_of(self._source, mesh)

    @property
    def current(self) -> Sample | None:
        """The sample, unless it is so old that its numbers would pass for what they are not."""
        return None if self.sample is None or self.health.state == "failed" else self.sample

    @property
    def health(self) -> FeedHealth:
        """Says "stale" as long as the numbers are of any use, "failed" when they are none."""
        name = self._source.name
        if self.sample is None:
            state = "failed" if self._error else "connecting"
            return FeedHealth(name, state, None, self._error, self.limit_s)
        age = max(0.0, self._clock() - self.sample.time)
        if age > 10 * self.limit_s:
            return FeedHealth(name, "failed", age, self._error or "no answer", self.limit_s)
        if self._error or age > self.limit_s:
            return FeedHealth(name, "stale", age, self._error or "no answer", self.limit_s)
        return FeedHealth(name, "ok", age, "; ".join(self.sample.problems[:2]), self.limit_s)


async def calls_of(source: MetricsSource, mesh: Mesh) -> Calls:
    """Who called whom in the window of the source's last sample. Raises `MeshtuiError`."""
    if not isinstance(source, CallSource):
        raise Unreachable(f"{source.name} tells no callers apart")
    return await source.calls(mesh)
