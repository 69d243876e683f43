"""A refusal is told from slowness by a counter that rises, and by nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Rollback, Shift, Target
from meshtui.changes.outcome import ProxyVerdict
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.operations.change.rejections import (
    FRESH_S,
    RECENT_S,
    URGENT_S,
    Refusals,
    with_refusals,
)
from meshtui.operations.session import Session
from tests.unit.fake_cluster import VS, FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import route

POD = ("default", "client-1")


def verdict(state: str, detail: str = "") -> ProxyVerdict:
    return ProxyVerdict(*POD, state, detail)


def test_an_old_proxy_whose_count_has_risen_has_rejected_the_change() -> None:
    (found,) = with_refusals([verdict("old", "v3 gets 0%, asked 20%")], {POD: 3}, {POD: 4})
    assert found.state == "rejected"
    said = "its Envoy has refused 1 configuration since; v3 gets 0%, asked 20%"
    assert found.detail == said


def test_an_old_proxy_that_refused_nothing_since_is_only_late() -> None:
    late = verdict("old")
    assert with_refusals([late], {POD: 3}, {POD: 3}) == (late,)


def test_a_proxy_that_serves_the_change_did_not_reject_it_whatever_else_it_refused() -> None:
    served = verdict("in sync")
    assert with_refusals([served], {POD: 3}, {POD: 9}) == (served,)


def test_without_a_count_from_before_nothing_is_claimed() -> None:
    late = verdict("old")
    assert with_refusals([late], {}, {POD: 9}) == (late,)
    assert with_refusals([late], {POD: 3}, {}) == (late,)


def test_a_proxy_that_began_anew_counts_from_zero_and_is_not_accused() -> None:
    late = verdict("old")
    assert with_refusals([late], {POD: 7}, {POD: 0}) == (late,)


# When the proxies are asked


class Proxies:
    """Their refusals; each answers at once, or once `gate` is open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.all_asked = asyncio.Event()
        self.asked: list[str] = []
        self.count = 3
        monkeypatch.setattr("meshtui.envoy.proxy.rejected_updates", self._answer)

    async def _answer(self, cluster: Any, pod: Pod, *, timeout: float) -> int:  # noqa: ASYNC109
        self.asked.append(pod.name)
        if len(self.asked) == 3:
            self.all_asked.set()
        await self.gate.wait()
        return self.count


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> Proxies:
    return Proxies(monkeypatch)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    rule = {"route": [route("v1", 90), route("v2", 10)]}
    return session(FakeCluster(routed(rule), policy("v1", "v2", "v3")), verify=True)


def mesh(opened: Session) -> Mesh:
    cluster: Any = opened.cluster
    return mesh_of(cluster)


async def planned(opened: Session, request: Any) -> Any:
    target = Target(ServiceKey("default", "reviews"))
    return await opened.plan(mesh(opened), request, target, None)


async def test_the_plan_of_a_rollback_asks_and_its_write_does_not(
    opened: Session, proxies: Proxies
) -> None:
    plan = await planned(opened, Rollback())
    await asyncio.wait_for(proxies.all_asked.wait(), 30)
    proxies.gate.clear()
    found = await opened.applier.refused_so_far(plan.change, mesh(opened), None)
    assert set((found or {}).values()) == {3}
    assert len(proxies.asked) == 3


async def test_a_proxy_that_is_silent_since_the_plan_delays_no_rollback(
    opened: Session, proxies: Proxies
) -> None:
    clock, seen = Clock(), mesh(opened)
    plan = await planned(opened, Rollback())
    proxies.gate.clear()
    refusals = Refusals(opened.cluster, clock)
    refusals.begin(plan.change, seen, None)
    clock.now = URGENT_S
    assert await refusals.before(plan.change, seen, None) == {}
    proxies.gate.set()
    assert await refusals.before(plan.change, seen, None) == {}, "it may tell of the change itself"


async def test_counts_of_a_plan_that_was_looked_at_for_long_are_taken_anew(
    opened: Session, proxies: Proxies
) -> None:
    clock, seen = Clock(), mesh(opened)
    plan = await planned(opened, Rollback())
    refusals = Refusals(opened.cluster, clock)
    counting = refusals.begin(plan.change, seen, None)
    await counting.task
    proxies.count = 7
    assert set((await refusals.before(plan.change, seen, None)).values()) == {3}
    clock.now = RECENT_S + 1
    assert set((await refusals.before(plan.change, seen, None)).values()) == {7}
    refusals.close()


async def test_any_other_change_is_counted_for_from_its_plan_on_too(
    opened: Session, proxies: Proxies
) -> None:
    plan = await planned(opened, Shift({"v2": 30}))
    await asyncio.wait_for(proxies.all_asked.wait(), 30)
    found = await opened.applier.refused_so_far(plan.change, mesh(opened), None)
    assert set((found or {}).values()) == {3}
    assert len(proxies.asked) == 3


async def test_any_other_change_goes_by_fresh_counts_only(
    opened: Session, proxies: Proxies
) -> None:
    clock, seen = Clock(), mesh(opened)
    plan = await planned(opened, Shift({"v2": 30}))
    refusals = Refusals(opened.cluster, clock)
    await refusals.begin(plan.change, seen, None).task
    proxies.count = 7
    clock.now = FRESH_S
    assert set((await refusals.before(plan.change, seen, None)).values()) == {3}
    clock.now = FRESH_S + 1
    assert set((await refusals.before(plan.change, seen, None)).values()) == {7}
    refusals.close()


# The plan and the object


async def test_a_plan_on_an_object_that_is_no_longer_so_is_made_anew(opened: Session) -> None:
    cluster: Any = opened.cluster
    known = mesh(opened)
    cluster.edit(VS, lambda spec: spec["http"].insert(0, {"match": [{}], "route": [route("v3")]}))
    plan = await opened.plan(known, Rollback("v1"), Target(ServiceKey("default", "reviews")), None)
    version = cluster.objects[VS]["metadata"]["resourceVersion"]
    assert plan.change.resource_version == version
