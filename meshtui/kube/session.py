"""The kubernetes client's session: TLS, sockets, and silence on the terminal.

Importing this module imports aiohttp and the kubernetes client: do it late.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.connector import AddrInfoType
from kubernetes.aio.client import ApiClient

from meshtui.errors import Usage
from meshtui.kube.credentials import Login
from meshtui.mesh.text import clean

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# An API server may warn in many headers, and a client that chokes on them does so after a write.
_HEADERS = 2048
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


def new_client(login: Login) -> Any:
    """The kubernetes client's ApiClient. Raises Usage where its certificates cannot be used."""
    try:
        client = ApiClient(login.configuration)
    except (OSError, ValueError) as error:
        raise Usage(
            "the kubeconfig's certificates cannot be used", clean(str(error), 200)
        ) from error
    client.rest_client.pool_manager = _session(login, client.rest_client.ssl_context)
    return client


def _session(login: Login, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """Every watch and followed log holds a connection: a limit on them would stop the rest."""
    connector = aiohttp.TCPConnector(limit=0, ssl=tls, socket_factory=_socket)
    # As in kubectl: what HTTPS_PROXY names cannot reach this machine's own ports.
    environment = not _is_loopback(login.configuration.host)
    return aiohttp.ClientSession(
        connector=connector,
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


def tls_identity(login: Login) -> tuple[object, ...]:
    """What the TLS session rests on: a token may change under it, these may not."""
    configuration = login.configuration
    files = (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
    return (
        configuration.host,
        configuration.proxy,
        configuration.verify_ssl,
        configuration.tls_server_name,
        *((name, _modified(name)) for name in files if name),
    )


def _modified(name: str) -> int:
    try:
        return Path(name).stat().st_mtime_ns
    except OSError:
        return 0


def be_quiet() -> None:
    """A screen is open: what these libraries log must never reach it."""
    for name in ("kubernetes", "client", "aiohttp.client", "aiohttp.internal", "aiohttp.websocket"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
