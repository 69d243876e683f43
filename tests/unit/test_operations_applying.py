"""Journal, write, journal: what is on disk and in the cluster, however applying ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Promote, Request, Rollback, SetFault, Shift, Target
from meshtui.changes.outcome import Outcome
from meshtui.errors import Conflict, JournalError, NotAllowed, Refused
from meshtui.journal import Journal, Status
from meshtui.mesh.model import ServiceKey
from meshtui.operations.session import Session
from tests.unit.fake_cluster import VS, FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import route

REVIEWS = ServiceKey("default", "reviews")
FULL = "the journal cannot be used (disk is full)"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def cluster() -> FakeCluster:
    rule = {"route": [route("v1", 90), route("v2", 10)], "fault": {"abort": {"httpStatus": 503}}}
    return FakeCluster(routed(rule), policy("v1", "v2", "v3"))


async def change(opened: Session, request: Request, **target: str) -> Outcome:
    cluster: Any = opened.cluster
    mesh = mesh_of(cluster)
    plan = await opened.plan(mesh, request, Target(REVIEWS, **target), None)
    return await opened.apply(plan, mesh, None, lambda _: None)


def weights(cluster: FakeCluster) -> list[int]:
    return [entry.get("weight", 0) for entry in cluster.spec()["http"][0]["route"]]


def statuses(opened: Session) -> list[Status]:
    assert opened.journal is not None
    return [entry.status for entry in opened.journal.entries()]


def break_journal(monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
    def refuse(*words: Any, **more: Any) -> Any:
        raise JournalError(FULL)

    for method in methods:
        monkeypatch.setattr(Journal, method, refuse)


async def test_a_change_is_written_once_and_journaled(cluster: FakeCluster) -> None:
    opened = session(cluster)
    outcome = await change(opened, Shift({"v2": 30}))
    assert (outcome.applied, outcome.verified, weights(cluster)) == (True, None, [70, 30])
    assert cluster.writes == [("PATCH", VS)]
    assert statuses(opened) == [Status.WRITTEN]


async def test_what_the_api_server_warns_of_is_in_the_plan_and_in_the_outcome(
    cluster: FakeCluster,
) -> None:
    cluster.warnings = ("networking.istio.io/v1alpha3 is deprecated", "no owner label")
    outcome = await change(session(cluster), Shift({"v2": 30}))
    for warnings in (outcome.plan.warnings, outcome.warnings):
        assert [text for text in warnings if "API server" in text] == [
            "the API server warns: networking.istio.io/v1alpha3 is deprecated",
            "the API server warns: no owner label",
        ]


async def test_everybody_else_is_told_by_an_event(cluster: FakeCluster) -> None:
    outcome = await change(session(cluster), Shift({"v2": 30}))
    (event,) = cluster.events
    assert (event["reason"], event["regarding"]["name"]) == ("MeshtuiShift", "reviews")
    assert outcome.change_id in event["note"]


async def test_a_full_disk_stops_the_change_before_anything_is_written(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(monkeypatch, "begin")
    for request in (Shift({"v2": 30}), Promote("v2"), SetFault(abort_http=500)):
        with pytest.raises(JournalError, match="disk is full"):
            await change(session(cluster), request)
    assert (cluster.writes, weights(cluster)) == ([], [90, 10])


async def test_a_full_disk_does_not_stop_a_rollback_which_says_so(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(monkeypatch, "begin", "settle")
    outcome = await change(session(cluster), Rollback())
    assert (outcome.applied, weights(cluster)) == (True, [100, 0])
    assert any("not in the journal" in warning for warning in outcome.warnings)
    assert "fault" not in cluster.spec()["http"][0]


async def test_a_journal_that_can_not_be_read_does_not_stop_a_rollback(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(monkeypatch, "begin", "settle", "listing")
    outcome = await change(session(cluster), Rollback())
    assert weights(cluster) == [100, 0]
    assert any("earlier changes are not known" in text for text in outcome.plan.warnings)


async def test_no_journal_at_all_is_the_same(cluster: FakeCluster, home: Path) -> None:
    (home / "meshtui").write_text("in the way")
    opened = session(cluster)
    with pytest.raises(JournalError):
        await change(opened, Shift({"v2": 30}))
    assert (await change(opened, Rollback())).applied


async def test_what_the_disk_says_after_the_write_is_told(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(monkeypatch, "settle")
    outcome = await change(session(cluster), Shift({"v2": 30}))
    assert outcome.applied
    assert any("how it ended is not in the journal" in text for text in outcome.warnings)


async def test_a_conflict_wrote_nothing_and_the_journal_says_so(cluster: FakeCluster) -> None:
    opened, mesh = session(cluster), mesh_of(cluster)
    plan = await opened.plan(mesh, Shift({"v2": 30}), Target(REVIEWS), None)
    cluster.edit(VS, lambda spec: spec.update(exportTo=["."]))
    with pytest.raises(Conflict):
        await opened.apply(plan, mesh, None, lambda _: None)
    assert (statuses(opened), weights(cluster)) == ([Status.FAILED], [90, 10])


async def test_one_who_goes_away_in_the_middle_of_the_write_leaves_the_intent(
    cluster: FakeCluster,
) -> None:
    def leave(method: str, path: str) -> None:
        raise asyncio.CancelledError

    cluster.after_write = leave
    opened = session(cluster)
    with pytest.raises(asyncio.CancelledError):
        await change(opened, Shift({"v2": 30}))
    assert statuses(opened) == [Status.INTENT]


async def test_an_admission_webhook_is_quoted_and_nothing_is_journaled(
    cluster: FakeCluster,
) -> None:
    words = 'admission webhook "policy.example.com" denied the request: not on a Friday'

    def deny(raw: Any) -> None:
        raise Refused(words)

    cluster.admission = deny
    opened = session(cluster)
    with pytest.raises(Refused, match="not on a Friday"):
        await change(opened, Shift({"v2": 30}))
    assert (cluster.writes, statuses(opened)) == ([], [])


async def test_a_right_that_is_missing_is_told_before_anything_is_tried(
    cluster: FakeCluster,
) -> None:
    cluster.forbidden = {"patch"}
    with pytest.raises(NotAllowed, match="you may not patch virtualservices"):
        await change(session(cluster), Shift({"v2": 30}))
    looked = session(cluster, dry_run=True)
    plan = await looked.plan(mesh_of(cluster), Shift({"v2": 30}), Target(REVIEWS), None)
    assert any("you may not patch" in text for text in plan.warnings)


async def test_an_object_that_was_made_anew_since_is_a_conflict(cluster: FakeCluster) -> None:
    with pytest.raises(Conflict, match="replaced by another object"):
        await change(session(cluster), Shift({"v2": 30}), uid="another")
