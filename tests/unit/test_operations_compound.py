"""Several objects changed as one: order, failures between the parts, undo, and the journal."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Plan
from meshtui.changes.outcome import Outcome
from meshtui.errors import Conflict, JournalError, MeshtuiError, NotAllowed, NotFound, Refused
from meshtui.journal import Journal, Status
from meshtui.kube.failures import Unanswered
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.operations.change.adopt import plan_adoption
from meshtui.operations.change.compound import UNVERIFIED_S
from meshtui.operations.change.write_answers import ON_ITS_WAY_S
from tests.unit.fake_cluster import DR, VS, FakeCluster, mesh_of, policy, session

REVIEWS = ServiceKey("default", "reviews")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


class Desk:
    """A session whose writes and pauses are in `happened`, in order."""

    def __init__(self, cluster: FakeCluster, **options: Any) -> None:
        self.cluster = cluster
        self.session = session(cluster, **options)
        self.session.pause = self._pause
        self.happened: list[str] = []
        cluster.after_write = self._wrote

    async def _pause(self, seconds: float) -> None:
        self.happened.append(f"waited {seconds:.0f}")

    def _wrote(self, method: str, path: str) -> None:
        self.happened.append(f"{method} {path.split('/')[6]}")

    async def plan(self) -> Plan:
        return await plan_adoption(self.session, mesh_of(self.cluster), REVIEWS, "v1")

    async def adopt(self) -> Outcome:
        return await self.apply(await self.plan())

    async def apply(self, plan: Plan) -> Outcome:
        mesh = replace(mesh_of(self.cluster), pods=())
        return await self.session.apply(plan, mesh, None, lambda _: None)

    async def undo(self, change_id: str = "") -> Outcome:
        plan = await self.session.plan_undo(mesh_of(self.cluster), change_id, None)
        return await self.apply(plan)

    @property
    def journal(self) -> Journal:
        assert self.session.journal is not None
        return self.session.journal

    @property
    def statuses(self) -> list[str]:
        return [str(entry.status) for entry in reversed(self.journal.entries())]


@pytest.fixture
def desk() -> Desk:
    return Desk(FakeCluster())


MADE = ["POST destinationrules", f"waited {UNVERIFIED_S:.0f}", "POST virtualservices"]
TAKEN = ["DELETE virtualservices", f"waited {UNVERIFIED_S:.0f}", "DELETE destinationrules"]


async def test_an_adoption_is_one_plan_one_entry_and_one_undo(desk: Desk) -> None:
    outcome = await desk.adopt()
    assert desk.happened == MADE
    assert {DR, VS} <= desk.cluster.objects.keys()
    (entry,) = desk.journal.changes()
    assert (entry.id, entry.status, len(entry.parts)) == (outcome.change_id, Status.WRITTEN, 2)
    assert entry.words == tuple(t for change in outcome.plan.changes for t in change.words)

    desk.happened.clear()
    undone = await desk.undo()
    assert desk.happened == TAKEN
    assert not {DR, VS} & desk.cluster.objects.keys()
    undo, adoption = desk.journal.changes()
    assert (undo.id, undo.undoes) == (undone.change_id, outcome.change_id)
    assert adoption.undone_by == undone.change_id
    with pytest.raises(MeshtuiError, match="no change to undo"):
        await desk.undo()


async def test_an_undo_of_the_undo_makes_both_again_in_order(desk: Desk) -> None:
    await desk.adopt()
    undone = await desk.undo()
    desk.happened.clear()
    await desk.undo(undone.change_id)
    assert desk.happened == MADE
    assert [entry.undone_by != "" for entry in desk.journal.changes()] == [False, True, False]


async def test_each_part_names_the_whole(desk: Desk) -> None:
    outcome = await desk.adopt()
    first, second = (part.change_id for part in outcome.parts)
    assert (
        desk.journal.get(first) == desk.journal.get(second) == desk.journal.get(outcome.change_id)
    )
    await desk.undo(second)
    assert not {DR, VS} & desk.cluster.objects.keys()


async def test_subsets_that_are_there_make_it_a_change_of_one_object() -> None:
    desk = Desk(FakeCluster(policy("v1", "v2", "v3")))
    outcome = await desk.adopt()
    assert (desk.happened, outcome.parts) == (["POST virtualservices"], ())


async def test_planning_it_and_its_undo_writes_nothing(desk: Desk) -> None:
    await desk.plan()
    assert (desk.cluster.writes, desk.journal.changes()) == ([], ())
    await desk.adopt()
    written = list(desk.cluster.writes)
    await desk.session.plan_undo(mesh_of(desk.cluster), "", None)
    assert desk.cluster.writes == written


@pytest.mark.parametrize("plural", ["destinationrules", "virtualservices"])
async def test_a_dry_run_is_refused_where_either_object_would_be(desk: Desk, plural: str) -> None:
    def deny(raw: Any) -> None:
        if f"{raw['kind'].lower()}s" == plural:
            raise Refused("not on a Friday")

    desk.cluster.admission = deny
    with pytest.raises(Refused, match="not on a Friday"):
        await desk.plan()
    assert desk.cluster.writes == []


def at(plural: str, error: MeshtuiError) -> Any:
    def fail(method: str, path: str) -> None:
        if f"/{plural}" in path:
            raise error

    return fail


REFUSALS = (Refused("denied"), NotAllowed("forbidden"), Conflict("there is one"))


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
async def test_a_second_part_that_is_refused_takes_the_first_back(
    desk: Desk, error: MeshtuiError
) -> None:
    plan = await desk.plan()
    desk.cluster.before_write = at("virtualservices", error)
    with pytest.raises(type(error)) as told:
        await desk.apply(plan)
    assert "nothing of it is left" in str(told.value)
    assert not {DR, VS} & desk.cluster.objects.keys()
    assert desk.statuses == ["written", "failed", "written"]
    undo, adoption = desk.journal.changes()
    assert adoption.undone_by == undo.id
    with pytest.raises(MeshtuiError, match="no change to undo"):
        await desk.undo()


async def test_what_can_not_be_taken_back_is_said_with_the_way(desk: Desk) -> None:
    plan = await desk.plan()

    def fail(method: str, path: str) -> None:
        if method == "DELETE" or "virtualservices" in path:
            raise Refused("denied")

    desk.cluster.before_write = fail
    with pytest.raises(Refused) as told:
        await desk.apply(plan)
    whole = desk.journal.changes()[-1]
    assert whole.status is Status.PARTIAL
    assert "DestinationRule default/reviews is in" in str(told.value)
    assert f"`meshtui undo {whole.id}`" in str(told.value)
    desk.cluster.before_write = lambda method, path: None
    await desk.undo()
    assert not {DR, VS} & desk.cluster.objects.keys()


async def test_a_second_part_that_may_come_takes_nothing_back(desk: Desk) -> None:
    plan = await desk.plan()
    desk.cluster.before_write = at("virtualservices", Unanswered("the connection broke"))
    with pytest.raises(Unanswered) as told:
        await desk.apply(plan)
    assert "VirtualService default/reviews may be, too" in str(told.value)
    assert desk.statuses == ["written", "unanswered"]
    assert DR in desk.cluster.objects
    desk.cluster.before_write = lambda method, path: None
    later = session(desk.cluster)
    assert later.journal is not None
    later.journal._clock = lambda: time.time() + ON_ITS_WAY_S
    (line,) = await later.recover()
    assert desk.statuses == ["written", "failed"]
    assert "it is half done" in line
    await desk.undo()
    assert not {DR, VS} & desk.cluster.objects.keys()


async def test_a_first_part_that_fails_leaves_the_second_unwritten(desk: Desk) -> None:
    plan = await desk.plan()
    desk.cluster.before_write = at("destinationrules", Refused("denied"))
    with pytest.raises(Refused, match=r"^denied$"):
        await desk.apply(plan)
    assert (desk.cluster.writes, desk.statuses) == ([], ["failed", "failed"])
    (entry,) = desk.journal.changes()
    assert entry.status is Status.FAILED


async def test_an_undo_goes_on_where_it_stopped(desk: Desk) -> None:
    made = await desk.adopt()
    desk.cluster.before_write = at("destinationrules", NotAllowed("forbidden"))
    with pytest.raises(NotAllowed, match="forbidden"):
        await desk.undo()
    assert (VS in desk.cluster.objects, DR in desk.cluster.objects) == (False, True)
    desk.cluster.before_write = lambda method, path: None
    desk.happened.clear()
    await desk.undo()
    assert desk.happened == ["DELETE destinationrules"]
    assert desk.journal.get(made.change_id).undone_by


async def test_what_somebody_else_took_away_does_not_stop_the_rest(desk: Desk) -> None:
    made = await desk.adopt()
    del desk.cluster.objects[VS]
    await desk.undo()
    assert DR not in desk.cluster.objects
    desk.cluster.objects.clear()
    with pytest.raises((NotFound, Refused)):
        await desk.undo(made.change_id)


async def test_what_somebody_else_changed_stops_all_of_it(desk: Desk) -> None:
    await desk.adopt()
    desk.cluster.edit(DR, lambda spec: spec.update(exportTo=["."]))
    written = list(desk.cluster.writes)
    with pytest.raises(Conflict, match="changed since it was made"):
        await desk.undo()
    assert desk.cluster.writes == written


@pytest.mark.parametrize("method", ["begin_parts", "start"])
async def test_a_full_disk_stops_it_before_the_next_write(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    plan = await desk.plan()

    def refuse(*words: Any) -> Any:
        raise JournalError("disk is full")

    monkeypatch.setattr(Journal, method, refuse)
    with pytest.raises(JournalError, match="disk is full"):
        await desk.apply(plan)
    assert desk.cluster.writes == []


async def test_without_verification_the_proxies_are_asked_for_the_clusters_all_the_same() -> None:
    desk = Desk(FakeCluster(), wait_s=0.2)
    plan = await desk.plan()
    mesh = mesh_of(desk.cluster)
    sidecars = tuple(replace(pod, proxy_container="istio-proxy") for pod in mesh.pods)
    await desk.session.apply(plan, replace(mesh, pods=sidecars), None, lambda _: None)
    assert desk.happened == MADE
    assert desk.cluster.forwards


@pytest.mark.parametrize(("errors", "warned"), [(0.0, False), (0.9, True)])
async def test_an_adoption_that_sends_all_to_a_failing_version_says_so(
    errors: float, warned: bool
) -> None:
    desk = Desk(FakeCluster())
    counted = {VersionKey(REVIEWS, "v1"): Signals(100, 10, errors)}
    sample = Sample(1.0, "test", 10.0, counted, counted)
    mesh = mesh_of(desk.cluster)
    plan = await plan_adoption(desk.session, mesh, REVIEWS, "v1", sample=sample)
    text = "v1 is failing now (90 % errors of 100 requests"
    dangers = [one.text for part in plan.parts for one in part.findings if one.level == "danger"]
    assert any(one.startswith(text) and one.endswith("grows to 100 %") for one in dangers) == warned
