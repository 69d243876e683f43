"""One pod while it runs: its proxy, its application, its logs and where its ports really are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from meshtui.lab.contract import Address, Obj, PodLog
from meshtui.lab.control.listeners import bound_port
from meshtui.lab.control.world import Proxy
from meshtui.lab.pods import objects
from meshtui.lab.pods.addresses import PodAddress
from meshtui.lab.pods.apps import AppSpec
from meshtui.lab.pods.envoy import Envoy, EnvoyFiles
from meshtui.lab.pods.stats import AGENT, ENVOY_METRICS, HEALTH, StatsServer

ADMIN = 15000
_APP_PORT = 9080


class ContainerLog(PodLog, Protocol):
    """A log that can be written."""

    def append(self, data: bytes) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class RunningPod:
    """Everything that makes up one pod; `spec` is None where only a proxy runs."""

    proxy: Proxy
    envoy: Envoy
    stats: StatsServer
    address_of: PodAddress
    logs: dict[str, ContainerLog]
    spec: AppSpec | None
    ports: frozenset[int]
    ready: bool = False
    retiring: bool = False
    crashes: int = 0
    app_log: ContainerLog | None = field(default=None)

    @classmethod
    def create(
        cls,
        proxy: Proxy,
        address: PodAddress,
        directory: Path,
        new_log: Callable[[], ContainerLog],
        obj: Obj,
    ) -> RunningPod:
        """The parts of a pod, none of them started."""
        containers = objects.running_containers(obj)
        names = [container["name"] for container in containers]
        logs = {name: new_log() for name in names}
        number = address.ip.rsplit(".", 1)[1]
        files = EnvoyFiles(
            directory / f"{number}.json", directory / f"{number}.admin", directory / "xds"
        )
        envoy = Envoy(proxy, files, logs[objects.PROXY_CONTAINER])
        app = next((name for name in names if name != objects.PROXY_CONTAINER), None)
        spec = None if app is None else _app_spec(proxy, app)
        ports = {p["containerPort"] for c in containers for p in c.get("ports", ())}
        app_log = logs[app] if app else None
        server = StatsServer(envoy)
        return cls(proxy, envoy, server, address, logs, spec, frozenset(ports), app_log=app_log)

    async def start(self) -> None:
        """Start proxy and agent; returns when the proxy is ready."""
        await self.envoy.start()
        await self.stats.start()
        await self.envoy.ready()

    async def stop(self) -> None:
        await self.stats.stop()
        await self.envoy.stop()
        for log in self.logs.values():
            log.close()

    def address(self, port: int) -> Address | None:
        """Where a port of the pod really is."""
        if port == ADMIN:
            return Address(path=str(self.envoy.admin))
        if port in self.ports | {AGENT, ENVOY_METRICS, HEALTH}:
            return Address(host=self.proxy.ip, port=port)
        return None

    def outbound(self, port: int) -> Address | None:
        """Where the sidecar takes what the application sends to a port."""
        if self.spec is None:
            return None
        return Address(host=self.proxy.outbound_ip, port=bound_port(port))


def proxy_of(obj: Obj, deployment: Obj, address: PodAddress) -> Proxy:
    """The proxy of a pod."""
    meta = obj["metadata"]
    alone = all(c["name"] == objects.PROXY_CONTAINER for c in obj["spec"]["containers"])
    return Proxy(
        meta["namespace"],
        meta["name"],
        deployment["metadata"]["name"],
        meta["labels"],
        address.ip,
        address.outbound_ip,
        address.app_ip,
        () if alone else (_APP_PORT,),
        gateway=alone,
    )


def _app_spec(proxy: Proxy, container: str) -> AppSpec:
    return AppSpec(
        pod=proxy.pod,
        workload=proxy.workload,
        app=proxy.labels.get("app", container),
        version=proxy.labels.get("version", ""),
        ip=proxy.app_ip,
        outbound_ip=proxy.outbound_ip,
    )


def now() -> str:
    """Now, as Kubernetes writes a time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
