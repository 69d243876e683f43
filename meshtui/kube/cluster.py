"""A connection to one Kubernetes API server: raw JSON in and out, every failure by name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtui.errors import NotAllowed, Unreachable
from meshtui.kube.ask import Ask
from meshtui.kube.channels import Channels, pod_ask
from meshtui.kube.failures import MAYBE_DONE_HINT, Unanswered, failure, maybe_done
from meshtui.kube.kubeconfig import Context
from meshtui.kube.lines import LineSplitter
from meshtui.kube.portforward import PROTOCOL, PortForward
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from meshtui.kube.transport import Transport

LONGEST_LINE = 2**20
LARGEST_ANSWER = 128 * 2**20
LARGEST_ERROR = 2**16

_TRIES = 3
_READS_AT_ONCE = 32
_HEAD_S = 10.0
_LONGEST_WAIT_S = 4.0
_BUSY = frozenset({429, 503, 504})


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Cluster:
    """One context of a kubeconfig, connected.

    Every method raises only `meshtui.errors`: Unreachable, NotAllowed, NotFound, Conflict,
    Refused, and `kube.failures.Expired` for a 410. Times are seconds. A `timeout` is for the
    whole call, with the log-in and the waits a busy server asks for, which a caller's
    `asyncio.timeout` could not tell apart from its own.
    """

    def __init__(self, transport: Transport, context: Context, *, read_only: bool = False) -> None:
        self._transport = transport
        self.context = context.name
        self.namespace = context.namespace
        self.user = context.user
        self.server = transport.server
        self.read_only = read_only
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)
        self.discovered: dict[str, Any] = {}
        """What the server was found to serve: asked once for a connection."""

    @classmethod
    async def connect(
        cls,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        namespace: str | None = None,
        read_only: bool = False,
    ) -> Cluster:
        """Log in as the kubeconfig says, or with the pod's service account where there is none.

        The server is not asked anything yet. Raises Unreachable, Usage or NotAllowed.
        """
        # In a thread: the client takes half a second to import, and a screen has to paint.
        await asyncio.to_thread(_import_client)
        from meshtui.kube.credentials import login_for
        from meshtui.kube.transport import Transport

        chosen, log_in = login_for(kubeconfig, context, namespace)
        return cls(Transport(await log_in(), log_in), chosen, read_only=read_only)

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> Any:
        """The JSON at `path`. A busy server is asked again as long as `timeout` allows."""
        ask = Ask("GET", path, params or {})
        return self._json(ask, await self._call(ask, timeout))

    async def get_text(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> str:
        """The text at `path`; what is not UTF-8 is replaced."""
        answer = await self._call(Ask("GET", path, params or {}, accept="*/*"), timeout)
        return answer.body.decode("utf-8", "replace")

    async def send(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        content_type: str = "application/json",
        params: Mapping[str, str] | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> Any:
        """POST, PUT, PATCH or DELETE; gives the server's JSON.

        Never sent twice by itself. Where it was sent and no answer came, the Unreachable is a
        `kube.failures.Unanswered`. Raises NotAllowed, with nothing sent, on a read-only
        connection, except for dry runs and for reviews (questions that are asked by POST).
        """
        ask = Ask(method.upper(), path, params or {}, body, content_type)
        if self.read_only and ask.writes:
            raise NotAllowed(f"{ask}: meshtui runs read-only", "start it without --read-only")
        return self._json(ask, await self._call(ask, timeout))

    async def lines(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        silence: float | None = None,
        longest: int = LONGEST_LINE,
        opened: Callable[[], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """What the server streams at `path`, a line at a time, for as long as it does.

        Nothing read for `silence` seconds raises Unreachable, and so does a server that takes
        more than ten to begin. Without `silence` even that may last: a log may have no line yet.
        Of a line only the first `longest` bytes are given. `opened` is called when the server
        begins to answer, which may be long before the first line. Close it with `aclose()` (or
        `contextlib.aclosing`) to hang up.
        """
        ask = Ask("GET", path, params or {}, accept="application/json, */*")
        splitter = LineSplitter(longest)
        response = await self._stream(ask, silence)
        try:
            if opened is not None:
                opened()
            with self._transport.told(ask):
                async for chunk in response.content.iter_any():
                    for line in splitter.feed(chunk):
                        yield line
            for line in splitter.end():
                yield line
        finally:
            response.close()

    async def port_forward(
        self,
        namespace: str,
        pod: str,
        port: int,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109
    ) -> PortForward:
        """A TCP connection to `port` of `pod`; `timeout` is for making it."""
        ask = pod_ask(namespace, pod, "portforward", {"ports": str(port)})
        what = f"port-forward to {namespace}/{pod}:{port}"
        return PortForward(await self.upgrade(ask, what, (PROTOCOL,), timeout=timeout))

    async def upgrade(
        self,
        ask: Ask,
        what: str,
        protocols: Sequence[str],
        *,
        timeout: float,  # noqa: ASYNC109
    ) -> Channels:
        """A WebSocket in one of `protocols`; its errors begin with `what`."""
        async with self._within(ask, timeout):
            socket = await self._transport.websocket(ask, protocols)
        if isinstance(socket, int):
            raise failure(socket, b"", what, self.server)
        return Channels(socket, what)

    async def close(self) -> None:
        """Hang up. Nothing may be asked afterwards."""
        await self._transport.close()

    async def _call(self, ask: Ask, seconds: float) -> _Answer:
        async with self._within(ask, seconds) as deadline:
            if ask.writes:
                answer = await self._once(ask)
            else:
                async with self._reads:
                    answer = await self._patiently(ask, deadline)
        if answer.status < 300:
            return answer
        error = failure(answer.status, answer.body, str(ask), self.server)
        if ask.writes and maybe_done(answer.status, answer.body):
            raise Unanswered(error.what, MAYBE_DONE_HINT)
        raise error

    async def _patiently(self, ask: Ask, deadline: float) -> _Answer:
        """Asks a busy server again, as often and as late as it makes sense before `deadline`."""
        for _ in range(_TRIES - 1):
            answer = await self._once(ask)
            wait = _retry_after(ask, answer)
            if wait is None or asyncio.get_running_loop().time() + wait >= deadline:
                return answer
            await asyncio.sleep(wait)
        return await self._once(ask)

    async def _once(self, ask: Ask) -> _Answer:
        response = await self._transport.open(ask)
        try:
            most = LARGEST_ERROR if response.status >= 300 else LARGEST_ANSWER
            with self._transport.told(ask):
                body = await _body(response, most)
            if len(body) > most and response.status < 300:
                raise Unreachable(
                    f"{self.server} answers {ask} with more than {most >> 20} MiB",
                    "ask for less: a namespace or a selector",
                )
            return _Answer(response.status, response.headers, body)
        finally:
            # Gives the connection back where all was read, and drops it where not.
            response.release()

    async def _stream(self, ask: Ask, silence: float | None) -> ClientResponse:
        if silence is None:
            return await self._opened_stream(ask, None)
        async with self._within(ask, min(silence, _HEAD_S)):
            return await self._opened_stream(ask, silence)

    async def _opened_stream(self, ask: Ask, silence: float | None) -> ClientResponse:
        response = await self._transport.open(ask, silence=silence)
        if response.status < 300:
            return response
        try:
            with self._transport.told(ask):
                body = await _body(response, LARGEST_ERROR)
        finally:
            response.close()
        raise failure(response.status, body, str(ask), self.server)

    @asynccontextmanager
    async def _within(self, ask: Ask, seconds: float) -> AsyncIterator[float]:
        """The time limit of a whole call, log-in and waits included; gives the deadline."""
        try:
            async with asyncio.timeout(seconds):
                yield asyncio.get_running_loop().time() + seconds
        except TimeoutError as error:
            raise self._transport.unreachable(ask, error) from error

    def _json(self, ask: Ask, answer: _Answer) -> Any:
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            start = clean(answer.body[:60].decode("utf-8", "replace"))
            said = f"{self.server} answers {ask} with something that is not JSON: {start!r}"
            if ask.writes:
                raise Unanswered(said, MAYBE_DONE_HINT) from error
            raise Unreachable(said, "is a proxy or a login page in between?") from error


def _import_client() -> None:
    import meshtui.kube.credentials
    import meshtui.kube.transport  # noqa: F401


def _retry_after(ask: Ask, answer: _Answer) -> float | None:
    """Seconds the server asks to wait; None where a new try is not wanted or would take long."""
    if ask.method != "GET" or answer.status not in _BUSY:
        return None
    given = answer.headers.get("Retry-After", "").strip()
    if not (given.isascii() and given.isdigit() and len(given) < 6):
        return None
    seconds = float(given)
    return seconds if seconds <= _LONGEST_WAIT_S else None


async def _body(response: ClientResponse, most: int) -> bytes:
    """The body, or a little more than `most` bytes of it."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            break
    return b"".join(chunks)
