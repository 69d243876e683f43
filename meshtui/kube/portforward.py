"""One TCP connection to a port of a pod, through the API server.

Protocol: `v4.channel.k8s.io` over WebSocket. The first byte of a frame is its channel: 0 the
data, 1 an error text; each channel opens with the port as two little-endian bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.errors import Unreachable
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

PROTOCOL = "v4.channel.k8s.io"

_DATA, _ERROR = 0, 1
_PORT_BYTES = 2
_FRAME = 32 * 1024


class PortForward:
    """A byte stream with one port of a pod. For one reader and one writer."""

    def __init__(self, socket: ClientWebSocketResponse, target: str) -> None:
        self._socket = socket
        self._target = target
        self._unread = bytearray()
        self._opening = {_DATA: _PORT_BYTES, _ERROR: _PORT_BYTES}
        self._ended = False

    async def read(self, most: int = 65536) -> bytes:
        """At least one byte and at most `most`; b"" at the end.

        Raises Unreachable with the kubelet's words where nothing listens on the port, and where
        the connection breaks. Waits without limit: the caller knows how long is too long.
        """
        while not self._unread and not self._ended:
            await self._receive()
        data = bytes(self._unread[:most])
        del self._unread[:most]
        return data

    async def write(self, data: bytes) -> None:
        """Raises Unreachable where the connection is gone."""
        try:
            for start in range(0, len(data), _FRAME):
                await self._socket.send_bytes(bytes([_DATA]) + data[start : start + _FRAME])
        except (OSError, RuntimeError) as error:
            raise self._broken("the connection is closed") from error

    async def aclose(self) -> None:
        """Ends the connection; may be called again."""
        self._ended = True
        await self._socket.close()

    async def _receive(self) -> None:
        from aiohttp import WSMsgType

        message = await self._socket.receive()
        match message.type:
            case WSMsgType.BINARY:
                self._take(message.data)
            case WSMsgType.TEXT:
                self._take(message.data.encode())
            case WSMsgType.ERROR:
                self._ended = True
                raise self._broken(str(message.data))
            case _:
                self._ended = True

    def _take(self, frame: bytes) -> None:
        channel, data = (frame[0], frame[1:]) if frame else (_DATA, b"")
        opening = min(self._opening.get(channel, 0), len(data))
        if opening:
            self._opening[channel] -= opening
            data = data[opening:]
        if channel == _DATA:
            self._unread += data
        elif channel == _ERROR and data:
            self._ended = True
            raise self._broken(data.decode("utf-8", "replace"))

    def _broken(self, why: str) -> Unreachable:
        return Unreachable(
            f"port-forward to {self._target} failed: {clean(why.strip(), 200)}",
            "is the pod running and listening there?",
        )
