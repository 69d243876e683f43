"""`python3` in an application's container: a real one, whose sidecar takes what it sends.

The lab's pods share the machine's network, so that no iptables leads to a sidecar: where the last
word is JSON with a host and a port, these become the sidecar's.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from aiohttp import WSMsgType, web

from meshtui.lab.contract import Address

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_CHUNK = 32 * 1024


async def run_python(
    socket: web.WebSocketResponse,
    words: Sequence[str],
    outbound: Callable[[int], Address | None],
) -> int:
    """Runs to its end, or until the client has gone; gives the exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *through_sidecar(words, outbound),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    feeding = asyncio.ensure_future(_feed(socket, process))
    try:
        await asyncio.gather(
            _copy(process.stdout, socket, _STDOUT), _copy(process.stderr, socket, _STDERR)
        )
        return await process.wait()
    finally:
        feeding.cancel()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def through_sidecar(
    words: Sequence[str], outbound: Callable[[int], Address | None]
) -> Sequence[str]:
    try:
        plan = json.loads(words[-1]) if words else None
        address = outbound(int(plan["port"])) if isinstance(plan, dict) else None
    except (ValueError, KeyError, TypeError):
        return words
    if address is None or not isinstance(plan, dict):
        return words
    return [*words[:-1], json.dumps({**plan, "host": address.host, "port": address.port})]


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
