"""The gate: a person's own command before each step, whose exit status decides."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process

from meshtui.canary.events import Gated
from meshtui.kube.spawn import spawned
from meshtui.mesh.text import clean

_MOST = 4096


async def run_gate(command: str, seconds: float, about: dict[str, str]) -> Gated:
    """Runs it by the shell, with `about` in its environment; 0 in time passes.

    What it prints last is in the answer. It leads a process group, which ends with it.
    """
    starting = asyncio.create_subprocess_shell(
        command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **about},
        start_new_session=True,
    )
    try:
        async with spawned(starting, _kill, group=True) as process, asyncio.timeout(seconds):
            out, _ = await process.communicate()
    except TimeoutError:
        return Gated(False, f"no end within {seconds:g} s")
    except OSError as error:
        return Gated(False, f"it cannot be started ({error})")
    lines = out[-_MOST:].decode("utf-8", "replace").strip().splitlines()
    last = f", {clean(lines[-1], 160)}" if lines else ""
    status = process.returncode
    return Gated(status == 0, "" if status == 0 else f"exit status {status}{last}")


async def _kill(process: Process) -> None:
    """With all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
