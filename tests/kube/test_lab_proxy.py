"""HTTP and TCP through the lab's API server to pods and services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from lab_fixtures import PODS, Lab, eventually, pod, running_lab

from meshtui.lab.contract import Address

SERVICES = "/api/v1/namespaces/default/services"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        lab.store.put("", "pods", pod("p1"))
        yield lab


async def mirror(request: web.Request) -> web.Response:
    """Answers with what it was asked."""
    headers = {k: v for k, v in request.headers.items() if k in ("Authorization", "X-Own")}
    body = (await request.read()).decode()
    seen = {"method": request.method, "path": request.raw_path, "headers": headers, "body": body}
    return web.json_response(seen, status=207, headers={"X-Answer": "yes"})


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[tuple[Address, Address]]:
    """One HTTP server, at a TCP port and at a unix socket."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", mirror)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    path = str(tmp_path / "socket")
    await web.UnixSite(runner, path).start()
    yield Address(host="127.0.0.1", port=runner.addresses[0][1]), Address(path=path)
    await runner.cleanup()


@pytest.mark.parametrize("kind", [0, 1], ids=["tcp", "unix"])
async def test_a_pod_is_called_as_the_client_called(lab: Lab, backend: Any, kind: int) -> None:
    lab.runtime.addresses["p1", 15020] = backend[kind]
    answer = await lab.client.call(
        "POST", f"{PODS}/p1:15020/proxy/stats/a%2Fb?x=1&x=2", b"data", "text/plain"
    )
    assert answer.status == 207
    assert answer.headers["X-Answer"] == "yes"
    assert answer.json == {
        "method": "POST",
        "path": "/stats/a%2Fb?x=1&x=2",
        "headers": {},
        "body": "data",
    }


async def test_a_pod_port_nobody_listens_on_is_unavailable(lab: Lab) -> None:
    answer = await lab.client.get(f"{PODS}/p1:1/proxy/")
    assert (answer.status, answer.json["reason"]) == (503, "ServiceUnavailable")
    assert answer.message.startswith("error trying to reach service: dial tcp 10.0.0.7:1")


def service(lab: Lab, ready: bool = True) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": 9080}, {"name": "metrics", "port": 90}]
    lab.store.put("", "services", {"metadata": {"name": "s"}, "spec": {"ports": ports}})
    meta = {"name": "s-x", "labels": {"kubernetes.io/service-name": "s"}}
    endpoint = {
        "addresses": ["10.0.0.7"],
        "conditions": {"ready": ready},
        "targetRef": {"kind": "Pod", "name": "p1"},
    }
    item = {
        "metadata": meta,
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 9080}],
        "endpoints": [endpoint],
    }
    lab.store.put("discovery.k8s.io", "endpointslices", item)


@pytest.mark.parametrize("name", ["s:http", "s:80", "http:s:80", "http:s:http"])
async def test_a_service_is_called_at_a_ready_pod(lab: Lab, backend: Any, name: str) -> None:
    service(lab)
    lab.runtime.addresses["p1", 9080] = backend[0]
    answer = await lab.client.get(f"{SERVICES}/{name}/proxy/api/v1/query?query=up")
    assert answer.json["path"] == "/api/v1/query?query=up"


async def test_a_service_without_a_ready_pod_is_unavailable(lab: Lab, backend: Any) -> None:
    service(lab, ready=False)
    lab.runtime.addresses["p1", 9080] = backend[0]
    answer = await lab.client.get(f"{SERVICES}/s:http/proxy/")
    assert (answer.status, answer.message) == (503, 'no endpoints available for service "s"')
    assert (await lab.client.get(f"{SERVICES}/s:nosuch/proxy/")).status == 503
    assert (await lab.client.get(f"{SERVICES}/nosuch:80/proxy/")).status == 404


async def test_endpoints_serve_as_well_as_slices(lab: Lab, backend: Any) -> None:
    ports = {"ports": [{"port": 9090}]}
    lab.store.put("", "services", {"metadata": {"name": "prometheus"}, "spec": ports})
    address = backend[0]
    subset = {"addresses": [{"ip": address.host}], "ports": [{"port": address.port}]}
    lab.store.put("", "endpoints", {"metadata": {"name": "prometheus"}, "subsets": [subset]})
    answer = await lab.client.get(f"{SERVICES}/prometheus:9090/proxy/x")
    assert answer.json["path"] == "/x"


