"""One service of a large mesh: its own sidecars and its callers' are read, and it is said."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest

from meshtui.lab.synthetic.objects import VERSIONS, namespace, objects
from meshtui.lab.synthetic.statistics import Proxy, statistics
from meshtui.lab.synthetic.traffic import Traffic
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
from meshtui.mesh.view import service_views
from meshtui.metrics.focus import FEW, services_about
from meshtui.metrics.sidecar_reader import Limits
from meshtui.metrics.sidecars import SidecarSource

SERVICES, PODS = 34, 3
NUMBER = 22
CALLER = (NUMBER - 1) // 3
DEADLINE_S = 20.0
KEY = ServiceKey(namespace(NUMBER), f"service-{NUMBER}")


@cache
def synthetic() -> tuple[Mesh, dict[str, Proxy]]:
    """The mesh, and the proxies by the names of their pods."""
    proxies: dict[str, Proxy] = {}
    items: dict[str, list[Any]] = {}
    copies: Counter[str] = Counter()
    for made in objects(SERVICES, PODS):
        plural = made.path.rpartition("/")[2]
        items.setdefault(plural, []).append({**made.body, "status": made.status or {}})
        if plural == "pods":
            meta = made.body["metadata"]
            app, version = meta["labels"]["app"], meta["labels"]["version"]
            number = int(app.rpartition("-")[2])
            proxies[meta["name"]] = Proxy(number, version, copies[f"{app}-{version}"], PODS)
            copies[f"{app}-{version}"] += 1
    return parse_mesh(items), proxies


class Sidecars:
    """A cluster that answers for the sidecars of a synthetic mesh, and counts who was asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.traffic = Traffic(
            SERVICES, 40.0, lambda _: {"v1": 80.0, "v2": 15.0, "v3": 5.0}, self.now
        )
        self.asked: Counter[str] = Counter()
        self.most: int | None = None
        self._left = -1
        self.mesh, self._proxies = synthetic()

    async def get_text(self, path: str, query: Any, timeout: float) -> str:  # noqa: ASYNC109
        self._left -= 1
        if not self._left:
            self.now += DEADLINE_S
        name = path.split("/pods/")[1].split(":")[0]
        self.asked[name] += 1
        return statistics(self.traffic, self._proxies[name], self.now)

    def step(self) -> None:
        """Some seconds later; after `most` answers the time for more is over."""
        self.now += 5.0
        self._left = self.most or -1

    def source(self) -> SidecarSource:
        return SidecarSource(self, clock=lambda: self.now, now=lambda: self.now)  # type: ignore[arg-type]


async def twice(sidecars: Sidecars, source: SidecarSource) -> Sample:
    sidecars.now = 100.0
    await source.sample(sidecars.mesh)
    sidecars.now = 110.0
    return await source.sample(sidecars.mesh)


def rows(mesh: Mesh, sample: Sample, key: ServiceKey) -> dict[str, Any]:
    (view,) = service_views(mesh, sample, of=[mesh.by_key[key]])
    return {
        one.version: (one.share, one.state, one.caller and (one.caller.requests, one.caller.codes))
        for one in view.versions
    }


async def test_the_rows_are_those_of_a_whole_reading() -> None:
    whole, part = Sidecars(), Sidecars()
    assert len(whole.mesh.pods) > FEW
    focused = part.source()
    service = part.mesh.by_key[KEY]
    assert services_about(part.mesh, service) == {KEY}
    focused.focus(services_about(part.mesh, service))
    found = await twice(part, focused)
    everything = await twice(whole, whole.source())
    assert rows(part.mesh, found, KEY) == rows(whole.mesh, everything, KEY)
    workloads = {name.rpartition("-")[0].rpartition("-")[0] for name in part.asked}
    assert workloads == {f"service-{NUMBER}-{v}" for v in VERSIONS} | {f"service-{CALLER}-v1"}
    assert f"12 of {len(part.mesh.pods)} sidecars are read" in found.problems[0]
    assert everything.problems == ()


async def test_of_other_services_it_is_not_known() -> None:
    part = Sidecars()
    focused = part.source()
    focused.focus(frozenset({KEY}))
    found = await twice(part, focused)
    for _, state, counted in rows(part.mesh, found, ServiceKey(namespace(1), "service-1")).values():
        assert (state, counted) == ("unknown", None)


async def test_a_service_that_nobody_reached_has_all_asked() -> None:
    part = Sidecars()
    part.traffic.rps = 0.0
    focused = part.source()
    focused.focus(frozenset({KEY}))
    found = await twice(part, focused)
    assert len(part.asked) == len(part.mesh.pods)
    assert not any("sidecars are read" in line for line in found.problems)


@pytest.mark.parametrize("few", [True, False])
async def test_of_a_small_mesh_all_are_read(few: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Sidecars()
    if few:
        monkeypatch.setattr("meshtui.metrics.sidecars.FEW", len(part.mesh.pods))
    focused = part.source()
    if few:
        focused.focus(frozenset({KEY}))
    await twice(part, focused)
    assert len(part.asked) == len(part.mesh.pods)


def states(mesh: Mesh, sample: Sample) -> set[str]:
    """Of the v1 of all services that others call: nobody in the mesh calls the first."""
    called = [service for service in mesh.services if service.key.name != "service-0"]
    views = service_views(mesh, sample, of=called)
    return {row.state for view in views for row in view.versions if row.version == "v1"}


async def test_in_a_mesh_that_is_too_large_for_one_sample_each_has_its_turn() -> None:
    """A sample ends after a tenth of the proxies, by a clock that is given; after some rounds
    every row has its numbers, and none is said to have no traffic before, as one reading tells."""
    sidecars = Sidecars()
    part = len(sidecars.mesh.pods) // 10
    sidecars.most = part
    source = SidecarSource(
        sidecars,  # type: ignore[arg-type]
        Limits(deadline_s=DEADLINE_S),
        clock=lambda: sidecars.now,
        now=lambda: sidecars.now,
    )
    for _ in range(2):
        sidecars.step()
        found = await source.sample(sidecars.mesh)
    assert found.window_s > 0, "two samples give a rate"
    for _ in range(300):
        sidecars.step()
        found = await source.sample(sidecars.mesh)
        assert "no traffic" not in states(sidecars.mesh, found)
        if len(sidecars.asked) == len(sidecars.mesh.pods) and min(sidecars.asked.values()) >= 3:
            break
    for number in range(1, SERVICES):
        key = ServiceKey(namespace(number), f"service-{number}")
        for _, state, counted in rows(sidecars.mesh, found, key).values():
            assert state != "unknown" and counted
    assert min(sidecars.asked.values()) >= 3, "each has its turn again"
