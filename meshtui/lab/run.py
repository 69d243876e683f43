"""The whole lab: API server, control plane and proxies here, applications in a process beside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from meshtui.lab import rundir
from meshtui.lab.api.server import ApiServer
from meshtui.lab.bookinfo.objects import GATEWAY, istiod, seed
from meshtui.lab.certificate import certificate
from meshtui.lab.contract import Address
from meshtui.lab.control.debug import PORT, Debug
from meshtui.lab.control.discovery import Discovery
from meshtui.lab.control.listeners import bound_port
from meshtui.lab.control.plane import ControlPlane
from meshtui.lab.errors import LabError
from meshtui.lab.kubeconfig import write_kubeconfig
from meshtui.lab.logs import LogBuffer
from meshtui.lab.pods.addresses import AddressBlock, free_block
from meshtui.lab.pods.endpoints import EndpointsController
from meshtui.lab.pods.envoy import envoy_path
from meshtui.lab.pods.fleet_client import FleetClient
from meshtui.lab.pods.kubelet import Kubelet
from meshtui.lab.pods.load import MAX_RPS
from meshtui.lab.remote import ControlSocket
from meshtui.lab.rundir import HeldRunDir
from meshtui.lab.scenario import CRASH, SCENARIOS, crash_forever
from meshtui.lab.store import Store

_HOST = "bookinfo.example.com"
_SERVICE_PORT = 9080


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a lab; with `follow_stdin` it ends when its standard input does.

    `synthetic`: so many services without proxies in place of Bookinfo.
    """

    dir: Path | None = None
    scenario: str = "errors"
    rps: float = 40.0
    follow_stdin: bool = False
    synthetic: int = 0


class Running(Protocol):
    """A lab that is started and stopped."""

    kubeconfig: Path

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Lab:
    """One running lab."""

    def __init__(self, options: Options, held: HeldRunDir) -> None:
        self._options = options
        self._run = held.run
        self._block: AddressBlock = free_block()
        self._gateway_port = self._block.gateway_port()
        self._store = Store()
        path = held.run.path
        self._discovery = Discovery(path / "xds")
        self._plane = ControlPlane(self._store, self._discovery)
        self._debug = Debug(path / "istiod", self._discovery, self._plane.proxies)
        self._fleet = FleetClient(
            path / "fleet", lambda pod, line: self._kubelet.on_line(pod, line)
        )
        self._kubelet = Kubelet(self._store, self._plane, self._fleet, self._block, path, LogBuffer)
        self._endpoints = EndpointsController(self._store)
        self._api = ApiServer(self._store, self._kubelet, certs=certificate(path))
        self._control = ControlSocket(self, held.run.control)
        self._tasks: list[asyncio.Task[None]] = []
        self.kubeconfig = Path()

    async def start(self) -> None:
        """Return when every proxy is live and requests flow."""
        seed(self._store, self._gateway_port)
        await asyncio.gather(self._fleet.start(), self._discovery.start(), self._debug.start())
        self._kubelet.host(istiod(), {PORT: Address(path=str(self._debug.socket))})
        self._spawn(self._plane.run())
        await self._kubelet.start()
        await self._api.start()
        for workload, changes in SCENARIOS[self._options.scenario].items():
            await self._fleet.behave(workload, changes)
        await self.load(self._options.rps)
        if self._options.scenario == CRASH:
            self._spawn(crash_forever(self._kubelet.crash))
        await self._control.start()
        certs = self._api.certs
        self.kubeconfig = write_kubeconfig(
            self._run.home, self._api.url, self._api.users, certs.authority if certs else None
        )

    async def stop(self) -> None:
        """End everything and leave nothing behind but what `--dir` held before."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._control.stop()
        await self._kubelet.stop()
        await self._fleet.stop()
        await self._debug.stop()
        await self._discovery.stop()
        await self._api.stop()
        self._block.close()
        if self.kubeconfig.name:
            self.kubeconfig.unlink(missing_ok=True)

    # What the control socket serves.

    def status(self) -> dict[str, Any]:
        return {
            "scenario": self._options.scenario,
            "kubeconfig": str(self.kubeconfig),
            "workloads": self._kubelet.workloads(),
            "pids": [pid for pid in (self._fleet.pid, *self._kubelet.pids()) if pid],
        }

    async def set(self, workload: str, changes: dict[str, float]) -> None:
        known = self._kubelet.workloads()
        if workload not in known:
            raise LabError(f"no workload {workload!r}: there are {', '.join(known)}")
        await self._fleet.behave(workload, changes)

    async def load(self, rps: float) -> None:
        if not 0 <= rps <= MAX_RPS:
            raise LabError(f"between 0 and {MAX_RPS:.0f} requests per second, not {rps:g}")
        await self._fleet.call(
            "POST", "/load", {"rps": rps, "url": self._url(GATEWAY, "/productpage")}
        )

    async def loadgen(self) -> Any:
        return await self._fleet.call("GET", "/load")

    async def counts(self) -> Any:
        return await self._fleet.call("GET", "/counts")

    async def reset(self) -> None:
        await self._fleet.call("DELETE", "/counts")

    async def send(self, asked: dict[str, Any]) -> Any:
        via, path = str(asked.pop("via")), str(asked.pop("path"))
        port = int(asked.pop("port", _SERVICE_PORT))
        through = GATEWAY if via == "gateway" else via
        host = _HOST if through == GATEWAY else f"reviews:{_SERVICE_PORT}"
        headers = {"Host": host, **asked.pop("headers")}
        series = {**asked, "url": self._url(through, path, port), "headers": headers}
        return await self._fleet.call("POST", "/send", series)

    async def admin(self, workload: str, path: str) -> str:
        envoy = self._kubelet.ready_pod(workload).envoy
        return (await envoy.get(path))[1].decode(errors="replace")

    def _url(self, through: str, path: str, port: int = _SERVICE_PORT) -> str:
        """The gateway's listener, or the outbound one of a workload's or application's pod."""
        proxy = self._kubelet.ready_pod(through).proxy
        if proxy.gateway:
            return f"http://{proxy.ip}:{bound_port(self._gateway_port)}{path}"
        return f"http://{proxy.outbound_ip}:{bound_port(port)}{path}"

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(job))


async def serve(options: Options, ready: Callable[[Path], None]) -> None:
    """Run a lab until a signal or the end of standard input; `ready` gets the kubeconfig."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, over.set)
    if options.follow_stdin:
        loop.add_reader(sys.stdin.fileno(), _read_stdin, over)
    if not options.synthetic:
        envoy_path()
    held = rundir.create(options.dir)
    try:
        await _run(options, held, over, ready)
    finally:
        held.remove()


def _read_stdin(over: asyncio.Event) -> None:
    """Nothing is ever said there: only its end matters."""
    if not os.read(sys.stdin.fileno(), 1024):
        over.set()


def _lab(options: Options, held: HeldRunDir) -> Running:
    if not options.synthetic:
        return Lab(options, held)
    from meshtui.lab.synthetic.lab import SyntheticLab

    return SyntheticLab(options.synthetic, options.scenario, options.rps, held.run)


async def _run(
    options: Options, held: HeldRunDir, over: asyncio.Event, ready: Callable[[Path], None]
) -> None:
    lab = _lab(options, held)
    waiting, starting = asyncio.create_task(over.wait()), asyncio.create_task(lab.start())
    try:
        await asyncio.wait({waiting, starting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            ready(lab.kubeconfig)
            await waiting
    finally:
        for task in (waiting, starting):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, LabError):
            await starting
        await lab.stop()
