"""Who else writes an object, told before the change, with what will happen."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Shift, Target
from meshtui.mesh.model import ServiceKey
from tests.unit.fake_cluster import FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import route

LATER = "2099-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def warnings(**metadata: Any) -> list[str]:
    raw = routed({"route": [route("v1", 90), route("v2", 10)]})
    raw["metadata"] |= metadata
    cluster = FakeCluster(raw, policy("v1", "v2"))
    target = Target(ServiceKey("default", "reviews"))
    return list(
        (await session(cluster).plan(mesh_of(cluster), Shift({"v2": 20}), target, None)).warnings
    )


def managers(*names: str, time: str = "2020-01-01T00:00:00Z") -> list[dict[str, str]]:
    return [{"manager": name, "time": time} for name in names]


async def test_nobody_else_is_no_warning() -> None:
    assert await warnings(managedFields=managers("kubectl-client-side-apply")) == []


@pytest.mark.parametrize(
    ("metadata", "who", "advice"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "a"}}, "Argo CD", "pause auto-sync"),
        ({"labels": {"argocd.argoproj.io/instance": "a"}}, "Argo CD", "pause auto-sync"),
        ({"managedFields": managers("argocd-controller")}, "Argo CD", "pause auto-sync"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "a"}}, "Flux", "flux suspend"),
        ({"managedFields": managers("kustomize-controller")}, "Flux", "flux suspend"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm", "next upgrade"),
        ({"managedFields": managers("rollouts-controller")}, "Argo Rollouts", "pause the Rollout"),
        ({"annotations": {"rollouts.argoproj.io/x": "1"}}, "Argo Rollouts", "pause the Rollout"),
        ({"managedFields": managers("flagger")}, "Flagger", "pause its Canary"),
        ({"labels": {"app.kubernetes.io/managed-by": "flagger"}}, "Flagger", "pause its Canary"),
    ],
)
async def test_an_owner_is_named_with_what_it_will_do(
    metadata: dict[str, Any], who: str, advice: str
) -> None:
    (warning,) = await warnings(**metadata)
    assert warning.startswith(who)
    assert advice in warning


async def test_another_meshtui_is_one_whose_write_is_not_in_this_journal() -> None:
    (warning,) = await warnings(managedFields=managers("meshtui", time=LATER))
    assert "another meshtui wrote this object" in warning


async def test_ones_own_last_write_is_no_other_meshtui() -> None:
    cluster = FakeCluster(routed({"route": [route("v1", 90), route("v2", 10)]}), policy("v1", "v2"))
    opened, target = session(cluster), Target(ServiceKey("default", "reviews"))
    for percent in (20.0, 30.0):
        mesh = mesh_of(cluster)
        plan = await opened.plan(mesh, Shift({"v2": percent}), target, None)
        assert plan.warnings == ()
        await opened.apply(plan, mesh, None, lambda _: None)
        (raw,) = [raw for raw in cluster.objects.values() if raw["kind"] == "VirtualService"]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        raw["metadata"]["managedFields"] = managers("meshtui", time=now)


async def test_an_object_that_is_being_deleted_is_not_changed_without_saying_so() -> None:
    (told,) = await warnings(deletionTimestamp="2026-11-27T00:00:00Z", finalizers=["a.io/b", "c"])
    assert told == (
        "this object is being deleted since 2026-11-27T00:00:00Z and waits for a.io/b, c: "
        "a change goes with it"
    )
