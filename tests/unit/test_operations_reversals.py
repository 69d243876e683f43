"""Changes that somebody else reverts: seen, journaled, and applied again."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Plan, Promote, Request, Rollback, SetTimeout, Shift, Target
from meshtui.changes.reverted import how_to_pause
from meshtui.errors import Conflict
from meshtui.mesh.model import ServiceKey
from meshtui.operations.change.reversals import LOUD_S, SETTLED_S, Reversals
from meshtui.operations.look.journal import journaled
from meshtui.operations.session import Session
from tests.unit.fake_cluster import VS, FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import Obj, route

REVIEWS = ServiceKey("default", "reviews")
OLD: Obj = {"route": [route("v1", 50), route("v2", 30), route("v3", 20)]}


class Clock:
    def __init__(self) -> None:
        self.ahead = SETTLED_S + 1

    def __call__(self) -> float:
        return datetime.now(UTC).timestamp() + self.ahead


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(routed(OLD), policy("v1", "v2", "v3"))


@pytest.fixture
def opened(cluster: FakeCluster) -> Session:
    return session(cluster)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def applied(opened: Session, plan: Plan) -> str:
    cluster: Any = opened.cluster
    return (await opened.apply(plan, mesh_of(cluster), None, lambda _: None)).change_id


async def change(opened: Session, request: Request) -> str:
    cluster: Any = opened.cluster
    plan = await opened.plan(mesh_of(cluster), request, Target(REVIEWS), None)
    return await applied(opened, plan)


def applies(cluster: FakeCluster, manager: str, rule: Obj = OLD) -> None:
    """Somebody writes the whole list of rules as a file has it."""
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    cluster.edit(VS, lambda spec: spec.update(http=[copy.deepcopy(rule)]))
    cluster.objects[VS]["metadata"]["managedFields"] = [{"manager": manager, "time": stamp}]


def watching(opened: Session, clock: Clock) -> Reversals:
    return Reversals(opened.journal, clock=clock)


async def test_a_rollback_that_is_reverted_is_said_with_whom_when_and_to_what(
    cluster: FakeCluster, opened: Session, clock: Clock
) -> None:
    made = await change(opened, Rollback("v1"))
    watch = watching(opened, clock)
    assert watch.detect(mesh_of(cluster)) == ()
    applies(cluster, "argocd-controller")
    (found,) = watch.detect(mesh_of(cluster))
    (line,) = watch.notices()
    assert line.startswith(f"REVERTED reviews.default rollback {made}, by argocd-controller at ")
    assert "v1 100 → 50 %, v2 0 → 30 %, v3 0 → 20 %; U applies it again; pause Argo CD" in line
    assert opened.journal is not None
    entry = journaled(opened.journal.get(made))
    assert entry.status.startswith("reverted by argocd-controller at ")
    assert entry.detail == "now v1 100 → 50 %, v2 0 → 30 %, v3 0 → 20 %"
    clock.ahead += LOUD_S
    assert watch.notices() == ()
    assert found.entry.id == made


async def test_it_is_applied_again_and_the_notice_goes(
    cluster: FakeCluster, opened: Session, clock: Clock
) -> None:
    made = await change(opened, Rollback("v1"))
    watch = watching(opened, clock)
    applies(cluster, "kubectl-client-side-apply", {"route": [route("v1", 0), route("v3", 90)]})
    assert watch.detect(mesh_of(cluster))
    plan = await opened.plan_again(mesh_of(cluster), made, None)
    await applied(opened, plan)
    weights = {r["destination"]["subset"]: r["weight"] for r in cluster.spec()["http"][0]["route"]}
    assert (weights["v1"] > 0, weights["v3"]) == (True, 0)
    assert watch.detect(mesh_of(cluster)) == ()
    assert watch.notices() == ()


@pytest.mark.parametrize("request_", [Shift({"v3": 5}), Promote("v1"), SetTimeout(5.0)])
async def test_any_change_is_applied_again_where_it_was_taken_back_as_it_was(
    cluster: FakeCluster, opened: Session, clock: Clock, request_: Request
) -> None:
    made = await change(opened, request_)
    after = copy.deepcopy(cluster.spec())
    applies(cluster, "flagger")
    assert [one.entry.id for one in watching(opened, clock).detect(mesh_of(cluster))] == [made]
    await applied(opened, await opened.plan_again(mesh_of(cluster), made, None))
    assert cluster.spec() == after


async def test_what_is_something_else_by_now_is_a_conflict(
    cluster: FakeCluster, opened: Session
) -> None:
    made = await change(opened, Shift({"v3": 5}))
    applies(cluster, "kubectl-edit", {"route": [route("v1", 1), route("v2", 1), route("v3", 98)]})
    with pytest.raises(Conflict, match="can't be applied again as it was"):
        await opened.plan_again(mesh_of(cluster), made, None)


async def test_own_changes_and_undos_and_other_places_are_no_reversal(
    cluster: FakeCluster, opened: Session, clock: Clock
) -> None:
    watch = watching(opened, clock)
    await change(opened, Shift({"v3": 5}))
    await change(opened, Shift({"v3": 10}))
    await applied(opened, await opened.plan_undo(mesh_of(cluster), "", None))
    assert watch.detect(mesh_of(cluster)) == ()
    cluster.edit(VS, lambda spec: spec.update(exportTo=["."]))
    assert watch.detect(mesh_of(cluster)) == ()


async def test_both_of_two_changes_that_one_write_reverts_are_said(
    cluster: FakeCluster, opened: Session, clock: Clock
) -> None:
    made = [await change(opened, Shift({"v3": 5})), await change(opened, SetTimeout(5.0))]
    applies(cluster, "argocd-controller")
    found = watching(opened, clock).detect(mesh_of(cluster))
    assert sorted(one.entry.id for one in found) == sorted(made)


async def test_a_watch_that_lags_behind_our_own_write_reports_nothing(
    cluster: FakeCluster, opened: Session, clock: Clock
) -> None:
    before = mesh_of(cluster)
    await change(opened, Rollback("v1"))
    clock.ahead = 0.0
    watch = watching(opened, clock)
    assert watch.detect(before) == ()
    assert opened.journal is not None
    assert not opened.journal.entries()[0].reverted
    assert watch.detect(mesh_of(cluster)) == ()


@pytest.mark.parametrize(
    ("manager", "meta", "words"),
    [
        (
            "argocd-controller",
            {"annotations": {"argocd.argoproj.io/tracking-id": "shop:networking.istio.io/…"}},
            "pause Argo CD: argocd app set shop --sync-policy none",
        ),
        (
            "argocd-controller",
            {"annotations": {"argocd.argoproj.io/tracking-id": "$(rm -rf):x"}},
            "pause Argo CD: argocd app set APP --sync-policy none",
        ),
        (
            "kustomize-controller",
            {},
            "pause Flux: kubectl -n default annotate virtualservice reviews "
            "kustomize.toolkit.fluxcd.io/reconcile=disabled",
        ),
        (
            "helm-controller",
            {"labels": {"helm.toolkit.fluxcd.io/name": "shop"}},
            "pause Flux: flux suspend helmrelease shop -n default",
        ),
        (
            "flagger",
            {"ownerReferences": [{"kind": "Canary", "name": "reviews"}]},
            "pause Flagger: kubectl -n default patch canary reviews --type merge "
            """-p '{"spec":{"suspend":true}}'""",
        ),
        (
            "kustomize-controller",
            {"name": "x; rm -rf ~", "namespace": "$(id)"},
            "pause Flux: kubectl -n NAMESPACE annotate virtualservice NAME "
            "kustomize.toolkit.fluxcd.io/reconcile=disabled",
        ),
        (
            "flagger",
            {"namespace": "`id`", "ownerReferences": [{"kind": "Canary", "name": "a b"}]},
            "pause Flagger: kubectl -n NAMESPACE patch canary CANARY --type merge "
            """-p '{"spec":{"suspend":true}}'""",
        ),
        ("kubectl-client-side-apply", {}, ""),
    ],
)
def test_how_to_pause_the_owner(manager: str, meta: Obj, words: str) -> None:
    raw = routed(OLD)
    raw["metadata"] |= meta
    assert how_to_pause(raw, manager) == words


async def test_a_part_of_the_mesh_is_asked_for_with_what_was_changed_lately(
    cluster: FakeCluster, opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    async def read_part(*given: Any) -> None:
        asked.append(tuple(given[-1]))

    monkeypatch.setattr("meshtui.operations.one_service.read_part", read_part)
    await change(opened, Rollback("v1"))
    for journaled_too in (True, False):
        await opened.read_part("pay", lambda _: True, journaled=journaled_too)
    assert asked == [(cluster.objects[VS]["metadata"]["name"],), ()]
