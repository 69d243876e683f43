"""A bad line on loopback: what goes through takes its time, and connections are lost.

Every byte arrives `delay_s` later than it was sent, each way, and in order; of a hundred
connections so many are cut, at a moment that chance decides, in the midst of what they carry. The
cluster is reached through it by a kubeconfig of its own. It is a process of its own: what is
measured beside it does not wait for it.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import yaml

LIVES_S = 3.0
"""A connection that is lost is lost within so many seconds."""

CHUNK = 64 * 1024

RESET = struct.pack("ii", 1, 0)
"""Closed at once, and the other side is told that it was no orderly end."""


class BadLine:
    """Listens on a port of its own, `port`, and passes on what comes to another."""

    def __init__(self, host: str, port: int, delay_s: float, lost: float, seed: int = 1) -> None:
        """`lost`: the part of the connections that is cut, 0 to 1."""
        self._to = host, port
        self._delay_s, self._lost = delay_s, lost
        self._chance = random.Random(seed)
        self.port = 0
        self.opened = self.cut = 0

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            there, back = await asyncio.open_connection(*self._to)
        except OSError:
            writer.close()
            return
        loop, ends = asyncio.get_running_loop(), (writer, back)
        if self._chance.random() < self._lost:
            loop.call_later(self._chance.random() * LIVES_S, self._cut, ends)
        ways = (self._pass(reader, back), self._pass(there, writer))
        await asyncio.gather(*ways, return_exceptions=True)
        for end in ends:
            end.close()

    def _cut(self, ends: tuple[asyncio.StreamWriter, ...]) -> None:
        self.cut += not any(end.is_closing() for end in ends)
        for end in ends:
            if not end.is_closing():
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One way; as much is under way as was sent within the delay."""
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def arrive() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - loop.time())
                if not data:
                    with suppress(OSError):
                        writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()

        arriving = asyncio.create_task(arrive())
        try:
            data = b"-"
            while data:
                data = await reader.read(CHUNK)
                under_way.put_nowait((loop.time() + self._delay_s, data))
            await arriving
        finally:
            arriving.cancel()


@contextmanager
def through(kubeconfig: Path, folder: Path, delay_s: float, lost: float) -> Iterator[Path]:
    """A kubeconfig in `folder` by which the same cluster is reached over such a line."""
    document = yaml.safe_load(kubeconfig.read_text())
    current = next(c for c in document["contexts"] if c["name"] == document["current-context"])
    named = current["context"]["cluster"]
    cluster = next(c["cluster"] for c in document["clusters"] if c["name"] == named)
    place = urlsplit(cluster["server"])
    words = [place.hostname or "127.0.0.1", str(place.port or 443), str(delay_s), str(lost)]
    line = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bad_line", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert line.stdin and line.stdout
    cluster["server"] = f"{place.scheme}://127.0.0.1:{int(line.stdout.readline())}"
    over = folder / "kubeconfig"
    over.write_text(yaml.safe_dump(document))
    try:
        yield over
    finally:
        line.stdin.close()
        print(line.stdout.read().strip(), file=sys.stderr)
        line.wait()


async def main(host: str, port: str, delay_s: str, lost: str) -> None:
    """Until the standard input ends: says its port, then what went through."""
    line = BadLine(host, int(port), float(delay_s), float(lost))
    server = await line.serve()
    print(line.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
    print(f"the line: {line.opened} connections, {line.cut} of them cut", flush=True)
    os._exit(0)  # what is under way is lost


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
