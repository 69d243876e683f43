"""A load by port-forwards to a port on which the caller's proxy listens: sent from here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Collection
from typing import TYPE_CHECKING, Any

from meshtui.envoy.transport import ForwardTransport
from meshtui.errors import MeshtuiError, Unreachable
from meshtui.kube.lean_httpx import httpx
from meshtui.mesh.request import SAFE_METHODS
from meshtui.mesh.text import clean
from meshtui.operations.request.load_plan import (
    BEHIND_S,
    CUT_OFF,
    REPORT_S,
    LoadPlan,
    Tally,
    bucket_of,
)
from meshtui.operations.request.send import http_request

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.operations.request.load_target import LoadTarget

_NO_ANSWER = (OSError, httpx.HTTPError, Unreachable)
_STOP_S = 1.0
"""How long the last answers may take once it is to stop."""

_OPENING_S = 5.0


async def run_by_forward(
    cluster: Cluster, target: LoadTarget, plan: LoadPlan, stop: asyncio.Event
) -> AsyncGenerator[Tally]:
    """As `run_load`, whose part it is. Raises what a port-forward that can't be opened raises."""
    load = _Load(cluster, target, plan, stop)
    driving = asyncio.ensure_future(load.drive())
    try:
        while not driving.done():
            await asyncio.wait((driving,), timeout=REPORT_S)
            if not driving.done():
                yield load.tally()
        driving.result()
        yield load.tally(done=True)
    finally:
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)
        await load.close()


class _Load:
    """Requests that are under way, and the connections that wait for the next one."""

    def __init__(
        self, cluster: Cluster, target: LoadTarget, plan: LoadPlan, stop: asyncio.Event
    ) -> None:
        self._cluster, self._target, self._plan, self._stop = cluster, target, plan, stop
        self._request = http_request(target.outgoing)
        self._clock = asyncio.get_running_loop().time
        self._begun = self._last = self._clock()
        self._idle: list[ForwardTransport] = []
        self._busy: set[asyncio.Future[None]] = set()
        self._failed: MeshtuiError | None = None
        self._sent = 0
        self._forget()

    def _forget(self) -> None:
        self._codes: Counter[int] = Counter()
        self._errors: Counter[str] = Counter()
        self._times: Counter[int] = Counter()
        self._late = 0

    async def drive(self) -> None:
        """Sends each request when it is due and a connection is free, and waits for the answers."""
        plan, stopping = self._plan, asyncio.ensure_future(self._stop.wait())
        try:
            while self._failed is None and not stopping.done() and self._sent < plan.requests:
                now = self._clock()
                left = self._begun + plan.seconds - now
                due = self._begun + self._sent / plan.rate
                if left <= 0:
                    break
                if due > now:
                    await _any((stopping,), due - now)
                elif len(self._busy) >= plan.connections:
                    await _any((stopping, *self._busy), left)
                else:
                    self._begin(now, due)
            await self._answers()
        finally:
            stopping.cancel()
        if self._failed is not None:
            raise self._failed

    def _begin(self, now: float, due: float) -> None:
        self._sent += 1
        self._late += now - due > BEHIND_S
        task = asyncio.ensure_future(self._ask(now))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _answers(self) -> None:
        """The last ones; they have the time of any request, and less once it is to stop."""
        if self._busy:
            limit = _STOP_S if self._stop.is_set() else None
            await asyncio.wait(tuple(self._busy), timeout=limit)
        if self._busy:
            self._errors[CUT_OFF] += len(self._busy)

    async def _ask(self, began: float) -> None:
        try:
            async with asyncio.timeout(self._target.outgoing.timeout_s):
                status = await self._once_more()
        except TimeoutError:
            self._errors["timed out"] += 1
        except _NO_ANSWER as error:
            self._errors[clean(str(error), 100) or "the connection was closed"] += 1
        except MeshtuiError as error:
            self._failed = error
        else:
            self._codes[status] += 1
            self._times[bucket_of((self._clock() - began) * 1000.0)] += 1
        self._last = self._clock()

    async def _once_more(self) -> int:
        """On a new connection where one that was kept was closed meanwhile."""
        safe = self._target.outgoing.method in SAFE_METHODS
        if self._idle:
            try:
                return await self._on(self._idle.pop())
            except _NO_ANSWER:
                if not safe:
                    raise
        return await self._on(await self._open())

    async def _open(self) -> ForwardTransport:
        pod, port = self._target.pod, self._target.outgoing.port
        try:
            stream = await self._cluster.port_forward(
                pod.namespace, pod.name, port, timeout=_OPENING_S
            )
        except Unreachable as error:
            self._failed = error
            raise
        return ForwardTransport(stream)

    async def _on(self, transport: ForwardTransport) -> int:
        kept = False
        try:
            response = await transport.handle_async_request(self._request)
            async for _ in response.aiter_raw():
                pass
            kept = transport.reusable
            return response.status_code
        finally:
            if kept:
                self._idle.append(transport)
            else:
                await transport.aclose()

    def tally(self, *, done: bool = False) -> Tally:
        """Since the last time."""
        now = self._last if done else self._clock()
        found = (self._codes, self._errors, self._times, self._late, now - self._begun, done)
        self._forget()
        return Tally(*found)

    async def close(self) -> None:
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        await asyncio.gather(*(one.aclose() for one in self._idle), return_exceptions=True)


async def _any(waits: Collection[asyncio.Future[Any]], seconds: float) -> None:
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
