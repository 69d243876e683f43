"""Whether the API server answers now: a quiet watch cannot tell silence from nothing new."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from meshtui.errors import MeshtuiError, Unreachable
from meshtui.kube.cluster import Cluster

EVERY_S = 3.0
WITHIN_S = 3.0


class Pulse:
    """Asks a small question every few seconds; any answer, a refusal too, is a sign of life.

    `silence` says why there was none the last time, and is empty where there was. `changed` is
    called when that turns.
    """

    def __init__(
        self,
        cluster: Cluster,
        changed: Callable[[], None],
        *,
        every_s: float = EVERY_S,
        within_s: float = WITHIN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.silence = ""
        self._cluster = cluster
        self._changed = changed
        self._every_s, self._within_s = every_s, within_s
        self._clock = clock
        self._last_event_at = clock()
        self._now = asyncio.Event()

    @property
    def age_s(self) -> float:
        """Seconds since the last answer."""
        return max(0.0, self._clock() - self._last_event_at)

    def ask(self) -> None:
        """Without waiting for the next time."""
        self._now.set()

    async def run(self) -> None:
        while True:
            await self._ask()
            self._now.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._now.wait()

    async def _ask(self) -> None:
        silent, before = "", self.silence
        try:
            await self._cluster.get("/version", timeout=self._within_s)
        except Unreachable as error:
            silent = error.what
        except MeshtuiError:
            pass
        if not silent:
            self._last_event_at = self._clock()
        self.silence = silent
        if bool(silent) != bool(before):
            self._changed()
