"""Istio's metrics as a pod's agent serves them: labels, and counts that equal what was sent."""

from __future__ import annotations

import re
from collections import Counter

from tests.lab.harness import Mesh, Obj, statuses, to, until

_SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def samples(mesh: Mesh, app: str, query: str, port: int = 15020) -> list[Obj]:
    """The samples an application's pods serve, with their labels."""
    found = []
    for pod in mesh.api.pods(app):
        path = f"/api/v1/namespaces/default/pods/{pod['metadata']['name']}:{port}/proxy"
        text = mesh.api.call("GET", f"{path}/stats/prometheus?usedonly&filter={query}")
        for line in text.splitlines():
            match = _SAMPLE.match(line)
            if match:
                labels = dict(_LABEL.findall(match[2]))
                found.append({"name": match[1], "value": float(match[3]), **labels})
    return found


def total(mesh: Mesh, app: str, **labels: str) -> float:
    return sum(
        sample["value"]
        for sample in samples(mesh, app, "istio_requests_total")
        if all(sample.get(name) == value for name, value in labels.items())
    )


def test_both_reporters_count_every_request(mesh: Mesh) -> None:
    mesh.route({"route": [to("v1", 50), to("v2", 50)]})
    source = {"reporter": "source", "source_workload": "productpage-v1", "response_code": "200"}
    target = {"reporter": "destination", "source_app": "productpage", "response_code": "200"}
    version = {"destination_workload": "reviews-v2", "destination_version": "v2"}
    before = [
        total(mesh, "productpage", **source, **version),
        total(mesh, "reviews", **target, **version),
    ]
    mesh.send(200)
    served = mesh.lab.counts()["reviews-v2"]["requests"]
    assert served > 0
    after = [
        total(mesh, "productpage", **source, **version),
        total(mesh, "reviews", **target, **version),
    ]
    assert [b - a for a, b in zip(before, after, strict=True)] == [served, served]


def test_labels_are_istios(mesh: Mesh) -> None:
    mesh.route({"route": [to("v3")]})
    mesh.send(1)
    found = next(
        s
        for s in samples(mesh, "productpage", "istio_requests_total")
        if s["reporter"] == "source"
        and s["destination_workload"] == "reviews-v3"
        and s["destination_service_name"] == "reviews"
        and s["destination_version"] == "v3"  # other tests take the label off its pods for a while
    )
    assert found | {"value": 0} == {
        "name": "istio_requests_total",
        "value": 0,
        "reporter": "source",
        "source_workload": "productpage-v1",
        "source_workload_namespace": "default",
        "source_app": "productpage",
        "source_version": "v1",
        "source_canonical_service": "productpage",
        "source_canonical_revision": "v1",
        "source_principal": "unknown",
        "source_cluster": "Kubernetes",
        "destination_workload": "reviews-v3",
        "destination_workload_namespace": "default",
        "destination_app": "reviews",
        "destination_version": "v3",
        "destination_canonical_service": "reviews",
        "destination_canonical_revision": "v3",
        "destination_principal": "unknown",
        "destination_cluster": "Kubernetes",
        "destination_service": "reviews.default.svc.cluster.local",
        "destination_service_name": "reviews",
        "destination_service_namespace": "default",
        "request_protocol": "http",
        "response_code": "200",
        "grpc_response_status": "",
        "response_flags": "-",
        "connection_security_policy": "unknown",
    }


def test_what_reached_no_pod_has_an_unknown_destination(mesh: Mesh) -> None:
    mesh.route(
        {
            "route": [to("v1")],
            "fault": {"abort": {"httpStatus": 555, "percentage": {"value": 100}}},
        }
    )
    mesh.send(4)
    labels = {
        "response_code": "555",
        "response_flags": "FI",
        "destination_workload": "unknown",
        "destination_version": "unknown",
        "destination_service_name": "reviews",
    }
    assert total(mesh, "productpage", **labels) == 4


def test_of_an_endpoint_that_never_answers_only_the_metadata_is_known(mesh: Mesh) -> None:
    pool = {"http": {"http2MaxRequests": 1}}
    mesh.lab.set("reviews-v1", latency="300ms")
    mesh.destination_rule({"connectionPool": pool})
    name = "outbound|9080|v1|reviews.default.svc.cluster.local"
    until(lambda: mesh.clusters()[name]["circuit_breakers"]["thresholds"][0]["max_requests"] == 1)
    mesh.route({"route": [to("v1")], "retries": {"attempts": 0}})
    known = {
        "reporter": "source",
        "destination_workload": "reviews-v1",
        "destination_canonical_revision": "v1",
    }
    turned_away = {"response_flags": "UO", "destination_version": "unknown"}
    answered = {"response_code": "200", "destination_version": "v1", "destination_app": "reviews"}
    before = [total(mesh, "productpage", **known, **more) for more in (turned_away, answered)]
    found = statuses(mesh.send(6, concurrency=6))
    after = [total(mesh, "productpage", **known, **more) for more in (turned_away, answered)]
    grown = [b - a for a, b in zip(before, after, strict=True)]
    assert grown == [found[503], found[200]]
    assert all(grown)


def test_durations_come_in_istios_buckets(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v1", latency="30ms")
    mesh.route({"route": [to("v1")]})

    def buckets() -> Counter[str]:
        """Summed, as the counter is: another test may have had other labels on the pods."""
        name, found = "istio_request_duration_milliseconds", Counter[str]()
        for s in samples(mesh, "productpage", name):
            if (
                s["name"] == f"{name}_bucket"
                and s["reporter"] == "source"
                and s["destination_workload"] == "reviews-v1"
                and s["destination_service_name"] == "reviews"  # others share its pods for a while
                and s["response_code"] == "200"
                and s["response_flags"] == "-"
            ):
                found[s["le"]] += s["value"]
        return found

    def flushed() -> dict[str, float] | None:
        """Histograms lag behind counters until the next flush of the stats."""
        labels = {
            "destination_workload": "reviews-v1",
            "destination_service_name": "reviews",
            "response_code": "200",
        }
        count = total(mesh, "productpage", reporter="source", response_flags="-", **labels)
        found = buckets()
        return {"+Inf": 0.0, **found} if found.get("+Inf", 0) == count else None

    before = until(flushed)
    mesh.send(5)
    after = until(flushed)
    assert {"0.5", "1", "5", "10", "25", "50", "100", "250", "3600000", "+Inf"} <= set(after)
    assert after["+Inf"] - before.get("+Inf", 0) == 5
    assert after["25"] == before.get("25", 0)


def test_ports_of_a_pod(mesh: Mesh) -> None:
    mesh.send(1, via="ratings")
    name = mesh.api.pods("ratings")[0]["metadata"]["name"]
    base = f"/api/v1/namespaces/default/pods/{name}"
    assert mesh.api.call("GET", f"{base}:15021/proxy/healthz/ready") == ""
    assert "envoy_" in mesh.api.call("GET", f"{base}:15090/proxy/stats/prometheus?usedonly")
    assert samples(mesh, "ratings", "istio_requests_total", 15090)
