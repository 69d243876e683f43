"""Watches of the lab's API server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lab_fixtures import PODS, VS, Lab, pod, running_lab, virtual_service


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        yield lab


def revision(lab: Lab) -> str:
    return str(lab.store.revision)


async def test_without_a_version_a_watch_begins_with_what_there_is(lab: Lab) -> None:
    lab.store.put("", "pods", pod("a"))
    lab.store.put("", "pods", pod("b"))
    async with lab.client.watch(PODS) as watch:
        assert await watch.names(2) == [("ADDED", "a"), ("ADDED", "b")]
        lab.store.put("", "pods", pod("c"))
        assert await watch.names(1) == [("ADDED", "c")]


async def test_a_watch_resumes_where_another_ended(lab: Lab) -> None:
    lab.store.put("", "pods", pod("a"))
    seen = revision(lab)
    lab.store.put("", "pods", pod("a", label="new"))
    lab.store.put("", "pods", pod("b"))
    lab.store.remove("", "pods", "default", "a")
    async with lab.client.watch(PODS, resourceVersion=seen) as watch:
        assert await watch.names(3) == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]


async def test_other_kinds_and_namespaces_are_not_told(lab: Lab) -> None:
    async with lab.client.watch(PODS, resourceVersion=revision(lab)) as watch:
        lab.store.put("networking.istio.io", "virtualservices", virtual_service())
        lab.store.put("", "pods", {"metadata": {"name": "x", "namespace": "other"}})
        lab.store.put("", "pods", pod("mine"))
        assert await watch.names(1) == [("ADDED", "mine")]


async def test_an_object_that_leaves_the_selector_is_deleted_and_comes_back_added(lab: Lab) -> None:
    lab.store.put("", "pods", pod("a", app="web"))
    async with lab.client.watch(
        PODS, resourceVersion=revision(lab), labelSelector="app=web"
    ) as watch:
        lab.store.put("", "pods", pod("a", app="other"))
        lab.store.put("", "pods", pod("a", app="other", more="labels"))
        lab.store.put("", "pods", pod("a", app="web"))
        assert await watch.names(2) == [("DELETED", "a"), ("ADDED", "a")]


async def test_a_watch_ends_with_a_bookmark_of_the_latest_version(lab: Lab) -> None:
    async with lab.client.watch(
        VS, resourceVersion=revision(lab), timeoutSeconds="1", allowWatchBookmarks="true"
    ) as watch:
        lab.store.put("", "pods", pod("unrelated"))
        event = await watch.next()
        assert event["type"] == "BOOKMARK"
        assert event["object"]["kind"] == "VirtualService"
        assert event["object"]["metadata"] == {"resourceVersion": revision(lab)}
        assert await watch.next() is None


async def test_a_quiet_watch_gets_bookmarks_as_time_goes_by() -> None:
    async with (
        running_lab(bookmark_period=0.02) as lab,
        lab.client.watch(VS, resourceVersion=revision(lab), allowWatchBookmarks="true") as watch,
    ):
        assert [(await watch.next())["type"] for _ in range(2)] == ["BOOKMARK", "BOOKMARK"]


async def test_a_version_older_than_the_history_is_expired() -> None:
    async with running_lab(history=2) as lab:
        old = revision(lab)
        for name in "abc":
            lab.store.put("", "pods", pod(name))
        async with lab.client.watch(PODS, resourceVersion=old) as watch:
            event = await watch.next()
            assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
            assert event["object"]["reason"] == "Expired"
            assert await watch.next() is None


async def test_a_list_of_a_version_from_the_future_is_a_timeout(lab: Lab) -> None:
    answer = await lab.client.get(PODS, resourceVersion=str(lab.store.revision + 9))
    assert answer.status == 504
    assert answer.json["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


async def test_a_streaming_list_is_refused_so_that_clients_fall_back(lab: Lab) -> None:
    answer = await lab.client.get(
        PODS, watch="1", sendInitialEvents="true", resourceVersionMatch="NotOlderThan"
    )
    assert (answer.status, answer.json["reason"]) == (422, "Invalid")


async def test_a_watch_of_one_object_by_name(lab: Lab) -> None:
    async with lab.client.watch(
        VS, resourceVersion=revision(lab), fieldSelector="metadata.name=b"
    ) as watch:
        for name in "ab":
            lab.store.put("networking.istio.io", "virtualservices", virtual_service(name))
        assert await watch.names(1) == [("ADDED", "b")]


async def test_the_rows_of_a_watched_table_name_their_columns_once(lab: Lab) -> None:
    lab.client.headers = lambda extra=None: {  # type: ignore[method-assign]
        "Authorization": "Bearer admin-token",
        "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io",
    }
    async with lab.client.watch(PODS, resourceVersion=revision(lab)) as watch:
        lab.store.put("", "pods", pod("a"))
        lab.store.put("", "pods", pod("b"))
        first, second = await watch.next(), await watch.next()
    assert first["object"]["columnDefinitions"]
    assert second["object"]["columnDefinitions"] is None
    assert second["object"]["rows"][0]["cells"][0] == "b"


async def test_many_watches_see_every_write(lab: Lab) -> None:
    start = revision(lab)
    async with (
        lab.client.watch(PODS, resourceVersion=start) as one,
        lab.client.watch(PODS, resourceVersion=start) as other,
    ):
        for n in range(300):
            lab.store.put("", "pods", pod(f"p{n}"))
        expected = [("ADDED", f"p{n}") for n in range(300)]
        assert await one.names(300) == expected
        assert await other.names(300) == expected


async def test_stopping_the_server_ends_its_watches(lab: Lab) -> None:
    async with lab.client.watch(PODS, resourceVersion=revision(lab)) as watch:
        await lab.server.stop()
        assert await watch.next() is None
