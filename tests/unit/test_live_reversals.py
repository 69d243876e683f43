"""A change that somebody else reverts, seen by a screen that is open and by the next one."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime

import pytest

from meshtui.changes.change import Rollback, Target
from meshtui.errors import Refused
from meshtui.mesh.model import ServiceKey
from meshtui.operations import live
from meshtui.operations.change import reversals
from meshtui.operations.change.reversals import SETTLED_S
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from meshtui.operations.types import Snapshot
from tests.unit.fake_cluster import VS, FakeCluster, policy, routed, session
from tests.unit.fake_feed import Blind, Watched
from tests.unit.objects import Obj, route

REVIEWS = ServiceKey("default", "reviews")
OLD: Obj = {"route": [route("v1", 50), route("v2", 30), route("v3", 20)]}
PATIENCE_S = 30.0


class Desk:
    """A screen's cockpit, and what it is handed. Its clock may go ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.cockpit = live.LiveCockpit(
            Options(verify=False), clock=lambda: time.time() + self.ahead
        )
        self.snapshots: AsyncIterator[Snapshot]

    async def until(self, condition: Callable[[Snapshot], object]) -> Snapshot:
        async with asyncio.timeout(PATIENCE_S):
            async for snapshot in self.snapshots:
                if condition(snapshot):
                    return snapshot
        raise AssertionError("the snapshots ended")

    async def apply(self, *, again: bool = False) -> None:
        if again:
            plan = await self.cockpit.plan_again()
            assert any("it may be reverted again; pause Argo CD" in text for text in plan.warnings)
        else:
            plan = await self.cockpit.plan(Rollback("v1"), Target(REVIEWS))
        await self.cockpit.apply(plan, lambda _: None)


def reverted(snapshot: Snapshot) -> str:
    return next((text for text in snapshot.notices if text.startswith("REVERTED")), "")


def rolled_back(snapshot: Snapshot) -> bool:
    (vs,) = snapshot.mesh.virtual_services
    return [d.weight for d in vs.rules[0].destinations] == [100, 0, 0]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    found = FakeCluster(routed(OLD), policy("v1", "v2", "v3"))
    found.objects["/version"] = {"kind": "VirtualService", "gitVersion": "v1.36.0"}

    async def opened(_: Options) -> Session:
        return session(found)

    monkeypatch.setattr(live, "AHEAD", ())
    monkeypatch.setattr(live, "SETTLE_S", 0.0)
    monkeypatch.setattr(reversals, "LOOK_S", 0.01)
    monkeypatch.setattr(Session, "open", opened)
    monkeypatch.setattr("meshtui.metrics.choose.source_for", lambda *_: Blind())
    return found


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> list[Watched]:
    made: list[Watched] = []

    def feed(cluster: FakeCluster, early: object = None) -> Watched:
        made.append(Watched(cluster))
        return made[-1]

    monkeypatch.setattr("meshtui.kube.feed.Feed", feed)
    return made


@asynccontextmanager
async def screen() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.cockpit.connect()
    try:
        async with aclosing(desk.cockpit.snapshots()) as desk.snapshots:
            yield desk
    finally:
        await desk.cockpit.close()


async def test_a_reverted_rollback_is_said_while_the_screen_is_open_and_at_the_next_start(
    cluster: FakeCluster, feeds: list[Watched]
) -> None:
    async with screen() as desk:
        await desk.until(lambda snapshot: snapshot.mesh.services)
        await desk.apply()
        feeds[-1].news()
        assert not reverted(await desk.until(rolled_back))
        with pytest.raises(Refused, match="was reverted by somebody else"):
            await desk.cockpit.plan_again()
        cluster.objects[VS]["spec"]["http"] = [copy.deepcopy(OLD)]
        cluster.put(cluster.objects[VS])
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        fields = [{"manager": name, "time": stamp} for name in ("meshtui", "argocd-controller")]
        cluster.objects[VS]["metadata"]["managedFields"] = fields
        desk.ahead = SETTLED_S + 1
        feeds[-1].news()
        line = reverted(await desk.until(reverted))
        assert "rollback" in line and "by argocd-controller" in line and "v1 100 → 50 %" in line
    async with screen() as desk:
        desk.ahead = SETTLED_S + 1
        await desk.until(reverted)
        await desk.apply(again=True)
        feeds[-1].news()
        await desk.until(lambda snapshot: rolled_back(snapshot) and not reverted(snapshot))
