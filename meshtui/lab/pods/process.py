"""Child processes that never outlive the lab, however it ends."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Mapping, Sequence

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
GRACE = 2.0
"""Seconds between asking a process to end and ending it."""


def die_with(parent: int) -> Callable[[], None]:
    """Between fork and exec: the kernel kills the child as soon as its parent is gone."""

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


async def start(
    command: Sequence[str], env: Mapping[str, str], merge_stderr: bool = True
) -> asyncio.subprocess.Process:
    """Start a child whose standard output can be read.

    To be called from the main thread: the kernel watches the thread that forked.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT if merge_stderr else None,
        env=dict(env),
        start_new_session=True,
        preexec_fn=die_with(os.getpid()),
    )


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a child: kindly, then not."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE)
    except TimeoutError:
        process.kill()
        await process.wait()
