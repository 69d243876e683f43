"""The parent's hold on the process of the applications."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp

from meshtui.lab.errors import LabError
from meshtui.lab.pods import process
from meshtui.lab.pods.apps import AppSpec

START_LIMIT = 20.0


class FleetClient:
    """Starts the process, tells it what to do and hands its log lines on."""

    def __init__(self, socket: Path, on_line: Callable[[str, bytes], None]) -> None:
        self._socket = socket
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process and wait until it listens."""
        self._socket.unlink(missing_ok=True)
        command = [sys.executable, "-m", "meshtui.lab.pods.fleet", str(self._socket)]
        self._process = await process.start(command, os.environ, merge_stderr=False)
        self._reader = asyncio.create_task(self._read(self._process))
        waiting = asyncio.create_task(self._ready.wait())
        await asyncio.wait(
            {waiting, self._reader}, timeout=START_LIMIT, return_when="FIRST_COMPLETED"
        )
        if not self._ready.is_set():
            waiting.cancel()
            raise LabError("the applications' process did not start")
        connector = aiohttp.UnixConnector(str(self._socket))
        self._session = aiohttp.ClientSession(connector=connector)

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            await process.stop(self._process)
        if self._reader is not None:
            await self._reader
        self._socket.unlink(missing_ok=True)

    async def start_app(self, spec: AppSpec) -> None:
        await self.call("POST", "/apps", asdict(spec))

    async def stop_app(self, pod: str) -> None:
        await self.call("DELETE", f"/apps/{pod}")

    async def behave(self, workload: str, changes: Mapping[str, float]) -> None:
        await self.call("POST", f"/workloads/{workload}", dict(changes))

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the process; LabError where it fails."""
        if self._session is None:
            raise LabError("the applications' process is not running")
        try:
            async with self._session.request(method, f"http://fleet{path}", json=body) as response:
                if response.status != 200:
                    raise LabError(f"{method} {path}: {response.status} {await response.text()}")
                return await response.json()
        except (aiohttp.ClientError, OSError) as error:
            raise LabError(f"the applications' process does not answer: {error}") from error

    async def _read(self, running: asyncio.subprocess.Process) -> None:
        assert running.stdout is not None  # noqa: S101 - asked for at the start
        async for line in running.stdout:
            pod, text = json.loads(line)
            if pod:
                self._on_line(pod, text.encode())
            else:
                self._ready.set()
        await running.wait()