async def test_an_answer_that_breaks_off_is_cut_off_for_the_client_too(lab: Lab) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    async with await asyncio.start_server(broken, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        lab.runtime.addresses["p1", 80] = Address(host="127.0.0.1", port=port)
        with pytest.raises(aiohttp.ClientError):
            await lab.client.get(f"{PODS}/p1:80/proxy/")


async def test_what_is_no_http_is_unavailable(lab: Lab) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        lab.runtime.addresses["p1", 80] = Address(host="127.0.0.1", port=port)
        assert (await lab.client.get(f"{PODS}/p1:80/proxy/")).status == 503


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture
async def echoing(lab: Lab) -> AsyncIterator[Lab]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for named in (15000, 80):
        lab.runtime.addresses["p1", named] = Address(host="127.0.0.1", port=port)
    yield lab
    server.close()


def forward(lab: Lab, query: str) -> Any:
    return lab.client.session.ws_connect(
        f"{lab.client.url}{PODS}/p1/portforward?{query}",
        protocols=("v4.channel.k8s.io",),
        headers=lab.client.headers(),
        max_msg_size=0,
    )


async def received(socket: aiohttp.ClientWebSocketResponse) -> bytes:
    return bytes(await eventually(socket.receive_bytes()))


async def test_each_channel_opens_with_its_port_and_carries_bytes_both_ways(echoing: Lab) -> None:
    async with forward(echoing, "ports=15000&ports=80") as socket:
        assert socket.protocol == "v4.channel.k8s.io"
        opened = {await received(socket) for _ in range(4)}
        assert opened == {b"\0\x98\x3a", b"\1\x98\x3a", b"\2\x50\0", b"\3\x50\0"}
        await socket.send_bytes(b"\2hello")
        assert await received(socket) == b"\2hello"
        await socket.send_bytes(b"\0other")
        assert await received(socket) == b"\0other"


async def test_much_data_is_carried_while_the_client_reads_late(echoing: Lab) -> None:
    async with forward(echoing, "ports=80") as socket:
        for _ in range(2):
            await received(socket)
        size, chunk = 0, bytes(60_000)
        for _ in range(100):
            await socket.send_bytes(b"\0" + chunk)
        while size < 100 * len(chunk):
            size += len(await received(socket)) - 1
        assert size == 100 * len(chunk)


async def test_an_unreachable_port_is_told_on_the_error_channel(lab: Lab) -> None:
    async with forward(lab, "ports=9") as socket:
        for _ in range(2):
            await received(socket)
        message = await received(socket)
        assert message[0] == 1
        assert b"failed to connect to localhost:9 inside namespace" in message
        assert (await eventually(socket.receive())).type in (
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSED,
        )


async def test_the_socket_closes_when_the_pod_does(lab: Lab) -> None:
    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.close()

    async with await asyncio.start_server(once, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        lab.runtime.addresses["p1", 80] = Address(host="127.0.0.1", port=port)
        async with forward(lab, "ports=80") as socket:
            for _ in range(2):
                await received(socket)
            assert await received(socket) == b"\0bye"
            assert (await eventually(socket.receive())).type == aiohttp.WSMsgType.CLOSE


async def test_the_pod_sees_the_client_go(lab: Lab) -> None:
    gone = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        lab.runtime.addresses["p1", 80] = Address(host="127.0.0.1", port=port)
        async with forward(lab, "ports=80") as socket:
            await received(socket)
        await eventually(gone.wait())


@pytest.mark.parametrize("query", ["", "ports=", "ports=x", "ports=70000"])
async def test_ports_must_be_ports(lab: Lab, query: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await forward(lab, query)
    assert refused.value.status == 400


async def test_a_request_that_is_no_websocket_is_refused_with_a_status(lab: Lab) -> None:
    assert (await lab.client.get(f"{PODS}/p1/portforward?ports=80")).status == 400
    assert (await lab.client.get(f"{PODS}/p1/attach")).status == 501
