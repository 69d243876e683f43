"""The users of the demo: a steady stream of requests, and single series of them for tests."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

MAX_RPS = 500.0
_MAX_IN_FLIGHT = 2000
_PATIENCE = aiohttp.ClientTimeout(total=60)
_FELL_BEHIND = 1.0


class Load:
    """An open-loop generator: requests are due at their time, answered or not."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._url = ""
        self._rps = 0.0
        self._changed = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()

    def set(self, rps: float, url: str = "") -> None:
        """Change the rate, and where to when `url` is given."""
        self._rps = min(max(rps, 0.0), MAX_RPS)
        self._url = url or self._url
        self._changed.set()

    def status(self) -> dict[str, Any]:
        return {"rps": self._rps, "in_flight": len(self._in_flight), "status": dict(self.counts)}

    async def run(self) -> None:
        """Send until cancelled."""
        clock = asyncio.get_running_loop().time
        due = clock()
        for number in itertools.count():
            while not (self._rps and self._url):
                self._changed.clear()
                await self._changed.wait()
                due = clock()
            due = max(due + 1 / self._rps, clock() - _FELL_BEHIND)
            await self._pause(due - clock())
            self._launch(number)

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _launch(self, number: int) -> None:
        if len(self._in_flight) >= _MAX_IN_FLIGHT:
            self.counts["dropped"] += 1
            return
        task = asyncio.create_task(self._request(number))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _request(self, number: int) -> None:
        user = {"end-user": "jason"} if number % 10 == 0 else {}
        headers = {"Host": "bookinfo.example.com", "User-Agent": "meshtui-load", **user}
        try:
            async with self._session.get(self._url, headers=headers, timeout=_PATIENCE) as response:
                await response.read()
                self.counts[str(response.status)] += 1
        except (aiohttp.ClientError, TimeoutError):
            self.counts["error"] += 1


@dataclass(frozen=True, slots=True)
class Series:
    """Requests to send on somebody's behalf; `url` names the listener, `Host` the service."""

    url: str
    count: int = 1
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 8


async def send(series: Series) -> list[dict[str, Any]]:
    """Send them all; the answers come in the order of the requests."""
    limit = asyncio.Semaphore(max(1, series.concurrency))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session:

        async def one() -> dict[str, Any]:
            async with limit:
                return await _answer(session, series)

        return await asyncio.gather(*(one() for _ in range(series.count)))


async def _answer(session: aiohttp.ClientSession, series: Series) -> dict[str, Any]:
    began = time.monotonic()
    try:
        async with session.request(
            series.method, series.url, headers=dict(series.headers), allow_redirects=False
        ) as response:
            text = await response.text(errors="replace")
            return {
                "status": response.status,
                "seconds": time.monotonic() - began,
                "served_by": response.headers.get("x-served-by", ""),
                "headers": {name.lower(): value for name, value in response.headers.items()},
                "body": _parsed(text),
            }
    except (aiohttp.ClientError, TimeoutError) as error:
        seconds = time.monotonic() - began
        return {"status": 0, "seconds": seconds, "served_by": "", "headers": {}, "body": str(error)}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
