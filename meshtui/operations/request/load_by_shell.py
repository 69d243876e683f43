"""A load by curl or wget in a container: paced from here, batch by batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from meshtui.errors import MeshtuiError, Refused
from meshtui.kube.exec import running_in_pod
from meshtui.operations.request.load_pace import Pace
from meshtui.operations.request.load_plan import CUT_OFF, REPORT_S, LoadPlan, Tally
from meshtui.operations.request.load_shell import (
    MOST_IN_BATCH,
    SLOTS,
    STOP,
    Came,
    command,
    read_line,
    tally_of,
)
from meshtui.operations.request.load_ways import BY_WGET

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.kube.exec import Running
    from meshtui.operations.request.load_target import LoadTarget

_LINE = 4096
_STOP_S = 2.0
"""How long the batches under way may take once it is to stop."""


async def run_by_shell(
    cluster: Cluster, target: LoadTarget, plan: LoadPlan, stop: asyncio.Event
) -> AsyncGenerator[Tally]:
    """As `run_load`, whose part it is."""
    pod, words = target.pod, command(target.way, plan, target.outgoing)
    async with running_in_pod(cluster, pod.namespace, pod.name, target.container, words) as running:
        load = _Load(running, target, plan)
        try:
            async with aclosing(load.run(stop)) as tallies:
                async for tally in tallies:
                    yield tally
        finally:
            await load.end()
        if load.broke_off:
            what = f"the load in {pod.namespace}/{pod.name} broke off"
            raise Refused(f"{what}: its shell ends with {running.ended.code}")


class _Load:
    """Writes a line for each batch, and gathers what comes of them."""

    def __init__(self, running: Running, target: LoadTarget, plan: LoadPlan) -> None:
        self._running = running
        self._way = target.way
        self._clock = asyncio.get_running_loop().time
        self._pace = Pace(
            plan,
            self._clock(),
            SLOTS,
            1 if target.way is BY_WGET else MOST_IN_BATCH,
            target.outgoing.timeout_s,
            serial=target.way.serial,
        )
        self._came: list[Came] = []
        self._news = asyncio.Event()
        self._last = self._pace.begun
        self.broke_off = False
        self._reading = asyncio.ensure_future(self._read())

    async def run(self, stop: asyncio.Event) -> AsyncGenerator[Tally]:
        pace, until, report = self._pace, float("inf"), self._pace.begun + REPORT_S
        while not self.broke_off:
            now = self._clock()
            if stop.is_set() and not pace.stopped:
                pace.stopped, until = True, now + _STOP_S
            for one in pace.batches(now):
                await self._running.write(f"{one.slot} {one.requests} {one.connections}\n".encode())
            self._give_up(pace.lost(now))
            if pace.ended(now) or now >= until:
                break
            if now >= report:
                report += REPORT_S
                yield self._tally(now)
            await self._wait(stop, min(pace.next_at(now), report, until) - now)
        self._give_up(pace.under_way)
        if self._reading.done() and not self._reading.cancelled():
            self._reading.result()
        stands_for = pace.begun + pace.sent / pace.plan.rate
        yield self._tally(max(self._last, stands_for), done=not self.broke_off)

    async def end(self) -> None:
        """Whatever runs in the container is ended."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        if not self.broke_off:
            await self._running.write(STOP)

    async def _wait(self, stop: asyncio.Event, seconds: float) -> None:
        """For answers, the stop or the time, whichever is first."""
        waits = [asyncio.ensure_future(self._news.wait())]
        if not self._pace.stopped:
            waits.append(asyncio.ensure_future(stop.wait()))
        try:
            await asyncio.wait(
                waits, timeout=max(seconds, 0.0), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        self._news.clear()

    async def _read(self) -> None:
        rest = b""
        try:
            async for chunk in self._running.stdout():
                *lines, rest = (rest + chunk).split(b"\n")
                rest = rest[-_LINE:]
                for line in lines:
                    self._take(read_line(line, self._way))
                self._news.set()
        except MeshtuiError:
            self.broke_off = True
            raise
        else:
            self.broke_off = True
        finally:
            self._news.set()

    def _take(self, came: Came | None) -> None:
        if came is not None and self._pace.came(came.slot, came.seconds):
            self._came.append(came)
            self._last = self._clock()

    def _give_up(self, requests: int) -> None:
        self._came += [Came(0, 0, None, CUT_OFF)] * requests

    def _tally(self, now: float, *, done: bool = False) -> Tally:
        found = tally_of(self._came, self._pace.late, now - self._pace.begun, done=done)
        self._came, self._pace.late = [], 0
        return found
