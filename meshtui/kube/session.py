"""The HTTP session with an API server: TLS, sockets, and silence on the terminal.

Importing this module imports aiohttp: do it late.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from urllib.parse import urlsplit

import aiohttp
from aiohttp.connector import AddrInfoType

from meshtui.errors import Usage
from meshtui.kube.login import Connection, tls_context
from meshtui.mesh.text import clean

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# An API server may warn in many headers, and a client that chokes on them does so after a write.
_HEADERS = 2048
_UNPACKED = {"Accept-Encoding": "identity"}
"""For a server on this machine: packing costs both sides a quarter of their time, and a line saves
seconds by it (a list of pods is packed to a twentieth)."""

_HEADER_BYTES = 2**15


class Redirect(aiohttp.ClientError):
    """An answer that sends the client elsewhere, with its credentials and what it writes."""

    def __init__(self, status: int) -> None:
        super().__init__(f"redirect ({status})")
        self.status = status


class Lost(aiohttp.ClientError):
    """The connection broke before there was an answer."""


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
    if response.status in _REDIRECTS:
        response.close()
        raise Redirect(response.status)
    return response


def new_session(connection: Connection) -> aiohttp.ClientSession:
    """Raises Usage where the kubeconfig's certificates cannot be used.

    Every watch and followed log holds a connection: a limit on them would stop the rest.
    """
    # As in kubectl: what HTTPS_PROXY names cannot reach this machine's own ports.
    environment = not _is_loopback(connection.host)
    plain = connection.host.startswith("http://") and not environment and not connection.proxy
    try:
        tls = True if plain else tls_context(connection)
    except (OSError, ValueError) as error:
        raise Usage(
            "the kubeconfig's certificates cannot be used", clean(str(error), 200)
        ) from error
    return aiohttp.ClientSession(
        headers=None if environment else _UNPACKED,
        connector=aiohttp.TCPConnector(limit=0, ssl=tls, socket_factory=_socket),
        trust_env=environment,
        read_bufsize=2**20,
        middlewares=(sent_once,),
        max_line_size=_HEADER_BYTES,
        max_field_size=_HEADER_BYTES,
        max_headers=_HEADERS,
    )


def _socket(address: AddrInfoType) -> socket.socket:
    """A half-dead connection is noticed within a minute, where only the server would speak."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


def _is_loopback(url: str) -> bool:
    try:
        name = urlsplit(url).hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def be_quiet() -> None:
    """A screen is open: what these libraries log must never reach it."""
    for name in ("kubernetes", "aiohttp.client", "aiohttp.internal", "aiohttp.websocket"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
