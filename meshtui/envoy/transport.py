"""httpx over one connection that is there already: a port-forward."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpcore

from meshtui.kube.lean_httpx import httpx

if TYPE_CHECKING:
    from meshtui.kube.portforward import PortForward


class ForwardTransport(httpx.AsyncBaseTransport):
    """Carries requests over the stream, one after the other. Nothing is retried."""

    def __init__(self, stream: PortForward) -> None:
        origin = httpcore.Origin(b"http", b"localhost", 80)
        self._connection = httpcore.AsyncHTTP11Connection(origin, _Stream(stream))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx(request):
            response = await self._connection.handle_async_request(asked)
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response, request),
            extensions=response.extensions,
        )

    @property
    def reusable(self) -> bool:
        """Whether another request may follow the last one."""
        return self._connection.is_idle()

    async def aclose(self) -> None:
        await self._connection.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


class _Stream(httpcore.AsyncNetworkStream):
    """A port-forward as httpcore reads and writes it. The time limit is the caller's."""

    def __init__(self, stream: PortForward) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if buffer:
            await self._stream.write(buffer)

    async def aclose(self) -> None:
        await self._stream.aclose()


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """The errors of httpx in place of those of httpcore, as its own transports raise them."""
    try:
        yield
    except httpcore.ProtocolError as error:
        raise httpx.RemoteProtocolError(str(error), request=request) from error
    except (httpcore.NetworkError, httpcore.TimeoutException) as error:
        raise httpx.NetworkError(str(error), request=request) from error
