"""Adopting: the routes are written when the proxies have the clusters, verification or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from meshtui.mesh.model import ServiceKey
from meshtui.operations.change.adopt import UNSEEN_S, carry_out, plan_adoption
from meshtui.operations.session import Session
from tests.unit.fake_cluster import DR, VS, FakeCluster, mesh_of, session

REVIEWS = ServiceKey("default", "reviews")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def adopted(
    opened: Session, cluster: FakeCluster, *, without_pods: bool = False
) -> list[str]:
    """What happened, in order: the writes, and each pause."""
    happened: list[str] = []
    cluster.after_write = lambda method, path: happened.append(path.split("/")[-1])

    async def pause(seconds: float) -> None:
        happened.append(f"waited {round(seconds)}")

    mesh = mesh_of(cluster)
    sidecars = (
        ()
        if without_pods
        else tuple(replace(pod, proxy_container="istio-proxy") for pod in mesh.pods)
    )
    plan = await plan_adoption(opened, mesh, REVIEWS, "v1")
    async for _ in carry_out(
        opened, plan, replace(mesh, pods=sidecars), None, lambda _: None, pause
    ):
        pass
    return happened


async def test_clusters_that_nobody_can_look_for_are_given_time() -> None:
    cluster = FakeCluster()
    happened = await adopted(session(cluster, verify=False), cluster, without_pods=True)
    assert happened == ["destinationrules", f"waited {UNSEEN_S:.0f}", "virtualservices"]
    assert {DR, VS} <= cluster.objects.keys()


async def test_without_verification_the_proxies_are_asked_for_the_clusters_all_the_same() -> None:
    cluster = FakeCluster()
    opened = session(cluster, verify=False, wait_s=0.2)
    happened = await adopted(opened, cluster)
    assert happened == ["destinationrules", f"waited {UNSEEN_S:.0f}", "virtualservices"]
    assert cluster.forwards
