"""One TCP connection to a port of a pod, through the API server.

Protocol: `v4.channel.k8s.io` over WebSocket. Channel 0 is the data, 1 an error text; each opens
with the port as two little-endian bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.errors import Unreachable

if TYPE_CHECKING:
    from meshtui.kube.channels import Channels

PROTOCOL = "v4.channel.k8s.io"

_DATA, _ERROR = 0, 1
_PORT_BYTES = 2
_FRAME = 32 * 1024


class PortForward:
    """A byte stream with one port of a pod. For one reader and one writer."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
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
        for start in range(0, len(data), _FRAME):
            await self._channels.send(_DATA, data[start : start + _FRAME])

    async def aclose(self) -> None:
        """Ends the connection, at once; may be called again."""
        self._ended = True
        await self._channels.close()

    async def _receive(self) -> None:
        try:
            frame = await self._channels.receive()
        except Unreachable:
            self._ended = True
            raise
        if frame is None:
            self._ended = True
        else:
            self._handle_frame(*frame)

    def _handle_frame(self, channel: int, data: bytes) -> None:
        opening = min(self._opening.get(channel, 0), len(data))
        if opening:
            self._opening[channel] -= opening
            data = data[opening:]
        if channel == _DATA:
            self._unread += data
        elif channel == _ERROR and data:
            self._ended = True
            raise self._channels.broken(
                data.decode("utf-8", "replace"), "is the pod running and listening there?"
            )
