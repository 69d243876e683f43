"""TCP to a pod's ports over a WebSocket (`v4.channel.k8s.io`).

Each port has two channels, one for data and one for errors. A message's first byte is its channel;
the first message of each channel is the port, as two little-endian bytes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from meshtui.lab.api import status, writes
from meshtui.lab.api.call import Call
from meshtui.lab.contract import Address

PROTOCOLS = ("v4.channel.k8s.io", "portforward.k8s.io")
_CHUNK = 32 * 1024


@dataclass(slots=True)
class _Tunnel:
    """One port: its channels, and the connection to the pod once there is one."""

    socket: web.WebSocketResponse
    port: int
    channel: int
    pod: str
    namespace: str
    writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        opening = self.port.to_bytes(2, "little")
        await self.socket.send_bytes(bytes([self.channel]) + opening)
        await self.socket.send_bytes(bytes([self.channel + 1]) + opening)

    async def run(self, address: Address | None, ready: asyncio.Event) -> None:
        """Carry what the pod sends, until it closes."""
        try:
            reader, self.writer = await _connect(address)
        except OSError:
            await self._fail()
            return
        finally:
            ready.set()
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                await self.socket.send_bytes(bytes([self.channel]) + data)

    async def send(self, data: bytes) -> None:
        """Give the pod what the client sent; waits while the pod does not take it."""
        if self.writer is not None and not self.writer.is_closing():
            self.writer.write(data)
            with suppress(ConnectionError):
                await self.writer.drain()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()

    async def _fail(self) -> None:
        where = f'inside namespace "/var/run/netns/{self.namespace}-{self.pod}"'
        message = (
            f"error forwarding port {self.port} to pod {self.pod}, uid : failed to execute "
            f'portforward in network namespace "/var/run/netns/{self.namespace}-{self.pod}": '
            f"failed to connect to localhost:{self.port} {where}, "
            f"IPv4: dial tcp4 127.0.0.1:{self.port}: connect: connection refused "
        )
        await self.socket.send_bytes(bytes([self.channel + 1]) + message.encode())


async def _connect(
    address: Address | None,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address is None:
        raise ConnectionRefusedError
    if address.path:
        return await asyncio.open_unix_connection(address.path)
    return await asyncio.open_connection(address.host, address.port)


def requested_ports(call: Call) -> list[int]:
    """The ports of `?ports=…`, which may be repeated and may hold commas."""
    texts = [p for q in call.request.query.getall("ports", []) for p in q.split(",") if p]
    if not texts:
        raise status.bad_request('query parameter "ports" is required')
    for text in texts:
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
            raise status.bad_request(f'unable to parse "{text}" as a port')
    return [int(t) for t in texts]


async def answer_portforward(call: Call) -> web.StreamResponse:
    target, request = call.target, call.request
    pod = writes.existing(call.store, target)
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0)
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    if not socket.can_prepare(request) or not {p.strip() for p in offered.split(",")} & {
        *PROTOCOLS
    }:
        raise status.bad_request(
            "unable to upgrade: only WebSocket with v4.channel.k8s.io is served"
        )
    phase = pod.get("status", {}).get("phase", "Running")
    if phase != "Running":
        raise status.bad_request(f"pod is not running: current phase={phase}")
    ports = requested_ports(call)
    await socket.prepare(request)
    tunnels = [
        _Tunnel(socket, port, 2 * n, target.name, target.namespace) for n, port in enumerate(ports)
    ]
    await _serve(call, socket, tunnels)
    return socket


async def _serve(call: Call, socket: web.WebSocketResponse, tunnels: list[_Tunnel]) -> None:
    """Run until every pod's side or the client's has closed."""
    target, runtime = call.target, call.server.runtime
    ready = [asyncio.Event() for _ in tunnels]
    pumps = []
    for tunnel, connected in zip(tunnels, ready, strict=True):
        await tunnel.open()
        address = runtime.address(target.namespace, target.name, tunnel.port)
        pumps.append(asyncio.ensure_future(tunnel.run(address, connected)))
    reader = asyncio.ensure_future(_read(socket, tunnels, ready))
    all_sent = asyncio.ensure_future(asyncio.wait(pumps))
    try:
        await asyncio.wait((reader, all_sent), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*pumps, reader, all_sent):
            task.cancel()
        await asyncio.gather(*pumps, reader, all_sent, return_exceptions=True)
        for tunnel in tunnels:
            tunnel.close()
        await socket.close()


async def _read(
    socket: web.WebSocketResponse, tunnels: list[_Tunnel], ready: list[asyncio.Event]
) -> None:
    async for message in socket:
        if message.type is not WSMsgType.BINARY or not message.data:
            continue
        number, is_error = divmod(message.data[0], 2)
        if not is_error and number < len(tunnels):
            await ready[number].wait()
            await tunnels[number].send(message.data[1:])
