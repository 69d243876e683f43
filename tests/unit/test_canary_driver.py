"""What a run does to the objects, and what it sees of them: written, adopted, left alone."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from meshtui.canary.events import BackOnStable, Edit, Edited, NotServed, Served, Shift
from meshtui.canary.route import find_route
from meshtui.changes.change import Target
from meshtui.errors import MeshtuiError, Unreachable
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.operations.canary.driver import Driver
from meshtui.operations.session import Session
from tests.unit.fake_cluster import (
    DR,
    VS,
    FakeCluster,
    mesh_of,
    objects_of,
    policy,
    routed,
    session,
)
from tests.unit.objects import Obj, pod, route
from tests.unit.test_mesh import REVIEWS


class World:
    """A route with its driver; `serving` is whether the proxies are seen to serve what is asked."""

    def __init__(self, *weights: int) -> None:
        entries = [route(f"v{n}", weight) for n, weight in enumerate(weights, 1)]
        self.cluster = FakeCluster(
            routed({"name": "all", "route": entries}), policy("v1", "v2", "v3")
        )
        self.session = session(self.cluster)
        self.serving: bool | None = True
        self.pods: list[Obj] | None = None
        self.frozen: Mesh | None = None
        self._verify(self.session)
        mesh = self.mesh()
        located, facts = find_route(mesh, Target(REVIEWS), "v3")
        before = tuple((f"v{n}", float(w)) for n, w in enumerate(weights, 1) if n != 3)
        self.driver = Driver(self.session, self.mesh, located.service, "v3", facts, before)

    def _verify(self, opened: Session) -> None:
        apply = opened.apply

        async def seen(*words: Any) -> Any:
            return replace(await apply(*words), verified=self.serving)

        async def again(outcome: Any, *words: Any) -> Any:
            return replace(outcome, verified=self.serving)

        opened.apply = seen  # type: ignore[method-assign, assignment]
        opened.applier.verify_again = again  # type: ignore[method-assign]

    def mesh(self) -> Mesh:
        """As the watch has it: `frozen` stands for one that is behind."""
        if self.frozen is not None:
            return self.frozen
        if self.pods is None:
            return mesh_of(self.cluster)
        return parse_mesh({**objects_of(self.cluster), "pods": self.pods})

    @property
    def rule(self) -> Obj:
        found: Obj = self.cluster.spec()["http"][0]
        return found

    @property
    def weights(self) -> list[int]:
        return [entry.get("weight", 0) for entry in self.rule["route"]]

    def edit(self, **fields: Any) -> None:
        self.cluster.edit(VS, lambda spec: spec["http"][0].update(fields))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(100, 0, 0)
    yield world
    await world.session.close()


async def test_a_step_is_written_once(world: World) -> None:
    assert await world.driver.shift(Shift(25)) == Served()
    assert (world.weights, len(world.cluster.writes)) == ([75, 0, 25], 1)
    assert await world.driver.shift(Shift(25)) == Served()
    assert len(world.cluster.writes) == 1
    assert world.driver.edited() is None


async def test_what_the_proxies_do_not_serve_is_not_served(world: World) -> None:
    world.serving = False
    assert isinstance(await world.driver.shift(Shift(25)), NotServed)
    again = await world.driver.shift(Shift(25))  # nothing to write any more, and still not served
    assert isinstance(again, NotServed) and again.away
    world.serving = True
    assert await world.driver.shift(Shift(25)) == Served()
    assert len(world.cluster.writes) == 1


async def test_nothing_is_written_over_somebody_elses_weight(world: World) -> None:
    await world.driver.shift(Shift(25))
    world.edit(route=[route("v1", 60), route("v2", 0), route("v3", 40)])
    found = await world.driver.shift(Shift(50))
    assert isinstance(found, Edited) and found.edit is Edit.WEIGHT
    assert (world.weights, len(world.cluster.writes)) == ([60, 0, 40], 1)
    assert found.words.endswith("by somebody")


async def test_a_header_is_adopted_and_the_step_made(world: World) -> None:
    world.edit(headers={"request": {"set": {"a": "b"}}})
    assert await world.driver.shift(Shift(25)) == Served()
    assert (world.weights, world.rule["headers"]["request"]) == ([75, 0, 25], {"set": {"a": "b"}})


async def test_an_edit_between_the_look_and_the_write_is_noticed_at_the_next_try(
    world: World,
) -> None:
    edits = [lambda: world.edit(route=[route("v1", 60), route("v2", 0), route("v3", 40)])]

    def before_write(method: str, path: str) -> None:
        if edits:
            edits.pop()()

    world.cluster.before_write = before_write
    first = await world.driver.shift(Shift(25))
    assert isinstance(first, NotServed) and first.away
    second = await world.driver.shift(Shift(25))
    assert isinstance(second, Edited) and second.edit is Edit.WEIGHT
    assert world.weights == [60, 0, 40]


async def test_a_watch_that_is_behind_is_no_edit(world: World) -> None:
    behind = world.mesh()
    await world.driver.shift(Shift(25))
    middle = world.mesh()
    await world.driver.shift(Shift(50))
    for mesh in (behind, middle):
        world.frozen = mesh
        assert world.driver.edited() is None
    world.frozen = None
    assert world.driver.edited() is None
    world.edit(route=[route("v1", 100), route("v2", 0), route("v3", 0)])
    found = world.driver.edited()
    assert found is not None and (found.edit, found.weight) == (Edit.WEIGHT, 0)
    assert world.driver.edited() is None


async def test_a_label_that_is_edited_is_noticed_without_the_rule_having_changed(
    world: World,
) -> None:
    world.cluster.edit(DR, lambda spec: spec["subsets"][2].update(labels={"version": "v2"}))
    found = world.driver.edited()
    assert found is not None and found.edit is Edit.LABELS


async def test_copies_come_first_and_go_with_the_first_weight(world: World) -> None:
    assert await world.driver.shift(Shift(0, shadow=True)) == Served()
    assert world.rule["mirror"]["subset"] == "v3"
    assert world.weights == [100, 0, 0]
    assert await world.driver.shift(Shift(25)) == Served()
    assert (world.weights, world.rule.get("mirror")) == ([75, 0, 25], None)


@pytest.mark.parametrize("before", [(100, 0, 0), (60, 40, 0)])
async def test_a_rollback_goes_to_what_was_before(before: tuple[int, ...]) -> None:
    world = World(*before)
    for weight in (25, 100):
        await world.driver.shift(Shift(weight))
    assert world.weights == [0, 0, 100]
    assert await world.driver.roll_back() == BackOnStable()
    assert world.weights == list(before)
    await world.session.close()


@pytest.mark.parametrize("before", [(100, 0, 0), (60, 40, 0)])
async def test_who_takes_a_canarys_rollback_back_is_told_what_was_left(
    before: tuple[int, ...],
) -> None:
    world = World(*before)
    await world.driver.shift(Shift(25))
    assert await world.driver.roll_back() == BackOnStable()
    plan = await world.session.plan_undo(world.mesh(), "", None)
    (text,) = (one.text for one in plan.findings if "is it mended?" in one.text)
    assert " rolled v3 back at " in text
    await world.session.close()


async def test_a_rollback_to_several_versions_goes_there_over_another_write() -> None:
    world = World(60, 40, 0)
    await world.driver.shift(Shift(25))
    edits = [lambda: world.edit(route=[route("v1", 10), route("v2", 20), route("v3", 70)])]

    def before_write(method: str, path: str) -> None:
        if edits:
            edits.pop()()

    world.cluster.before_write = before_write
    assert await world.driver.roll_back() == BackOnStable()
    assert world.weights == [60, 40, 0]
    await world.session.close()


async def test_a_rollback_takes_the_copies_off(world: World) -> None:
    await world.driver.shift(Shift(0, shadow=True))
    assert await world.driver.roll_back() == BackOnStable()
    assert (world.weights, world.rule.get("mirror")) == ([100, 0, 0], None)


async def test_a_rollback_that_the_proxies_do_not_serve_is_none_though_it_is_written(
    world: World,
) -> None:
    await world.driver.shift(Shift(25))
    world.serving = False
    for _ in range(2):
        found = await world.driver.roll_back()
        assert isinstance(found, NotServed) and not found.away
    assert world.weights == [100, 0, 0]
    world.serving = True
    assert await world.driver.roll_back() == BackOnStable()


@pytest.mark.parametrize("back", [True, False])
async def test_a_cluster_that_is_away_may_come_back(world: World, back: bool) -> None:
    def away(method: str, path: str) -> None:
        raise Unreachable("the API server does not answer")

    await world.driver.shift(Shift(25))
    world.cluster.before_write = away
    found = await (world.driver.roll_back() if back else world.driver.shift(Shift(50)))
    assert isinstance(found, NotServed) and found.away


async def test_what_the_server_refuses_waits_for_a_person(world: World) -> None:
    def refuse(obj: Obj) -> None:
        raise MeshtuiError("admission webhook says no")

    world.cluster.admission = refuse
    found = await world.driver.shift(Shift(25))
    assert isinstance(found, NotServed) and not found.away
    assert world.cluster.writes == []


def builds(*hashes: str, ready: bool = True) -> list[Obj]:
    made = [pod("reviews", "v1", number=1)]
    for number, one in enumerate(hashes, 2):
        raw = copy.deepcopy(pod("reviews", "v3", ready=ready, number=number))
        raw["metadata"]["labels"]["pod-template-hash"] = one
        made.append(raw)
    return made


async def test_the_pods_are_seen_with_their_builds_and_restarts(world: World) -> None:
    world.pods = builds("aaaa", "bbbb")
    statuses = [{"name": "reviews", "ready": True, "restartCount": 3}]
    world.pods[1]["status"]["containerStatuses"] = statuses
    pods = world.driver.pods()
    assert pods is not None
    assert (pods.canary_ready, pods.stable_ready) == (2, 1)
    assert (pods.builds, pods.restarts) == ({"aaaa", "bbbb"}, 3)
    world.pods = builds("aaaa", ready=False)
    pods = world.driver.pods()
    assert pods is not None
    assert (pods.canary_ready, pods.builds) == (0, frozenset())


async def test_an_object_that_is_gone_is_a_removal(world: World) -> None:
    del world.cluster.objects[VS]
    found = await world.driver.shift(Shift(25))
    assert isinstance(found, Edited) and found.edit is Edit.REMOVED
