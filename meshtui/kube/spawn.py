"""Starting a process that is not left behind where whoever starts it is cancelled meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from meshtui import children


@asynccontextmanager
async def spawned(
    starting: Coroutine[Any, Any, Process],
    end: Callable[[Process], Awaitable[None]],
    *,
    group: bool,
) -> AsyncIterator[Process]:
    """The process that is being started; `end` ends it, also where the caller is cancelled.

    From its first moment it ends with this process, with its group where it leads one. A cancelled
    start that is left to asyncio waits for as long as anybody holds a pipe of the process: for
    ever, where it has started something that goes on. Raises what `starting` raises.
    """
    with ExitStack() as stack:
        with children.starting():
            process = await _started(starting, end)
            stack.enter_context(children.attended(process.pid, group=group))
        try:
            yield process
        finally:
            await end(process)


async def _started(
    starting: Coroutine[Any, Any, Process], end: Callable[[Process], Awaitable[None]]
) -> Process:
    task = asyncio.ensure_future(starting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError, ValueError):
            await end(await task)
        raise
