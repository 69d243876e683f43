"""A daemon thread of one's own, for a library that blocks.

Pool threads are waited for when the program ends: a server that never answers would keep an
operator's shell. A daemon thread is not, and one that is stuck is left behind for a new one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Jobs = SimpleQueue[Callable[[], None] | None]


class Worker:
    """Runs jobs one after the other; no thread before the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: _Jobs | None = None

    async def run(self, job: Callable[[], T], seconds: float) -> T:
        """What `job` gives or raises; TimeoutError where it takes longer than `seconds`.

        A job that is late, or no longer wanted, keeps its thread to itself: the next job has a
        new one.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._started().put(lambda: _do(job, future, loop))
        try:
            async with asyncio.timeout(seconds):
                return await future
        finally:
            if future.cancelled() or not future.done():
                self.close()

    @property
    def alive(self) -> bool:
        """True while there is a thread that takes the next job."""
        return self._jobs is not None

    def close(self) -> None:
        """Let the thread end with the job it is at."""
        jobs, self._jobs = self._jobs, None
        if jobs is not None:
            jobs.put(None)

    def _started(self) -> _Jobs:
        if self._jobs is None:
            self._jobs = SimpleQueue()
            threading.Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True).start()
        return self._jobs


def _work(jobs: _Jobs) -> None:
    while (job := jobs.get()) is not None:
        job()


def _do(job: Callable[[], T], future: asyncio.Future[T], loop: asyncio.AbstractEventLoop) -> None:
    """Any error belongs to whoever waits for the job, and none may end the thread."""
    if future.cancelled():
        return
    try:
        result = job()
    except BaseException as error:  # noqa: BLE001 - handed on whole
        _resolve(loop, future, future.set_exception, error)
    else:
        _resolve(loop, future, future.set_result, result)


def _resolve(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[T],
    deliver: Callable[[Any], None],
    what: Any,
) -> None:
    def unless_cancelled() -> None:
        if not future.done():
            deliver(what)

    # Where the loop has been closed while the job was running, nobody waits for it.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(unless_cancelled)
