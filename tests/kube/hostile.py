"""An API server that misbehaves on request: every answer is scripted, down to the bytes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from meshtui.kube.cluster import Cluster

WAIT_S = 5.0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    query: str = ""

    def values(self, name: str) -> list[str]:
        """All values of a parameter that may be repeated."""
        return [value for key, value in parse_qsl(self.query) if key == name]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Reply = Callable[["Request", asyncio.StreamWriter], Awaitable[bool]]
"""Writes an answer; True keeps the connection for the next request."""


def raw(data: bytes, *, reset: bool = False) -> Reply:
    """These bytes and then the end of the connection, rudely where `reset`."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await writer.drain()
        if reset:
            writer.transport.abort()
        return False

    return reply


def answer(status: int, body: bytes, **headers: str) -> Reply:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode()

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        writer.write(head + body)
        await writer.drain()
        return True

    return reply


def ok(body: Any, status: int = 200, **headers: str) -> Reply:
    return answer(status, json.dumps(body).encode(), Content_Type="application/json", **headers)


def status(code: int, message: str, reason: str = "", details: Any = None, **headers: str) -> Reply:
    body = {"kind": "Status", "code": code, "message": message, "reason": reason}
    return ok({**body, "details": details or {}}, status=code, **headers)


async def silence(request: Request, writer: asyncio.StreamWriter) -> bool:
    await asyncio.Event().wait()
    return False


class Stream:
    """An answer that goes on for as long as the test says."""

    def __init__(self) -> None:
        self.opened: asyncio.Queue[Request] = asyncio.Queue()
        self._pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await writer.drain()
        self.opened.put_nowait(request)
        while True:
            piece = await self._pieces.get()
            if piece is None:
                writer.write(b"0\r\n\r\n")
                return True
            if isinstance(piece, Exception):
                writer.transport.abort()
                return False
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()

    async def wait_opened(self) -> Request:
        return await asyncio.wait_for(self.opened.get(), WAIT_S)

    def send(self, data: bytes) -> None:
        self._pieces.put_nowait(data)

    def event(self, type_: str, obj: Any) -> None:
        self.send(json.dumps({"type": type_, "object": obj}).encode() + b"\n")

    def end(self) -> None:
        self._pieces.put_nowait(None)

    def reset(self) -> None:
        self._pieces.put_nowait(ConnectionResetError())


NOT_FOUND = answer(404, b"404 page not found\n", Content_Type="text/plain")


@dataclass
class Hostile:
    """The scripted server. What has no script answers 404 as a real one does."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    anything: Reply = field(default_factory=lambda: NOT_FOUND)
    """The answer to what has no script."""

    _scripts: dict[str, list[Reply]] = field(default_factory=dict)

    def on(self, key: str, *replies: Reply) -> None:
        """Script `key`: "PATH", "METHOD PATH" or "watch PATH". The last reply is repeated."""
        self._scripts[key] = list(replies)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def reply_to(self, request: Request) -> Reply:
        kind = "watch" if request.params.get("watch") else request.method
        for key in (f"{kind} {request.path}", request.path):
            replies = self._scripts.get(key)
            if replies:
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return self.anything

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader):
                self.requests.append(request)
                if not await self.reply_to(request)(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body, parts.query)


@asynccontextmanager
async def hostile_server() -> AsyncIterator[Hostile]:
    hostile = Hostile()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await hostile.serve(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    hostile.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield hostile
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def write_kubeconfig(path: Path, server: str, user: dict[str, Any] | None = None) -> str:
    """A kubeconfig with one context, `test`, in namespace `shop`."""
    context = {"cluster": "c", "user": "u", "namespace": "shop"}
    config = {
        "current-context": "test",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "secret"} if user is None else user}],
        "contexts": [{"name": "test", "context": context}],
    }
    path.write_text(yaml.safe_dump(config))
    return str(path)


@asynccontextmanager
async def hostile_cluster(
    tmp_path: Path, user: dict[str, Any] | None = None, **connect: Any
) -> AsyncIterator[tuple[Hostile, Cluster]]:
    """A connection to a server that does what the test scripts."""
    async with hostile_server() as hostile:
        config = write_kubeconfig(tmp_path / "config", hostile.url, user)
        cluster = await Cluster.connect(kubeconfig=config, **connect)
        try:
            yield hostile, cluster
        finally:
            await cluster.close()


def websocket(
    *frames: bytes, then: Reply | None = None, protocol: str = "v4.channel.k8s.io"
) -> Reply:
    """Upgrades, sends each of `frames` as one message, and ends as `then` does."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        )
        writer.write(head.encode())
        for frame in frames:
            writer.write(b"\x82\x7f" + len(frame).to_bytes(8, "big") + frame)
            await writer.drain()
        return await then(request, writer) if then else False

    return reply
