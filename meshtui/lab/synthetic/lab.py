"""A lab of any size: an API server with a large mesh, and telemetry that moves; no proxies."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshtui.lab.api.server import ApiServer
from meshtui.lab.certificate import certificate
from meshtui.lab.contract import Obj, StoreEvent
from meshtui.lab.errors import LabError
from meshtui.lab.kubeconfig import write_kubeconfig
from meshtui.lab.pods.load import MAX_RPS
from meshtui.lab.remote import ControlSocket
from meshtui.lab.rundir import RunDir
from meshtui.lab.store import Store
from meshtui.lab.synthetic.objects import VERSIONS, namespace, objects
from meshtui.lab.synthetic.pods import SyntheticPods
from meshtui.lab.synthetic.statistics import Proxy
from meshtui.lab.synthetic.traffic import Traffic

MOST = 5000
PODS = 3
FAULTY_EVERY = 97
"""Of every so many services the last version is as the scenario says."""

SCENARIOS: Mapping[str, Mapping[str, float]] = {
    "errors": {"errors": 0.2},
    "healthy": {},
    "latency": {"latency": 0.8},
}
_NO_PROXY = "a synthetic mesh has no proxies"


class SyntheticLab:
    """`services`, each with three versions of three pods, a VirtualService and a DestinationRule;
    `rps` is what each of them gets on average.
    """

    def __init__(self, services: int, scenario: str, rps: float, run: RunDir) -> None:
        if not 1 <= services <= MOST:
            raise LabError(f"between 1 and {MOST} services, not {services}")
        if scenario not in SCENARIOS:
            raise LabError(f"{_NO_PROXY}: its scenarios are {', '.join(SCENARIOS)}")
        self._scenario, self._run = scenario, run
        self._services = services
        self._store = Store()
        self._traffic = Traffic(services, rps, self._weights, time.monotonic())
        self._pods = SyntheticPods(self._store, self._traffic)
        self._api = ApiServer(self._store, self._pods, certs=certificate(run.path))
        self._control = ControlSocket(self, run.control)
        self._known: dict[int, Mapping[str, float]] = {}
        self._rules = self._store.kind("networking.istio.io", "virtualservices")
        self.kubeconfig = Path()

    async def start(self) -> None:
        self._pods.proxies.update(_seed(self._store, self._services))
        for number in range(0, self._services, FAULTY_EVERY):
            await self.set(f"service-{number}-{VERSIONS[-1]}", dict(SCENARIOS[self._scenario]))
        self._store.subscribe(self._on_write)
        self._store.subscribe(self._pods.on_write)
        await self._pods.start()
        await self._api.start()
        await self._control.start()
        certs = self._api.certs
        self.kubeconfig = write_kubeconfig(
            self._run.home,
            self._api.url,
            self._api.users,
            certs.authority if certs else None,
            namespace(0),
        )

    async def stop(self) -> None:
        await self._control.stop()
        await self._api.stop()
        await self._pods.stop()
        if self.kubeconfig.name:
            self.kubeconfig.unlink(missing_ok=True)

    # What the control socket serves.

    def status(self) -> dict[str, Any]:
        return {
            "scenario": self._scenario,
            "kubeconfig": str(self.kubeconfig),
            "workloads": [
                f"service-{n}-{version}" for n in range(self._services) for version in VERSIONS
            ],
            "pids": [],
        }

    async def set(self, workload: str, changes: dict[str, float]) -> None:
        name, _, version = workload.rpartition("-")
        number = _number(name)
        if version not in VERSIONS or number is None or number >= self._services:
            last = f"service-{self._services - 1}-{VERSIONS[-1]}"
            raise LabError(f"no workload {workload!r}: there are service-0-v1 to {last}")
        self._traffic.advance(number, time.monotonic())
        behaviour = self._traffic.behaviour(number, version)
        behaviour.errors = changes.get("errors", behaviour.errors)
        behaviour.latency_s = changes.get("latency", behaviour.latency_s)

    async def load(self, rps: float) -> None:
        if not 0 <= rps <= MAX_RPS:
            raise LabError(f"between 0 and {MAX_RPS:.0f} requests per second, not {rps:g}")
        self._traffic.advance_all(time.monotonic())
        self._traffic.rps = rps

    async def loadgen(self) -> Any:
        return {"status": {}}

    async def counts(self) -> Any:
        raise LabError(_NO_PROXY)

    async def reset(self) -> None:
        raise LabError(_NO_PROXY)

    async def send(self, asked: dict[str, Any]) -> Any:
        raise LabError(_NO_PROXY)

    async def admin(self, workload: str, path: str) -> str:
        raise LabError(_NO_PROXY)

    # What the rules say.

    def _weights(self, number: int) -> Mapping[str, float]:
        if number not in self._known:
            rule = self._store.find(self._rules, namespace(number), f"service-{number}")
            self._known[number] = _split(rule)
        return self._known[number]

    def _on_write(self, event: StoreEvent) -> None:
        """What was sent before the write counts by the weights of before."""
        number = _number(event.obj["metadata"]["name"])
        if event.kind is self._rules and number is not None and number < self._services:
            self._traffic.advance(number, time.monotonic())
            self._known.pop(number, None)


def _number(name: str) -> int | None:
    digits = name.removeprefix("service-")
    return int(digits) if digits != name and digits.isascii() and digits.isdigit() else None


def _split(rule: Obj | None) -> dict[str, float]:
    """Of the rule that takes what no other takes; without one each version has its part."""
    entries = (rule or {}).get("spec", {}).get("http") or ()
    routes = next((e.get("route") or [] for e in entries if not e.get("match")), None)
    if routes is None:
        return dict.fromkeys(VERSIONS, 1.0)
    weights: Counter[str] = Counter()
    for route in routes:
        subset = route.get("destination", {}).get("subset", "")
        weights[subset] += route.get("weight", 1 if len(routes) == 1 else 0)
    return {version: float(weights[version]) for version in VERSIONS}


def _seed(store: Store, services: int) -> dict[str, Proxy]:
    """Fills the cluster; the proxies of its pods by address."""
    proxies: dict[str, Proxy] = {}
    copies: Counter[str] = Counter()
    for created in objects(services, PODS):
        plural = created.path.rpartition("/")[2]
        group = created.path.split("/")[2] if created.path.startswith("/apis/") else ""
        body = {**created.body, **({"status": created.status} if created.status else {})}
        store.put(group, plural, body)
        if plural == "pods" and created.status:
            labels = created.body["metadata"]["labels"]
            number, version = _number(labels["app"]), labels["version"]
            workload = f"{labels['app']}-{version}"
            assert number is not None  # noqa: S101 - the generator's own name
            address = created.status["podIP"]
            proxies[address] = Proxy(number, version, copies[workload], PODS)
            copies[workload] += 1
    return proxies
