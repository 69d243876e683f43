"""A Prometheus where there is one that answers, else the sidecars; both ways while running."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from meshtui.errors import MeshtuiError, NotAllowed, Unreachable
from meshtui.mesh.calls import Calls
from meshtui.mesh.courses import Named, by_telemetry
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.mesh.time_series import Past, Stretch
from meshtui.metrics.source import (
    CallSource,
    FocusedSource,
    HourSource,
    MetricsSource,
    PastSource,
    ShownSource,
)

LOOK_EVERY_S = 30.0
FIRST_LOOK_S = 3.0
"""How long the first sample may wait for a Prometheus; the sidecars are quicker than that."""

_MOST_CANDIDATES = 4

Find = Callable[[Mesh], Sequence[MetricsSource]]
"""Sources to try, the likeliest first. They are not connected before their first sample."""


class AutoSource:
    """`find` gives what is preferred; `fallback` is asked while none of that works."""

    def __init__(
        self,
        find: Find,
        fallback: MetricsSource,
        *,
        discover_every_s: float = LOOK_EVERY_S,
        first_discovery_s: float = FIRST_LOOK_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._fallback = fallback
        self._discover_every_s = discover_every_s
        self._first_discovery_s = first_discovery_s
        self._clock = clock
        self._preferred: MetricsSource | None = None
        self._discovering: asyncio.Task[None] | None = None
        self._discover_at = float("-inf")
        self._trouble = ""
        self.name = fallback.name
        """Of the source that the last sample is from."""

    async def sample(self, mesh: Mesh) -> Sample:
        """From whichever works, with a line on why it is not the preferred one.

        A preferred source that fails is left at once and looked for again later, beside the
        samples; only the first look is waited for. Raises what the fallback raises, with the
        trouble of the preferred one.
        """
        if self._preferred is None:
            await self._discover(mesh)
        preferred = self._preferred
        if preferred is not None:
            try:
                sample = await preferred.sample(mesh)
            except MeshtuiError as error:
                await self._leave(preferred, error.what)
            else:
                self.name = preferred.name
                return sample
        self.name = self._fallback.name
        return await self._from_fallback(mesh)

    def focus(self, about: frozenset[ServiceKey]) -> None:
        """For the fallback: what is preferred knows all services at once."""
        if isinstance(self._fallback, FocusedSource):
            self._fallback.focus(about)

    def show(
        self, shown: frozenset[ServiceKey], listed: frozenset[ServiceKey] | None = None
    ) -> None:
        """For the fallback, too."""
        if isinstance(self._fallback, ShownSource):
            self._fallback.show(shown, listed)

    @property
    def chosen(self) -> MetricsSource:
        """The source that is asked now."""
        return self._preferred or self._fallback

    async def past(
        self, service: ServiceKey, stretch: Stretch, named: Named = by_telemetry
    ) -> Past | None:
        """Of the preferred source while it works; one that fails here is not left for it."""
        preferred = self._preferred
        if not isinstance(preferred, PastSource):
            return None
        return await preferred.past(service, stretch, named)

    async def hour_before(self) -> Sample:
        chosen = self.chosen
        if not isinstance(chosen, HourSource):
            raise Unreachable(f"{chosen.name} know nothing of the hour before")
        return await chosen.hour_before()

    async def calls(self, mesh: Mesh) -> Calls:
        """Of the source that the last sample is from."""
        chosen = self.chosen
        if not isinstance(chosen, CallSource):
            raise Unreachable(f"{chosen.name} tells no callers apart")
        return await chosen.calls(mesh)

    async def close(self) -> None:
        if self._discovering is not None:
            self._discovering.cancel()
            await asyncio.gather(self._discovering, return_exceptions=True)
        if self._preferred is not None:
            await self._preferred.close()
        await self._fallback.close()

    async def _leave(self, source: MetricsSource, why: str) -> None:
        self._preferred = None
        self._trouble = why
        self._discover_at = self._clock() + self._discover_every_s
        await source.close()

    async def _discover(self, mesh: Mesh) -> None:
        first = self._discovering is None
        if self._clock() >= self._discover_at and (
            self._discovering is None or self._discovering.done()
        ):
            self._discover_at = self._clock() + self._discover_every_s
            self._discovering = asyncio.create_task(self._try_all(mesh))
        if first and self._discovering is not None:
            await asyncio.wait([self._discovering], timeout=self._first_discovery_s)

    async def _try_all(self, mesh: Mesh) -> None:
        """The first that gives a sample is preferred; else the trouble is that of the likeliest."""
        troubles = []
        for source in tuple(self._find(mesh))[:_MOST_CANDIDATES]:
            trouble = await _trouble_of(source, mesh)
            if not trouble:
                self._preferred, self._trouble = source, ""
                # What it knows would be an average over its time off when it is needed again.
                await self._fallback.close()
                return
            troubles.append(trouble)
        self._trouble = troubles[0] if troubles else ""

    async def _from_fallback(self, mesh: Mesh) -> Sample:
        try:
            sample = await self._fallback.sample(mesh)
        except MeshtuiError as error:
            if not self._trouble:
                raise
            kind = NotAllowed if isinstance(error, NotAllowed) else Unreachable
            raise kind(f"{error.what}; {self._trouble}", error.hint) from error
        if not self._trouble:
            return sample
        why = f"{self._trouble}; {self._fallback.name} are read instead"
        return replace(sample, problems=(*sample.problems, why))


async def _trouble_of(source: MetricsSource, mesh: Mesh) -> str:
    """Why the source does not work, having let go of it; empty where it does."""
    try:
        await source.sample(mesh)
    except MeshtuiError as error:
        await source.close()
        return error.what
    except asyncio.CancelledError:
        await source.close()
        raise
    return ""
