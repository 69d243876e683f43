"""Rollback: to what was stable, twice the same, and through other people's writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Promote, Request, Rollback, SetFault, Shift, Target
from meshtui.changes.outcome import Outcome
from meshtui.changes.stable import Stable, VersionHealth
from meshtui.config import Config
from meshtui.errors import Conflict, JournalError, Refused
from meshtui.journal import Journal
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.operations.change.stable_version import stable_findings
from meshtui.operations.session import ROLLBACK_TRIES, Session
from tests.unit.fake_cluster import VS, FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import Obj, route

REVIEWS = ServiceKey("default", "reviews")
SPECIAL = {"match": [{"uri": {"exact": "/x"}}], "route": [route("v2", 50), route("v3", 50)]}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def cluster() -> FakeCluster:
    rule = {"route": [route("v1", 100), route("v2", 0), route("v3", 0)]}
    return FakeCluster(routed(rule), policy("v1", "v2", "v3"))


@pytest.fixture
def opened(cluster: FakeCluster) -> Session:
    return session(cluster)


async def change(opened: Session, request: Request, rule: str = "") -> Outcome:
    cluster: Any = opened.cluster
    mesh = mesh_of(cluster)
    plan = await opened.plan(mesh, request, Target(REVIEWS, rule), None)
    return await opened.apply(plan, mesh, None, lambda _: None)


async def undo(opened: Session, change_id: str = "") -> None:
    cluster: Any = opened.cluster
    mesh = mesh_of(cluster)
    plan = await opened.plan_undo(mesh, change_id, None)
    await opened.apply(plan, mesh, None, lambda _: None)


def carrying(cluster: FakeCluster, index: int = -1) -> list[str]:
    rule: Obj = cluster.spec()["http"][index]
    return [r["destination"]["subset"] for r in rule["route"] if r.get("weight", 0) > 0]


async def test_after_a_promotion_back_to_what_was_before(
    cluster: FakeCluster, opened: Session
) -> None:
    await change(opened, Promote("v3"))
    await change(opened, Rollback())
    assert carrying(cluster) == ["v1"]


async def test_a_second_rollback_does_not_go_to_the_bad_version(
    cluster: FakeCluster, opened: Session
) -> None:
    await change(opened, Promote("v3"))
    await change(opened, Rollback())
    outcome = await change(opened, Rollback())
    assert (carrying(cluster), outcome.applied) == (["v1"], False)


async def warned(opened: Session, request: Request) -> list[str]:
    cluster: Any = opened.cluster
    plan = await opened.plan(mesh_of(cluster), request, Target(REVIEWS), None)
    found = [one.text for one in plan.findings if one.level == "warning"]
    return [text for text in found if "is it mended?" in text]


async def test_who_takes_a_rollback_back_is_told_whom_it_left(opened: Session) -> None:
    await change(opened, Promote("v3"))
    outcome = await change(opened, Rollback())
    cluster: Any = opened.cluster
    plan = await opened.plan_undo(mesh_of(cluster), outcome.change_id, None)
    (text,) = (one.text for one in plan.findings if "is it mended?" in one.text)
    assert " rolled v3 back at " in text and f"(change {outcome.change_id})" in text


async def test_who_sends_to_what_was_rolled_back_from_is_told(opened: Session) -> None:
    await change(opened, Promote("v3"))
    assert not await warned(opened, Shift({"v2": 20}))
    outcome = await change(opened, Rollback())
    (text,) = await warned(opened, Shift({"v3": 5}))
    assert " rolled v3 back at " in text and not text.startswith(" ")
    assert f"(change {outcome.change_id}): is it mended?" in text
    assert not await warned(opened, Shift({"v2": 20}))
    await change(opened, Shift({"v3": 5}))
    assert not await warned(opened, Shift({"v3": 10}))


async def test_an_undone_promotion_is_no_history(cluster: FakeCluster, opened: Session) -> None:
    await change(opened, Promote("v3"))
    await undo(opened)
    await change(opened, Shift({"v2": 20}))
    await change(opened, Rollback())
    assert carrying(cluster) == ["v1"]


async def test_a_fault_rule_that_came_and_went_does_not_lose_the_history(
    cluster: FakeCluster, opened: Session
) -> None:
    fault = SetFault(abort_http=503, header=("x-chaos", "1"))
    targeted = (await change(opened, fault)).change_id
    await change(opened, Shift({"v3": 90}))
    await undo(opened, targeted)
    outcome = await change(opened, Rollback())
    assert carrying(cluster) == ["v1"]
    assert "carried all traffic" in outcome.plan.findings[0].text


async def test_a_rollback_takes_targeted_faults_off_too(
    cluster: FakeCluster, opened: Session
) -> None:
    await change(opened, SetFault(abort_http=503, header=("x-chaos", "1")))
    await change(opened, Rollback())
    assert len(cluster.spec()["http"]) == 1


async def between(cluster: FakeCluster, opened: Session, what: Any, times: int = 1) -> Outcome:
    """A rollback in whose way somebody writes, `times` times, between its plan and its write."""
    left = [times]

    def write(method: str, path: str) -> None:
        if left[0] and path == VS:
            left[0] -= 1
            cluster.edit(VS, what)

    cluster.before_write = write
    return await change(opened, Rollback())


async def test_it_is_planned_anew_where_somebody_else_wrote(
    cluster: FakeCluster, opened: Session
) -> None:
    await change(opened, Shift({"v3": 90}))
    outcome = await between(cluster, opened, lambda spec: spec.update(exportTo=["."]))
    assert (carrying(cluster), outcome.applied) == (["v1"], True)
    assert cluster.spec()["exportTo"] == ["."]


async def test_it_goes_to_the_same_version_though_the_weights_moved(
    cluster: FakeCluster, opened: Session
) -> None:
    await change(opened, Shift({"v3": 90}))

    def shift_on(spec: Obj) -> None:
        for entry, weight in zip(spec["http"][0]["route"], (0, 0, 100), strict=True):
            entry["weight"] = weight

    await between(cluster, opened, shift_on)
    assert carrying(cluster) == ["v1"]


async def test_it_follows_its_rule_and_never_rolls_another_back(
    cluster: FakeCluster, opened: Session
) -> None:
    await change(opened, Shift({"v3": 90}))
    await between(cluster, opened, lambda spec: spec["http"].insert(0, SPECIAL))
    assert cluster.spec()["http"][0] == SPECIAL
    assert carrying(cluster, 1) == ["v1"]


async def test_a_rule_that_is_gone_is_a_conflict(cluster: FakeCluster, opened: Session) -> None:
    await change(opened, Shift({"v3": 90}))
    with pytest.raises(Conflict, match="any more"):
        await between(cluster, opened, lambda spec: spec.update(http=[SPECIAL]))
    assert cluster.spec()["http"] == [SPECIAL]


async def test_one_who_writes_without_end_is_a_conflict_in_the_end(
    cluster: FakeCluster, opened: Session
) -> None:
    await change(opened, Shift({"v3": 90}))
    tries: list[int] = []

    def again(spec: Obj) -> None:
        tries.append(1)
        spec["exportTo"] = [f"n{len(tries)}"]

    with pytest.raises(Conflict):
        await between(cluster, opened, again, times=100)
    assert len(tries) == ROLLBACK_TRIES


async def test_two_hosts_with_one_subset_name_are_told_apart(opened: Session) -> None:
    cluster: Any = opened.cluster
    both = {"route": [route("v1", 0, host="ratings"), route("v1", 100), route("v2", 0)]}
    cluster.edit(VS, lambda spec: spec.update(http=[both]))
    await change(opened, Promote("v2"))
    await between(cluster, opened, lambda spec: spec.update(exportTo=["."]))
    assert [r["weight"] for r in cluster.spec()["http"][0]["route"]] == [0, 100, 0]


async def test_what_was_undone_can_not_be_undone_again(opened: Session) -> None:
    promoted = (await change(opened, Promote("v3"))).change_id
    await undo(opened, promoted)
    with pytest.raises(Refused, match="taken back already"):
        await undo(opened, promoted)


async def test_a_journal_that_can_not_be_used_stops_no_rollback(
    cluster: FakeCluster, opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await change(opened, Shift({"v3": 90}))

    def broken(*_: Any, **__: Any) -> Any:
        raise JournalError("the journal cannot be used (disk I/O error)")

    for name in ("listing", "entries", "changes", "begin", "settle", "get", "limited"):
        monkeypatch.setattr(Journal, name, broken, raising=False)
    monkeypatch.setattr(Journal, "version", property(broken))
    plan = await opened.plan(mesh_of(cluster), Rollback("v1"), Target(REVIEWS), None)
    assert plan.stable == "v1"
    guessed = await opened.plan(mesh_of(cluster), Rollback(), Target(REVIEWS), None)
    assert any("earlier changes are not known" in text for text in guessed.warnings)
    assert guessed.dangerous
    outcome = await opened.apply(plan, mesh_of(cluster), None, lambda _: None)
    assert (carrying(cluster), outcome.applied) == (["v1"], True)


async def test_the_reason_comes_along_with_the_plan_and_through_a_conflict(
    cluster: FakeCluster, opened: Session
) -> None:
    await change(opened, Shift({"v3": 90}))
    outcome = await between(cluster, opened, lambda spec: spec.update(exportTo=["."]))
    assert outcome.plan.stable == "v1"
    assert "carried all traffic" in outcome.plan.stable_because


def measured(**seen: tuple[int, int]) -> Sample:
    """Requests and failed ones, by version."""
    found = {
        VersionKey(REVIEWS, version): Signals(requests, requests / 2, errors / requests)
        for version, (requests, errors) in seen.items()
    }
    return Sample(1.0, "test", 2.0, found, found)


@pytest.mark.parametrize(
    ("seen", "named", "sound"),
    [
        ({"v1": (40, 0), "v3": (90, 20)}, "", True),
        ({"v1": (400, 20), "v3": (90, 20)}, "", True),
        ({"v1": (20, 0), "v3": (90, 20)}, "", False),
        ({"v1": (40, 2), "v3": (90, 20)}, "", False),
        ({"v1": (40, 20), "v3": (90, 20)}, "", False),
        ({"v3": (90, 20)}, "", False),
        ({"v1": (400, 0), "v3": (900, 0)}, "", True),
        ({"v1": (400, 0), "v3": (900, 0)}, "v9", False),
    ],
)
async def test_a_look_is_long_enough_once_the_version_is_known_to_do_well(
    cluster: FakeCluster,
    opened: Session,
    seen: dict[str, tuple[int, int]],
    named: str,
    sound: bool,
) -> None:
    await change(opened, Shift({"v3": 90}))
    ask = (mesh_of(cluster), Rollback(named), Target(REVIEWS), measured(**seen))
    assert opened.planner.goes_to_a_sound_version(*ask) is sound


async def test_a_guess_is_never_looked_at_for_less_than_the_whole_time(
    cluster: FakeCluster, opened: Session
) -> None:
    cluster.edit(VS, lambda spec: spec["http"][0].update(route=[route("v1", 40), route("v3", 60)]))
    seen = measured(v1=(400, 0), v3=(600, 0))
    ask = (mesh_of(cluster), Rollback(), Target(REVIEWS), seen)
    assert not opened.planner.goes_to_a_sound_version(*ask)


async def test_who_calls_is_asked_after_the_write(cluster: FakeCluster, opened: Session) -> None:
    await change(opened, Shift({"v3": 90}))
    plan = await opened.plan(mesh_of(cluster), Rollback(), Target(REVIEWS), None)
    asked: list[list[str]] = []

    async def callers() -> None:
        asked.append(carrying(cluster))

    await opened.apply(plan, mesh_of(cluster), None, lambda _: None, callers)
    assert asked == [["v1"]]
    again = await opened.plan(mesh_of(cluster), Promote("v2"), Target(REVIEWS), None)
    await opened.apply(again, mesh_of(cluster), measured(), lambda _: None, callers)
    assert len(asked) == 1, "it is known already"


async def test_a_config_that_names_nothing_is_said_and_history_counts(
    cluster: FakeCluster,
) -> None:
    opened = session(cluster, config=Config(stable={"reviews": "v9"}))
    await change(opened, Shift({"v3": 90}))
    plan = await opened.plan(mesh_of(cluster), Rollback(), Target(REVIEWS), None)
    assert plan.stable == "v1"
    assert any("the config names v9 as stable" in text for text in plan.warnings)


@pytest.mark.parametrize(("why", "lines"), [("has the largest weight", 1), ("is configured", 2)])
def test_a_reason_that_speaks_against_the_choice_is_said_once(why: str, lines: int) -> None:
    version = VersionHealth("reviews", "v1", "v1", pods=1, ready=1)
    guess = "v1 is chosen only because it has the largest weight (v1: no requests)"
    assert len(stable_findings("v1", Stable(version, why, (guess,)))) == lines
