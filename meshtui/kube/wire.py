"""The bytes of one connection: what came is held until it is read, and no more than a little."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import cast

from meshtui.kube.http_errors import Lost

_MOST_HELD = 2**20


class Wire(asyncio.Protocol):
    """One TCP or TLS connection. Raises `Lost` where it breaks."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._ended = False
        self._broken: Exception | None = None
        self._news: asyncio.Future[None] | None = None
        self._gone = asyncio.get_running_loop().create_future()

    @property
    def quiet(self) -> bool:
        """Whether it is open and nothing came that nobody has read."""
        closing = self._transport is None or self._transport.is_closing()
        return not (closing or self._ended or self._pieces)

    @property
    def transport(self) -> asyncio.Transport:
        """What it goes over."""
        if self._transport is None:
            raise Lost("the connection is closed")
        return self._transport

    def over(self, transport: asyncio.Transport) -> None:
        """Goes on over another transport: TLS."""
        self._transport = transport

    def write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise Lost("the connection is closed")
        self._transport.write(data)

    async def read(self) -> bytes:
        """What came since; empty where the other side has ended it."""
        while not self._pieces:
            if self._broken is not None:
                raise Lost(str(self._broken) or type(self._broken).__name__)
            if self._ended:
                return b""
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def hang_up(self) -> None:
        """At once, without a goodbye."""
        if self._transport is not None:
            self._transport.abort()

    async def gone(self) -> None:
        """Waits until the socket is closed."""
        if self._transport is not None:
            await asyncio.shield(self._gone)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        made = transport.get_extra_info("socket")
        if made is not None:
            keep_alive(made)

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _MOST_HELD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended, self._broken = True, exc
        self._wake()
        if not self._gone.done():
            self._gone.set_result(None)

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def keep_alive(made: socket.socket) -> None:
    """Notice a half-dead connection within a minute, where only the server would speak."""
    with contextlib.suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
            option = getattr(socket, name, None)
            if option is not None:
                made.setsockopt(socket.IPPROTO_TCP, option, value)
