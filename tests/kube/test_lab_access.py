"""Who may do what at the lab's API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from lab_fixtures import ADMIN, PODS, VS, Client, Lab, pod, running_lab, virtual_service

from meshtui.lab.api.access import Rule, User

ONE_NAMESPACE = User(
    "local",
    "local-token",
    (Rule(("get", "list", "watch"), ("*",), ("*",), namespaces=("default",)),),
)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        lab.store.put("networking.istio.io", "virtualservices", virtual_service())
        lab.store.put("", "pods", pod())
        yield lab


@pytest.fixture
def viewer(lab: Lab) -> Client:
    return lab.client.as_user("viewer-token")


async def test_a_viewer_reads_everything(viewer: Client) -> None:
    for path in (VS, f"{VS}/reviews", "/api/v1/pods", "/api/v1/namespaces/default", "/apis"):
        assert (await viewer.get(path)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        (
            "POST",
            VS,
            "virtualservices.networking.istio.io is forbidden: "
            'User "viewer" cannot create resource "virtualservices" in API group '
            '"networking.istio.io" in the namespace "default"',
        ),
        (
            "DELETE",
            f"{PODS}/p1",
            'pods "p1" is forbidden: User "viewer" cannot delete resource "pods" in API group ""'
            ' in the namespace "default"',
        ),
        (
            "POST",
            "/api/v1/namespaces",
            'namespaces is forbidden: User "viewer" cannot create resource "namespaces" in API '
            'group "" at the cluster scope',
        ),
        (
            "PUT",
            f"{PODS}/p1/status",
            'pods "p1" is forbidden: User "viewer" cannot update resource "pods/status" in API '
            'group "" in the namespace "default"',
        ),
    ],
)
async def test_a_viewer_writes_nothing(viewer: Client, method: str, path: str, said: str) -> None:
    answer = await viewer.call(method, path, {})
    assert (answer.status, answer.json["reason"], answer.message) == (403, "Forbidden", said)


async def test_anonymous_may_ask_for_health_and_version_only(lab: Lab) -> None:
    nobody = lab.client.as_user("")
    assert (await nobody.get("/readyz")).text == "ok"
    assert (await nobody.get("/version")).status == 200
    answer = await nobody.get("/apis")
    assert answer.message == 'forbidden: User "system:anonymous" cannot get path "/apis"'


async def test_rules_may_be_of_one_namespace() -> None:
    async with running_lab((ADMIN, ONE_NAMESPACE)) as lab:
        local = lab.client.as_user("local-token")
        assert (await local.get(PODS)).status == 200
        assert (await local.get("/api/v1/pods")).status == 403
        assert (await local.get("/api/v1/namespaces/kube-system/pods")).status == 403
        assert (await local.get("/api/v1/namespaces")).status == 403
        assert (await local.get("/api/v1/namespaces/default")).status == 200


async def review(client: Client, kind: str, group: str, spec: Any) -> Any:
    body = {"apiVersion": f"{group}/v1", "kind": kind, "spec": spec}
    answer = await client.post(f"/apis/{group}/v1/{kind.lower()}s", body)
    assert answer.status == 201, answer.text
    return answer.json["status"]


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"verb": "list", "group": "", "resource": "pods"}, True),
        ({"verb": "get", "resource": "pods", "subresource": "log", "namespace": "default"}, True),
        ({"verb": "create", "resource": "pods", "subresource": "portforward"}, True),
        ({"verb": "patch", "group": "networking.istio.io", "resource": "virtualservices"}, False),
    ],
)
async def test_a_client_may_ask_what_it_may(viewer: Client, attributes: Any, allowed: bool) -> None:
    spec = {"resourceAttributes": attributes}
    status = await review(viewer, "SelfSubjectAccessReview", "authorization.k8s.io", spec)
    assert status == {"allowed": allowed}


async def test_a_client_may_ask_who_it_is_and_by_which_rules(viewer: Client) -> None:
    who = await review(viewer, "SelfSubjectReview", "authentication.k8s.io", {})
    rules = await review(
        viewer, "SelfSubjectRulesReview", "authorization.k8s.io", {"namespace": "default"}
    )
    assert who["userInfo"]["username"] == "viewer"
    assert {"verbs": ["get", "list", "watch"], "apiGroups": ["*"], "resources": ["*"]} in rules[
        "resourceRules"
    ]
    assert (await viewer.get("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")).status in (
        403,
        405,
    )


async def test_a_token_is_not_shown_by_its_user() -> None:
    assert "admin-token" not in repr(ADMIN)
