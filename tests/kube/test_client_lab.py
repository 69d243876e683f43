"""The client against the lab's API server, which answers as a recorded real one does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from hostile import write_kubeconfig
from lab_fixtures import Lab, eventually, pod, running_lab, virtual_service

from meshtui.errors import Conflict, NotAllowed, NotFound, Refused, Unreachable
from meshtui.kube.access import allowed
from meshtui.kube.cluster import Cluster
from meshtui.kube.events import record
from meshtui.kube.feed import Feed
from meshtui.kube.logs import pod_log
from meshtui.kube.objects import (
    create_object,
    delete_object,
    get_object,
    list_all,
    patch_json,
)
from meshtui.kube.resources import BACKEND_TLS_POLICIES, LISTENER_SETS, PODS, VIRTUAL_SERVICES
from meshtui.kube.snapshot import RawObjects, place, read_objects
from meshtui.lab.contract import Address
from meshtui.lab.logs import LogBuffer

TO_80_20 = [
    {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 80},
    {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 20},
]


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        lab.store.put("networking.istio.io", "virtualservices", virtual_service())
        lab.store.put("", "pods", pod("p1", ("reviews", "istio-proxy"), app="reviews"))
        yield lab


@pytest.fixture
async def admin(lab: Lab, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with connected(lab, tmp_path, "admin-token") as cluster:
        yield cluster


@pytest.fixture
async def viewer(lab: Lab, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with connected(lab, tmp_path, "viewer-token") as cluster:
        yield cluster


@asynccontextmanager
async def connected(lab: Lab, folder: Path, token: str) -> AsyncIterator[Cluster]:
    config = write_kubeconfig(folder / token, lab.client.url, {"token": token})
    cluster = await Cluster.connect(kubeconfig=config, namespace="default")
    try:
        yield cluster
    finally:
        await cluster.close()


async def reviews(cluster: Cluster) -> dict[str, object]:
    return dict(await get_object(cluster, VIRTUAL_SERVICES, "default", "reviews"))


async def test_a_list_is_read_in_pages_and_with_a_version_to_watch_from(
    lab: Lab, admin: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshtui.kube.objects.PAGE", 2)
    for number in range(4):
        lab.store.put("", "pods", pod(f"q{number}", app="other"))
    items, version = await list_all(admin, PODS)
    assert [place(item)[1] for item in items] == ["p1", "q0", "q1", "q2", "q3"]
    assert items[0]["kind"] == "Pod"
    assert version
    chosen, _ = await list_all(admin, PODS, "default", "app=reviews")
    assert [place(item)[1] for item in chosen] == ["p1"]


async def test_a_patch_of_the_version_it_was_planned_on_is_applied(admin: Cluster) -> None:
    version = (await reviews(admin))["metadata"]["resourceVersion"]  # type: ignore[index]
    written = await patch_json(
        admin, VIRTUAL_SERVICES, "default", "reviews", TO_80_20, resource_version=version
    )
    after = written.object
    assert [d["weight"] for d in after["spec"]["http"][0]["route"]] == [80, 20]
    assert after["metadata"]["managedFields"][-1]["manager"] == "meshtui"
    assert await reviews(admin) == after


async def test_a_patch_of_an_older_version_is_a_conflict_and_changes_nothing(
    admin: Cluster,
) -> None:
    version = (await reviews(admin))["metadata"]["resourceVersion"]  # type: ignore[index]
    other = [{"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 50}]
    await patch_json(admin, VIRTUAL_SERVICES, "default", "reviews", other, resource_version=version)
    before = await reviews(admin)
    with pytest.raises(Conflict, match="has been modified"):
        await patch_json(
            admin, VIRTUAL_SERVICES, "default", "reviews", TO_80_20, resource_version=version
        )
    assert await reviews(admin) == before


async def test_a_dry_run_answers_and_stores_nothing(admin: Cluster) -> None:
    before = await reviews(admin)
    version = before["metadata"]["resourceVersion"]  # type: ignore[index]
    for weight, outcome in ((70, None), ("70", Refused)):
        ops = [{"op": "replace", "path": "/spec/http/0/route/0/weight", "value": weight}]
        with pytest.raises(outcome) if outcome else contextlib.nullcontext():
            await patch_json(
                admin,
                VIRTUAL_SERVICES,
                "default",
                "reviews",
                ops,
                resource_version=version,
                dry_run=True,
            )
    assert await reviews(admin) == before


async def test_a_dry_run_of_each_write_leaves_the_stores_revision(lab: Lab, admin: Cluster) -> None:
    place = (admin, VIRTUAL_SERVICES, "default")
    version = str((await reviews(admin))["metadata"]["resourceVersion"])  # type: ignore[index]
    before = lab.store.revision
    await patch_json(*place, "reviews", TO_80_20, resource_version=version, dry_run=True)
    await create_object(*place, virtual_service("ratings"), dry_run=True)
    await delete_object(*place, "reviews", resource_version=version, dry_run=True)
    assert lab.store.revision == before
    assert (await reviews(admin))["metadata"]["resourceVersion"] == version  # type: ignore[index]


async def test_an_object_can_be_made_and_taken_away(admin: Cluster) -> None:
    body = virtual_service("ratings")
    made = await create_object(admin, VIRTUAL_SERVICES, "default", body)
    with pytest.raises(Conflict, match="already exists"):
        await create_object(admin, VIRTUAL_SERVICES, "default", body)
    version = made.object["metadata"]["resourceVersion"]
    with pytest.raises(Conflict):
        await delete_object(admin, VIRTUAL_SERVICES, "default", "ratings", resource_version="1")
    await delete_object(admin, VIRTUAL_SERVICES, "default", "ratings", resource_version=version)
    with pytest.raises(NotFound):
        await get_object(admin, VIRTUAL_SERVICES, "default", "ratings")


async def test_a_viewer_sees_and_may_not_change(viewer: Cluster) -> None:
    version = (await reviews(viewer))["metadata"]["resourceVersion"]  # type: ignore[index]
    assert await allowed(viewer, "get", VIRTUAL_SERVICES, "default")
    assert not await allowed(viewer, "patch", VIRTUAL_SERVICES, "default", "reviews")
    with pytest.raises(NotAllowed, match='User "viewer" cannot patch'):
        await patch_json(
            viewer, VIRTUAL_SERVICES, "default", "reviews", TO_80_20, resource_version=version
        )
    assert not await record(viewer, await reviews(viewer), action="A", reason="R", note="n")


async def test_a_change_can_be_told_in_an_event(lab: Lab, admin: Cluster) -> None:
    told = await record(
        admin,
        await reviews(admin),
        action="ShiftWeights",
        reason="WeightsShifted",
        note="v1 90->80\x1b[2J" + "x" * 2000,
    )
    assert told
    (event,) = (await lab.client.get("/apis/events.k8s.io/v1/namespaces/default/events")).json[
        "items"
    ]
    assert event["regarding"]["name"] == "reviews"
    assert event["note"].startswith("v1 90->80^[[2Jx")
    assert len(event["note"]) == 1024


async def test_everything_is_read_once_for_a_command(viewer: Cluster) -> None:
    raw = await read_objects(viewer)
    assert isinstance(raw, RawObjects)
    assert [place(item) for item in raw.items["virtualservices"]] == [("default", "reviews")]
    assert (raw.istio, raw.problems, raw.namespaces) == (True, (), None)
    assert (await read_objects(viewer, ("elsewhere",))).items["pods"] == ()


async def until(feed: Feed, name: str, names: list[str]) -> None:
    async def reached() -> None:
        while [place(item)[1] for item in feed.objects().items[name]] != names:
            await feed.changed(1.0)

    await eventually(reached())


async def test_a_feed_follows_what_is_made_changed_and_deleted(lab: Lab, viewer: Cluster) -> None:
    feed = Feed(viewer)
    await feed.start()
    try:
        assert await feed.ready(10)
        states = {health.name: health.state for health in feed.health()}
        missing = {name for name, state in states.items() if state == "missing"}
        more = {LISTENER_SETS.key, BACKEND_TLS_POLICIES.key}
        assert missing == {*more, "requestauthentications"}, "the lab has no such CRDs"
        assert {state for name, state in states.items() if name not in missing} == {"ok"}
        first = feed.objects()
        assert first is feed.objects()
        lab.store.put("networking.istio.io", "virtualservices", virtual_service("ratings"))
        await until(feed, "virtualservices", ["ratings", "reviews"])
        lab.store.remove("networking.istio.io", "virtualservices", "default", "reviews")
        await until(feed, "virtualservices", ["ratings"])
        lab.store.put("", "pods", pod("p1", ("reviews",), app="changed"))
        while feed.objects().items["pods"][0]["metadata"]["labels"]["app"] != "changed":
            assert await feed.changed(10)
        assert [place(item)[1] for item in first.items["virtualservices"]] == ["reviews"]
    finally:
        await feed.stop()


async def test_a_log_is_read_from_its_end_and_followed(lab: Lab, viewer: Cluster) -> None:
    buffer = lab.runtime.logs["p1", "istio-proxy"] = LogBuffer()
    buffer.append(b"one\ntwo\nthree\n")
    log = pod_log(viewer, "default", "p1", "istio-proxy", tail=2)
    assert [line async for line in log] == [b"two", b"three"]
    async with aclosing(
        pod_log(viewer, "default", "p1", "istio-proxy", follow=True, tail=1)
    ) as lines:
        assert await eventually(anext(lines)) == b"three"
        buffer.append(b"four\n")
        assert await eventually(anext(lines)) == b"four"
        buffer.close()
        with pytest.raises(StopAsyncIteration):
            await eventually(anext(lines))


async def test_a_log_that_is_not_there_says_so(viewer: Cluster) -> None:
    with pytest.raises(NotFound, match="nosuch"):
        await anext(pod_log(viewer, "default", "nosuch", "istio-proxy"))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()
    writer.close()


async def test_a_port_forward_carries_bytes_both_ways(lab: Lab, admin: Cluster) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lab.runtime.addresses["p1", 15000] = Address(host="127.0.0.1", port=port)
    forward = await admin.port_forward("default", "p1", 15000)
    await forward.write(b"hello")
    assert await eventually(forward.read(3)) == b"HEL"
    assert await eventually(forward.read(100)) == b"LO"
    await forward.write(b"x" * 200_000)
    received = b""
    while len(received) < 200_000:
        received += await eventually(forward.read())
    assert received == b"X" * 200_000
    await forward.aclose()
    await forward.aclose()
    assert await forward.read() == b""
    with pytest.raises(Unreachable):
        await forward.write(b"more")
    server.close()


async def test_a_port_nobody_listens_on_is_unreachable_in_the_kubelets_words(
    lab: Lab, admin: Cluster
) -> None:
    lab.runtime.addresses["p1", 15000] = Address(host="127.0.0.1", port=1)
    forward = await admin.port_forward("default", "p1", 15000)
    with pytest.raises(Unreachable, match="port-forward to default/p1:15000 failed"):
        await eventually(forward.read())
    await forward.aclose()
