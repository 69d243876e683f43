"""Scripts for the hostile server: a whole, quiet mesh, of which a test breaks one part."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from hostile import WAIT_S, Hostile, Stream, ok

from meshtui.kube.pace import Pace
from meshtui.kube.resources import GATEWAY_API_GROUP, ISTIO_GROUP, MESH_RESOURCES, Resource

REVIEWS_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def listing(*names: str, version: str = "10", namespace: str = "shop", **meta: str) -> Any:
    items = [
        {"metadata": {"name": name, "namespace": namespace, "resourceVersion": version}}
        for name in names
    ]
    return {"items": items, "metadata": {"resourceVersion": version, **meta}}


def obj(name: str, version: str, namespace: str = "shop") -> Any:
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": version}}


def bookmark(version: str) -> Any:
    return {"metadata": {"resourceVersion": version}}


def script_kind(hostile: Hostile, resource: Resource, namespace: str | None = None) -> None:
    path = resource.path(namespace)
    hostile.on(path, ok(listing()))
    hostile.on(f"watch {path}", Stream())


def script_mesh(hostile: Hostile, namespaces: tuple[str | None, ...] = (None,)) -> None:
    """Every kind is served, empty, and never changes."""
    script_istio(hostile)
    for resource in MESH_RESOURCES:
        for namespace in namespaces:
            script_kind(hostile, resource, namespace)


def script_istio(hostile: Hostile) -> None:
    for group, version in (
        (ISTIO_GROUP, "v1"),
        (ISTIO_GROUP, "v1alpha3"),
        (GATEWAY_API_GROUP, "v1"),
        (GATEWAY_API_GROUP, "v1beta1"),
    ):
        mine = [r for r in MESH_RESOURCES if (r.group, r.version) == (group, version)]
        names = [{"name": r.plural} for r in mine]
        hostile.on(f"/apis/{group}/{version}", ok({"resources": names}))


class FakeTime:
    """A clock that moves when the test says so, and sleeps that end then."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, done))
        await done

    @property
    def sleeping(self) -> int:
        return sum(not done.done() for _, done in self._sleepers)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for due, done in self._sleepers:
            if due <= self.now and not done.done():
                done.set_result(None)

    def pace(self, **changes: Any) -> Pace:
        pace = Pace(clock=self.clock, sleep=self.sleep, chance=lambda: 1.0)
        return dataclasses.replace(pace, **changes)


async def until(condition: Callable[[], Any]) -> None:
    """Let everything run until `condition` holds; a test that waits in vain fails."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - conditions of many kinds
            await asyncio.sleep(0.002)
