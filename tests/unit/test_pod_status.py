"""What a kubelet says of containers, as a cluster writes it, and what a row makes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from meshtui.kube.resources import DEPLOYMENTS, PODS
from meshtui.kube.trim import trim
from meshtui.mesh.judging import DEGRADED, FAILING, NO_TRAFFIC, NOT_KNOWN, OK
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.pod_health import pod_trouble
from meshtui.mesh.pod_status import image_version
from meshtui.mesh.signals import Responder, Sample, Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import service_views

Obj = dict[str, Any]
NOW = datetime(2026, 11, 27, 12, 0, 0, tzinfo=UTC).timestamp()
IMAGE = "registry.istio.io/release/proxyv2:1.27.1"


def status(name: str, restarts: int = 0, ended: str = "", **more: Any) -> Obj:
    """`ended` is a reason, an exit code and a time: `Error 1 11:59:30`."""
    found: Obj = {
        "name": name,
        "ready": "waiting" not in more,
        "restartCount": restarts,
        "state": {"running": {"startedAt": "2026-11-27T11:00:00Z"}},
        "lastState": {},
    }
    if ended:
        reason, code, time = ended.split()
        at = f"2026-11-27T{time}Z"
        last = {"reason": reason, "exitCode": int(code), "finishedAt": at}
        found["lastState"] = {"terminated": last}
    if "waiting" in more:
        found["state"] = {"waiting": {"reason": more["waiting"], "message": "back-off 40s"}}
    return found


def pod(*statuses: Obj, ready: bool = True, native: bool = True, number: int = 1) -> Obj:
    """A pod of reviews v3 with the sidecar that is injected, a native one by default."""
    app, proxy = {"name": "reviews"}, {"name": "istio-proxy", "image": IMAGE}
    sidecar = {**proxy, "restartPolicy": "Always"}
    spec: Obj = {"containers": [app], "initContainers": [sidecar], "nodeName": "node-a"}
    if not native:
        spec = {"containers": [app, proxy], "nodeName": "node-a"}
    name = f"reviews-v3-5f6d-{number}"
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "creationTimestamp": "2026-11-27T11:00:00Z",
            "labels": {"app": "reviews", "version": "v3", "pod-template-hash": "5f6d"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "reviews-v3-5f6d"}],
        },
        "spec": spec,
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [s for s in statuses if not native or s["name"] == "reviews"],
            "initContainerStatuses": [s for s in statuses if native and s["name"] != "reviews"],
        },
    }


def mesh_of(*pods: Obj, deployment: Obj | None = None) -> Mesh:
    service = {
        "metadata": {"name": "reviews", "namespace": "default"},
        "spec": {"selector": {"app": "reviews"}, "ports": [{"name": "http", "port": 9080}]},
    }
    found = [trim(PODS, one) for one in pods]
    deployments = [trim(DEPLOYMENTS, deployment)] if deployment else []
    return parse_mesh({"services": [service], "pods": found, "deployments": deployments})


def parsed(*statuses: Obj, **more: Any) -> Pod:
    return mesh_of(pod(*statuses, **more)).pods[0]


def row(mesh: Mesh, requests: float = 100.0, errors: float = 0.0) -> VersionView:
    ratio = errors / requests if requests else None
    signals = Signals(requests, requests / 15, ratio)
    target = Responder(ServiceKey("default", "reviews"), "v3", "default", "reviews-v3", "v3")
    sample = Sample(NOW, "sidecars", 15.0, called={target: signals}, served={target: signals})
    return service_views(mesh, sample)[0].versions[0]


TABLE = [
    ("never restarted", [status("reviews")], "", OK),
    (
        "in a crash loop",
        [status("reviews", 7, "Error 1 11:59:30", waiting="CrashLoopBackOff")],
        "CrashLoopBackOff: reviews (Error, exit 1), restarted 7×",
        FAILING,
    ),
    (
        "killed for its memory, and runs for a moment",
        [status("reviews", 4, "OOMKilled 137 11:58:00")],
        "crashes: reviews restarted 4× (OOMKilled, exit 137)",
        FAILING,
    ),
    (
        "restarted once, lately",
        [status("reviews", 1, "Error 2 11:58:00")],
        "restarted 1× lately: reviews (Error, exit 2)",
        DEGRADED,
    ),
    ("restarted long ago", [status("reviews", 9, "Error 2 09:00:00")], "", OK),
    ("ended as it should", [status("reviews", 1, "Completed 0 11:59:00")], "", OK),
    (
        "its image is not there",
        [status("reviews", waiting="ImagePullBackOff")],
        "ImagePullBackOff: reviews",
        FAILING,
    ),
    (
        "its image is tried for the first time",
        [status("reviews", waiting="ErrImagePull")],
        "ErrImagePull: reviews",
        FAILING,
    ),
    (
        "its secret is not there",
        [status("reviews", waiting="CreateContainerConfigError")],
        "CreateContainerConfigError: reviews",
        FAILING,
    ),
    ("starts", [status("reviews", waiting="ContainerCreating")], "", OK),
    ("waits for its turn", [status("reviews", waiting="PodInitializing")], "", OK),
    (
        "its native sidecar crashes",
        [
            status("reviews"),
            status("istio-proxy", 5, "Error 255 11:59:00", waiting="CrashLoopBackOff"),
        ],
        "CrashLoopBackOff: istio-proxy (Error, exit 255), restarted 5×",
        FAILING,
    ),
]


@pytest.mark.parametrize(("statuses", "words", "state"), [t[1:] for t in TABLE], ids=lambda _: "")
def test_a_row_says_what_is_wrong_with_its_pods(
    statuses: list[Obj], words: str, state: str
) -> None:
    found = row(mesh_of(pod(*statuses)))
    assert (found.pods_words, found.state, found.server_state) == (words, state, state)


def test_a_sidecar_among_the_containers_is_told_as_well_as_a_native_one() -> None:
    crash = status("istio-proxy", 5, "Error 255 11:59:00", waiting="CrashLoopBackOff")
    for native in (True, False):
        one = parsed(status("reviews"), crash, native=native)
        assert (one.sidecar, one.proxy_version) == (True, "1.27.1")
        trouble = pod_trouble(one, NOW)
        assert trouble is not None
        assert trouble.words.startswith("CrashLoopBackOff: istio-proxy")


def test_one_of_several_pods_makes_the_version_degraded() -> None:
    crash = status("reviews", 7, "Error 1 11:59:30", waiting="CrashLoopBackOff")
    found = row(mesh_of(pod(status("reviews")), pod(crash, ready=False, number=2)))
    assert found.state == DEGRADED
    assert found.pods_words.startswith("1 of 2 pods: CrashLoopBackOff: reviews")
    assert (found.pods_ready, found.pods) == (1, 2)


def test_a_crash_loop_without_traffic_is_failing_and_one_that_is_well_has_no_traffic() -> None:
    crash = status("reviews", 7, "Error 1 11:59:30", waiting="CrashLoopBackOff")
    assert row(mesh_of(pod(crash, ready=False)), 0).state == FAILING
    assert row(mesh_of(pod(status("reviews"))), 0).state == NO_TRAFFIC


def test_without_telemetry_a_crash_loop_is_failing_and_the_rest_unknown() -> None:
    crash = status("reviews", 7, "Error 1 11:59:30", waiting="CrashLoopBackOff")
    states = [
        service_views(mesh_of(pod(one)), None)[0].versions[0].state
        for one in (crash, status("reviews"), status("reviews", 4, "OOMKilled 137 11:58:00"))
    ]
    assert states == [FAILING, NOT_KNOWN, NOT_KNOWN]


def test_a_pod_without_a_node_says_why() -> None:
    raw = pod()
    raw["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
    }
    assert row(mesh_of(raw), 0).pods_words == "Unschedulable"


def test_a_pod_that_ends_is_no_trouble() -> None:
    raw = pod(status("reviews", 1, "Error 137 11:59:59"))
    raw["metadata"]["deletionTimestamp"] = "2026-11-27T12:00:00Z"
    assert row(mesh_of(raw)).pods_words == ""


def deployment(**reported: Any) -> Obj:
    """As the API server gives it; `generation` and `paused` are not of the status."""
    spec = {"replicas": 3, "paused": reported.pop("paused", False)}
    meta = {"name": "reviews-v3", "namespace": "default", "generation": 2}
    reason = reported.pop("reason", "ReplicaSetUpdated")
    conditions = [{"type": "Progressing", "status": "True", "reason": reason}]
    return {
        "metadata": meta,
        "spec": spec,
        "status": {"observedGeneration": 2, "conditions": conditions, **reported},
    }


DONE = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
ROLLOUTS = [
    (DONE, ""),
    ({}, "rollout 0/3 updated"),
    ({**DONE, "updatedReplicas": 1}, "rollout 1/3 updated, 2 old left"),
    ({**DONE, "replicas": 4}, "rollout 3/3 updated, 1 old left"),
    ({**DONE, "observedGeneration": 1}, "rollout begins"),
    ({**DONE, "updatedReplicas": 1, "paused": True}, "rollout paused at 1/3"),
    (
        {**DONE, "readyReplicas": 2, "availableReplicas": 2, "reason": "ProgressDeadlineExceeded"},
        "rollout stuck: 2/3 ready (ProgressDeadlineExceeded)",
    ),
    ({**DONE, "reason": "ProgressDeadlineExceeded"}, ""),
]


@pytest.mark.parametrize(("reported", "words"), ROLLOUTS)
def test_a_row_says_how_far_its_rollout_is(reported: Obj, words: str) -> None:
    found = row(mesh_of(pod(status("reviews")), deployment=deployment(**reported)))
    assert (found.pods_words, found.state) == (words, OK)


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/istio/proxyv2:1.27.1", "1.27.1"),
        ("localhost:5000/proxyv2:1.27.1-distroless", "1.27.1-distroless"),
        ("localhost:5000/proxyv2", ""),
        ("istio/proxyv2:1.27@sha256:0123456789abcdef", "1.27"),
        ("istio/proxyv2@sha256:0123456789abcdef", "0123456789ab"),
        ("", ""),
    ],
)
def test_a_proxys_version_is_its_images_tag(image: str, version: str) -> None:
    assert image_version(image) == version
