"""What a client of the API server gives: a request's answer, read piece by piece.

There are two. `http_session.py` is light: most commands end before aiohttp would be imported.
`session.py` is aiohttp: it goes through proxies, and makes WebSockets.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from meshtui.kube.login import Connection

CONNECT_S = 3.0
HANDSHAKE_S = 5.0
"""For connecting and agreeing on TLS together."""

Header = tuple[str, str]


class Headers:
    """Of an answer: names in any case, each as often as it came."""

    def __init__(self, pairs: Iterable[Header]) -> None:
        self._pairs = tuple((name.lower(), value) for name, value in pairs)

    def get(self, name: str, default: str = "") -> str:
        """The first value."""
        return next(iter(self.getall(name)), default)

    def getall(self, name: str) -> tuple[str, ...]:
        wanted = name.lower()
        return tuple(value for known, value in self._pairs if known == wanted)


class Response(Protocol):
    """An answer whose head is here. Reading raises `HttpError` or TimeoutError."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...

    async def read(self) -> bytes:
        """What came since, unpacked; empty at the end."""

    def release(self) -> None:
        """Gives the connection back where all was read, and drops it where not."""

    def close(self) -> None:
        """Hangs up."""


class HttpSession(Protocol):
    """Connections with one server."""

    async def request(
        self,
        method: str,
        target: str,
        headers: Sequence[Header],
        body: bytes | None,
        silence: float | None,
    ) -> Response:
        """The answer once its head is here; `target` is an encoded path below the server's.

        `silence` seconds without a byte raise TimeoutError, here and while it is read. Sent once:
        whether it may be sent again is for the caller to know. Raises `HttpError`; a redirect is
        one.
        """

    async def close(self) -> None: ...


def packing(host: str) -> str:
    """The encoding that answers of the server with this URL are asked for in.

    For one on this machine packing costs both sides a quarter of their time; over a line it saves
    seconds: a list of pods is packed to a twentieth.
    """
    return "identity" if is_loopback(host) else "gzip"


def is_loopback(url: str) -> bool:
    try:
        name = urlsplit(url).hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def through_environment(connection: Connection) -> bool:
    """Whether the environment's proxies count for this server.

    As in kubectl, what HTTPS_PROXY names cannot reach this machine's own ports.
    """
    return not is_loopback(connection.host)


def needs_proxy(connection: Connection) -> bool:
    """Whether the kubeconfig or the environment puts a proxy before the server."""
    if connection.proxy:
        return True
    if not through_environment(connection):
        return False
    # Elsewhere the system's settings count as well, and asking for them takes an import.
    named = any(name.lower().endswith("_proxy") and value for name, value in os.environ.items())
    if not named and sys.platform not in ("darwin", "win32"):
        return False
    from urllib.request import getproxies, proxy_bypass

    url = urlsplit(connection.host)
    return url.scheme in getproxies() and not proxy_bypass(url.hostname or "")
