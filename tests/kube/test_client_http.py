"""The light HTTP client, beside what both clients have in common: connections, TLS, packing."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hostile import Hostile, Reply, Request, answer, hostile_server, ok, raw, silence

from meshtui.kube import http_session
from meshtui.kube.http import needs_proxy
from meshtui.kube.http_errors import Garbled, HttpError, Lost, NoAddress, NotSent, Untrusted
from meshtui.kube.http_session import FEW, PooledSession
from meshtui.kube.login import Connection, tls_context
from meshtui.lab.certs import Certificate, self_signed

PATH = "/api/v1/pods"


async def text(session: PooledSession, path: str = PATH, method: str = "GET") -> bytes:
    response = await session.request(method, path, [], None, None)
    try:
        body = b""
        while piece := await response.read():
            body += piece
        return body
    finally:
        response.release()


@asynccontextmanager
async def session_of(
    host: str, tls: ssl.SSLContext | None = None, **fields: str
) -> AsyncIterator[PooledSession]:
    session = PooledSession(Connection(host, **fields), tls)
    try:
        yield session
    finally:
        await session.close()


def counting(connections: set[object], reply: Reply) -> Reply:
    async def counted(request: Request, writer: asyncio.StreamWriter) -> bool:
        connections.add(writer.get_extra_info("peername"))
        return await reply(request, writer)

    return counted


async def test_a_connection_is_used_again() -> None:
    seen: set[object] = set()
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, counting(seen, answer(200, b"a")))
        assert [await text(session) for _ in range(5)] == [b"a"] * 5
        assert len(seen) == 1


async def test_many_requests_at_once_share_few_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_session, "MOST_SPARE_S", 60.0)
    seen: set[object] = set()
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, counting(seen, answer(200, b"a")))
        found = await asyncio.gather(*(text(session) for _ in range(40)))
        assert found == [b"a"] * 40
        assert len(seen) <= FEW


async def test_a_request_does_not_wait_for_those_that_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Watches hold their connections for as long as they go on."""
    monkeypatch.setattr(http_session, "MOST_SPARE_S", 60.0)
    monkeypatch.setattr(http_session, "LASTS_S", 0.0)
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on("/watch", silence)
        hostile.on(PATH, answer(200, b"a"))
        lasting = [asyncio.create_task(text(session, "/watch")) for _ in range(2 * FEW)]
        try:
            assert await text(session) == b"a"
        finally:
            for task in lasting:
                task.cancel()
            await asyncio.gather(*lasting, return_exceptions=True)


async def test_who_gives_up_waiting_leaves_the_connection_to_others() -> None:
    release = asyncio.Event()

    async def slow(request: Request, writer: asyncio.StreamWriter) -> bool:
        await release.wait()
        return await answer(200, b"a")(request, writer)

    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, slow)
        tasks = [asyncio.create_task(text(session)) for _ in range(3 * FEW)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        release.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        kinds = [type(one) for one in found]
        assert kinds == [asyncio.CancelledError if at % 3 == 0 else bytes for at in range(3 * FEW)]
        assert await text(session) == b"a"


async def test_what_comes_unasked_is_no_answer() -> None:
    """The second answer would be that of somebody else's request."""
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
    two = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    async def both(request: Request, writer: asyncio.StreamWriter) -> bool:
        writer.write(one + two)
        await writer.drain()
        return True

    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, both, answer(200, b"b"))
        assert await text(session) == b"a"
        assert await text(session) == b"b"


@pytest.mark.parametrize(
    "last",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na",
        b"HTTP/1.1 200 OK\r\n\r\na",
        b"HTTP/1.0 200 OK\r\n\r\na",
    ],
)
async def test_a_server_that_hangs_up_after_an_answer_is_connected_to_again(last: bytes) -> None:
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, raw(last), answer(200, b"b"))
        assert await text(session) == b"a"
        assert await text(session) == b"b"


async def test_an_answer_that_is_not_read_to_its_end_costs_its_connection() -> None:
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, answer(200, b"a" * 10), answer(200, b"b"))
        response = await session.request("GET", PATH, [], None, None)
        response.release()
        with pytest.raises(Lost):
            await response.read()
        assert await text(session) == b"b"


async def test_answers_that_only_announce_another_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3
    reply = raw(early + b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, reply)
        assert await text(session) == b"a"


PACKED = gzip.compress(json.dumps({"items": ["x" * 3_000_000]}).encode())


async def test_a_packed_answer_is_unpacked_a_little_at_a_time() -> None:
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, answer(200, PACKED, Content_Encoding="gzip"))
        response = await session.request("GET", PATH, [], None, None)
        sizes = []
        while piece := await response.read():
            sizes.append(len(piece))
        assert sum(sizes) == len(gzip.decompress(PACKED))
        assert max(sizes) <= 2**20


