"""Questions to Envoy's admin interface over a port-forward that may do anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from meshtui.envoy.admin import admin_get
from meshtui.envoy.clusters import parse_configured
from meshtui.envoy.dump import parse_routes
from meshtui.envoy.endpoints import parse_endpoints
from meshtui.envoy.listeners import parse_listeners
from meshtui.envoy.proxy import (
    ask,
    clusters_path,
    endpoints_path,
    listeners_path,
    read_tables,
    rejected_updates,
    routes_path,
)
from meshtui.errors import MeshtuiError, NotFound, Refused, Unreachable
from meshtui.mesh.model import Pod

POD = Pod("default", "productpage-1")


class Forward:
    """A port-forward to a peer that answers any request with `answer`, a few bytes at a time."""

    def __init__(self, answer: bytes, piece: int, hangs: bool) -> None:
        self.sent = b""
        self.closed = False
        self._left = answer
        self._piece = piece
        self._hangs = hangs

    async def write(self, data: bytes) -> None:
        self.sent += data

    async def read(self, most: int) -> bytes:
        if not self._left and self._hangs:
            await asyncio.Event().wait()
        piece, self._left = self._left[: self._piece], self._left[self._piece :]
        return piece

    async def aclose(self) -> None:
        self.closed = True


class Proxy:
    """A cluster with one pod whose Envoy says `answer`; `forward` is the last connection."""

    def __init__(self, answer: bytes = b"", *, piece: int = 7, hangs: bool = False) -> None:
        self._make = lambda: Forward(answer, piece, hangs)
        self.refuses: MeshtuiError | None = None
        self.forward = self._make()

    async def port_forward(
        self,
        namespace: str,
        pod: str,
        port: int,
        *,
        timeout: float,  # noqa: ASYNC109
    ) -> Forward:
        assert (namespace, pod, port) == ("default", "productpage-1", 15000)
        if self.refuses:
            raise self.refuses
        self.forward = self._make()
        return self.forward

    @property
    def asked(self) -> str:
        return self.forward.sent.split(b" ")[1].decode()


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


async def get(proxy: Proxy, path: str = "/x", **options: float) -> bytes:
    return await admin_get(proxy, "default", "productpage-1", path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("piece", [1, 5, 100_000])
@pytest.mark.parametrize(
    ("said", "body"),
    [
        (answer(b"hello"), b"hello"),
        (answer(b""), b""),
        (CHUNKED, b"abcde"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", b"until the end"),
    ],
)
async def test_a_body_however_it_is_delimited(said: bytes, body: bytes, piece: int) -> None:
    proxy = Proxy(said, piece=piece)
    assert await get(proxy, "/stats?a=b") == body
    assert proxy.forward.sent.startswith(b"GET /stats?a=b HTTP/1.1\r\nHost: localhost\r\n")
    assert b"Connection: close\r\n" in proxy.forward.sent
    assert proxy.forward.closed


async def test_a_status_other_than_200_is_told_without_control_characters() -> None:
    with pytest.raises(
        Refused, match=r"proxy of default/productpage-1 answers /x with 404: n\^\[\[31m"
    ):
        await get(Proxy(answer(b"n\x1b[31m", "404 Not Found")))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(code: int) -> None:
    away = f"HTTP/1.1 {code} X\r\nLocation: http://localhost/y\r\nContent-Length: 0\r\n\r\n"
    proxy = Proxy(away.encode())
    with pytest.raises(Refused, match=f"answers /x with {code}"):
        await get(proxy)
    assert proxy.forward.sent.count(b"GET ") == 1


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"SSH-2.0\r\n\r\n"]
)
async def test_an_answer_that_is_none(said: bytes) -> None:
    proxy = Proxy(said)
    with pytest.raises(Unreachable):
        await get(proxy)
    assert proxy.forward.closed


async def test_silence_ends_by_the_timeout() -> None:
    proxy = Proxy(answer(b"12345")[:-1], hangs=True)
    with pytest.raises(Unreachable, match=r"within 0\.02 s"):
        await get(proxy, timeout=0.02)
    assert proxy.forward.closed


async def test_too_large_an_answer_is_cut_off() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000
    proxy = Proxy(endless, piece=1000)
    with pytest.raises(Refused, match="more than"):
        await get(proxy, limit=5000)
    assert proxy.forward._left


async def test_a_pod_that_is_gone_is_not_found() -> None:
    proxy = Proxy()
    proxy.refuses = NotFound("pod")
    with pytest.raises(NotFound):
        await get(proxy)


@pytest.mark.parametrize(
    ("path", "parse"),
    [
        (routes_path(), parse_routes),
        (clusters_path(), parse_configured),
        (listeners_path(), parse_listeners),
        (endpoints_path(), parse_endpoints),
    ],
)
async def test_a_question_is_asked_as_it_is_put(path: str, parse: Callable[[Any], object]) -> None:
    proxy = Proxy(answer(b"{}"))
    found = await ask(proxy, POD, path, parse)  # type: ignore[arg-type]
    assert (found.facts, found.body, proxy.asked) == ((), b"{}", path)


async def test_a_name_narrows_the_routes_further() -> None:
    proxy = Proxy(answer(b"{}"))
    await read_tables(proxy, POD, name_regex="(.*:)?(80|9080)")  # type: ignore[arg-type]
    assert proxy.asked.endswith("&name_regex=%28.%2A%3A%29%3F%2880%7C9080%29")


async def test_what_is_no_json_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="not JSON"):
        await read_tables(Proxy(answer(b"<html>")), POD)  # type: ignore[arg-type]


async def test_a_large_dump_is_read_beside_the_loop() -> None:
    entry = {"cluster": {"name": "outbound|80||a"}, "filler": "x" * 300_000}
    proxy = Proxy(answer(json.dumps({"configs": [entry]}).encode()), piece=65536)
    found = await ask(proxy, POD, clusters_path(), parse_configured)  # type: ignore[arg-type]
    assert [cluster.limits.name.raw for cluster in found.facts] == ["outbound|80||a"]


async def test_rejected_updates() -> None:
    proxy = Proxy(answer(b"cluster_manager.cds.update_rejected: 2\n"))
    assert await rejected_updates(proxy, POD) == 2  # type: ignore[arg-type]
    assert proxy.asked == "/stats?usedonly&filter=update_rejected%24"
