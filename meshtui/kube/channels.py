"""A WebSocket to a pod's streams: each frame's first byte is its channel.

Who may open one: a WebSocket begins with a GET, so every API server asks for `get` on the
subresource (`pods/exec`, `pods/portforward`), and from Kubernetes 1.35 for `create` as well
(feature gate AuthorizePodWebsocketUpgradeCreatePermission, on by default:
https://github.com/kubernetes/kubernetes/pull/134577). `create` alone, which was enough for
kubectl's SPDY, never is: https://github.com/kubernetes/kubernetes/issues/78741
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from meshtui.errors import Unreachable
from meshtui.kube.api_request import ApiRequest
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp import ClientWebSocketResponse

_GOODBYE_S = 0.5


def pod_ask(
    namespace: str, pod: str, subresource: str, params: Mapping[str, str | Sequence[str]]
) -> ApiRequest:
    """The request that opens a WebSocket to a subresource of a pod."""
    names = f"namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}"
    return ApiRequest("GET", f"/api/v1/{names}/{subresource}", params, accept="*/*")


class Channels:
    """Frames both ways, for one reader and one writer; `what` begins the text of its errors."""

    def __init__(self, socket: ClientWebSocketResponse, what: str) -> None:
        self._socket = socket
        self._what = what

    async def receive(self) -> tuple[int, bytes] | None:
        """The next frame that has a channel, and its data; None at the end.

        Raises Unreachable where the frames make no sense. Waits without limit.
        """
        from aiohttp import WSMsgType

        while True:
            message = await self._socket.receive()
            match message.type:
                case WSMsgType.BINARY:
                    frame = message.data
                case WSMsgType.TEXT:
                    frame = message.data.encode()
                case WSMsgType.ERROR:
                    raise self.broken(str(message.data))
                case _:
                    return None
            if frame:
                return frame[0], frame[1:]

    async def send(self, channel: int, data: bytes) -> None:
        """Raises Unreachable where the connection is gone."""
        try:
            await self._socket.send_bytes(bytes([channel]) + data)
        except (OSError, RuntimeError) as error:
            raise self.broken("the connection is closed") from error

    async def close(self) -> None:
        """Says goodbye, without waiting for a peer that is silent; may be called again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._socket.close()

    def broken(self, why: str, hint: str = "is the pod running?") -> Unreachable:
        return Unreachable(f"{self._what} failed: {clean(why.strip(), 200)}", hint)
