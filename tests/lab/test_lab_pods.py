"""Pods as injection makes them, and what istiod adds to the labels of their endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.lab.bookinfo.objects import deployment
from meshtui.lab.control.reading import pod_of, service_entries, workload_entry_of
from meshtui.lab.control.world import Service, World
from meshtui.lab.pods import objects
from meshtui.lab.pods.behaviour import Workload
from meshtui.lab.pods.kubelet import back_off

Obj = dict[str, Any]
HERE = {"topology.istio.io/cluster": "Kubernetes"}


def made(**labels: str) -> Obj:
    """A pod of a Deployment whose template has these labels, just started."""
    asked = deployment("reviews", "v1", "reviews:1")
    asked["spec"]["template"]["metadata"]["labels"] = labels
    owner = objects.replica_set(asked)
    return objects.with_readiness(
        objects.pod(asked, owner, "reviews-v1-x-y", "127.0.0.2"), True, "now"
    )


def test_the_sidecar_is_an_init_container_that_goes_on_running() -> None:
    pod = made(app="reviews", version="v1")
    init = pod["spec"]["initContainers"]
    assert [(c["name"], c.get("restartPolicy")) for c in init] == [
        ("istio-init", None),
        ("istio-proxy", "Always"),
    ]
    assert [c["name"] for c in pod["spec"]["containers"]] == ["reviews"]
    assert [c["name"] for c in objects.running_containers(pod)] == ["reviews", "istio-proxy"]
    states = {c["name"]: c["state"].keys() for c in pod["status"]["initContainerStatuses"]}
    assert states == {"istio-init": {"terminated"}, "istio-proxy": {"running"}}


@pytest.mark.parametrize(
    ("labels", "name", "revision"),
    [
        ({"app": "a", "version": "v2"}, "a", "v2"),
        ({"app": "a"}, "a", "latest"),
        ({"app.kubernetes.io/name": "n", "app": "a"}, "n", "latest"),
        ({"app.kubernetes.io/version": "w", "version": "v2"}, "reviews-v1", "w"),
    ],
)
def test_injection_names_service_and_revision(
    labels: dict[str, str], name: str, revision: str
) -> None:
    found = made(**labels)["metadata"]["labels"]
    assert found["service.istio.io/canonical-name"] == name
    assert found["service.istio.io/canonical-revision"] == revision


def test_an_endpoint_has_the_labels_of_the_place_where_its_node_stands() -> None:
    node = objects.node()["metadata"]["labels"]
    pod = pod_of(made(app="reviews"), {objects.NODE: node})
    assert (
        pod.labels.items()
        >= {
            "app": "reviews",
            "topology.kubernetes.io/region": "lab",
            "topology.kubernetes.io/zone": "lab-a",
            "kubernetes.io/hostname": objects.NODE,
            **HERE,
        }.items()
    )


def test_a_workload_entry_stands_behind_a_service_as_a_pod_does() -> None:
    meta = {"name": "vm", "namespace": "default"}
    spec = {"address": "10.0.0.9", "labels": {"app": "x"}, "locality": "eu/eu-1"}
    machine = workload_entry_of({"metadata": meta, "spec": {**spec, "ports": {"http": 7070}}})
    (entry,) = service_entries(
        {
            "metadata": {"name": "x", "namespace": "default"},
            "spec": {
                "hosts": ["x.test"],
                "resolution": "STATIC",
                "workloadSelector": {"labels": {"app": "x"}},
                "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            },
        }
    )
    kubernetes = Service("default", "x", "x.default", entry.ports, {"app": "x"})
    for service in (entry, kubernetes):
        (endpoint,) = World(pods=(machine,)).endpoints(service, service.ports[0])
        assert (endpoint.ip, endpoint.port) == ("10.0.0.9", 7070)
        assert endpoint.labels["topology.kubernetes.io/zone"] == "eu-1"


def test_a_crash_is_told_as_a_kubelet_tells_it() -> None:
    """Back-off, exit code, one restart more, and the readiness that comes back with it."""
    running = made(app="reviews", version="v3")
    for restarts in (1, 2):
        crashed = objects.with_crash(running, "2026-11-27T12:00:10Z")
        app, *_ = crashed["status"]["containerStatuses"]
        assert app["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert app["lastState"]["terminated"]["exitCode"] == 1
        assert app["restartCount"] == restarts - 1
        again = objects.with_restart(crashed, "2026-11-27T12:00:20Z")
        running = objects.with_readiness(again, True, "2026-11-27T12:00:21Z")
        app, *_ = running["status"]["containerStatuses"]
        assert (app["restartCount"], app["ready"], list(app["state"])) == (
            restarts,
            True,
            ["running"],
        )
        assert app["lastState"]["terminated"]["exitCode"] == 1


def test_a_container_waits_longer_each_time_it_is_started_again() -> None:
    assert [back_off(crashes) for crashes in range(7)] == [0, 10, 20, 40, 80, 160, 300]


def test_a_request_from_before_counting_began_anew_counts_nothing() -> None:
    """Its caller may have given it up long ago, while the application was still at it."""
    workload = Workload()
    began = workload.begun
    workload.reset()
    workload.count(200, False, began)
    assert workload.counts()["requests"] == 0
    workload.count(200, False, workload.begun)
    assert workload.counts()["requests"] == 1
