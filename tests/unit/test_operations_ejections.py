"""What clients' proxies have ejected of a version that is to get more traffic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.change import Plan, Request, Rollback, Shift, Target
from meshtui.errors import Unreachable
from meshtui.mesh.model import ServiceKey
from tests.unit.fake_cluster import FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import Obj, route

REVIEWS = ServiceKey("default", "reviews")
HOST = "reviews.default.svc.cluster.local"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def cluster_of(*, detecting: bool = True) -> FakeCluster:
    rules = policy("v1", "v2", "v3")
    if detecting:
        rules["spec"]["trafficPolicy"] = {"outlierDetection": {"consecutive5xxErrors": 3}}
    return FakeCluster(routed({"route": [route("v1", 90), route("v3", 10)]}), rules)


def clusters(ejected: int, of: int, subset: str = "v3") -> Obj:
    """What `/clusters?format=json` says."""
    hosts = [{"health_status": {"failed_outlier_check": i < ejected}} for i in range(of)]
    name = f"outbound|9080|{subset}|{HOST}"
    return {"cluster_statuses": [{"name": name, "host_statuses": hosts}]}


async def plan(
    monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster, request: Request, answer: Obj | None
) -> tuple[Plan, list[str]]:
    asked: list[str] = []

    async def admin_get(_: Any, namespace: str, pod: str, path: str, **more: Any) -> bytes:
        asked.append(pod)
        if answer is None:
            raise Unreachable("no answer")
        return json.dumps(answer).encode()

    monkeypatch.setattr("meshtui.envoy.admin.admin_get", admin_get)
    opened = session(cluster)
    return await opened.plan(mesh_of(cluster), request, Target(REVIEWS), None), asked


@pytest.mark.parametrize(
    ("out", "of", "level"), [(1, 1, "danger"), (2, 4, "danger"), (1, 4, "warning"), (0, 4, "")]
)
async def test_more_traffic_to_what_is_ejected(
    monkeypatch: pytest.MonkeyPatch, out: int, of: int, level: str
) -> None:
    made, _ = await plan(monkeypatch, cluster_of(), Shift({"v3": 50}), clusters(out, of))
    found = [
        f.level
        for f in made.findings
        if f"has ejected {out} of {of} endpoint{'s' * (of > 1)} of v3" in f.text
    ]
    assert found == ([level] if level else [])


async def test_a_rollback_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = await plan(monkeypatch, cluster_of(), Rollback("v1"), clusters(1, 1, "v1"))
    assert any("has ejected 1 of 1 endpoint of v1" in text for text in made.dangers)


async def test_who_does_not_answer_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = await plan(monkeypatch, cluster_of(), Shift({"v3": 50}), None)
    assert asked
    assert not any("ejected" in finding.text for finding in made.findings)


async def test_nobody_is_asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = cluster_of(detecting=False)
    assert (await plan(monkeypatch, quiet, Shift({"v3": 50}), clusters(1, 1)))[1] == []
