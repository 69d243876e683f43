"""HTTP/1.1 with one server, over as few connections as are quick: the client of most requests.

aiohttp takes a quarter of a second to import, which is more than a whole command does otherwise;
what is used of HTTP here is a request, an answer, and a connection that is used again. The protocol
is h11's, the sockets and TLS are asyncio's.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import zlib
from collections import deque
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

import h11

from meshtui.kube.http import CONNECT_S, HANDSHAKE_S, Header, Headers, packing
from meshtui.kube.http_errors import (
    REDIRECTS,
    ConnectTimeout,
    Garbled,
    Lost,
    NoAddress,
    NoName,
    Redirect,
    Unconnected,
    Untrusted,
)
from meshtui.kube.login import Connection
from meshtui.kube.wire import Wire

FEW = 4
SPARE_S = 0.025
MOST_SPARE_S = 0.1
"""With so many connections a request waits for one that comes free, as long as some do: near a
server that is quicker than another handshake, which costs both sides more than a list does. In
short moments: where the loop was held up, the answers that came meanwhile are read between them.
"""

LASTS_S = 1.0
"""What has gone on for longer is a stream: nobody waits for its connection."""

IDLE_S = 15.0
"""A connection that was not used for longer may be closed by the server just now."""

_PATH_SAFE = "/%:@~!$&'()*+,;="
_LARGEST_HEAD = 2**21
"""An API server may warn in many headers, and a client that chokes on them does so after a write.
"""

_PIECE = 2**20


class PooledSession:
    """`tls` is None for plain HTTP."""

    def __init__(self, connection: Connection, tls: ssl.SSLContext | None) -> None:
        url = urlsplit(connection.host)
        self._tls = tls if url.scheme == "https" else None
        self._server_name = connection.server_name
        self._url = url
        self._prefix = quote(url.path, safe=_PATH_SAFE)
        self._idle: deque[tuple[float, _Line]] = deque()
        self._lines: set[_Line] = set()
        self._connecting = 0
        self._freed_at = 0.0
        self._waiting: deque[asyncio.Future[_Line]] = deque()
        self._packing = ("Accept-Encoding", packing(connection.host))

    async def request(
        self,
        method: str,
        target: str,
        headers: Sequence[Header],
        body: bytes | None,
        silence: float | None,
    ) -> PooledResponse:
        """See `http.HttpSession`."""
        asked = self._head(method, self._prefix + target, headers, body)
        line = await self._line()
        response = PooledResponse(self, line, silence)
        try:
            line.send(asked, body)
            await response.begin()
        except BaseException:
            response.close()
            raise
        if response.status in REDIRECTS:
            response.close()
            raise Redirect(response.status)
        return response

    async def close(self) -> None:
        lines = list(self._lines)
        for line in lines:
            self.drop(line)
        if lines:
            await asyncio.wait([asyncio.ensure_future(line.wire.gone()) for line in lines])

    def give_back(self, line: _Line) -> None:
        """It may be used again, by whoever waits longest."""
        if not line.renew():
            return self.drop(line)
        self._freed_at = time.monotonic()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter.set_result(line)
        return self._idle.append((time.monotonic(), line))

    def drop(self, line: _Line) -> None:
        self._lines.discard(line)
        line.wire.hang_up()

    def _head(
        self, method: str, target: str, headers: Sequence[Header], body: bytes | None
    ) -> h11.Request:
        length = [] if body is None and method == "GET" else [str(len(body or b""))]
        every = [("Host", self._host()), self._packing, *headers]
        every += [("Content-Length", value) for value in length]
        try:
            encoded = [(name.encode("ascii"), value.encode()) for name, value in every]
            return h11.Request(method=method, target=target, headers=encoded)
        except (h11.LocalProtocolError, ValueError) as error:
            raise NoAddress(str(error)) from error

    def _host(self) -> str:
        """As it stands in the kubeconfig; a name in other letters as the network knows it."""
        if self._url.netloc.isascii():
            return self._url.netloc
        try:
            name = (self._url.hostname or "").encode("idna").decode()
        except UnicodeError as error:
            raise NoAddress(str(error)) from error
        return name if self._url.port is None else f"{name}:{self._url.port}"

    async def _line(self) -> _Line:
        """A connection that was used before, or one that comes free in a moment, or a new one."""
        while self._idle:
            since, line = self._idle.pop()
            if line.wire.quiet and time.monotonic() - since < IDLE_S:
                return line
            self.drop(line)
        if self._soon_free() >= FEW:
            spare = await self._spare()
            if spare is not None:
                return spare
        self._connecting += 1
        try:
            line = _Line(await self._connect())
        finally:
            self._connecting -= 1
        self._lines.add(line)
        return line

    def _soon_free(self) -> int:
        since = time.monotonic() - LASTS_S
        return self._connecting + sum(line.used_at > since for line in self._lines)

    async def _spare(self) -> _Line | None:
        waiter: asyncio.Future[_Line] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            since = time.monotonic()
            while (
                not waiter.done() and time.monotonic() - max(since, self._freed_at) < MOST_SPARE_S
            ):
                await asyncio.wait([waiter], timeout=SPARE_S)
        except asyncio.CancelledError:
            if waiter.done():
                self.give_back(waiter.result())
            raise
        finally:
            if not waiter.done():
                self._waiting.remove(waiter)
        return waiter.result() if waiter.done() else None

    async def _connect(self) -> Wire:
        name, port = self._url.hostname, self._url.port or (80 if self._tls is None else 443)
        if not name:
            raise NoAddress("the server has no name")
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                async with asyncio.timeout(CONNECT_S):
                    wire = await _reach(name, port)
                if self._tls is not None:
                    await _secure(wire, self._tls, self._server_name or name)
        except TimeoutError as error:
            raise ConnectTimeout(str(error)) from error
        return wire


async def _reach(name: str, port: int) -> Wire:
    loop = asyncio.get_running_loop()
    try:
        _, wire = await loop.create_connection(Wire, name, port, happy_eyeballs_delay=0.25)
    except socket.gaierror as error:
        raise NoName(str(error)) from error
    except UnicodeError as error:
        raise NoAddress(str(error)) from error
    except TimeoutError:
        raise
    except OSError as error:
        raise Unconnected(str(error)) from error
    return wire


async def _secure(wire: Wire, tls: ssl.SSLContext, name: str) -> None:
    """What the server said before is not from it: it would be read as the answer."""
    loop = asyncio.get_running_loop()
    plain = wire.transport
    try:
        secured = await loop.start_tls(plain, wire, tls, server_hostname=name)
        if secured is None or not wire.quiet:
            raise Unconnected("the connection broke while TLS was agreed on")
        wire.over(secured)
    except BaseException as error:
        plain.abort()
        if isinstance(error, ssl.SSLError | ssl.CertificateError):
            raise Untrusted(str(error)) from error
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            raise Unconnected(str(error) or type(error).__name__) from error
        raise


class _Line:
    """A connection and where its conversation stands."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self._begun = self._ended = False
        self.used_at = time.monotonic()

    def send(self, asked: h11.Request, body: bytes | None) -> None:
        self._begun = False
        self.used_at = time.monotonic()
        parts = [self._http.send(asked)]
        if body:
            parts.append(self._http.send(h11.Data(data=body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self.wire.write(b"".join(part for part in parts if part))

    async def event(self, silence: float | None) -> h11.Event:
        """The next one of the answer. Raises `HttpError` or TimeoutError."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise (Lost if self._ended else Garbled)(str(error)) from error
            if isinstance(event, h11.Event):
                return event
            if event is not h11.NEED_DATA:
                raise Garbled("more than one answer")
            data = await self._read(silence)
            self._check(data)
            self._http.receive_data(data)

    def renew(self) -> bool:
        """Whether another request may follow. What came unasked would be taken for its answer."""
        done = h11.DONE
        whole = self._http.our_state is done and self._http.their_state is done
        if not whole or self._http.trailing_data[0] or not self.wire.quiet:
            return False
        self._http.start_next_cycle()
        return True

    async def _read(self, silence: float | None) -> bytes:
        if silence is None:
            return await self.wire.read()
        async with asyncio.timeout(silence):
            return await self.wire.read()

    def _check(self, data: bytes) -> None:
        """What is not HTTP may never end its line."""
        if not self._begun and not data[:5] == b"HTTP/"[: len(data)]:
            raise Garbled(repr(data[:40]))
        self._begun = True
        self._ended = not data


class PooledResponse:
    """See `http.Response`."""

    def __init__(self, session: PooledSession, line: _Line, silence: float | None) -> None:
        self.status = 0
        self.headers = Headers(())
        self._session = session
        self._line: _Line | None = line
        self._silence = silence
        self._whole = False
        self._packed: _Packed | None = None

    async def begin(self) -> None:
        """Reads the head."""
        while not isinstance(event := await self._event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise Lost("the server hung up without an answer")
        self.status = event.status_code
        self.headers = Headers(
            (name.decode("latin-1"), value.decode("utf-8", "replace"))
            for name, value in event.headers
        )
        if self.headers.get("Content-Encoding").strip().lower() in ("gzip", "x-gzip"):
            self._packed = _Packed()

    async def read(self) -> bytes:
        if self._packed is None:
            return await self._piece()
        while not (data := self._packed.take()):
            piece = await self._piece()
            if not piece:
                self._packed.end()
                break
            self._packed.put(piece)
        return data

    def release(self) -> None:
        line, self._line = self._line, None
        if line is not None and self._whole:
            self._session.give_back(line)
        elif line is not None:
            self._session.drop(line)

    def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            self._session.drop(line)

    async def _piece(self) -> bytes:
        while not self._whole:
            event = await self._event()
            if isinstance(event, h11.Data):
                return bytes(event.data)
            self._whole = isinstance(event, h11.EndOfMessage)
            if not self._whole:
                raise Lost("the answer ends too soon")
        return b""

    async def _event(self) -> h11.Event:
        if self._line is None:
            raise Lost("the connection is closed")
        return await self._line.event(self._silence)


class _Packed:
    """What gzip packed, a little at a time: a small piece may stand for any amount."""

    def __init__(self) -> None:
        self._zip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._left = b""
        self._any = False

    def put(self, piece: bytes) -> None:
        self._any = True
        self._left += piece

    def take(self) -> bytes:
        """What can be unpacked of it, at most a mebibyte."""
        if not self._left:
            return b""
        try:
            data = self._zip.decompress(self._left, _PIECE)
        except zlib.error as error:
            raise Lost(f"the answer cannot be unpacked: {error}") from error
        self._left = self._zip.unconsumed_tail
        return data

    def end(self) -> None:
        """Raises where more should have come."""
        if self._any and not self._zip.eof:
            raise Lost("the packed answer ends too soon")
