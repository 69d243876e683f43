"""The bad line of the bench: what comes through is what was sent, and what is lost is cut off."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench import bad_line
from tests.bench.bad_line import BadLine


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)
    writer.close()


async def said(lost: float, words: bytes) -> tuple[bytes, BadLine]:
    """What comes back of `words`."""
    far = await asyncio.start_server(echo, "127.0.0.1", 0)
    line = BadLine("127.0.0.1", far.sockets[0].getsockname()[1], 0.001, lost)
    async with far, await line.serve():
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        writer.write(words)
        if not lost:
            writer.write_eof()
        try:
            return await reader.read(-1), line
        finally:
            writer.close()


async def test_all_comes_through_in_order() -> None:
    words = bytes(range(256)) * 2000
    back, line = await said(0.0, words)
    assert back == words and (line.opened, line.cut) == (1, 0)


async def test_what_is_lost_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_line, "LIVES_S", 0.01)
    with pytest.raises(ConnectionResetError):
        await said(1.0, b"hello")
