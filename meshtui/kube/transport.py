"""The one place that talks HTTP to an API server, and its failures by name."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from meshtui.errors import Unreachable, Usage
from meshtui.kube.address import without_userinfo
from meshtui.kube.api_request import ApiRequest
from meshtui.kube.failures import (
    MAYBE_DONE_HINT,
    Broken,
    Unanswered,
    Unauthenticated,
    redirected,
)
from meshtui.kube.http import Header, HttpSession, Response, needs_proxy
from meshtui.kube.http_errors import (
    HttpError,
    Lost,
    NoAddress,
    NoName,
    NotSent,
    ProxyFailed,
    Redirect,
    Unconnected,
    Untrusted,
)
from meshtui.kube.login import Connection, Login, tls_context
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

    from meshtui.kube.session import ProxiedSession

_LOG_IN_AGAIN_S = 10.0
_UNAUTHORIZED = 401
_PATH_SAFE = "/%:@~!$&'()*+,;="
_QUERY_SAFE = "/:~!'()*,="
"""What a value may have as it is: PromQL, encoded throughout, is half as long again."""

LogIn = Callable[[], Awaitable[Login]]


class Transport:
    """A session with one API server that can log in again without breaking what is under way."""

    def __init__(self, login: Login, log_in: LogIn) -> None:
        be_quiet()
        self._log_in = log_in
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed_at = time.monotonic() - _LOG_IN_AGAIN_S
        self._retired: list[_Sessions] = []
        self.logins = 1
        self._login = login
        self._sessions = _Sessions(login.connection)

    @property
    def server(self) -> str:
        return clean(self._login.connection.host, 200)

    async def open(self, ask: ApiRequest, *, silence: float | None = None) -> Response:
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
    ) -> ClientWebSocketResponse | int:
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
        for sessions in (*self._retired, self._sessions):
            await sessions.close()

    @contextmanager
    def described_failures(self, ask: ApiRequest) -> Iterator[None]:
        """Turns everything the network can do into Unreachable, naming the server."""
        try:
            yield
        except (HttpError, TimeoutError, OSError, ValueError) as error:
            raise self.unreachable(ask, error) from error

    def unreachable(self, ask: ApiRequest, error: BaseException) -> Unreachable:
        what, hint = _why(error)
        problem = f"{self.server} {what} ({ask})"
        if isinstance(error, Redirect):
            return redirected(str(ask), self.server, error.status)
        if isinstance(error, NotSent):
            return Unreachable(problem, hint)
        if ask.writes:
            return Unanswered(problem, MAYBE_DONE_HINT)
        broke = isinstance(error, Lost | OSError) and not isinstance(error, TimeoutError)
        return (Broken if broke else Unreachable)(problem, hint)

    async def _open(self, ask: ApiRequest, silence: float | None) -> Response:
        headers = [*await self._headers(ask.accept), ("Content-Type", ask.content_type)]
        known = {name.lower() for name, _ in headers}
        headers += [pair for pair in ask.headers.items() if pair[0].lower() not in known]
        body = None if ask.body is None else json.dumps(ask.body).encode()
        with self.described_failures(ask):
            session = await self._sessions.for_requests()
            return await session.request(ask.method, _target(ask), headers, body, silence)

    async def _upgrade(
        self, ask: ApiRequest, protocols: Sequence[str]
    ) -> ClientWebSocketResponse | int:
        headers = await self._headers("*/*")
        with self.described_failures(ask):
            session = await self._sessions.for_websockets()
            return await session.websocket(_target(ask), headers, protocols)

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

    async def _headers(self, accept: str) -> list[Header]:
        headers = [("Accept", accept), ("User-Agent", "meshtui")]
        try:
            authorization = await self._login.authorization()
        except OSError as error:
            raise Unauthenticated(f"the token cannot be read: {clean(str(error), 200)}") from error
        if authorization:
            headers.append(("Authorization", authorization))
        return [*headers, *self._login.headers]

    async def _log_in_again(self) -> None:
        try:
            login = await self._log_in()
            if login.connection.host != self._login.connection.host:
                raise Unauthenticated(
                    f"the kubeconfig no longer leads to {self.server}", "start meshtui anew"
                )
            if login.connection != self._login.connection:
                # Streams that run on the old sessions end in their own time.
                sessions = _Sessions(login.connection)
                self._retired.append(self._sessions)
                self._sessions = sessions
            self._login = login
            self.logins += 1
        finally:
            self._refreshed_at = time.monotonic()


class _Sessions:
    """The clients of one login: made when they are first needed.

    Raises Usage where the kubeconfig's certificates cannot be used.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tls = _tls(connection)
        self._proxied = needs_proxy(connection)
        self._pooled: HttpSession | None = None
        self._aiohttp: ProxiedSession | None = None

    async def for_requests(self) -> HttpSession:
        if self._proxied:
            return await self.for_websockets()
        if self._pooled is None:
            from meshtui.kube.http_session import PooledSession

            self._pooled = PooledSession(self._connection, self._tls)
        return self._pooled

    async def for_websockets(self) -> ProxiedSession:
        # In a thread: aiohttp takes a fifth of a second to import, and a screen has to paint.
        made = await asyncio.to_thread(_import_aiohttp)
        if self._aiohttp is None:
            self._aiohttp = made(self._connection, self._tls)
        return self._aiohttp

    async def close(self) -> None:
        for session in (self._pooled, self._aiohttp):
            if session is not None:
                await session.close()


def _import_aiohttp() -> type[ProxiedSession]:
    from meshtui.kube.session import ProxiedSession

    return ProxiedSession


def _tls(connection: Connection) -> ssl.SSLContext | None:
    """None where all is plain: making one reads every authority that the system knows."""
    if connection.host.startswith("http://") and not needs_proxy(connection):
        return None
    try:
        return tls_context(connection)
    except (OSError, ValueError) as error:
        raise Usage(
            "the kubeconfig's certificates cannot be used", clean(str(error), 200)
        ) from error


def _target(ask: ApiRequest) -> str:
    query = urlencode(ask.params, quote_via=quote, doseq=True, safe=_QUERY_SAFE)
    path = quote(ask.path, safe=_PATH_SAFE)
    return f"{path}?{query}" if query else path


def _in_words(text: str) -> str:
    """What the system calls it, once, where several addresses were tried."""
    numbers = dict.fromkeys(int(number) for number in re.findall(r"\[Errno (-?\d+)\]", text))
    return ", ".join(os.strerror(number).lower() for number in numbers) or text[:120]


def _why(error: BaseException) -> tuple[str, str]:
    """What happened, and what to do about it. The order matters: most particular first."""
    reason = clean(without_userinfo(str(error) or type(error).__name__), 160)
    network = "is the cluster up, and is this the right context?"
    match error:
        case Untrusted() | ssl.SSLError():
            return f"cannot be trusted: {reason}", "check certificate-authority in the kubeconfig"
        case NoName():
            return "has a name that cannot be resolved", network
        case ProxyFailed():
            return f"is behind a proxy that fails: {reason}", "check proxy-url and HTTPS_PROXY"
        case Unconnected():
            return f"cannot be reached: {_in_words(clean(str(error), 400))}", network
        case NoAddress():
            return "is not an address", "check server in the kubeconfig"
        case TimeoutError():
            return "does not answer in time", network
        case Lost() | OSError():
            return f"broke the connection: {reason}", "try again"
        case _:
            return f"gave an answer that is not HTTP: {reason}", network


def be_quiet() -> None:
    """A screen is open: what these libraries log must never reach it."""
    for name in ("kubernetes", "aiohttp.client", "aiohttp.internal", "aiohttp.websocket"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
