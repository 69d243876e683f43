"""The one place that talks HTTP to an API server, and its failures by name.

Importing this module imports aiohttp: do it late.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote, urlencode

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from meshtui.errors import Unreachable
from meshtui.kube.address import without_userinfo
from meshtui.kube.api_request import ApiRequest
from meshtui.kube.failures import (
    MAYBE_DONE_HINT,
    Broken,
    Unanswered,
    Unauthenticated,
    redirected,
)
from meshtui.kube.login import Login
from meshtui.kube.session import Lost, Redirect, be_quiet, new_session
from meshtui.mesh.text import clean

CONNECT_S = 3.0
_HANDSHAKE_S = 5.0
_LOG_IN_AGAIN_S = 10.0
_LARGEST_FRAME = 16 * 2**20
_UNAUTHORIZED = 401
_PATH_SAFE = "/%:@~!$&'()*+,;="

LogIn = Callable[[], Awaitable[Login]]


class Transport:
    """A session with one API server that can log in again without breaking what is under way."""

    def __init__(self, login: Login, log_in: LogIn) -> None:
        be_quiet()
        self._log_in = log_in
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed_at = time.monotonic() - _LOG_IN_AGAIN_S
        self._retired: list[aiohttp.ClientSession] = []
        self.logins = 1
        self._login = login
        self._session = new_session(login.connection)

    @property
    def server(self) -> str:
        return clean(self._login.connection.host, 200)

    async def open(
        self, ask: ApiRequest, *, silence: float | None = None
    ) -> aiohttp.ClientResponse:
        """The response once its head is here. `silence` seconds without a byte break it off.

        Where the login is refused (401) the same is asked once more with a new one.
        """
        await self._renew_expired()
        seen = self.logins
        response = await self._open(ask, silence)
        if response.status != _UNAUTHORIZED:
            return response
        try:
            renewed = await self._renew(seen)
        except BaseException:
            response.close()
            raise
        if not renewed:
            return response
        response.close()
        return await self._open(ask, silence)

    async def websocket(
        self, ask: ApiRequest, protocols: Sequence[str]
    ) -> aiohttp.ClientWebSocketResponse | int:
        """An upgraded connection, or the status the server refuses it with."""
        await self._renew_expired()
        seen = self.logins
        upgraded = await self._upgrade(ask, protocols)
        if upgraded == _UNAUTHORIZED and await self._renew(seen):
            return await self._upgrade(ask, protocols)
        return upgraded

    async def close(self) -> None:
        if self._refreshing is not None and not self._refreshing.done():
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])
        for session in (*self._retired, self._session):
            await session.close()

    @contextmanager
    def described_failures(self, ask: ApiRequest) -> Iterator[None]:
        """Turns everything the network can do into Unreachable, naming the server."""
        try:
            yield
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self.unreachable(ask, error) from error

    def unreachable(self, ask: ApiRequest, error: BaseException) -> Unreachable:
        what, hint = _why(error)
        problem = f"{self.server} {what} ({ask})"
        if isinstance(error, Redirect):
            return redirected(str(ask), self.server, error.status)
        if isinstance(error, _NEVER_SENT):
            return Unreachable(problem, hint)
        if ask.writes:
            return Unanswered(problem, MAYBE_DONE_HINT)
        broke = isinstance(error, _BROKE) and not isinstance(error, TimeoutError)
        return (Broken if broke else Unreachable)(problem, hint)

    async def _open(self, ask: ApiRequest, silence: float | None) -> aiohttp.ClientResponse:
        headers = await self._headers(ask.accept)
        headers["Content-Type"] = ask.content_type
        for name, value in ask.headers.items():
            headers.setdefault(name, value)
        timeout = aiohttp.ClientTimeout(
            total=None, connect=_HANDSHAKE_S, sock_connect=CONNECT_S, sock_read=silence
        )
        connection = self._login.connection
        with self.described_failures(ask):
            return await self._session.request(
                ask.method,
                self._url(ask),
                headers=headers,
                data=None if ask.body is None else json.dumps(ask.body),
                timeout=timeout,
                proxy=connection.proxy,
                server_hostname=connection.server_name,
            )

    async def _upgrade(
        self, ask: ApiRequest, protocols: Sequence[str]
    ) -> aiohttp.ClientWebSocketResponse | int:
        headers = await self._headers("*/*")
        connection = self._login.connection
        with self.described_failures(ask):
            try:
                return await self._session.ws_connect(
                    self._url(ask),
                    protocols=protocols,
                    headers=headers,
                    proxy=connection.proxy,
                    server_hostname=connection.server_name,
                    max_msg_size=_LARGEST_FRAME,
                )
            except aiohttp.WSServerHandshakeError as error:
                return error.status

    async def _renew_expired(self) -> None:
        """A plugin says until when its credential is good."""
        if self._login.expired:
            await self._renew(self.logins)

    async def _renew(self, seen: int) -> bool:
        """Log in again, once for all who saw login number `seen` refused, and not too often.

        True where there is a newer login than that one. Someone who cannot wait (a time limit)
        leaves the log-in running for those who come after.
        """
        if self._refreshing is None or self._refreshing.done():
            recently = time.monotonic() - self._refreshed_at < _LOG_IN_AGAIN_S
            if seen != self.logins or recently:
                return seen != self.logins
            self._refreshing = asyncio.create_task(self._log_in_again())
            # Where all who waited have gone, asyncio would print its failure on the screen.
            self._refreshing.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._refreshing)
        return True

    def _url(self, ask: ApiRequest) -> URL:
        query = urlencode(ask.params, quote_via=quote, doseq=True)
        host = self._login.connection.host
        path = quote(ask.path, safe=_PATH_SAFE)
        return URL(f"{host}{path}?{query}" if query else f"{host}{path}", encoded=True)

    async def _headers(self, accept: str) -> CIMultiDict[str]:
        headers = CIMultiDict({"Accept": accept, "User-Agent": "meshtui"})
        try:
            authorization = await self._login.authorization()
        except OSError as error:
            raise Unauthenticated(f"the token cannot be read: {clean(str(error), 200)}") from error
        if authorization:
            headers["Authorization"] = authorization
        for name, value in self._login.headers:
            headers.add(name, value)
        return headers

    async def _log_in_again(self) -> None:
        try:
            login = await self._log_in()
            if login.connection.host != self._login.connection.host:
                raise Unauthenticated(
                    f"the kubeconfig no longer leads to {self.server}", "start meshtui anew"
                )
            if login.connection != self._login.connection:
                # Streams that run on the old session end in their own time.
                session = new_session(login.connection)
                self._retired.append(self._session)
                self._session = session
            self._login = login
            self.logins += 1
        finally:
            self._refreshed_at = time.monotonic()


_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


_BROKE = (Lost, aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, OSError)


def _why(error: BaseException) -> tuple[str, str]:
    """What happened, and what to do about it. The order matters: most particular first."""
    reason = clean(without_userinfo(str(error) or type(error).__name__), 160)
    network = "is the cluster up, and is this the right context?"
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return f"cannot be trusted: {reason}", "check certificate-authority in the kubeconfig"
        case aiohttp.ClientConnectorDNSError():
            return "has a name that cannot be resolved", network
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return f"is behind a proxy that fails: {reason}", "check proxy-url and HTTPS_PROXY"
        case aiohttp.ClientConnectorError():
            return f"cannot be reached: {clean(str(error.os_error), 120)}", network
        case aiohttp.InvalidURL():
            return "is not an address", "check server in the kubeconfig"
        case TimeoutError():
            return "does not answer in time", network
        case error if isinstance(error, _BROKE):
            return f"broke the connection: {reason}", "try again"
        case _:
            return f"gave an answer that is not HTTP: {reason}", network
