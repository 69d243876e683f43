"""A dry run of each write leaves etcd as it is: the object's version and the store's revision."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from meshtui.kube.cluster import Cluster
from meshtui.kube.objects import create_object, delete_object, get_object, list_all, patch_json
from meshtui.kube.resources import DESTINATION_RULES, VIRTUAL_SERVICES, Resource
from tests.live.conftest import SPECS, Place

WEIGHT = [{"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 80}]
LABEL = [{"op": "add", "path": "/metadata/labels", "value": {"x": "1"}}]
OPS = {VIRTUAL_SERVICES: WEIGHT, DESTINATION_RULES: LABEL}
ATTEMPTS = 100

Write = Callable[[Cluster, Resource, str, str], Awaitable[object]]


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    connected = await Cluster.connect(kubeconfig=os.environ["KUBECONFIG"])
    yield connected
    await connected.close()


async def create(cluster: Cluster, resource: Resource, namespace: str, _: str) -> object:
    body = {"metadata": {"name": "another"}, "spec": SPECS[resource.plural][1]}
    return await create_object(cluster, resource, namespace, body, dry_run=True)


async def patch(cluster: Cluster, resource: Resource, namespace: str, version: str) -> object:
    place = (cluster, resource, namespace, "reviews", OPS[resource])
    return await patch_json(*place, resource_version=version, dry_run=True)


async def delete(cluster: Cluster, resource: Resource, namespace: str, version: str) -> object:
    place = (cluster, resource, namespace, "reviews")
    await delete_object(*place, resource_version=version, dry_run=True)
    return None


async def revision(cluster: Cluster, resource: Resource, namespace: str) -> str:
    """That of the whole store, which every write of anybody raises."""
    return (await list_all(cluster, resource, namespace))[1]


@pytest.mark.parametrize("resource", OPS, ids=lambda resource: resource.plural)
@pytest.mark.parametrize("write", [create, patch, delete], ids=lambda write: write.__name__)
async def test_a_dry_run_leaves_the_revision(
    cluster: Cluster, place: Place, resource: Resource, write: Write
) -> None:
    where = (cluster, resource, place.namespace)
    before = await get_object(*where, "reviews")
    version = before["metadata"]["resourceVersion"]
    names = {raw["metadata"]["name"] for raw in (await list_all(*where))[0]}
    for _ in range(ATTEMPTS):
        # Others write meanwhile: the write itself would raise it each time.
        first = await revision(*where)
        await write(*where, version)
        if await revision(*where) == first:
            break
    else:
        pytest.fail(f"each of {ATTEMPTS} dry runs raised the revision")
    assert await get_object(*where, "reviews") == before
    assert {raw["metadata"]["name"] for raw in (await list_all(*where))[0]} == names


async def test_what_a_dry_run_leaves_the_write_changes(cluster: Cluster, place: Place) -> None:
    where = (cluster, VIRTUAL_SERVICES, place.namespace)
    body: dict[str, Any] = {"metadata": {"name": "another"}, "spec": SPECS["virtualservices"][1]}
    made = (await create_object(*where, body)).object
    version = made["metadata"]["resourceVersion"]
    await delete_object(*where, "another", resource_version=version, dry_run=True)
    assert (await get_object(*where, "another"))["metadata"]["resourceVersion"] == version
    await delete_object(*where, "another", resource_version=version)
    assert "another" not in {raw["metadata"]["name"] for raw in (await list_all(*where))[0]}
