"""Clusters whose endpoints all fail, with outlier detection: how many a real Envoy ejects."""

from __future__ import annotations

import asyncio
import http.client
import socket
from pathlib import Path
from typing import Any

from meshtui.mesh.ejection import DEFAULT_PERCENT, most_ejected

Obj = dict[str, Any]
SIZES = (1, 2, 3, 9, 10, 11)
PERCENTS = (0, 1, 33, 34, 50, 99, 100)
"""0 sets none."""

CASES = [(size, percent) for size in SIZES for percent in PERCENTS]


def name(size: int, percent: int) -> str:
    return f"ejecting-{size}-{percent}"


def clusters(closed: int) -> list[Obj]:
    """No connection is made to any endpoint, which counts as 503."""
    return [_cluster(size, percent, closed) for size, percent in CASES]


def _cluster(size: int, percent: int, closed: int) -> Obj:
    places = [
        {"socket_address": {"address": f"127.0.0.{number}", "port_value": closed}}
        for number in range(1, size + 1)
    ]
    endpoints = [{"endpoint": {"address": place}} for place in places]
    limit = {"max_ejection_percent": percent} if percent else {}
    return {
        "name": name(size, percent),
        "type": "STATIC",
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "outlier_detection": {"consecutive_5xx": 1, "base_ejection_time": "300s", **limit},
        "load_assignment": {
            "cluster_name": name(size, percent),
            "endpoints": [{"lb_endpoints": endpoints}],
        },
    }


def routes() -> list[Obj]:
    return [
        {"match": {"path": f"/{one}"}, "route": {"cluster": one}}
        for one in (name(*case) for case in CASES)
    ]


async def counted_as_judged(port: int, admin: Path) -> None:
    """Every endpoint fails several times; as many are out as the judgement says, for good."""
    await asyncio.to_thread(_ask_all, port)
    wanted = {name(n, p): most_ejected(n, p or DEFAULT_PERCENT) for n, p in CASES}
    async with asyncio.timeout(60):
        while (found := await asyncio.to_thread(_ejected, admin)) != wanted:
            assert all(found[one] <= wanted[one] for one in wanted), found
            await asyncio.sleep(0.05)


def _ask_all(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for size, percent in CASES:
        for _ in range(4 * size):
            connection.request("GET", f"/{name(size, percent)}")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 503
    connection.close()


def _ejected(admin: Path) -> dict[str, int]:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(admin))
    connection.request("GET", "/stats?filter=ejections_active")
    text = connection.getresponse().read().decode()
    connection.close()
    lines = (line.partition(": ") for line in text.splitlines() if "ejections_active" in line)
    counts = {path.split(".")[1]: int(value) for path, _, value in lines}
    return {one: counts.get(one, 0) for one in (name(*case) for case in CASES)}
