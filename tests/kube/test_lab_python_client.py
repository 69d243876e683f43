"""The official Python client against the lab's API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kubernetes.aio import client, config, watch
from lab_fixtures import ADMIN, VIEWER, FakeRuntime, eventually, pod, virtual_service

from meshtui.lab.api.server import ApiServer
from meshtui.lab.certs import self_signed
from meshtui.lab.kubeconfig import write_kubeconfig
from meshtui.lab.store import Store

ISTIO = ("networking.istio.io", "v1", "default", "virtualservices")


@pytest.fixture
def store() -> Store:
    store = Store()
    store.put("networking.istio.io", "virtualservices", virtual_service())
    for n in range(5):
        store.put("", "pods", pod(f"p{n}"))
    return store


@pytest.fixture
async def api(store: Store, tmp_path: Path) -> AsyncIterator[client.ApiClient]:
    certificate = self_signed(tmp_path)
    server = ApiServer(store, FakeRuntime(), (ADMIN, VIEWER), certificate)
    url = await server.start()
    path = write_kubeconfig(tmp_path, url, server.users, certificate.authority)
    async with await config.new_client_from_config(str(path)) as api:
        yield api
    await server.stop()


async def test_custom_objects(api: client.ApiClient) -> None:
    custom = client.CustomObjectsApi(api)
    found = await custom.get_namespaced_custom_object(*ISTIO, "reviews")
    assert found["spec"]["hosts"] == ["reviews"]
    found["spec"]["hosts"] = ["x"]
    changed = await custom.replace_namespaced_custom_object(*ISTIO, "reviews", found)
    assert changed["metadata"]["generation"] == 2
    with pytest.raises(client.ApiException) as stale:
        await custom.replace_namespaced_custom_object(*ISTIO, "reviews", found)
    assert stale.value.status == 409


async def test_pages_and_a_watch_from_where_they_end(api: client.ApiClient, store: Store) -> None:
    core = client.CoreV1Api(api)
    first = await core.list_namespaced_pod("default", limit=3)
    rest = await core.list_namespaced_pod("default", limit=3, _continue=first.metadata._continue)
    assert [p.metadata.name for p in first.items + rest.items] == [f"p{n}" for n in range(5)]
    store.put("", "pods", pod("new"))
    async with watch.Watch() as stream:
        events = stream.stream(
            core.list_namespaced_pod, "default", resource_version=rest.metadata.resource_version
        )
        event = await eventually(anext(aiter(events)))
    assert (event["type"], event["object"].metadata.name) == ("ADDED", "new")


async def test_a_lease_is_taken_over_by_update(api: client.ApiClient) -> None:
    leases = client.CoordinationV1Api(api)
    spec = client.V1LeaseSpec(holder_identity="a", lease_duration_seconds=15)
    body = client.V1Lease(metadata=client.V1ObjectMeta(name="reviews"), spec=spec)
    lease = await leases.create_namespaced_lease("default", body)
    lease.spec.holder_identity = "b"
    taken = await leases.replace_namespaced_lease("reviews", "default", lease)
    assert taken.spec.holder_identity == "b"
    with pytest.raises(client.ApiException) as stale:
        await leases.replace_namespaced_lease("reviews", "default", lease)
    assert stale.value.status == 409
