"""Decoding only what is kept of an object keeps the same as decoding all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshtui.kube.early import EARLY
from meshtui.kube.resources import DEPLOYMENTS, MESH_RESOURCES, PODS, VIRTUAL_SERVICES, Resource
from meshtui.kube.shapes import decoder_of
from meshtui.kube.trim import trim
from meshtui.mesh import read
from meshtui.mesh.parse import parse_mesh
from tests.unit.test_hostile_objects import by_plural, places, replaced, sample

VALUES = (None, True, 7, 1.5, "x", [], ["x"], [7], [{}], {}, {"x": "y"}, {"x": 7})

FULL: dict[str, Any] = {
    "metadata": {
        "name": "a",
        "namespace": "b",
        "managedFields": [{"manager": "kubelet"}],
        "labels": {"app": "a"},
    },
    "spec": {
        "nodeName": "n",
        "volumes": [{"name": "v", "emptyDir": {}}],
        "containers": [
            {
                "name": "istio-proxy",
                "image": "proxyv2",
                "args": ["proxy", "--domain", "b.svc.cluster.local"],
                "env": [{"name": "X", "value": "y"}],
                "ports": [{"containerPort": 15090}],
            }
        ],
        "initContainers": [{"name": "i", "restartPolicy": "Always", "env": []}],
    },
    "status": {
        "phase": "Running",
        "hostIP": "10.0.0.9",
        "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None}],
        "containerStatuses": [
            {
                "name": "istio-proxy",
                "ready": False,
                "restartCount": 3,
                "imageID": "sha256:0",
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            }
        ],
    },
}


def kept(resource: Resource, page: Any, decode: Any) -> tuple[list[Any], Any]:
    found = decode(json.dumps(page).encode())
    return [trim(resource, raw) for raw in read.objects(found, "items")], found.get("metadata")


def page_of(*items: Any) -> dict[str, Any]:
    metadata = {"resourceVersion": "7", "continue": "next", "remainingItemCount": 3}
    return {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": list(items)}


@pytest.mark.parametrize("resource", MESH_RESOURCES, ids=by_plural)
def test_each_field_may_be_of_any_type(resource: Resource) -> None:
    raw = sample(resource)
    changed = [replaced(raw, path, value) for path in places(raw) for value in VALUES]
    for one in (*changed, None, 7, "x", [], [raw]):
        page = page_of(raw, one)
        items, metadata = kept(resource, page, decoder_of(resource))
        assert items == kept(resource, page, json.loads)[0]
        assert metadata["resourceVersion"] == "7"
        assert metadata["continue"] == "next"


def test_of_a_pod_nothing_is_read_that_is_not_kept() -> None:
    (pod,) = decoder_of(PODS)(json.dumps(page_of(FULL)).encode())["items"]
    assert trim(PODS, pod) == trim(PODS, FULL)
    assert "volumes" not in pod["spec"]
    assert "managedFields" not in pod["metadata"]
    assert "env" not in pod["spec"]["containers"][0]


@pytest.mark.parametrize("path", list(places(FULL)), ids=str)
def test_whatever_a_pod_lacks_the_same_is_kept(path: tuple[Any, ...]) -> None:
    for value in VALUES:
        page = page_of(replaced(FULL, path, value))
        assert kept(PODS, page, decoder_of(PODS))[0] == kept(PODS, page, json.loads)[0]


@pytest.mark.parametrize("resource", (PODS, DEPLOYMENTS), ids=by_plural)
def test_parsed_as_they_come_objects_say_what_their_dictionaries_say(resource: Resource) -> None:
    """Whatever stands in any one place of them."""
    raw = sample(resource)
    decode, early = decoder_of(resource), EARLY[resource.plural]
    others: list[Any] = [{"configmaps": ()}, {}]
    for path in ((), *places(raw)):
        for value in VALUES if path else (raw,):
            page = page_of(replaced(raw, path, value) if path else value)
            found = read.objects(decode(json.dumps(page).encode()), "items")
            for other in others:
                parsed = parse_mesh({**other, resource.plural: [early(one) for one in found]})
                items = kept(resource, page, json.loads)[0]
                assert parsed == parse_mesh({**other, resource.plural: items}), (path, value)


def test_of_the_managers_of_a_rule_all_but_their_fields_is_retained() -> None:
    entry = {"manager": "argocd", "time": "2026-01-01T00:00:00Z", "operation": "Update"}
    raw = {
        "metadata": {"name": "a", "managedFields": [{**entry, "fieldsV1": {"f:spec": {}}}]},
        "spec": {"hosts": ["a"], "fieldsV1": "of its own"},
    }
    found = trim(VIRTUAL_SERVICES, raw)
    assert found["metadata"]["managedFields"] == [entry]
    assert found["spec"] == raw["spec"]
