"""A connection to one Kubernetes API server: raw JSON in and out, every failure by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from meshtui.errors import read_only_error
from meshtui.kube.api_request import ApiRequest
from meshtui.kube.channels import Channels, pod_ask
from meshtui.kube.exchange import ApiResponse, Exchange
from meshtui.kube.failures import failure
from meshtui.kube.kubeconfig import Context
from meshtui.kube.lines import LineSplitter
from meshtui.kube.patience import Patience
from meshtui.kube.portforward import PROTOCOL, PortForward
from meshtui.mesh.json_text import decode

if TYPE_CHECKING:
    from meshtui.kube.transport import Transport

LONGEST_LINE = 2**20


class Cluster:
    """One context of a kubeconfig, connected.

    Every method raises only `meshtui.errors`: Unreachable, NotAllowed, NotFound, Conflict,
    Refused, and `kube.failures.Expired` for a 410. Times are seconds. A `timeout` is for the
    whole call, with the log-in and the waits a busy server asks for, which a caller's
    `asyncio.timeout` could not tell apart from its own.
    """

    def __init__(
        self,
        transport: Transport,
        context: Context,
        *,
        read_only: bool = False,
        patience: Patience | None = None,
    ) -> None:
        self._transport = transport
        self._exchange = Exchange(transport, patience or Patience())
        self.context = context.name
        self.namespace = context.namespace
        self.user = context.user
        self.server = transport.server
        self.read_only = read_only
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
        terminal: bool = False,
        patience: Patience | None = None,
    ) -> Cluster:
        """Log in as the kubeconfig says, or with the pod's service account where there is none.

        The server is not asked anything yet. `terminal`: a credential plugin may use it. Raises
        Unreachable, Usage or NotAllowed.
        """
        # In a thread: a screen has to paint.
        await asyncio.to_thread(_import_client)
        from meshtui.kube.credentials import login_for
        from meshtui.kube.transport import Transport

        chosen, log_in = login_for(kubeconfig, context, namespace, terminal=terminal)
        transport = Transport(await log_in(), log_in)
        return cls(transport, chosen, read_only=read_only, patience=patience)

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109
        decode: Callable[[bytes], Any] = decode,
    ) -> Any:
        """The JSON at `path`, as `decode` reads it. A busy server is asked again as long as
        `timeout` allows, and a broken answer is read again.
        """
        ask = ApiRequest("GET", path, params or {}, decode=decode)
        return (await self._exchange.json(ask, timeout)).value

    async def get_text(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> str:
        """The text at `path`; what is not UTF-8 is replaced."""
        ask = ApiRequest("GET", path, params or {}, accept="*/*", headers=headers or {})
        return await self._exchange.text(ask, timeout)

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
        """A question that is asked by POST, or a write whose warnings nobody reads: see `write`."""
        answer = await self.write(
            method, path, body, content_type=content_type, params=params, timeout=timeout
        )
        return answer.value

    async def write(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        content_type: str = "application/json",
        params: Mapping[str, str] | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> ApiResponse:
        """POST, PUT, PATCH or DELETE; gives the server's JSON and its warnings.

        Sent again only where the server says that it did not process it (429). Where it was
        sent and its outcome is not known, the Unreachable is a `kube.failures.Unanswered`.
        Raises NotAllowed, with nothing sent, on a read-only connection, except for dry runs and
        for reviews (questions that are asked by POST).
        """
        ask = ApiRequest(method.upper(), path, params or {}, body, content_type)
        if self.read_only and ask.writes:
            raise read_only_error(str(ask))
        return await self._exchange.json(ask, timeout)

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
        ask = ApiRequest("GET", path, params or {}, accept="application/json, */*")
        splitter = LineSplitter(longest)
        response = await self._exchange.stream(ask, silence)
        try:
            if opened is not None:
                opened()
            with self._transport.described_failures(ask):
                while chunk := await response.read():
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
        ask: ApiRequest,
        what: str,
        protocols: Sequence[str],
        *,
        timeout: float,  # noqa: ASYNC109
    ) -> Channels:
        """A WebSocket in one of `protocols`; its errors begin with `what`."""
        async with self._exchange.within(ask, timeout):
            socket = await self._transport.websocket(ask, protocols)
        if isinstance(socket, int):
            raise failure(socket, b"", what, self.server)
        return Channels(socket, what)

    async def close(self) -> None:
        """Hang up. Nothing may be asked afterwards."""
        await self._transport.close()


def _import_client() -> None:
    import meshtui.kube.credentials
    import meshtui.kube.http_session
    import meshtui.kube.transport  # noqa: F401
