"""`python3` and `sh` in an application's container: real ones, whose sidecar takes what they send.

The lab's pods share the machine's network, so that no iptables leads to a sidecar: where the last
word is JSON with a host and a port, these become the sidecar's, and so does the place in a URL.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from aiohttp import WSMsgType, web

from meshtui.lab.contract import Address

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_CHUNK = 32 * 1024
_LEAVING_S = 2.0
"""How long it may take to end once its input has, as a container runtime leaves it to."""


_URL = re.compile(r"http://[^/:]+:(\d{1,5})(/.*)", re.ASCII)
PROGRAMS = {"python3": sys.executable, "sh": "/bin/sh"}
OF_PROXY = ("sh", "curl", "sleep")
"""Some of what Istio's image has, which has neither Python nor wget."""


@contextmanager
def path_of(programs: Sequence[str]) -> Iterator[str]:
    """A PATH with these alone, as far as the machine has them."""
    with tempfile.TemporaryDirectory(prefix="meshtui-path-") as folder:
        for name in programs:
            if found := shutil.which(name):
                (Path(folder) / name).symlink_to(found)
        yield folder


async def run_program(
    socket: web.WebSocketResponse,
    name: str,
    words: Sequence[str],
    outbound: Callable[[int], Address | None],
    path: str,
) -> int:
    """Runs to its end, or until the client has gone; gives the exit code."""
    process = await asyncio.create_subprocess_exec(
        PROGRAMS[name],
        *through_sidecar(words, outbound),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PATH": path},
    )
    feeding = asyncio.ensure_future(_feed(socket, process))
    try:
        await asyncio.gather(
            _copy(process.stdout, socket, _STDOUT), _copy(process.stderr, socket, _STDERR)
        )
        return await process.wait()
    finally:
        feeding.cancel()
        if process.stdin is not None:
            process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _LEAVING_S)
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def through_sidecar(
    words: Sequence[str], outbound: Callable[[int], Address | None]
) -> Sequence[str]:
    words = [_at_sidecar(word, outbound) for word in words]
    try:
        plan = json.loads(words[-1]) if words else None
        address = outbound(int(plan["port"])) if isinstance(plan, dict) else None
    except (ValueError, KeyError, TypeError):
        return words
    if address is None or not isinstance(plan, dict):
        return words
    return [*words[:-1], json.dumps({**plan, "host": address.host, "port": address.port})]


def _at_sidecar(word: str, outbound: Callable[[int], Address | None]) -> str:
    found = _URL.fullmatch(word)
    address = outbound(int(found[1])) if found else None
    if found is None or address is None:
        return word
    return f"http://{address.host}:{address.port}{found[2]}"


async def _feed(socket: web.WebSocketResponse, process: asyncio.subprocess.Process) -> None:
    """What the client sends, and the end of it when the client goes."""
    stdin = process.stdin
    if stdin is None:
        return
    with suppress(ConnectionError):
        async for message in socket:
            if message.type == WSMsgType.BINARY and message.data[:1] == bytes([_STDIN]):
                stdin.write(message.data[1:])
                await stdin.drain()
    stdin.close()


async def _copy(
    stream: asyncio.StreamReader | None, socket: web.WebSocketResponse, channel: int
) -> None:
    while stream is not None and (data := await stream.read(_CHUNK)):
        with suppress(ConnectionError):
            await socket.send_bytes(bytes([channel]) + data)
