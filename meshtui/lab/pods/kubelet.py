"""Deployments → running pods: what a cluster's controllers and its kubelet do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshtui.lab.contract import Address, Obj, ObjectStore, PodLog, StoreEvent
from meshtui.lab.control.plane import ControlPlane
from meshtui.lab.control.reading import report
from meshtui.lab.control.world import MALFORMED
from meshtui.lab.errors import LabError
from meshtui.lab.pods import objects
from meshtui.lab.pods.addresses import AddressBlock
from meshtui.lab.pods.fleet_client import FleetClient
from meshtui.lab.pods.running import ContainerLog, RunningPod, now, proxy_of

MAX_REPLICAS = 4
RESTART_DELAY = 4.0
"""Seconds after a crash until the workload has another pod."""
BACK_OFF, LONGEST_BACK_OFF = 10.0, 300.0
_DRAIN = 0.3
"""Seconds between taking a pod off the endpoints and ending it."""


@dataclass(frozen=True, slots=True)
class OwnPod:
    """A pod that is this process itself: where its ports are, and its logs."""

    ports: Mapping[int, Address]
    logs: Mapping[str, ContainerLog]


class Kubelet:
    """Runs the pods the Deployments ask for; the `PodRuntime` of the API server."""

    def __init__(
        self,
        store: ObjectStore,
        plane: ControlPlane,
        fleet: FleetClient,
        block: AddressBlock,
        directory: Path,
        new_log: Callable[[], ContainerLog],
    ) -> None:
        self._store = store
        self._plane = plane
        self._fleet = fleet
        self._block = block
        self._directory = directory
        self._new_log = new_log
        self._pods: dict[tuple[str, str], RunningPod] = {}
        self._own: dict[tuple[str, str], OwnPod] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._chance = random.Random()  # noqa: S311 - names of pods, no secret
        self._open = False
        self._up = False
        store.subscribe(self._on_write)

    # What the API server asks.

    def log(
        self, namespace: str, pod: str, container: str, previous: bool = False
    ) -> PodLog | None:
        own = self._own.get((namespace, pod))
        if own is not None and not previous:
            return own.logs.get(container)
        running = self._pods.get((namespace, pod))
        return None if running is None or previous else running.logs.get(container)

    def address(self, namespace: str, pod: str, port: int) -> Address | None:
        own = self._own.get((namespace, pod))
        if own is not None:
            return own.ports.get(port)
        running = self._pods.get((namespace, pod))
        return None if running is None else running.address(port)

    def outbound(self, namespace: str, pod: str, port: int) -> Address | None:
        running = self._pods.get((namespace, pod))
        return None if running is None else running.outbound(port)

    def delete_pod(self, namespace: str, pod: str) -> None:
        running = self._pods.get((namespace, pod))
        if running is not None:
            self._do(self._retire(running))

    # What the lab does.

    def host(self, obj: Obj, ports: Mapping[int, Address]) -> None:
        """Show a part of the lab as a pod that has always been there."""
        meta = obj["metadata"]
        logs = {one["name"]: self._new_log() for one in obj["spec"]["containers"]}
        self._own[meta["namespace"], meta["name"]] = OwnPod(ports, logs)
        self._store.put("", "pods", objects.with_readiness(obj, True, now()))

    def on_line(self, pod: str, text: bytes) -> None:
        """A line an application wrote."""
        for running in self._pods.values():
            if running.proxy.pod == pod and running.app_log is not None:
                running.app_log.append(text + b"\n")

    async def crash(self, workload: str) -> None:
        """End the applications of a workload as a crash would; returns when they run again."""
        pods = [pod for pod in self.pods_of(workload) if pod.ready and pod.spec is not None]
        await asyncio.gather(*(self._crash(pod) for pod in pods))

    async def _crash(self, running: RunningPod) -> None:
        """The container ends with status 1, and is started again later each time."""
        if running.spec is None:
            return
        await self._fleet.stop_app(running.proxy.pod)
        delay = back_off(running.crashes)
        running.crashes += 1
        running.ready = False
        self._write_status(running, lambda obj: objects.with_crash(obj, now()))
        await asyncio.sleep(delay)
        if running.retiring:
            return
        await self._fleet.start_app(running.spec)
        self._write_status(running, lambda obj: objects.with_restart(obj, now()))
        self._set_ready(running, True)

    def _write_status(self, running: RunningPod, change: Callable[[Obj], Obj]) -> None:
        obj = self._store.get("", "pods", running.proxy.namespace, running.proxy.pod)
        if obj is not None:
            self._store.put("", "pods", change(obj), "kubelet")
        self._report(running)

    def pods_of(self, workload: str) -> list[RunningPod]:
        return [p for p in self._pods.values() if p.proxy.workload == workload]

    def ready_pod(self, name: str) -> RunningPod:
        """A pod of a workload, or of an application; LabError where none is ready."""
        for running in self._pods.values():
            if running.ready and name in (running.proxy.workload, running.proxy.labels.get("app")):
                return running
        raise LabError(f"no pod of {name!r} is ready")

    def pids(self) -> list[int]:
        """The processes of all proxies."""
        return [pid for pod in self._pods.values() if (pid := pod.envoy.pid)]

    def workloads(self) -> list[str]:
        """The Deployments whose application behaves as told; the gateway has none."""
        found = self._store.objects("apps", "deployments")
        return sorted(d["metadata"]["name"] for d in found if _has_app(d))

    async def start(self) -> None:
        """Bring every Deployment up; returns when all pods are ready."""
        self._open = True
        self._store.put("", "nodes", objects.node(), "kubelet")
        self._reconcile_all()
        await asyncio.gather(*self._jobs)
        self._up = True

    async def stop(self) -> None:
        """End every pod at once."""
        self._open = False
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        await asyncio.gather(*(p.stop() for p in self._pods.values()), return_exceptions=True)
        self._pods.clear()

    # Keeping up with the Deployments.

    def _on_write(self, event: StoreEvent) -> None:
        if (event.kind.group, event.kind.plural) == ("apps", "deployments"):
            self._reconcile_all()

    def _reconcile_all(self) -> None:
        if not self._open:
            return
        wanted = {_key(d): d for d in self._store.objects("apps", "deployments")}
        for running in list(self._pods.values()):
            if (running.proxy.namespace, running.proxy.workload) not in wanted:
                self._do(self._retire(running))
        for deployment in wanted.values():
            try:
                self._reconcile(deployment)
            except MALFORMED as error:
                report(f"Deployment {deployment['metadata']['name']} skipped: {error!r}")

    def _reconcile(self, deployment: Obj) -> None:
        """Start or end as many pods as the Deployment's replicas say."""
        digest = objects.template_hash(deployment)
        running = [p for p in self.pods_of(deployment["metadata"]["name"]) if not p.retiring]
        current = [p for p in running if p.proxy.labels["pod-template-hash"] == digest]
        replicas = min(int(deployment["spec"].get("replicas", 1)), MAX_REPLICAS)
        for _ in range(replicas - len(current)):
            self._launch(deployment)
        enough = sum(pod.ready for pod in current) >= replicas
        outdated = [pod for pod in running if pod not in current] if enough else []
        for pod in [*current[replicas:], *outdated]:
            self._do(self._retire(pod))

    def _launch(self, deployment: Obj) -> None:
        """Make the pod known at once, and start it beside everything else."""
        owner = self._store.put("apps", "replicasets", objects.replica_set(deployment))
        address = self._block.allocate()
        name = objects.pod_name(deployment, self._chance)
        obj = objects.pod(deployment, owner, name, address.ip)
        proxy = proxy_of(obj, deployment, address)
        running = RunningPod.create(proxy, address, self._directory, self._new_log, obj)
        self._pods[proxy.namespace, name] = running
        self._plane.add(proxy)
        self._store.put("", "pods", obj)
        self._do(self._restart(running) if self._up else self._start(running))

    async def _start(self, running: RunningPod) -> None:
        """Bring a pod up and keep an eye on it."""
        await self._plane.push()
        if running.spec is not None:
            await self._fleet.start_app(running.spec)
        await running.start()
        if not running.retiring:
            self._set_ready(running, True)
            self._do(self._watch(running))

    async def _restart(self, running: RunningPod) -> None:
        """Bring up a pod of a lab that runs: where that fails, another pod is tried."""
        try:
            await self._start(running)
        except LabError as error:
            report(str(error))
            await self._replace(running)

    async def _watch(self, running: RunningPod) -> None:
        """A proxy that ends by itself takes its pod with it."""
        await running.envoy.ended()
        if not running.retiring:
            await self._replace(running)

    async def _replace(self, running: RunningPod) -> None:
        """The pod is of no use any more; another comes after a while."""
        self._set_ready(running, False)
        await asyncio.sleep(RESTART_DELAY)
        await self._retire(running)

    async def _retire(self, running: RunningPod) -> None:
        """End a pod, off the endpoints first; its workload starts another where it wants one."""
        if running.retiring:
            return
        running.retiring = True
        namespace, name = running.proxy.namespace, running.proxy.pod
        self._store.remove("", "pods", namespace, name)
        self._reconcile_all()
        await asyncio.sleep(_DRAIN)
        if running.spec is not None:
            await self._fleet.stop_app(name)
        await running.stop()
        del self._pods[namespace, name]
        self._plane.remove(name)
        self._block.give_back(running.address_of)
        self._report(running)

    def _set_ready(self, running: RunningPod, ready: bool) -> None:
        running.ready = ready
        self._write_status(running, lambda obj: objects.with_readiness(obj, ready, now()))

    def _report(self, running: RunningPod) -> None:
        """The status of the Deployment and of its ReplicaSet."""
        namespace, workload = running.proxy.namespace, running.proxy.workload
        deployment = self._store.get("apps", "deployments", namespace, workload)
        if deployment is None or not self._open:
            return
        pods = [p for p in self.pods_of(workload) if not p.retiring]
        ready = sum(p.ready for p in pods)
        reported = objects.deployment_status(deployment, len(pods), ready)
        self._store.put("apps", "deployments", reported, "kube-controller-manager")
        self._report_replica_sets(deployment, pods)

    def _report_replica_sets(self, deployment: Obj, pods: list[RunningPod]) -> None:
        """Those of earlier templates are scaled to 0 and stay, as in a cluster."""
        meta, current = deployment["metadata"], objects.template_hash(deployment)
        for found in self._store.objects("apps", "replicasets", meta["namespace"]):
            if found["metadata"]["ownerReferences"][0]["name"] == meta["name"]:
                digest = found["metadata"]["labels"]["pod-template-hash"]
                own = [p for p in pods if p.proxy.labels["pod-template-hash"] == digest]
                wanted = deployment["spec"].get("replicas", 1) if digest == current else 0
                ready = sum(pod.ready for pod in own)
                scaled = objects.scaled(found, wanted, len(own), ready)
                self._store.put("apps", "replicasets", scaled, "kube-controller-manager")

    def _do(self, job: Coroutine[Any, Any, None]) -> None:
        """Run a job beside everything else."""
        task = asyncio.get_running_loop().create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and self._open:
            report(str(error) if isinstance(error, LabError) else repr(error))


def back_off(crashes: int) -> float:
    """Seconds that a container waits to be started again: at once, then 10, 20, 40 … 300."""
    return min(BACK_OFF * 2 ** (crashes - 1), LONGEST_BACK_OFF) if crashes else 0.0


def _key(deployment: Obj) -> tuple[str, str]:
    meta = deployment["metadata"]
    return meta["namespace"], meta["name"]


def _has_app(deployment: Obj) -> bool:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return any(c["name"] != objects.PROXY_CONTAINER for c in containers)
