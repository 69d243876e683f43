"""What charts mark beside the journal's changes: rollouts, restarts, scaling, others' writes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.operations.look.events import Events
from tests.unit.objects import Obj, destination_rule, meta, pod, route, service, virtual_service

REVIEWS, RATINGS = ServiceKey("default", "reviews"), ServiceKey("default", "ratings")
NOW = datetime.fromisoformat("2026-11-27T12:00:00Z").timestamp()
Told = list[tuple[float, str, str, str]]


def running(app: str, version: str, template: str, number: int = 1) -> Obj:
    made = pod(app, version, number=number)
    made["metadata"]["labels"]["pod-template-hash"] = template
    made["metadata"]["ownerReferences"][0]["name"] = f"{app}-{version}-{template}"
    made["metadata"]["name"] = f"{app}-{version}-{template}-{number}"
    return made


def deployment(name: str, replicas: int) -> Obj:
    return {"metadata": meta(name), "spec": {"replicas": replicas}}


def written(raw: Obj, version: str, manager: str, at: str, **entry: Any) -> Obj:
    raw["metadata"] |= {
        "resourceVersion": version,
        "managedFields": [{"manager": manager, "time": at, "operation": "Update", **entry}],
    }
    return raw


def mesh(
    *pods: Obj,
    rules: Sequence[Obj] = (),
    policies: Sequence[Obj] = (),
    replicas: int = 1,
    routes: Sequence[Obj] = (),
) -> Mesh:
    return parse_mesh(
        {
            "services": [service("reviews"), service("ratings")],
            "pods": [*pods, running("ratings", "v1", "aaaa")],
            "virtualservices": list(rules),
            "httproutes": list(routes),
            "destinationrules": list(policies),
            "deployments": [deployment("reviews-v1", replicas)],
        }
    )


def told(*meshes: Mesh, of: ServiceKey = REVIEWS, since: float = 0.0) -> Told:
    events = Events()
    for at, each in enumerate(meshes):
        events.record(each, NOW + at)
    found = events.of(of, since)
    return [(one.created - NOW, one.verb, " ".join(one.words), one.who) for one in found]


OLD, NEW = running("reviews", "v1", "aaaa"), running("reviews", "v1", "bbbb", 2)


def test_a_rollout_is_marked_when_the_first_pod_of_another_template_is_there() -> None:
    found = told(mesh(OLD), mesh(OLD, NEW), mesh(NEW))
    assert found == [(1.0, "rollout", "reviews-v1 rolls out", "Kubernetes")]
    assert told(mesh(OLD), mesh(OLD, NEW), of=RATINGS) == []


def test_a_pod_that_is_made_again_is_no_rollout() -> None:
    again = running("reviews", "v1", "aaaa", 7)
    assert told(mesh(OLD), mesh(again)) == []
    assert told(mesh(), mesh(OLD)) == []


def test_scaling_is_marked_with_both_numbers() -> None:
    found = told(mesh(OLD, replicas=2), mesh(OLD, replicas=5), mesh(OLD, replicas=5))
    assert found == [(1.0, "scale", "reviews-v1 2 → 5 pods", "Kubernetes")]


def test_a_restart_is_marked_when_the_container_had_ended_and_once() -> None:
    crashed = running("reviews", "v1", "aaaa")
    ended = {"finishedAt": "2026-11-27T11:59:00Z", "reason": "OOMKilled", "exitCode": 137}
    crashed["status"]["containerStatuses"] = [
        {"name": "reviews", "restartCount": 2, "lastState": {"terminated": ended}}
    ]
    found = told(mesh(crashed), mesh(crashed))
    words = "reviews-v1-aaaa-1 reviews ended (OOMKilled, exit 137)"
    assert found == [(-60.0, "restart", words, "Kubernetes")]
    assert told(mesh(crashed), since=NOW) == []


def test_a_write_of_somebody_else_is_marked_at_its_own_time() -> None:
    rule = {"route": [route("v1")]}
    first = written(virtual_service("reviews", rule), "1", "kubectl", "2026-11-27T11:58:00Z")
    second = written(virtual_service("reviews", rule), "2", "argocd", "2026-11-27T12:00:01Z")
    found = told(mesh(OLD, rules=[first]), mesh(OLD, rules=[first]), mesh(OLD, rules=[second]))
    assert found == [
        (-120.0, "write", "VirtualService reviews was written", "kubectl"),
        (1.0, "write", "VirtualService reviews was written", "argocd"),
    ]


def test_a_write_of_a_routes_status_is_nobodys_change() -> None:
    made = {
        "kind": "HTTPRoute",
        "metadata": meta("reviews"),
        "spec": {
            "parentRefs": [{"group": "", "kind": "Service", "name": "reviews"}],
            "rules": [{"backendRefs": [{"name": "reviews", "port": 9080}]}],
        },
    }
    first = written(made, "1", "kubectl", "2026-11-27T11:58:00Z")
    again = copy.deepcopy(first)
    again["metadata"]["resourceVersion"] = "2"
    again["metadata"]["managedFields"].append(
        {"manager": "pilot-discovery", "time": "2026-11-27T12:00:01Z", "subresource": "status"}
    )
    found = told(mesh(OLD, routes=[first]), mesh(OLD, routes=[again]))
    assert found == [(-120.0, "write", "HTTPRoute reviews was written", "kubectl")]


def test_the_journal_has_what_meshtui_wrote() -> None:
    rule = virtual_service("reviews", {"route": [route("v1")]})
    assert told(mesh(OLD, rules=[written(rule, "1", "meshtui", "2026-11-27T12:00:00Z")])) == []


def test_rules_that_send_to_a_service_are_its_own_too() -> None:
    rule = virtual_service("ratings", {"route": [route("", host="reviews")]})
    raw = written(rule, "1", "kubectl", "2026-11-27T12:00:00Z")
    assert len(told(mesh(OLD, rules=[raw]))) == len(told(mesh(OLD, rules=[raw]), of=RATINGS)) == 1
    policy = written(destination_rule("reviews", ["v1"]), "1", "flux", "2026-11-27T12:00:00Z")
    assert told(mesh(OLD, policies=[policy])) == [
        (0.0, "write", "DestinationRule reviews was written", "flux")
    ]
    assert told(mesh(OLD, policies=[policy]), of=RATINGS) == []
