"""A feed keeps what it has read, says how old it is, and recovers from everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_mesh import (
    REVIEWS_PATH,
    FakeTime,
    bookmark,
    listing,
    obj,
    script_istio,
    script_kind,
    script_mesh,
    until,
)
from hostile import Hostile, Reply, Request, Stream, answer, hostile_cluster, ok, raw, status

from meshtui.kube.feed import Feed
from meshtui.kube.resources import (
    GATEWAY_API_GROUP,
    MESH_RESOURCES,
    NAMESPACES,
    PODS,
    VIRTUAL_SERVICES,
)
from meshtui.kube.snapshot import place
from meshtui.kube.source import SourceHealth
from meshtui.mesh.parse import parse_mesh

VS = VIRTUAL_SERVICES.path()
GONE = {"code": 410, "reason": "Expired", "message": "too old resource version: 1 (292)"}


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@asynccontextmanager
async def following(
    tmp_path: Path,
    time: FakeTime,
    scripts: dict[str, list[Reply]],
    namespaces: tuple[str, ...] | None = None,
    **pace: Any,
) -> AsyncIterator[tuple[Feed, Hostile]]:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile, namespaces or (None,))
        for key, replies in scripts.items():
            hostile.on(key, *replies)
        feed = Feed(cluster, namespaces, pace=time.pace(**pace))
        await feed.start()
        try:
            assert await feed.ready(5)
            yield feed, hostile
        finally:
            await feed.stop()


def names(feed: Feed, plural: str = "virtualservices") -> list[str]:
    return [place(item)[1] for item in feed.objects().items[plural]]


def health(feed: Feed, name: str = "virtualservices") -> SourceHealth:
    return next(found for found in feed.health() if found.name == name)


def watches(hostile: Hostile, path: str = VS) -> list[Request]:
    return [request for request in hostile.asked(path) if "watch" in request.params]


def lists(hostile: Hostile, path: str = VS) -> list[Request]:
    return [request for request in hostile.asked(path) if "watch" not in request.params]


async def test_events_are_applied_and_bump_the_generation(tmp_path: Path, time: FakeTime) -> None:
    watch = Stream()
    scripts: dict[str, list[Reply]] = {
        f"GET {VS}": [ok(listing("b", "c"))],
        f"watch {VS}": [watch],
    }
    async with following(tmp_path, time, scripts) as (feed, _):
        request = await watch.wait_opened()
        assert request.params["resourceVersion"] == "10"
        assert request.params["allowWatchBookmarks"] == "true"
        assert 217 <= int(request.params["timeoutSeconds"]) <= 290
        before = feed.generation
        watch.event("ADDED", obj("a", "11"))
        watch.event("MODIFIED", {**obj("b", "12"), "spec": {"hosts": ["b"]}})
        watch.event("DELETED", obj("c", "13"))
        await until(lambda: names(feed) == ["a", "b"])
        assert feed.generation >= before + 3
        assert feed.objects().items["virtualservices"][1]["spec"] == {"hosts": ["b"]}
        assert await feed.changed(1)
        assert not await feed.changed(0.01)
        assert health(feed) == SourceHealth("virtualservices", "ok", 0.0)


async def test_a_broken_watch_goes_on_from_its_last_bookmark(
    tmp_path: Path, time: FakeTime
) -> None:
    first, second = Stream(), Stream()
    scripts: dict[str, list[Reply]] = {
        f"GET {VS}": [ok(listing("a"))],
        f"watch {VS}": [first, second],
    }
    async with following(tmp_path, time, scripts) as (feed, hostile):
        await first.wait_opened()
        first.event("BOOKMARK", bookmark("50"))
        first.event("ADDED", obj("b", "51"))
        first.event("BOOKMARK", bookmark("60"))
        await until(lambda: names(feed) == ["a", "b"])
        time.advance(7)
        first.reset()
        await until(lambda: time.sleeping)
        assert (health(feed).state, health(feed).age_s) == ("stale", 7.0)
        assert "broke the connection" in health(feed).message
        assert names(feed) == ["a", "b"]
        time.advance(0.5)
        assert (await second.wait_opened()).params["resourceVersion"] == "60"
        await until(lambda: health(feed).state == "ok")
        assert len(lists(hostile)) == 1


async def test_a_watch_the_server_ends_is_renewed_at_once(tmp_path: Path, time: FakeTime) -> None:
    first, second = Stream(), Stream()
    async with following(tmp_path, time, {f"watch {VS}": [first, second]}) as (feed, _):
        await first.wait_opened()
        first.event("BOOKMARK", bookmark("50"))
        first.end()
        assert (await second.wait_opened()).params["resourceVersion"] == "50"
        assert time.slept == []
        assert health(feed).state == "ok"


async def test_watches_that_end_at_once_are_renewed_ever_more_slowly(
    tmp_path: Path, time: FakeTime
) -> None:
    scripts: dict[str, list[Reply]] = {f"watch {VS}": [answer(200, b"")]}
    async with following(tmp_path, time, scripts) as (_, hostile):
        for expected in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
            await until(lambda: time.sleeping)
            assert time.slept[-1] == expected
            time.advance(expected)
        assert len(watches(hostile)) >= 8


@pytest.mark.parametrize("form", ["event", "status"])
async def test_a_forgotten_version_is_listed_anew(
    tmp_path: Path, time: FakeTime, form: str
) -> None:
    first, second = Stream(), Stream()
    first.event("ERROR", GONE)
    gone = first if form == "event" else status(410, "too old resource version")
    scripts: dict[str, list[Reply]] = {
        f"GET {VS}": [ok(listing("a")), ok(listing("b", version="300"))],
        f"watch {VS}": [gone, second],
    }
    async with following(tmp_path, time, scripts) as (feed, _):
        await until(lambda: time.sleeping)
        assert health(feed).state == "ok"
        time.advance(0.5)
        assert (await second.wait_opened()).params["resourceVersion"] == "300"
        assert names(feed) == ["b"]


@pytest.mark.parametrize(
    "event",
    [
        b'{"type": "ERROR", "object": {"code": 500, "message": "etcd is\\u001b[31m gone"}}\n',
        b'{"type": "MODIFIED", "object": {"metadata": {"na\n',
        b"[1, 2]\n",
        b"[" * 100_000 + b"\n",
    ],
)
async def test_an_event_that_makes_no_sense_means_listing_anew(
    tmp_path: Path, time: FakeTime, event: bytes
) -> None:
    first, second = Stream(), Stream()
    first.send(event)
    scripts: dict[str, list[Reply]] = {
        f"GET {VS}": [ok(listing("a")), ok(listing("b", version="300"))],
        f"watch {VS}": [first, second],
    }
    async with following(tmp_path, time, scripts) as (feed, _):
        await until(lambda: time.sleeping)
        assert names(feed) == ["a"]
        assert health(feed).state == "stale"
        assert health(feed).message.isprintable()
        time.advance(0.5)
        assert (await second.wait_opened()).params["resourceVersion"] == "300"
        assert names(feed) == ["b"]
        await until(lambda: health(feed).state == "ok")


async def test_a_silent_watch_is_dropped_and_resumed(tmp_path: Path, time: FakeTime) -> None:
    first, second = Stream(), Stream()
    scripts: dict[str, list[Reply]] = {
        f"GET {VS}": [ok(listing("a"))],
        f"watch {VS}": [first, second],
    }
    async with following(tmp_path, time, scripts, silence_s=1.0) as (feed, hostile):
        await until(lambda: time.sleeping == len(MESH_RESOURCES))
        time.advance(0.5)
        assert (await second.wait_opened()).params["resourceVersion"] == "10"
        assert names(feed) == ["a"]
        assert len(lists(hostile)) == 1


async def test_a_feed_nobody_feeds_turns_stale(tmp_path: Path, time: FakeTime) -> None:
    async with following(tmp_path, time, {f"GET {VS}": [ok(listing("a"))]}) as (feed, hostile):
        await until(lambda: len(watches(hostile)) == 1)
        time.advance(100)
        assert health(feed).state == "ok"
        time.advance(100)
        assert (health(feed).state, health(feed).age_s) == ("stale", 200.0)
        assert "nothing heard for 200 s" in health(feed).message
        assert names(feed) == ["a"]


async def test_what_cannot_be_read_at_first_is_tried_until_it_can(
    tmp_path: Path, time: FakeTime
) -> None:
    half = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{")
    failing = [half, half, half, answer(200, b"<html>"), status(500, "no"), ok(listing("a"))]
    async with following(tmp_path, time, {f"GET {VS}": failing}) as (feed, _):
        for _ in range(3):
            await until(lambda: time.sleeping)
            assert health(feed).state == "failed"
            assert names(feed) == []
            time.advance(30)
        await until(lambda: names(feed) == ["a"])
        assert health(feed).state == "ok"


async def test_a_refused_login_is_a_failure_and_throws_nothing_away(
    tmp_path: Path, time: FakeTime
) -> None:
    first = Stream()
    scripts: dict[str, list[Reply]] = {
        f"GET {VS}": [ok(listing("a"))],
        f"watch {VS}": [first, status(401, "Unauthorized")],
    }
    async with following(tmp_path, time, scripts) as (feed, _):
        await first.wait_opened()
        first.event("BOOKMARK", bookmark("11"))
        first.end()
        await until(lambda: health(feed).state == "failed")
        assert "log in again" in health(feed).message
        assert names(feed) == ["a"]


async def test_a_cluster_without_istio_is_normal_until_it_is_installed(
    tmp_path: Path, time: FakeTime
) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        for resource in MESH_RESOURCES[:3]:
            script_kind(hostile, resource)
        feed = Feed(cluster, pace=time.pace())
        await feed.start()
        assert await feed.ready(5)
        assert not feed.objects().istio
        assert feed.objects().problems == ()
        assert health(feed).state == "missing"
        assert health(feed, "services").state == "ok"
        script_mesh(hostile)
        hostile.on(f"GET {VS}", ok(listing("a")))
        await until(lambda: time.sleeping == len(MESH_RESOURCES) - 3)
        time.advance(60)
        await until(lambda: names(feed) == ["a"])
        assert feed.objects().istio
        await feed.stop()


async def test_an_older_istio_is_read_in_the_version_it_serves(
    tmp_path: Path, time: FakeTime
) -> None:
    older = VS.replace("/v1/", "/v1beta1/")
    scripts: dict[str, list[Reply]] = {
        "/apis/networking.istio.io/v1": [status(404, "not found")],
        "/apis/networking.istio.io/v1beta1": [ok({"resources": [{"name": "virtualservices"}]})],
        f"GET {older}": [ok(listing("a"))],
        f"watch {older}": [Stream()],
    }
    async with following(tmp_path, time, scripts) as (feed, _):
        assert names(feed) == ["a"]
        assert feed.objects().items["virtualservices"][0]["apiVersion"].endswith("v1beta1")


def access_reviews(*namespaces: str) -> Reply:
    """Says yes where the namespace is one of `namespaces`; "" is the whole cluster."""

    async def reply(request: Request, writer: Any) -> bool:
        asked = request.json["spec"]["resourceAttributes"].get("namespace", "")
        return await ok({"status": {"allowed": asked in namespaces}}, 201)(request, writer)

    return reply


async def test_without_rights_on_the_cluster_the_readable_namespaces_are_followed(
    tmp_path: Path, time: FakeTime
) -> None:
    refused = status(403, "virtualservices is forbidden at the cluster scope")
    watch = Stream()
    found = {"items": [{"metadata": {"name": name}} for name in ("bank", "shop", "zoo")]}
    scripts: dict[str, list[Reply]] = {
        NAMESPACES.path(): [ok(found)],
        REVIEWS_PATH: [access_reviews("bank", "shop")],
        f"GET {VS}": [refused, ok(listing("everywhere", version="90", namespace="zoo"))],
    }
    for namespace in ("bank", "shop"):
        path = VIRTUAL_SERVICES.path(namespace)
        scripts[f"GET {path}"] = [ok(listing(f"in-{namespace}", namespace=namespace))]
        scripts[f"watch {path}"] = [watch if namespace == "shop" else Stream()]
    async with following(tmp_path, time, scripts) as (feed, hostile):
        await until(lambda: names(feed) == ["in-bank", "in-shop"])
        assert feed.objects().namespaces == ("bank", "shop")
        (problem,) = feed.objects().problems
        assert "virtualservices: read only in bank, shop" in problem
        assert health(feed).state == "ok"
        watch.event("ADDED", obj("new", "11"))
        await until(lambda: names(feed) == ["in-bank", "in-shop", "new"])
        hostile.on(REVIEWS_PATH, access_reviews("", "bank", "shop"))
        time.advance(60)
        await until(lambda: names(feed) == ["everywhere"])
        assert feed.objects().problems == ()
        assert feed.objects().namespaces is None


async def test_where_nothing_may_be_read_it_says_so_and_asks_again(
    tmp_path: Path, time: FakeTime
) -> None:
    refused = status(403, "virtualservices is forbidden")
    scripts: dict[str, list[Reply]] = {
        NAMESPACES.path(): [status(403, "no")],
        REVIEWS_PATH: [access_reviews()],
        f"GET {VS}": [refused],
        f"GET {VIRTUAL_SERVICES.path('shop')}": [ok(listing("a"))],
        f"watch {VIRTUAL_SERVICES.path('shop')}": [Stream()],
    }
    async with following(tmp_path, time, scripts) as (feed, hostile):
        # the namespaces themselves are followed, too, and may not be read either
        await until(lambda: time.sleeping == 2)
        assert health(feed).state == "forbidden"
        assert "virtualservices is forbidden" in feed.objects().problems[0]
        hostile.on(REVIEWS_PATH, access_reviews("shop"))
        time.advance(60)
        await until(lambda: names(feed) == ["a"])


async def test_named_namespaces_are_followed_each_by_itself(tmp_path: Path, time: FakeTime) -> None:
    forbidden = VIRTUAL_SERVICES.path("vault")
    scripts: dict[str, list[Reply]] = {
        f"GET {VIRTUAL_SERVICES.path('shop')}": [ok(listing("a"))],
        f"GET {forbidden}": [status(403, "not in vault"), ok(listing("b", namespace="vault"))],
    }
    async with following(tmp_path, time, scripts, ("shop", "vault")) as (feed, hostile):
        assert names(feed) == ["a"]
        assert health(feed).state == "forbidden"
        assert hostile.asked(VS) == []
        await until(lambda: time.sleeping)
        time.advance(60)
        await until(lambda: names(feed) == ["a", "b"])
        assert health(feed).state == "ok"


async def test_who_may_list_but_not_watch_gets_lists(tmp_path: Path, time: FakeTime) -> None:
    scripts: dict[str, list[Reply]] = {
        f"GET {VS}": [ok(listing("a")), ok(listing("b", version="11"))],
        f"watch {VS}": [status(403, "cannot watch")],
    }
    async with following(tmp_path, time, scripts) as (feed, _):
        await until(lambda: time.sleeping)
        assert (names(feed), time.slept) == (["a"], [10.0])
        time.advance(10)
        await until(lambda: names(feed) == ["b"])
        assert health(feed).state == "ok"


async def test_a_server_that_dies_leaves_everything_in_place(
    tmp_path: Path, time: FakeTime
) -> None:
    first = Stream()
    scripts: dict[str, list[Reply]] = {
        f"GET {VS}": [ok(listing("a")), raw(b"", reset=True)],
        f"watch {VS}": [first, raw(b"", reset=True)],
    }
    async with following(tmp_path, time, scripts) as (feed, _):
        await first.wait_opened()
        first.reset()
        for _ in range(6):
            await until(lambda: time.sleeping)
            assert names(feed) == ["a"]
            assert health(feed).state == "stale"
            time.advance(30)
        assert health(feed).age_s == 180.0


async def test_a_mistake_of_ours_is_shown_and_stops_nobody(
    tmp_path: Path, time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("a bug")

    first = Stream()
    async with following(tmp_path, time, {f"watch {VS}": [first]}) as (feed, _):
        monkeypatch.setattr("meshtui.kube.watch.trim", broken)
        first.event("ADDED", obj("a", "11"))
        await until(lambda: "a bug" in health(feed).message)
        assert health(feed, "pods").state == "ok"


async def test_pods_are_kept_without_what_nobody_looks_at(tmp_path: Path, time: FakeTime) -> None:
    pod = {
        "metadata": {"name": "p", "namespace": "shop", "labels": {}, "managedFields": [{}]},
        "spec": {
            "nodeName": "n",
            "containers": [{"name": "app", "image": "i", "env": [{}]}],
            "initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}],
        },
        "status": {
            "podIP": "10.0.0.1",
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None}],
            "containerStatuses": [{"name": "app", "ready": True, "imageID": "x"}],
        },
    }
    scripts: dict[str, list[Reply]] = {
        f"GET {PODS.path()}": [ok({"items": [pod], "metadata": {"resourceVersion": "1"}})]
    }
    async with following(tmp_path, time, scripts) as (feed, _):
        (kept,) = feed.objects().items["pods"]
        assert kept == {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "shop", "labels": {}},
            "spec": {
                "nodeName": "n",
                "containers": [{"name": "app", "image": "i"}],
                "initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}],
            },
            "status": {
                "podIP": "10.0.0.1",
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", "ready": True}],
            },
        }


async def test_istio_may_be_installed_without_telling_which_versions(
    tmp_path: Path, time: FakeTime
) -> None:
    scripts: dict[str, list[Reply]] = {
        f"/apis/networking.istio.io/{version}": [status(403, "no discovery")]
        for version in ("v1", "v1beta1", "v1alpha3")
    }
    scripts[f"GET {VS}"] = [ok(listing("a"))]
    async with following(tmp_path, time, scripts) as (feed, hostile):
        assert names(feed) == ["a"]
        script_istio(hostile)


BAD = [
    {"metadata": "text"},
    {"metadata": {"name": 7, "namespace": [], "resourceVersion": "11", "labels": []}},
    {"metadata": None, "spec": "text"},
    {},
]


async def test_one_bad_object_of_a_list_or_a_watch_never_stops_the_rest(
    tmp_path: Path, time: FakeTime
) -> None:
    watch = Stream()
    listed = listing("a", "b")
    listed["items"] += [*BAD, None, 7, "text"]
    scripts: dict[str, list[Reply]] = {f"GET {VS}": [ok(listed)], f"watch {VS}": [watch]}
    async with following(tmp_path, time, scripts) as (feed, _):
        await watch.wait_opened()
        assert [name for name in names(feed) if name] == ["a", "b"]
        watch.event("ADDED", BAD[1])
        watch.event("MODIFIED", {**obj("c", "12"), "spec": 7})
        await until(lambda: "c" in names(feed))
        assert [name for name in names(feed) if name] == ["a", "b", "c"]
        assert health(feed).state == "ok"
        assert parse_mesh(feed.objects().items).problems == (
            "virtualservices: an object without a name was left out",
        )


async def test_a_gateway_api_of_other_versions_is_said_once_and_unknown(
    tmp_path: Path, time: FakeTime
) -> None:
    group = "/apis/gateway.networking.k8s.io"
    gone = status(404, "not found")
    scripts: dict[str, list[Reply]] = {
        **{f"{group}/{version}": [gone] for version in ("v1", "v1beta1", "v1alpha3", "v1alpha2")},
        **{f"GET {r.path()}": [gone] for r in MESH_RESOURCES if r.group == GATEWAY_API_GROUP},
        group: [ok({"versions": [{"version": "v2"}]})],
    }
    async with following(tmp_path, time, scripts) as (feed, _):
        found = feed.objects()
        assert [text for text in found.problems if "gateway" in text] == [
            "gateway.networking.k8s.io is served as v2, which is not read: its routes are unknown"
        ]
        assert "httproutes" in found.partial and "virtualservices" not in found.partial
