"""Starting a process that is not left behind where whoever starts it is cancelled meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


async def spawned(
    starting: Coroutine[Any, Any, Process], end: Callable[[Process], Awaitable[None]]
) -> Process:
    """The process that is being started; `end` ends it where the caller is cancelled meanwhile.

    A cancelled start that is left to asyncio waits for as long as anybody holds a pipe of the
    process: for ever, where it has started something that goes on.
    """
    task = asyncio.ensure_future(starting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError, ValueError):
            await end(await task)
        raise
