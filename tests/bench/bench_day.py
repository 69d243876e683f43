"""Whether a screen that is open for a day grows: `python -m tests.bench.bench_day [--hours 24]`.

What the screen does at each tick, by a clock of its own: the sidecars of a synthetic mesh are read,
watches bring events, rows are worked out, remembered and shown, keys are pressed. Pods are replaced
all the time, rules are written, and services come and go, so that whatever is remembered by name
has new names each hour. Prints the memory and the objects at the end of each hour, and their ratio
to the first hour's.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from textual.events import Key

from meshtui.lab.synthetic.objects import VERSIONS, objects
from meshtui.lab.synthetic.statistics import Proxy, statistics
from meshtui.lab.synthetic.traffic import Traffic
from meshtui.mesh.measured_views import MeasuredViews
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.parsed import ParsedObjects
from meshtui.mesh.structure import Structure
from meshtui.mesh.thresholds import Thresholds
from meshtui.metrics.sample_history import SampleHistory
from meshtui.metrics.sidecar_reader import Limits
from meshtui.metrics.sidecars import SidecarSource
from meshtui.operations.look.events import Events
from meshtui.operations.types import FeedHealth, Snapshot
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.main.messages import SnapshotArrived
from tests.ui.fake import Clock, FakeCockpit

Obj = dict[str, Any]
KEYS = ("j", "k", "down")
BEGUN = 1_800_000_000.0
ISTIO = "networking.istio.io/v1"
SPLIT = dict(zip(VERSIONS, (80.0, 15.0, 5.0), strict=True))


class Mesh:
    """The objects of a small mesh, what happens to them, and what its proxies count."""

    def __init__(self, services: int, clock: Clock) -> None:
        self._dice, self._clock = random.Random(1), clock
        self._services, self._named = services, Counter[str]()
        self.kinds: dict[str, dict[tuple[str, str], Obj]] = {}
        self._proxies: dict[str, Proxy] = {}
        self._behind: dict[str, tuple[int, str]] = {}
        self._traffic = Traffic(services, 20.0, lambda _: SPLIT, clock.now)
        for number, made in enumerate(objects(services)):
            self._put(made.path.rpartition("/")[2], self._renamed(made.body, made.status, number))

    def _renamed(self, body: Obj, status: Obj | None, number: int) -> Obj:
        """With the address of one of its own, and a proxy there."""
        whole: Obj = {**body, **({"status": dict(status)} if status else {})}
        if status is not None and "podIP" in status:
            labels = body["metadata"]["labels"]
            service = int(labels["app"].rpartition("-")[2]) % self._services
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            whole["status"]["podIP"] = address
            self._proxies[address] = Proxy(service, labels["version"], 0, 1)
        return whole

    def _put(self, plural: str, obj: Obj) -> None:
        meta = obj["metadata"]
        self.kinds.setdefault(plural, {})[meta.get("namespace", ""), meta["name"]] = obj

    async def get_text(self, path: str, _params: object, *, timeout: float) -> str:  # noqa: ASYNC109
        """As `Cluster` reads a proxy's statistics."""
        del timeout
        parts = path.split("/")
        pod = self.kinds["pods"].get((parts[4], parts[6].partition(":")[0]))
        proxy = self._proxies.get(pod["status"]["podIP"]) if pod else None
        return statistics(self._traffic, proxy, self._clock.now) if proxy else ""

    def happens(self, tick: int, hourly: bool) -> None:
        self._replace_pod(tick)
        if tick % 5 == 0:
            self._write(("virtualservices", "destinationrules", "services")[tick // 5 % 3], tick)
        if hourly:
            self._rename_service(tick)

    def _replace_pod(self, tick: int) -> None:
        """Another pod in its place, with another name and another address."""
        pods = self.kinds["pods"]
        place = self._dice.choice(sorted(pods))
        old = pods.pop(place)
        proxy = self._proxies.pop(old["status"]["podIP"])
        address = f"10.{128 + (tick >> 16)}.{tick >> 8 & 255}.{tick & 255}"
        meta = {**old["metadata"], "name": f"{old['metadata']['name'].rpartition('-')[0]}-{tick}"}
        self._proxies[address] = proxy
        self._put("pods", {**old, "metadata": meta, "status": {**old["status"], "podIP": address}})

    def _write(self, plural: str, tick: int) -> None:
        place = self._dice.choice(sorted(self.kinds[plural]))
        old = self.kinds[plural][place]
        meta = {**old["metadata"], "labels": {"turn": str(tick)}, "resourceVersion": str(tick)}
        self._put(plural, {**old, "metadata": meta})

    def _rename_service(self, tick: int) -> None:
        """One service goes with all that is its own, and one of another name comes."""
        place = self._dice.choice(sorted(self.kinds["services"]))
        fresh = f"service-{tick}-{place[1].rpartition('-')[2]}"
        for plural in ("services", "virtualservices", "destinationrules", "pods", "deployments"):
            for where in sorted(self.kinds[plural]):
                name = where[1]
                if where[0] == place[0] and (name == place[1] or name.startswith(f"{place[1]}-v")):
                    text = json.dumps(self.kinds[plural].pop(where))
                    self._put(plural, json.loads(text.replace(place[1], fresh)))


class Day:
    """What is open for so long."""

    def __init__(self, services: int, tick_s: float) -> None:
        self.clock = Clock(BEGUN)
        self.mesh = Mesh(services, self.clock)
        self._tick_s = tick_s
        limits = Limits(window_s=3 * tick_s)
        self._source = SidecarSource(
            self.mesh,  # type: ignore[arg-type]
            limits, clock=self.clock, now=self.clock,
        )  # fmt: skip
        self._parsed, self._structure, self._events = ParsedObjects(), Structure(), Events()
        self._measured, self._seen = MeasuredViews(), SampleHistory()
        self._known: dict[str, tuple[Obj, ...]] = {}

    async def tick(self, number: int, hourly: bool) -> Snapshot:
        self.clock.now += self._tick_s
        self.mesh.happens(number, hourly)
        kinds = {
            plural: tuple(objects[place] for place in sorted(objects))
            for plural, objects in self.mesh.kinds.items()
        }
        mesh = parse_mesh(kinds, before=self._parsed)
        services = self._structure.follow(mesh)
        self._events.record(mesh, self.clock.now)
        sample = await self._source.sample(mesh)
        views = self._measured.of(services, sample, Thresholds())
        self._seen.record(sample, views)
        live = FeedHealth("day", "ok", 0.1)
        return Snapshot(self.clock.now, mesh, sample, views, live, live)


def used() -> tuple[float, int]:
    """Mebibytes in memory, and objects that the garbage collector knows."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]) / 1024, len(gc.get_objects())


async def main(services: int, hours: int, tick_s: float, *, plain: bool) -> None:
    day, hourly = Day(services, tick_s), int(3600 / tick_s)
    app = MeshtuiApp(FakeCockpit(clock=day.clock), clock=day.clock)
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        while app.opened is None or app.opened.snapshot is None:
            await pilot.pause(0.05)
        first: tuple[float, int] | None = None
        for hour in range(1, hours + 1):
            for tick in range(hourly):
                number = hour * hourly + tick
                snapshot = await day.tick(number, tick == 0)
                app.main.post_message(SnapshotArrived(snapshot))
                app.post_message(Key(KEYS[number % len(KEYS)], None))
                while app.main.snapshot is not snapshot or app.main._message_queue.qsize():  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            found = used()
            first = first or found
            ratios = f"{found[0] / first[0]:.3f} {found[1] / first[1]:.3f}"
            if plain:
                print(
                    f"hour {hour:2}: {found[0]:6.1f} MiB, {found[1]} objects, x {ratios}",
                    flush=True,
                )
        if first and not plain:
            grown = {"MiB": found[0] / first[0], "objects": found[1] / first[1]}
            print(json.dumps({f"{what}, ratio to the first hour": n for what, n in grown.items()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=8)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--tick", type=float, default=20.0, help="seconds")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.services, given.hours, given.tick, plain=not given.json))
