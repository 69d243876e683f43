"""Patches of the lab's API server, server-side apply, and who owns which field."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from lab_fixtures import (
    GROUP,
    VS,
    Answer,
    Lab,
    running_lab,
    stored,
    virtual_service,
    weight,
    weights,
)

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        lab.store.put(GROUP, "virtualservices", virtual_service())
        yield lab


async def apply(lab: Lab, name: str, config: Any, manager: str, **params: str) -> Answer:
    body = {"apiVersion": f"{GROUP}/v1", "kind": "VirtualService", **config}
    return await lab.client.call(
        "PATCH", f"{VS}/{name}", body, APPLY, fieldManager=manager, **params
    )


RULES = [{"route": [{"destination": {"host": "x"}}]}]


async def test_a_json_patch_changes_what_it_names(lab: Lab) -> None:
    answer = await lab.client.json_patch(
        f"{VS}/reviews",
        weight(80),
        weight(20, 1),
        {"op": "add", "path": "/spec/http/0/name", "value": "10s"},
        {"op": "copy", "from": "/spec/http/0", "path": "/spec/http/-"},
        {"op": "move", "from": "/spec/http/1/name", "path": "/spec/http/1/timeout"},
        {"op": "remove", "path": "/spec/http/1/route/1"},
        {"op": "test", "path": "/spec/http/1/timeout", "value": "10s"},
    )
    assert answer.status == 200, answer.text
    assert weights(stored(lab)) == [80, 20]
    assert stored(lab)["spec"]["http"][1].keys() == {"route", "timeout"}


async def test_a_failed_operation_changes_nothing(lab: Lab) -> None:
    before = stored(lab)
    answer = await lab.client.json_patch(
        f"{VS}/reviews", weight(1), {"op": "test", "path": "/spec/hosts/0", "value": "x"}
    )
    assert answer.status == 422
    assert stored(lab) == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/spec/http/7"},
        {"op": "add", "path": "/spec/http/01", "value": {}},
        {"op": "add", "path": "spec"},
        {"op": "replace", "path": "/spec/nothing", "value": 1},
        {"op": "move", "from": "/spec", "path": "/spec/http"},
        {"op": ["add"], "path": "/spec"},
        {"op": "add", "path": "/spec/hosts/0/x", "value": 1},
        {"op": "replace", "path": "", "value": []},
        {"op": "remove", "path": "/metadata"},
        "add",
    ],
)
async def test_an_operation_that_does_not_apply_is_invalid(lab: Lab, operation: Any) -> None:
    assert (await lab.client.json_patch(f"{VS}/reviews", operation)).status == 422


async def test_a_merge_patch_removes_by_null_and_replaces_lists(lab: Lab) -> None:
    spec = {"hosts": ["x"], "tcp": RULES}
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"http": None, **spec}}
    answer = await lab.client.merge_patch(f"{VS}/reviews", patch)
    assert answer.status == 200
    assert stored(lab)["spec"] == spec
    assert stored(lab)["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"metadata": {"name": "other"}}, 400),
        ({"metadata": {"namespace": "other"}}, 400),
        ({"metadata": {"uid": "another"}}, 409),
        ({"kind": "Gateway"}, 400),
        ({"metadata": None}, 422),
    ],
)
async def test_a_patch_cannot_make_another_object_of_it(lab: Lab, change: Any, status: int) -> None:
    assert (await lab.client.merge_patch(f"{VS}/reviews", change)).status == status


async def test_each_manager_owns_what_it_set(lab: Lab) -> None:
    await lab.client.json_patch(f"{VS}/reviews", weight(1), fieldManager="meshtui")
    fields = {e["manager"]: e["fieldsV1"] for e in stored(lab)["metadata"]["managedFields"]}
    assert fields["meshtui"] == {"f:spec": {"f:http": {}}}
    assert fields["lab"] == {"f:spec": {".": {}, "f:hosts": {}}}


async def test_without_a_manager_the_user_agent_names_it(lab: Lab) -> None:
    lab.client.headers = lambda extra=None: {  # type: ignore[method-assign]
        **(extra or {}),
        "Authorization": "Bearer admin-token",
        "User-Agent": "curl/8.0 (x)",
    }
    await lab.client.json_patch(f"{VS}/reviews", weight(1))
    assert [e["manager"] for e in stored(lab)["metadata"]["managedFields"]] == ["lab", "curl"]


async def test_apply_creates_owns_and_withdraws(lab: Lab) -> None:
    meta = {"metadata": {"name": "new", "labels": {"a": "1", "b": "2"}}}
    created = await apply(lab, "new", {**meta, "spec": {"hosts": ["x"], "http": RULES}}, "me")
    assert created.status == 201, created.text
    less = {"metadata": {"labels": {"a": "1"}}, "spec": {"http": RULES}}
    changed = await apply(lab, "new", less, "me")
    assert changed.json["metadata"]["labels"] == {"a": "1"}
    assert changed.json["spec"] == {"http": RULES}
    entries = changed.json["metadata"]["managedFields"]
    assert [(e["manager"], e["operation"]) for e in entries] == [("me", "Apply")]


async def test_apply_against_another_manager_conflicts_unless_forced(lab: Lab) -> None:
    config = {"spec": {"hosts": ["y"], "http": RULES}}
    conflict = await apply(lab, "reviews", config, "other")
    assert conflict.status == 409
    assert [c["field"] for c in conflict.json["details"]["causes"]] == [".spec.hosts", ".spec.http"]
    assert "2 conflicts" in conflict.message
    forced = await apply(lab, "reviews", config, "other", force="true")
    assert forced.json["spec"] == config["spec"]
    again = await apply(lab, "reviews", config, "third")
    assert again.status == 200, "the same values are shared, not contested"


async def test_apply_needs_a_manager(lab: Lab) -> None:
    body = {"apiVersion": f"{GROUP}/v1", "kind": "VirtualService"}
    assert (await lab.client.call("PATCH", f"{VS}/reviews", body, APPLY)).status == 422


async def test_a_strategic_patch_merges_containers_by_name(lab: Lab) -> None:
    containers = [{"name": "app", "image": "a:1"}, {"name": "istio-proxy", "image": "p:1"}]
    template = {"spec": {"containers": containers, "nodeName": "n"}}
    lab.store.put(
        "apps", "deployments", {"metadata": {"name": "d"}, "spec": {"template": template}}
    )
    patch = {
        "spec": {
            "template": {
                "spec": {
                    "$setElementOrder/containers": [{"name": "new"}, {"name": "app"}],
                    "containers": [
                        {"name": "app", "image": "a:2"},
                        {"name": "new", "image": "n:1"},
                        {"name": "istio-proxy", "$patch": "delete"},
                    ],
                    "nodeName": None,
                }
            }
        }
    }
    answer = await lab.client.call("PATCH", f"{DEPLOYMENTS}/d", patch, STRATEGIC)
    assert answer.json["spec"]["template"]["spec"] == {
        "containers": [{"name": "new", "image": "n:1"}, {"name": "app", "image": "a:2"}]
    }
    assert answer.json["metadata"]["generation"] == 2
