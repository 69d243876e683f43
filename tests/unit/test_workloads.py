"""Which workload a pod is of: the name that Istio's telemetry gives it."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.mesh.parse import parse_mesh

NAMED = {"service.istio.io/workload-name": "shop"}


def owner(kind: str, name: str, controller: bool = True) -> dict[str, Any]:
    return {"kind": kind, "name": name, "controller": controller}


CASES: dict[str, tuple[dict[str, str], list[dict[str, Any]], str]] = {
    "a Deployment's": ({"pod-template-hash": "5f6d"}, [owner("ReplicaSet", "db-5f6d")], "db"),
    "a ReplicaSet of its own": ({}, [owner("ReplicaSet", "db-cache")], "db-cache"),
    "a ReplicaSet whose hash is another": (
        {"pod-template-hash": "aaaa"},
        [owner("ReplicaSet", "db-cache")],
        "db-cache",
    ),
    "a Rollout's": (
        {"rollouts-pod-template-hash": "77c9"},
        [owner("ReplicaSet", "db-77c9")],
        "db",
    ),
    "a StatefulSet's": ({}, [owner("StatefulSet", "db")], "db"),
    "a DaemonSet's": ({}, [owner("DaemonSet", "agent")], "agent"),
    "a Job's": ({}, [owner("Job", "import")], "import"),
    "a CronJob's": ({}, [owner("Job", "nightly-29384756")], "nightly"),
    "a Job whose name ends in a short number": ({}, [owner("Job", "import-2026")], "import-2026"),
    "a DeploymentConfig's": (
        {"deploymentconfig": "shop"},
        [owner("ReplicationController", "shop-3")],
        "shop",
    ),
    "who controls it, and not who owns it first": (
        {},
        [owner("Backup", "weekly", False), owner("StatefulSet", "db")],
        "db",
    ),
    "an owner that does not control": ({}, [owner("Backup", "weekly", False)], "it-0"),
    "of nobody": ({}, [], "it-0"),
    "a label goes before all": (NAMED, [owner("StatefulSet", "db")], "shop"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_workload_is_named_as_the_injector_names_it(case: str) -> None:
    labels, owners, expected = CASES[case]
    assert workload(labels, owners) == expected


@pytest.mark.parametrize(("generated", "expected"), [("it-", "kafka"), ("", "it-0")])
def test_an_operators_pod_has_its_owners_name_where_its_own_was_generated(
    generated: str, expected: str
) -> None:
    more = {"generateName": generated} if generated else {}
    assert workload({}, [owner("StrimziPodSet", "kafka")], **more) == expected


def workload(labels: dict[str, str], owners: list[dict[str, Any]], **more: str) -> str:
    meta = {"name": "it-0", "namespace": "default", "labels": labels, "ownerReferences": owners}
    (pod,) = parse_mesh({"pods": [{"metadata": meta | more, "spec": {}, "status": {}}]}).pods
    return pod.workload
