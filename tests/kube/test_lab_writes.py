"""Writes to the lab's API server: validation, preconditions, deletion."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from lab_fixtures import (
    DR,
    GROUP,
    PODS,
    VS,
    Lab,
    pod,
    running_lab,
    stored,
    virtual_service,
    weight,
    weights,
)

from meshtui.lab.api import cel, rules, schema
from meshtui.lab.api.kinds import RESOURCES

APPLY = "application/apply-patch+yaml"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        lab.store.put(GROUP, "virtualservices", virtual_service())
        yield lab


async def test_only_a_change_of_what_is_wanted_raises_the_generation(lab: Lab) -> None:
    async def after(patch: Any) -> tuple[int, str]:
        meta = (await lab.client.merge_patch(f"{VS}/reviews", patch)).json["metadata"]
        return meta["generation"], meta["resourceVersion"]

    labelled = await after({"metadata": {"labels": {"a": "b"}}})
    nothing = await after({"metadata": {"labels": {"a": "b"}}})
    changed = await after({"spec": {"hosts": ["x"]}})
    assert (labelled[0], nothing, changed[0]) == (1, labelled, 2)
    assert int(changed[1]) > int(labelled[1])


async def test_a_dry_run_tells_and_stores_nothing(lab: Lab) -> None:
    told: list[Any] = []
    lab.store.subscribe(told.append)
    before = stored(lab)
    created = await lab.client.post(VS, virtual_service("new"), dryRun="All")
    patched = await lab.client.json_patch(f"{VS}/reviews", weight(1), dryRun="All")
    deleted = await lab.client.call("DELETE", f"{VS}/reviews", dryRun="All")
    assert (created.status, patched.status, deleted.status) == (201, 200, 200)
    assert weights(patched.json) == [1, 10]
    assert (told, stored(lab), stored(lab, "new")) == ([], before, None)


DRY = {"dryRun": ["All"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "stores"),
    [
        ("POST", VS, virtual_service("new"), {}, True),
        ("POST", VS, virtual_service("new"), {"dryRun": "All"}, False),
        ("PATCH", f"{VS}/reviews", {"spec": {"hosts": ["x"]}}, {}, True),
        ("PATCH", f"{VS}/reviews", {"spec": {"hosts": ["x"]}}, {"dryRun": "All"}, False),
        ("DELETE", f"{VS}/reviews", None, {}, True),
        ("DELETE", f"{VS}/reviews", None, {"dryRun": "All"}, False),
        ("DELETE", f"{VS}/reviews", {"preconditions": {}}, {"dryRun": "All"}, True),
        ("DELETE", f"{VS}/reviews", DRY, {}, False),
        ("DELETE", f"{VS}/reviews", DRY, {"dryRun": "All"}, False),
        ("DELETE", VS, None, {"dryRun": "All"}, False),
        ("DELETE", VS, {"preconditions": {}}, {"dryRun": "All"}, True),
        ("DELETE", VS, DRY, {}, False),
    ],
)
async def test_only_a_dry_run_where_the_server_looks_for_it_leaves_the_revision(
    lab: Lab, method: str, path: str, body: Any, query: dict[str, str], stores: bool
) -> None:
    media = "application/merge-patch+json" if method == "PATCH" else "application/json"
    before = lab.store.revision
    answer = await lab.client.call(method, path, body, media, **query)
    assert answer.status < 300, answer.text
    assert (lab.store.revision != before) == stores


async def test_a_write_reaches_listeners_before_the_client_has_its_answer(lab: Lab) -> None:
    told: list[Any] = []
    lab.store.subscribe(lambda event: told.append((event.type, event.obj["metadata"]["name"])))
    await lab.client.json_patch(f"{VS}/reviews", weight(1))
    assert told == [("MODIFIED", "reviews")]


async def test_a_field_of_the_schema_that_clients_may_not_know_survives(lab: Lab) -> None:
    rule = {"corsPolicy": {"allowOrigins": [{"exact": "*"}], "maxAge": "24h"}}
    rule["route"] = virtual_service()["spec"]["http"][0]["route"]
    await lab.client.merge_patch(f"{VS}/reviews", {"spec": {"http": [rule]}})
    await lab.client.merge_patch(f"{VS}/reviews", {"spec": {"hosts": ["x"]}})
    assert stored(lab)["spec"]["http"] == [rule]


async def test_an_unknown_field_is_dropped_with_a_warning_and_refused_when_strict(lab: Lab) -> None:
    new = virtual_service("new")
    new["spec"]["http"][0]["route"][0]["colour"] = "red"
    where = 'unknown field "spec.http[0].route[0].colour"'
    strict = await lab.client.post(VS, new, fieldValidation="Strict")
    ignored = await lab.client.post(VS, new, fieldValidation="Ignore", dryRun="All")
    warned = await lab.client.post(VS, new)
    assert strict.status == 400
    assert f"strict decoding error: {where}" in strict.message
    assert "Warning" not in ignored.headers
    assert warned.headers["Warning"] == '299 - "' + where.replace('"', '\\"') + '"'
    assert "colour" not in warned.json["spec"]["http"][0]["route"][0]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("/spec/http/0/route/0/weight", -1.5, "FieldValueTypeInvalid"),
        ("/spec/http/0/route", {}, "FieldValueTypeInvalid"),
        ("/spec/http/0/mirrorPercent", None, None),
        ("/spec/http/0/route/0/destination", {}, "FieldValueRequired"),
        ("/spec/http/0/match", [{"uri": {"exact": "/a", "prefix": "/b"}}], "FieldValueInvalid"),
        ("/spec/http/0/redirect", {"derivePort": "NO"}, "FieldValueNotSupported"),
        ("/spec/http/0/timeout", "10s", None),
    ],
)
async def test_the_schema_is_kept(lab: Lab, path: str, value: Any, reason: str | None) -> None:
    answer = await lab.client.json_patch(
        f"{VS}/reviews", {"op": "add", "path": path, "value": value}
    )
    if reason is None:
        assert answer.status == 200, answer.text
    else:
        assert answer.status == 422
        assert reason in [c["reason"] for c in answer.json["details"]["causes"]]


async def test_names_are_made_and_checked(lab: Lab) -> None:
    new = virtual_service()
    new["metadata"] = {"generateName": "gen-"}
    made = await lab.client.post(VS, new)
    new["metadata"] = {"name": "Not_A_Name"}
    bad = await lab.client.post(VS, new)
    assert made.json["metadata"]["name"].startswith("gen-")
    assert len(made.json["metadata"]["name"]) == 9
    assert bad.status == 422
    assert bad.json["details"]["causes"][0]["field"] == "metadata.name"


async def test_nothing_is_created_in_a_namespace_that_is_not_there(lab: Lab) -> None:
    new = virtual_service()
    del new["metadata"]["namespace"]
    answer = await lab.client.post(VS.replace("default", "nowhere"), new)
    assert (answer.status, answer.message) == (404, 'namespaces "nowhere" not found')


async def test_an_update_must_name_the_version_it_means(lab: Lab) -> None:
    obj = stored(lab)
    obj["spec"]["hosts"] = ["x"]
    fine = await lab.client.call("PUT", f"{VS}/reviews", obj)
    stale = await lab.client.call("PUT", f"{VS}/reviews", obj)
    obj["metadata"].pop("resourceVersion")
    blind = await lab.client.call("PUT", f"{VS}/reviews", obj)
    assert (fine.status, stale.status, blind.status) == (200, 409, 422)


async def test_status_and_spec_are_written_apart(lab: Lab) -> None:
    both = {"spec": {"hosts": ["x"]}, "status": {"observedGeneration": 7}}
    await lab.client.merge_patch(f"{VS}/reviews/status", both)
    assert stored(lab)["spec"]["hosts"] == ["reviews"]
    assert stored(lab)["status"] == {"observedGeneration": 7}
    await lab.client.merge_patch(f"{VS}/reviews", {"spec": {"hosts": ["x"]}, "status": None})
    assert stored(lab)["spec"]["hosts"] == ["x"]
    assert stored(lab)["status"] == {"observedGeneration": 7}


async def test_delete_answers_success_and_the_object_is_gone(lab: Lab) -> None:
    uid = stored(lab)["metadata"]["uid"]
    wrong = {"kind": "DeleteOptions", "preconditions": {"uid": "other"}}
    refused = await lab.client.call("DELETE", f"{VS}/reviews", wrong)
    right = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
    done = await lab.client.call("DELETE", f"{VS}/reviews", right)
    assert refused.status == 409
    assert refused.message == (
        'Operation cannot be fulfilled on VirtualService.networking.istio.io "reviews": the UID in '
        f"the precondition (other) does not match the UID in record ({uid}). The object might "
        "have been deleted and then recreated"
    )
    assert refused.json["details"]["kind"] == "VirtualService"
    assert (done.status, done.json["status"], done.json["details"]["uid"]) == (200, "Success", uid)
    assert stored(lab) is None


async def test_a_collection_is_deleted_by_selector(lab: Lab) -> None:
    lab.store.put("", "pods", pod("a", app="web"))
    lab.store.put("", "pods", pod("b"))
    answer = await lab.client.call("DELETE", PODS, labelSelector="app=web")
    assert [o["metadata"]["name"] for o in answer.json["items"]] == ["a"]
    assert lab.runtime.deleted == ["a"]
    assert [o["metadata"]["name"] for o in lab.store.objects("", "pods")] == ["b"]


async def test_what_a_deleted_object_owned_goes_with_it_unless_orphaned(lab: Lab) -> None:
    for name in ("gone", "orphan"):
        owner = lab.store.put("apps", "replicasets", {"metadata": {"name": name}})
        owned = pod(f"{name}-pod")
        reference = {"kind": "ReplicaSet", "name": name, "uid": owner["metadata"]["uid"]}
        owned["metadata"]["ownerReferences"] = [reference]
        lab.store.put("", "pods", owned)
    sets = "/apis/apps/v1/namespaces/default/replicasets"
    await lab.client.call("DELETE", f"{sets}/gone")
    await lab.client.call("DELETE", f"{sets}/orphan", {"propagationPolicy": "Orphan"})
    assert lab.runtime.deleted == ["gone-pod"]


async def test_a_namespace_goes_with_all_that_is_in_it(lab: Lab) -> None:
    answer = await lab.client.call("DELETE", "/api/v1/namespaces/default")
    assert answer.status == 200
    assert stored(lab) is None


@pytest.mark.parametrize(
    ("method", "path", "body", "media", "status"),
    [
        ("POST", DR, b"{", "application/json", 400),
        ("POST", DR, b"\xff\xfe", "application/json", 400),
        ("POST", DR, b"[" * 100_000, "application/json", 400),
        ("POST", DR, b"[]", "application/json", 400),
        ("POST", DR, b"null", "application/json", 400),
        ("POST", DR, b"a: [", "application/yaml", 400),
        ("POST", DR, b"{}", "application/json", 400),
        ("POST", DR, b"{}", "text/plain", 415),
        ("POST", DR, b"x" * (3 * 1024 * 1024 + 1), "application/json", 413),
        ("PUT", DR, b"{}", "application/json", 405),
        ("POST", f"{DR}/x", b"{}", "application/json", 405),
        ("PATCH", f"{VS}/reviews", b"7", "application/merge-patch+json", 400),
        ("PATCH", f"{VS}/reviews", b"7", "application/json-patch+json", 422),
        ("PATCH", f"{VS}/reviews", b"[]", APPLY, 400),
        ("PATCH", f"{VS}/nosuch", b"[]", "application/json-patch+json", 404),
        ("GET", f"{VS}/reviews/nosuch", None, "", 404),
        ("GET", "/apis/nosuch.io/v1/things", None, "", 404),
        ("GET", "/nosuch", None, "", 404),
        ("GET", f"{VS}?limit=many", None, "", 400),
        ("POST", DR, b'{"x": NaN}', "application/json", 400),
        ("POST", DR, b"k8s\0\x0a\xff", "application/vnd.kubernetes.protobuf", 415),
        ("POST", PODS, b'{"metadata": {"name": "x", "labels": []}}', "application/json", 400),
        ("POST", PODS, b'{"metadata": {"name": 7}}', "application/json", 400),
        ("POST", PODS, b'{"metadata": []}', "application/json", 400),
        ("POST", PODS, b'{"metadata": {"name": "x"}, "spec": []}', "application/json", 400),
    ],
)
async def test_whatever_is_wrong_with_a_request_has_its_status(
    lab: Lab, method: str, path: str, body: Any, media: str, status: int
) -> None:
    assert (await lab.client.call(method, path, body, media)).status == status


async def test_a_service_gets_an_address_of_its_own_and_keeps_it(lab: Lab) -> None:
    services, found = "/api/v1/namespaces/default/services", []
    for name in "ab":
        body = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
        found.append((await lab.client.post(services, body)).json["spec"])
    changed = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 90}]}}
    after = (await lab.client.call("PUT", f"{services}/a", changed)).json["spec"]
    assert found[0]["clusterIP"] != found[1]["clusterIP"]
    assert after["clusterIP"] == found[0]["clusterIP"]
    assert found[0]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


async def test_a_body_may_be_yaml(lab: Lab) -> None:
    body = b"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: y}\n"
    body += b"spec: {host: 2026-01-01}\n"
    answer = await lab.client.call("POST", DR, body, "application/yaml")
    assert (answer.status, answer.json["spec"]) == (201, {"host": "2026-01-01"})


async def test_text_that_is_no_unicode_does_no_harm(lab: Lab) -> None:
    body = b'{"metadata": {"name": "x", "annotations": {"a": "\\ud800"}}}'
    assert (await lab.client.call("POST", PODS, body)).json["metadata"]["annotations"] == {"a": "?"}


def test_every_expression_of_the_schemas_is_known() -> None:
    for resource in RESOURCES:
        known = schema.definition(resource.kind)
        for rule in rules.named_in(known.schema if known else {}):
            compared = "oldSelf" in rule
            assert compared or rule in rules.RULES or cel.compiled(rule), resource.kind.kind


@pytest.mark.parametrize(
    ("duration", "accepted"),
    [
        ("1ms", True),
        ("1.5s", True),
        ("2h45m0.5s", True),
        (".5s", True),
        ("+3s", True),
        ("999us", False),
        ("0", False),
        ("0s", False),
        ("-1s", False),
        ("1", False),
        ("1 s", False),
        ("1d", False),
        ("s", False),
        ("", False),
    ],
)
async def test_a_timeout_is_a_duration_of_a_millisecond_or_more(
    lab: Lab, duration: str, accepted: bool
) -> None:
    add = {"op": "add", "path": "/spec/http/0/timeout", "value": duration}
    answer = await lab.client.json_patch(f"{VS}/reviews", add)
    assert answer.status == (200 if accepted else 422), answer.text


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        (f"{DR}?dryRun=Some", 422, "dryRun"),
        (f"{DR}?fieldValidation=Some", 422, "fieldValidation"),
        (f"{DR}?fieldManager={'m' * 129}", 422, "fieldManager"),
    ],
)
async def test_options_that_no_server_knows_are_named(
    lab: Lab, path: str, code: int, field: str
) -> None:
    answer = await lab.client.call("POST", path, b"{}")
    assert (answer.status, answer.json["details"]["kind"]) == (code, "CreateOptions")
    assert [cause["field"] for cause in answer.json["details"]["causes"]] == [field]


async def test_a_deletion_with_a_dry_run_that_no_server_knows_is_refused(lab: Lab) -> None:
    answer = await lab.client.call("DELETE", f"{VS}/reviews", {"dryRun": ["Some"]})
    assert (answer.status, answer.json["details"]["kind"]) == (422, "DeleteOptions")
    assert stored(lab) is not None
