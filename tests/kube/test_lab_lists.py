"""Lists of the lab's API server: selectors, pages, forms."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lab_fixtures import PODS, VS, Client, Lab, pod, running_lab, virtual_service

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        yield lab


@pytest.fixture
def four_pods(lab: Lab) -> Lab:
    lab.store.put("", "pods", pod("a", app="web", version="v1"))
    lab.store.put("", "pods", pod("b", app="web", version="v2"))
    lab.store.put("", "pods", pod("c", app="db"))
    lab.store.put("", "pods", pod("d") | {"status": {"phase": "Pending"}})
    return lab


async def names(client: Client, path: str, **params: str) -> str:
    answer = await client.get(path, **params)
    assert answer.status == 200, answer.text
    return "".join(o["metadata"]["name"] for o in answer.json["items"])


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app=web", "ab"),
        ("app==web,version=v2", "b"),
        ("app!=web", "cd"),
        ("app", "abc"),
        ("!app", "d"),
        ("app in (web, db)", "abc"),
        ("app notin (web)", "cd"),
        ("app in (web),version notin (v1)", "b"),
        ("version!=v1,app", "bc"),
        ("", "abcd"),
    ],
)
async def test_label_selectors(four_pods: Lab, selector: str, expected: str) -> None:
    assert await names(four_pods.client, PODS, labelSelector=selector) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=b", "b"),
        ("metadata.name!=b", "acd"),
        ("status.phase=Pending", "d"),
        ("status.phase==Running,spec.nodeName=node-1", "abc"),
        ("metadata.namespace=other", ""),
    ],
)
async def test_field_selectors(four_pods: Lab, selector: str, expected: str) -> None:
    assert await names(four_pods.client, "/api/v1/pods", fieldSelector=selector) == expected


@pytest.mark.parametrize("selector", ["a in ()", "a in (b", "=b", "a b", "a=b,,c", "a=(", "a>x"])
async def test_a_bad_label_selector_is_a_bad_request(lab: Lab, selector: str) -> None:
    assert (await lab.client.get(PODS, labelSelector=selector)).status == 400


async def test_a_field_a_kind_cannot_be_selected_by_is_named(lab: Lab) -> None:
    answer = await lab.client.get(VS, fieldSelector="spec.hosts=x")
    assert answer.status == 400
    assert answer.message == "field label not supported: spec.hosts"


async def test_a_namespace_lists_only_its_own(four_pods: Lab) -> None:
    four_pods.store.put("", "pods", pod("x") | {"metadata": {"name": "x", "namespace": "other"}})
    assert await names(four_pods.client, "/api/v1/namespaces/other/pods") == "x"
    assert await names(four_pods.client, "/api/v1/pods") == "abcdx"


async def test_pages_show_one_moment_whatever_is_written_between_them(four_pods: Lab) -> None:
    first = (await four_pods.client.get(PODS, limit="2")).json
    four_pods.store.remove("", "pods", "default", "c")
    four_pods.store.put("", "pods", pod("bb"))
    four_pods.store.put("", "pods", pod("d", changed="yes"))
    rest = await four_pods.client.get(
        PODS, limit="2", **{"continue": first["metadata"]["continue"]}
    )
    assert first["metadata"]["remainingItemCount"] == 2
    assert [o["metadata"]["name"] for o in rest.json["items"]] == ["c", "d"]
    assert rest.json["items"][1]["metadata"]["labels"] == {}
    assert rest.json["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


async def test_a_continue_token_older_than_the_history_is_gone() -> None:
    async with running_lab(history=2) as lab:
        for name in "abc":
            lab.store.put("", "pods", pod(name))
        token = (await lab.client.get(PODS, limit="1")).json["metadata"]["continue"]
        for name in "def":
            lab.store.put("", "pods", pod(name))
        answer = await lab.client.get(PODS, limit="1", **{"continue": token})
        assert (answer.status, answer.json["reason"]) == (410, "Expired")


@pytest.mark.parametrize("token", ["nonsense", "e30", "!!", "bnVsbA"])
async def test_a_continue_token_nobody_gave_is_a_bad_request(lab: Lab, token: str) -> None:
    assert (await lab.client.get(PODS, **{"continue": token})).status == 400


async def test_metadata_only(lab: Lab) -> None:
    lab.store.put("networking.istio.io", "virtualservices", virtual_service())
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    found = (await lab.client.call("GET", VS, accept=accept)).json
    assert found["kind"] == "PartialObjectMetadataList"
    assert found["items"][0].keys() == {"kind", "apiVersion", "metadata"}


async def test_a_table_of_pods_shows_what_kubectl_shows(lab: Lab) -> None:
    lab.store.put("", "pods", pod("a", containers=("app", "istio-proxy")))
    table = (await lab.client.call("GET", PODS, accept=TABLE)).json
    shown = [c["name"] for c in table["columnDefinitions"] if not c["priority"]]
    assert shown == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert table["rows"][0]["cells"][:4] == ["a", "0/2", "Running", "0"]


async def test_every_kind_has_a_table(lab: Lab) -> None:
    for kind in lab.store.kinds:
        prefix = f"/apis/{kind.group}" if kind.group else "/api"
        path = f"{prefix}/{kind.preferred}/{kind.plural}"
        lab.store.put(kind.group, kind.plural, {"metadata": {"name": "x"}})
        table = (await lab.client.call("GET", path, accept=TABLE)).json
        width = len(table["columnDefinitions"])
        assert table["rows"]
        assert all(len(row["cells"]) == width for row in table["rows"]), kind


async def test_a_version_served_beside_the_stored_one_differs_in_apiversion_only(lab: Lab) -> None:
    lab.store.put("networking.istio.io", "virtualservices", virtual_service())
    new = (await lab.client.get(f"{VS}/reviews")).json
    old = (await lab.client.get(f"{VS.replace('/v1/', '/v1alpha3/')}/reviews")).json
    assert old.pop("apiVersion") == "networking.istio.io/v1alpha3"
    assert new.pop("apiVersion") == "networking.istio.io/v1"
    assert old == new


async def test_an_event_is_seen_through_both_apis(lab: Lab) -> None:
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "shifted"},
        "regarding": {"kind": "VirtualService", "name": "reviews"},
        "note": "v1 90->80",
        "reportingController": "meshtui",
    }
    created = await lab.client.post("/apis/events.k8s.io/v1/namespaces/default/events", event)
    assert created.status == 201
    found = await lab.client.get(
        "/api/v1/namespaces/default/events", fieldSelector="involvedObject.name=reviews"
    )
    assert found.json["items"][0]["message"] == "v1 90->80"
    assert found.json["items"][0]["reportingComponent"] == "meshtui"


@pytest.mark.parametrize("accept", ["application/vnd.kubernetes.protobuf", "text/html"])
async def test_a_form_the_server_has_not_is_not_acceptable(lab: Lab, accept: str) -> None:
    assert (await lab.client.call("GET", VS, accept=accept)).status == 406
