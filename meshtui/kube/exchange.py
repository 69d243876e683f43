"""One whole call: sent, tried again where that is safe, read to its end, or one named error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, Unreachable
from meshtui.kube.api_request import ApiRequest
from meshtui.kube.failures import MAYBE_DONE_HINT, Broken, Unanswered, failure, maybe_done
from meshtui.kube.patience import Patience
from meshtui.kube.warning_headers import warnings_of
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    from meshtui.kube.http import Headers, Response
    from meshtui.kube.transport import Transport

LARGEST_ANSWER = 128 * 2**20
LARGEST_ERROR = 16 * 2**20
"""Strict validation quotes the whole object, twice and escaped, before it says what is wrong."""

_READS_AT_ONCE = 32
_HEAD_S = 10.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """What the server said: `value` is its JSON, `warnings` the texts of its Warning headers."""

    value: Any
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    headers: Headers
    body: bytes


class Exchange:
    """Calls to one API server; `Cluster` says what each raises. Times are seconds."""

    def __init__(self, transport: Transport, patience: Patience) -> None:
        self._transport = transport
        self._patience = patience
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)

    async def json(self, ask: ApiRequest, seconds: float) -> ApiResponse:
        """The JSON of the answer. Raises Unanswered where a write's makes no sense."""
        return await self._call(ask, seconds, self._parsed)

    async def text(self, ask: ApiRequest, seconds: float) -> str:
        """The text of the answer; what is not UTF-8 is replaced."""
        return await self._call(ask, seconds, _decoded)

    async def stream(self, ask: ApiRequest, silence: float | None) -> Response:
        """The response once it begins; `silence` seconds without a byte break it off."""
        if silence is None:
            return await self._opened(ask, None)
        async with self.within(ask, min(silence, _HEAD_S)):
            return await self._opened(ask, silence)

    @asynccontextmanager
    async def within(self, ask: ApiRequest, seconds: float) -> AsyncIterator[None]:
        """The time limit of a whole call, log-in and waits included."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise self._transport.unreachable(ask, error) from error

    async def _call(
        self, ask: ApiRequest, seconds: float, read: Callable[[ApiRequest, _Response], _T]
    ) -> _T:
        deadline = self._patience.clock() + seconds
        async with self.within(ask, seconds):
            response, value = await self._patiently(ask, deadline, read)
        if value is not None:
            return value
        error = failure(response.status, response.body, str(ask), self._transport.server)
        if ask.writes and maybe_done(response.status, response.body):
            raise Unanswered(error.what, MAYBE_DONE_HINT)
        raise error

    async def _patiently(
        self, ask: ApiRequest, deadline: float, read: Callable[[ApiRequest, _Response], _T]
    ) -> tuple[_Response, _T | None]:
        """The answer that counts and what `read` makes of it: None where it is a failure."""
        busy = broken = 0
        while True:
            try:
                response = await self._once(ask)
                if response.status < 300:
                    return response, read(ask, response)
            except Broken:
                broken += 1
                if ask.writes or broken > self._patience.rereads:
                    raise
                continue
            wait = self._patience.wait(ask, response.status, response.headers)
            overdue = wait is not None and self._patience.clock() + wait >= deadline
            if wait is None or overdue or busy == self._patience.retries:
                return response, None
            busy += 1
            await self._patience.sleep(wait)

    async def _once(self, ask: ApiRequest) -> _Response:
        if ask.writes:
            return await self._sent(ask)
        async with self._reads:
            return await self._sent(ask)

    async def _sent(self, ask: ApiRequest) -> _Response:
        response = await self._transport.open(ask)
        try:
            most = LARGEST_ERROR if response.status >= 300 else LARGEST_ANSWER
            with self._transport.described_failures(ask):
                body = await _body(response, most)
            if len(body) > most and response.status < 300:
                raise self._too_long(ask, most)
            return _Response(response.status, response.headers, body)
        finally:
            # Gives the connection back where all was read, and drops it where not.
            response.release()

    def _too_long(self, ask: ApiRequest, most: int) -> MeshtuiError:
        problem = f"{self._transport.server} answers {ask} with more than {most >> 20} MiB"
        if ask.writes:
            return Unanswered(problem, MAYBE_DONE_HINT)
        return Unreachable(problem, "ask for less: a namespace or a selector")

    async def _opened(self, ask: ApiRequest, silence: float | None) -> Response:
        response = await self._transport.open(ask, silence=silence)
        if response.status < 300:
            return response
        try:
            with self._transport.described_failures(ask):
                body = await _body(response, LARGEST_ERROR)
        finally:
            response.close()
        raise failure(response.status, body, str(ask), self._transport.server)

    def _parsed(self, ask: ApiRequest, response: _Response) -> ApiResponse:
        try:
            value = ask.decode(response.body)
        except (ValueError, RecursionError) as error:
            raise self._garbled(ask, response.body) from error
        return ApiResponse(value, warnings_of(response.headers.getall("Warning")))

    def _garbled(self, ask: ApiRequest, body: bytes) -> MeshtuiError:
        start = clean(body[:60].decode("utf-8", "replace"))
        problem = (
            f"{self._transport.server} answers {ask} with something that is not JSON: {start!r}"
        )
        if ask.writes:
            return Unanswered(problem, MAYBE_DONE_HINT)
        page = body.lstrip().startswith(b"<")
        return (Unreachable if page else Broken)(problem, "is a proxy or a login page in between?")


def _decoded(_: ApiRequest, response: _Response) -> str:
    return response.body.decode("utf-8", "replace")


async def _body(response: Response, most: int) -> bytes:
    """The body, or a little more than `most` bytes of it."""
    chunks, size = [], 0
    while size <= most and (chunk := await response.read()):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)
