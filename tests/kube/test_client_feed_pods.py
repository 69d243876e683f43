"""Pods are nine tenths of a mesh: a feed neither waits for them nor retains them whole."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_mesh import FakeTime, listing, obj, script_mesh, until
from hostile import Request, Stream, hostile_cluster, ok

from meshtui.kube.early import EARLY
from meshtui.kube.feed import Feed
from meshtui.kube.resources import PODS, VIRTUAL_SERVICES
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.parsed import Parsed
from meshtui.operations.mesh_feed import SLOW
from tests.unit.objects import Obj

LIST, VS = f"GET {PODS.path()}", VIRTUAL_SERVICES.path()


def pod(name: str, version: str, ready: str = "True") -> Obj:
    return {
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": version},
        "spec": {"containers": [{"name": "app", "args": ["--domain", "x.svc.cluster.local"]}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }


def page(*pods: Obj) -> Obj:
    return {"items": list(pods), "metadata": {"resourceVersion": "10"}}


def mesh_of(feed: Feed) -> Mesh:
    raw = feed.objects()
    return parse_mesh(raw.items, istio=raw.istio, problems=raw.problems, partial=raw.partial)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


async def test_services_and_rules_are_there_before_the_pods(tmp_path: Path, time: FakeTime) -> None:
    gate = asyncio.Event()

    async def late(request: Request, writer: Any) -> bool:
        await gate.wait()
        return await ok(page(pod("a", "1")))(request, writer)

    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile, (None,))
        hostile.on(f"GET {VS}", ok(listing("a")))
        hostile.on(LIST, late)
        feed = Feed(cluster, pace=time.pace(), early=EARLY)
        await feed.start()
        try:
            assert await feed.ready(60, without=SLOW)
            assert not await feed.ready(0.01)
            before = mesh_of(feed)
            assert [one.ref.name for one in before.virtual_services] == ["a"]
            assert not before.knows("pods", "shop") and before.knows("virtualservices")
            gate.set()
            assert await feed.ready(60)
            after = mesh_of(feed)
            assert [one.name for one in after.pods] == ["a"] and after.knows("pods", "shop")
        finally:
            await feed.stop()


async def test_of_a_pod_only_what_is_known_of_it_is_retained(
    tmp_path: Path, time: FakeTime
) -> None:
    first, second = Stream(), Stream()
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile, (None,))
        listed = [page(pod("a", "1"), pod("b", "2")), page(pod("a", "7"), pod("b", "8", "False"))]
        hostile.on(LIST, *map(ok, listed))
        hostile.on(f"watch {PODS.path()}", first, second)
        feed = Feed(cluster, pace=time.pace(), early=EARLY)
        await feed.start()
        try:
            assert await feed.ready(60)
            known = feed.objects().items["pods"]
            assert [type(one) for one in known] == [Parsed, Parsed]
            assert known[0].domain == "cluster.local"
            await first.wait_opened()
            first.event("MODIFIED", pod("b", "3", "False"))
            await until(lambda: not pods(feed)["b"].ready)
            changed = feed.objects().items["pods"]
            assert changed[0] is known[0] and changed[1] is not known[1]
            first.event("ERROR", {"code": 410, "reason": "Expired", "message": "too old"})
            await second.wait_opened()
            again = feed.objects().items["pods"]
            assert [one is other for one, other in zip(again, changed, strict=True)] == [True, True]
            second.event("ADDED", obj("c", "12"))
            second.event("DELETED", pod("a", "13"))
            await until(lambda: list(pods(feed)) == ["b", "c"])
        finally:
            await feed.stop()


def pods(feed: Feed) -> dict[str, Pod]:
    return {one.value.name: one.value for one in feed.objects().items["pods"]}
