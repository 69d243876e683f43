"""Killed at each step of a rollback of several objects, of its undo, and of one applied again.

The steps are all that the journal is told and all that is written, before and after each. What a
kill leaves is what was reached by then: nothing that the process would still have done is done.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Plan, Rollback, Target
from meshtui.errors import Conflict, MeshtuiError
from meshtui.journal import Entry, Journal, Status
from meshtui.mesh.model import ServiceKey
from meshtui.operations.change import apply as applying
from meshtui.operations.session import Session
from tests.unit.fake_cluster import ISTIO, VS, FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import Obj, route

REVIEWS = ServiceKey("default", "reviews")
EDGE = f"{ISTIO}/namespaces/default/virtualservices/edge"
OWN: Obj = {"name": "all", "route": [route("v1", 60), route("v3", 40)]}
AT_THE_EDGE: Obj = {"name": "edge", "route": [route("v1", 98), route("v3", 2)]}
JOURNALED = ("begin", "begin_parts", "start", "settle")
MANY = 100
"""More steps than any of these has."""


class Killed(BaseException):
    """No handler of the program's is for this one."""


class Steps:
    """Counts the steps, and dies at one of them."""

    def __init__(self) -> None:
        self.seen, self.last = 0, MANY

    def reach(self) -> None:
        self.seen += 1
        if self.seen == self.last:
            raise Killed


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    found = Steps()
    send = applying.send

    def journaled(name: str) -> Callable[..., Any]:
        real = getattr(Journal, name)

        def step(*words: Any, **more: Any) -> Any:
            found.reach()
            answer = real(*words, **more)
            found.reach()
            return answer

        return step

    async def sent(*words: Any, **more: Any) -> Any:
        found.reach()
        answer = await send(*words, **more)
        found.reach()
        return answer

    for name in JOURNALED:
        monkeypatch.setattr(Journal, name, journaled(name))
    monkeypatch.setattr(applying, "send", sent)
    monkeypatch.setattr("meshtui.journal.store.alive", lambda *_: False)
    return found


class World:
    """A cluster with a rule for callers inside and one at the edge, and whoever comes to it."""

    def __init__(self) -> None:
        edge = routed(AT_THE_EDGE, name="edge")
        edge["spec"] |= {"hosts": ["shop.example.com"], "gateways": ["shop"]}
        self.cluster = FakeCluster(routed(OWN), edge, policy("v1", "v3"))
        self.opened: Session = session(self.cluster)

    def specs(self) -> dict[str, Obj]:
        return {path: copy.deepcopy(self.cluster.spec(path)) for path in (VS, EDGE)}

    def start_again(self) -> None:
        self.opened = session(self.cluster)

    async def make(self, plan: Plan) -> None:
        await self.opened.apply(plan, mesh_of(self.cluster), None, lambda _: None)

    async def everywhere(self) -> Plan:
        request = Rollback("v1", everywhere=True)
        return await self.opened.plan(mesh_of(self.cluster), request, Target(REVIEWS, "all"), None)

    async def undo(self) -> Plan:
        return await self.opened.plan_undo(mesh_of(self.cluster), "", None)

    async def again(self) -> Plan:
        return await self.opened.plan_again(mesh_of(self.cluster), self.rows()[0].id, None)

    def rows(self) -> list[Entry]:
        """Each object's part of each change, the newest first."""
        assert self.opened.journal is not None
        return list(self.opened.journal.entries())

    def path(self, entry: Entry) -> str:
        return {"reviews": VS, "edge": EDGE}[entry.target.name]


async def nothing(world: World) -> None:
    return None


async def rolled_back(world: World) -> None:
    await world.make(await world.everywhere())


async def reverted(world: World) -> None:
    """A rollback of the one object, which somebody else took back."""
    plan = await world.opened.plan(
        mesh_of(world.cluster), Rollback("v1"), Target(REVIEWS, "all"), None
    )
    await world.make(plan)
    world.cluster.edit(VS, lambda spec: spec.update(http=[copy.deepcopy(OWN)]))


PATHS: dict[str, tuple[Callable[[World], Awaitable[None]], Callable[[World], Awaitable[Plan]]]] = {
    "everywhere": (nothing, World.everywhere),
    "its undo": (rolled_back, World.undo),
    "again": (reverted, World.again),
}


@pytest.mark.parametrize("path", PATHS)
async def test_the_next_start_knows_and_undo_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: Steps, path: str
) -> None:
    prepare, planning = PATHS[path]
    for number in range(1, MANY):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / str(number)))
        steps.last, world = MANY, World()
        original = world.specs()
        await prepare(world)
        before, known = world.specs(), {row.id for row in world.rows()}
        plan = await planning(world)
        steps.seen, steps.last = 0, number
        try:
            await world.make(plan)
        except Killed:
            steps.last = MANY
        else:
            assert number > 5, "there were steps to die at"
            return
        world.start_again()
        left = world.specs()
        await world.opened.recover()
        assert await world.opened.recover() == ()
        assert world.specs() == left, "to find out changes nothing"
        for row in world.rows():
            if row.id not in known:
                is_in = left[world.path(row)] != before[world.path(row)]
                assert row.took_effect is is_in, (number, row)
                assert row.status in (Status.WRITTEN, Status.FAILED), (number, row)
        await undo_all(world)
        assert world.specs() == original, number
    raise AssertionError("it never came to its end")


async def undo_all(world: World) -> None:
    """Takes back what stands, as a person would."""
    for _ in range(10):
        try:
            plan = await world.undo()
        except MeshtuiError as error:
            # One that somebody else reverted is a conflict, and nothing of it is left.
            assert "no change to undo" in str(error) or isinstance(error, Conflict)
            return
        await world.make(plan)
    raise AssertionError("there is always something to take back")
