"""A port-forward's frames, as kubelets send them and as they should not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import WSMessage, WSMsgType

from meshtui.errors import Unreachable
from meshtui.kube.channels import Channels
from meshtui.kube.portforward import PortForward

PORT = b"\x98\x3a"


@dataclass
class Socket:
    """Gives the frames one by one, then the end."""

    frames: list[bytes]
    sent: list[bytes] = field(default_factory=list)
    closed: int = 0

    async def receive(self) -> WSMessage:
        if self.frames:
            return WSMessage(WSMsgType.BINARY, self.frames.pop(0), None)
        return WSMessage(WSMsgType.CLOSED, None, None)

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append(data)

    async def close(self) -> None:
        self.closed += 1


def forward(*frames: bytes) -> tuple[PortForward, Socket]:
    socket = Socket(list(frames))
    channels = Channels(socket, "port-forward to shop/p:15000")  # type: ignore[arg-type]
    return PortForward(channels), socket


@pytest.mark.parametrize(
    "frames",
    [
        (b"\x00" + PORT, b"\x01" + PORT, b"\x00hello ", b"\x00world"),
        (b"\x00" + PORT + b"hello", b"\x00", b"\x00 world"),
        (b"\x00\x98", b"\x01" + PORT, b"\x00\x3ahello world"),
        (b"", b"\x00" + PORT, b"\x07noise", b"\x00hello world"),
    ],
)
async def test_the_data_comes_without_channels_and_ports(frames: Sequence[bytes]) -> None:
    stream, _ = forward(*frames)
    data = b""
    while piece := await stream.read(4):
        assert len(piece) <= 4
        data += piece
    assert data == b"hello world"
    assert await stream.read() == b""


async def test_what_came_before_an_error_is_read_first() -> None:
    stream, _ = forward(
        b"\x00" + PORT, b"\x01" + PORT, b"\x00part", b"\x01connection \x1b[31mrefused\n"
    )
    assert await stream.read() == b"part"
    with pytest.raises(Unreachable) as caught:
        await stream.read()
    assert "shop/p:15000" in caught.value.what
    assert "connection ^[[31mrefused" in caught.value.what
    assert await stream.read() == b""


async def test_writes_go_out_on_the_data_channel_in_frames_of_bounded_size() -> None:
    stream, socket = forward()
    await stream.write(b"x" * 70_000)
    assert all(frame[:1] == b"\x00" and len(frame) <= 32_769 for frame in socket.sent)
    assert sum(len(frame) - 1 for frame in socket.sent) == 70_000


async def test_closing_ends_reading() -> None:
    stream, socket = forward(b"\x00" + PORT, b"\x00hello")
    await stream.aclose()
    assert await stream.read() == b""
    assert socket.closed == 1
