"""A load by port-forwards, and the ports of a sidecar to which one leads where requests go out."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from meshtui.envoy.listeners import parse_listeners
from meshtui.errors import NotAllowed, Unreachable
from meshtui.operations.request.bound import bound_port
from meshtui.operations.request.load_by_forward import run_by_forward
from meshtui.operations.request.load_plan import CUT_OFF, LoadPlan, Tally
from meshtui.operations.request.load_target import LoadTarget
from meshtui.operations.request.load_ways import BY_FORWARD
from meshtui.operations.request.tools import Outgoing
from tests.unit.test_request_load import _Server, port

__all__ = ["port"]


class _Stream:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def read(self, most: int = 65536) -> bytes:
        return await self.reader.read(most)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def aclose(self) -> None:
        self.writer.close()


class _Cluster:
    """Port-forwards that are plain connections; `fails` comes instead, from the n-th on."""

    def __init__(self, port: int, fails: Exception | None = None, after: int = 0) -> None:
        self.port, self.fails, self.after = port, fails, after
        self.opened: list[_Stream] = []

    async def port_forward(self, namespace: str, pod: str, port: int, **_: float) -> _Stream:
        assert (namespace, pod, port) == ("shop", "page-1", 9082)
        if self.fails is not None and len(self.opened) >= self.after:
            raise self.fails
        stream = _Stream(*await asyncio.open_connection("127.0.0.1", self.port))
        self.opened.append(stream)
        return stream

    @property
    def left(self) -> int:
        return sum(not one.writer.is_closing() for one in self.opened)


async def run(
    cluster: _Cluster,
    plan: LoadPlan,
    path: str = "/",
    *,
    method: str = "GET",
    timeout_s: float = 30.0,
    stop: asyncio.Event | None = None,
    stop_at: int = 0,
) -> Tally:
    class Pod:
        namespace, name = "shop", "page-1"

    outgoing = Outgoing(method, "localhost", 9082, "shop:9082", path, timeout_s=timeout_s)
    target = LoadTarget(Pod(), "", outgoing, None, BY_FORWARD)  # type: ignore[arg-type]
    stop, total = stop or asyncio.Event(), Tally()
    async for tally in run_by_forward(cluster, target, plan, stop):  # type: ignore[arg-type]
        total += tally
        if stop_at and _Server.seen.total() >= stop_at:
            stop.set()
    assert total.done
    return total


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 200), ("/bad", "GET", 503), ("/chunked", "GET", 200), ("/close", "GET", 200),
     ("/once", "GET", 200), ("/large", "GET", 200), ("/", "HEAD", 200)],
)  # fmt: skip
async def test_what_was_sent_is_what_the_server_counted(
    port: int, path: str, method: str, status: int
) -> None:
    cluster = _Cluster(port)
    found = await run(cluster, LoadPlan(30, 1, 4), path, method=method)
    assert found.codes == {status: found.requests}
    assert 0 < found.requests <= 30
    assert _Server.seen == {f"{path} shop:9082": found.requests}
    assert found.times.total() == found.requests
    assert not cluster.left
    if path == "/":
        assert len(cluster.opened) <= 4


async def test_it_stops_when_told_and_counts_what_came_until_then(port: int) -> None:
    cluster = _Cluster(port)
    found = await run(cluster, LoadPlan(20, 500, 2), stop_at=1)
    assert found.codes == {200: _Server.seen.total()}
    assert found.seconds < 400
    assert not cluster.left


async def test_what_is_under_way_when_it_is_told_is_said(port: int) -> None:
    cluster = _Cluster(port)
    found = await run(cluster, LoadPlan(20, 500, 2), "/never", stop_at=2)
    assert found.errors == {CUT_OFF: 2}
    assert not cluster.left


async def test_what_is_not_answered_in_time_is_an_error(port: int) -> None:
    cluster = _Cluster(port)
    found = await run(cluster, LoadPlan(50, 1, 3), "/never", timeout_s=1.5)
    assert found.errors == {"timed out": 3}
    assert len(cluster.opened) == 3
    assert found.seconds >= 1.0


@pytest.mark.parametrize("error", [Unreachable("gone"), NotAllowed("no")])
async def test_a_forward_that_cannot_be_opened_ends_it(port: int, error: Exception) -> None:
    cluster = _Cluster(port, error, after=1)
    with pytest.raises(type(error)):
        await run(cluster, LoadPlan(20, 500, 2), "/close")
    assert _Server.seen.total() == 1
    assert not cluster.left


async def test_closing_it_ends_it(port: int) -> None:
    cluster = _Cluster(port)
    running = asyncio.ensure_future(run(cluster, LoadPlan(50, 500, 3), "/never"))
    while len(cluster.opened) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    while cluster.left:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert Counter(_Server.seen) == {"/never shop:9082": _Server.seen.total()}


def listener(name: str, port: int, address: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    manager = {"@type": "x.HttpConnectionManager", "rds": {"route_config_name": str(port)}}
    raw = {
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        "traffic_direction": "OUTBOUND",
        "filter_chains": [{"filters": [{"typed_config": more.pop("filter", manager)}]}],
        **more,
    }
    return {"name": name, "active_state": {"listener": raw}}


USUAL = (
    listener("virtualOutbound", 15001, "0.0.0.0", filter={"@type": "x.TcpProxy", "cluster": "y"}),
    listener("0.0.0.0_9082", 9082, "0.0.0.0", bind_to_port=False),
    listener("inbound", 9082, traffic_direction="INBOUND"),
)
PROXY = listener(
    "127.0.0.1_15002",
    15002,
    filter={"@type": "x.HttpConnectionManager", "rds": {"route_config_name": "http_proxy"}},
)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ((), 0),
        ((listener("127.0.0.1_9082", 9082),), 9082),
        ((listener("127.0.0.1_9083", 9083),), 0),
        ((listener("10.0.0.9_9082", 9082, "10.0.0.9"),), 0),
        ((PROXY,), 15002),
        ((PROXY, listener("127.0.0.1_9082", 9082)), 9082),
        ((listener("127.0.0.1_9082", 9082, filter={"@type": "x.TcpProxy"}),), 0),
    ],
)
def test_only_a_port_that_is_bound_leads_out(more: tuple[Any, ...], expected: int) -> None:
    """As a real istiod writes them: with iptables, with a Sidecar, with `proxyHttpPort`."""
    listeners = parse_listeners({"configs": [{"dynamic_listeners": [*USUAL, *more]}]})
    assert bound_port(listeners, 9082) == expected
