"""The mesh that is followed: parsed when there is something new, and known to be old."""

from __future__ import annotations

import asyncio

import pytest

from meshtui.operations import mesh_feed
from meshtui.operations.mesh_feed import MeshFeed
from tests.unit.fake_cluster import VS, FakeCluster, policy, routed
from tests.unit.fake_feed import Watched
from tests.unit.objects import route


async def test_it_is_parsed_once_for_each_news(monkeypatch: pytest.MonkeyPatch) -> None:
    parses: list[object] = []
    parse = mesh_feed.parse_mesh

    def counted(*words: object, **more: object) -> object:
        parses.append(words)
        return parse(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("meshtui.kube.feed.Feed", Watched)
    monkeypatch.setattr(mesh_feed, "parse_mesh", counted)
    cluster = FakeCluster(routed({"name": "all", "route": [route("v1", 100)]}), policy("v1"))
    feed = MeshFeed(cluster)  # type: ignore[arg-type]
    await feed.start()
    assert await feed.ready()
    first = feed.mesh()
    assert first.virtual_services and feed.mesh() is first and len(parses) == 1
    cluster.edit(VS, lambda spec: spec["http"][0].update(timeout="9s"))
    assert feed.mesh() is first
    feed._feed.news()  # type: ignore[attr-defined]
    assert await feed.changed(60.0)
    second = feed.mesh()
    assert (second is first, len(parses)) == (False, 2)
    assert second.virtual_services[0].rules[0].timeout_s == 9
    await feed.stop()
    assert all(task is asyncio.current_task() for task in asyncio.all_tasks())
