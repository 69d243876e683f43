"""aiohttp's session with an API server: for WebSockets, and for all requests through a proxy.

Importing this module imports aiohttp: do it late, in a thread.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import aiohttp
from aiohttp.connector import AddrInfoType
from multidict import CIMultiDict
from yarl import URL

from meshtui.kube.http import (
    CONNECT_S,
    HANDSHAKE_S,
    Header,
    Headers,
    packing,
    through_environment,
)
from meshtui.kube.http_errors import (
    REDIRECTS,
    ConnectTimeout,
    Garbled,
    HttpError,
    Lost,
    NoAddress,
    NoName,
    ProxyFailed,
    Redirect,
    Unconnected,
    Untrusted,
)
from meshtui.kube.login import Connection
from meshtui.kube.wire import keep_alive

# An API server may warn in many headers, and a client that chokes on them does so after a write.
_HEADERS = 2048
_HEADER_BYTES = 2**15
_LARGEST_FRAME = 16 * 2**20


class ProxiedSession:
    """See `http.HttpSession`. `tls` is None for plain HTTP."""

    def __init__(self, connection: Connection, tls: ssl.SSLContext | None) -> None:
        self._connection = connection
        self._session = _new_session(connection, tls)

    async def request(
        self,
        method: str,
        target: str,
        headers: Sequence[Header],
        body: bytes | None,
        silence: float | None,
    ) -> ProxiedResponse:
        timeout = aiohttp.ClientTimeout(
            total=None, connect=HANDSHAKE_S, sock_connect=CONNECT_S, sock_read=silence
        )
        with described():
            return ProxiedResponse(
                await self._session.request(
                    method,
                    self._url(target),
                    headers=CIMultiDict(headers),
                    data=body,
                    timeout=timeout,
                    proxy=self._connection.proxy,
                    server_hostname=self._connection.server_name,
                )
            )

    async def websocket(
        self, target: str, headers: Sequence[Header], protocols: Sequence[str]
    ) -> aiohttp.ClientWebSocketResponse | int:
        """An upgraded connection, or the status the server refuses it with."""
        with described():
            try:
                return await self._session.ws_connect(
                    self._url(target),
                    protocols=protocols,
                    headers=CIMultiDict(headers),
                    proxy=self._connection.proxy,
                    server_hostname=self._connection.server_name,
                    max_msg_size=_LARGEST_FRAME,
                )
            except aiohttp.WSServerHandshakeError as error:
                return error.status

    async def close(self) -> None:
        await self._session.close()

    def _url(self, target: str) -> URL:
        return URL(f"{self._connection.host}{target}", encoded=True)


class ProxiedResponse:
    """See `http.Response`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = Headers(response.headers.items())

    async def read(self) -> bytes:
        with described():
            return await self._response.content.readany()

    def release(self) -> None:
        self._response.release()

    def close(self) -> None:
        self._response.close()


async def sent_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """For every request of a session, WebSockets too: no redirect, and no second try.

    aiohttp sends a GET, PUT or DELETE again by itself where the connection breaks: a deletion
    whose answer is lost would be answered 404 or 409, against itself.
    """
    try:
        response = await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Lost(str(error)) from error
    if response.status in REDIRECTS:
        response.close()
        raise Redirect(response.status)
    return response


@contextmanager
def described() -> Iterator[None]:
    """aiohttp's errors as ours."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise ConnectTimeout(str(error)) from error
    except TimeoutError:
        raise
    except (aiohttp.ClientError, ValueError) as error:
        raise _ours(error) from error


def _ours(error: Exception) -> HttpError:
    """The order matters: most particular first."""
    text = str(error) or type(error).__name__
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return Untrusted(text)
        case aiohttp.ClientConnectorDNSError():
            return NoName(text)
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return ProxyFailed(text)
        case aiohttp.ClientConnectorError():
            return Unconnected(str(error.os_error))
        case aiohttp.InvalidURL():
            return NoAddress(text)
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | OSError():
            return Lost(text)
        case _:
            return Garbled(text)


def _new_session(connection: Connection, tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
    """Every watch and followed log holds a connection: a limit on them would stop the rest."""
    environment = through_environment(connection)
    return aiohttp.ClientSession(
        headers={"Accept-Encoding": packing(connection.host)},
        connector=aiohttp.TCPConnector(limit=0, ssl=tls or True, socket_factory=_socket),
        trust_env=environment,
        read_bufsize=2**20,
        middlewares=(sent_once,),
        max_line_size=_HEADER_BYTES,
        max_field_size=_HEADER_BYTES,
        max_headers=_HEADERS,
    )


def _socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    keep_alive(made)
    return made