@pytest.mark.parametrize("body", [PACKED[:-9], PACKED[: len(PACKED) // 2], b"{}", PACKED[10:]])
async def test_a_packed_answer_that_is_not_whole_is_none(body: bytes) -> None:
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, answer(200, body, Content_Encoding="gzip"))
        with pytest.raises(Lost):
            await text(session)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (raw(b""), Lost),
        (raw(b"", reset=True), Lost),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"), Lost),
        (raw(b"HTTP/1.1 200 OK\r\nX: "), Lost),
        (raw(b"HTTP/1.1 2x0 OK\r\n\r\n"), Garbled),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na"), Garbled),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: zip\r\n\r\na"), Garbled),
        (raw(b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"), Garbled),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), Garbled),
        (raw(b"\x15\x03\x01\x00\x02\x02"), Garbled),
    ],
)
async def test_what_is_broken_is_told_from_what_is_not_http(
    reply: Reply, kind: type[HttpError]
) -> None:
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        hostile.on(PATH, reply)
        with pytest.raises(kind):
            await text(session)


@pytest.mark.parametrize(
    "headers",
    [[("Impersonate-User", "a\r\nX: y")], [("Impersonate-User", "a\0")], [("Bad Name", "a")]],
)
async def test_nothing_is_sent_with_a_header_that_would_be_two(
    headers: list[tuple[str, str]],
) -> None:
    async with hostile_server() as hostile, session_of(hostile.url) as session:
        with pytest.raises(NoAddress):
            await session.request("GET", PATH, headers, None, None)
        assert hostile.requests == []


async def test_a_path_before_the_api_and_the_name_are_sent_as_the_kubeconfig_has_them() -> None:
    async with hostile_server() as hostile:
        hostile.on(f"/k8s/c%20d{PATH}", ok({}))
        async with session_of(f"{hostile.url}/k8s/c d") as session:
            await text(session)
        assert hostile.requests[0].headers["host"] == hostile.url.removeprefix("http://")


@pytest.mark.parametrize("host", ["http://", "http://:80", "http://a..b:80", "http://[v]:1"])
async def test_a_server_that_is_no_address_is_not_asked(host: str) -> None:
    with pytest.raises((NotSent, ValueError)):
        async with session_of(host) as session:
            await text(session)


# TLS


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("certs"))


@asynccontextmanager
async def secure_server(certs: Certificate, hostile: Hostile) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hostile.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certs.server_context())
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def trusting(certs: Certificate) -> ssl.SSLContext:
    return tls_context(Connection("https://127.0.0.1", certs.cert.read_bytes()))


async def test_tls_is_spoken_with_a_server_that_the_kubeconfig_trusts(
    certs: Certificate,
) -> None:
    hostile = Hostile()
    hostile.on(PATH, answer(200, b"a" * 3_000_000))
    async with (
        secure_server(certs, hostile) as url,
        session_of(url, trusting(certs)) as session,
    ):
        assert len(await text(session)) == 3_000_000
        assert len(await text(session)) == 3_000_000


async def test_another_authority_is_not_trusted(certs: Certificate, tmp_path: Path) -> None:
    other = self_signed(tmp_path)
    hostile = Hostile()
    async with (
        secure_server(certs, hostile) as url,
        session_of(url, trusting(other)) as session,
    ):
        with pytest.raises(Untrusted):
            await text(session)
    assert hostile.requests == []


async def test_another_name_is_not_trusted(certs: Certificate) -> None:
    async with (
        secure_server(certs, Hostile()) as url,
        session_of(url, trusting(certs), server_name="elsewhere.example") as session,
    ):
        with pytest.raises(Untrusted):
            await text(session)


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b""])
async def test_what_is_said_before_tls_is_no_answer(certs: Certificate, first: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, session_of(url, trusting(certs)) as session:
        with pytest.raises(NotSent):
            await text(session)


async def test_a_handshake_that_is_not_answered_is_given_up(
    certs: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_session, "HANDSHAKE_S", 0.05)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, session_of(url, trusting(certs)) as session:
        with pytest.raises(TimeoutError) as caught:
            await text(session)
    assert isinstance(caught.value, NotSent)


# Which client


@pytest.mark.parametrize(
    ("host", "environment", "expected"),
    [
        ("https://api.example", {}, False),
        ("https://api.example", {"HTTPS_PROXY": ""}, False),
        ("https://api.example", {"HTTPS_PROXY": "http://proxy:3128"}, True),
        ("https://api.example", {"https_proxy": "http://proxy:3128"}, True),
        ("https://api.example", {"HTTP_PROXY": "http://proxy:3128"}, False),
        ("http://api.example", {"HTTP_PROXY": "http://proxy:3128"}, True),
        ("https://api.example", {"https_proxy": "http://p:1", "no_proxy": ".example"}, False),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://proxy:3128"}, False),
    ],
)
def test_where_a_proxy_is_in_between_the_client_is_one_that_knows_them(
    host: str, environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert needs_proxy(Connection(host)) is expected
    assert needs_proxy(Connection(host, proxy="http://proxy:3128"))
