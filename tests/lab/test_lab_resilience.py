"""Limits, ejection, endpoints that come and go: what DestinationRules and pods do to traffic."""

from __future__ import annotations

import json
from collections import Counter

from tests.lab.harness import Mesh, flags, served, statuses, to, until


def test_a_full_circuit_breaker_overflows(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v1", latency="300ms")
    pool = {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}
    mesh.destination_rule({"connectionPool": pool})
    name = "outbound|9080|v1|reviews.default.svc.cluster.local"
    until(
        lambda: mesh.clusters()[name]["circuit_breakers"]["thresholds"][0]["max_connections"] == 1
    )
    marker = mesh.route({"route": [to("v1")], "retries": {"attempts": 0}})
    found = statuses(mesh.send(10, f"/{marker}", concurrency=10))
    assert found[200] >= 1
    assert found[503] >= 6
    lines = mesh.log_lines(f"/{marker}", 10)
    assert Counter(flags(line) for line in lines) == {"UO": found[503], "-": found[200]}


def test_a_limit_of_connections_alone_lets_requests_wait_and_turns_none_away(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v1", latency="50ms")
    mesh.destination_rule({"connectionPool": {"tcp": {"maxConnections": 1}}})
    name = "outbound|9080|v1|reviews.default.svc.cluster.local"
    until(
        lambda: mesh.clusters()[name]["circuit_breakers"]["thresholds"][0]["max_connections"] == 1
    )
    marker = mesh.route({"route": [to("v1")], "retries": {"attempts": 0}})
    assert statuses(mesh.send(20, f"/{marker}", concurrency=10)) == {200: 20}
    lines = mesh.log_lines(f"/{marker}", 20)
    assert Counter(flags(line) for line in lines) == {"-": 20}


def test_a_failing_endpoint_is_ejected(mesh: Mesh) -> None:
    mesh.lab.set("reviews-v3", errors="100%")
    outlier = {
        "consecutive5xxErrors": 3,
        "interval": "100ms",
        "baseEjectionTime": "60s",
        "maxEjectionPercent": 100,
    }
    mesh.destination_rule({"outlierDetection": outlier})
    name = "outbound|9080|v3|reviews.default.svc.cluster.local"
    until(lambda: "outlier_detection" in mesh.clusters()[name])
    marker = mesh.route({"route": [to("v3")]})
    until(lambda: not mesh.send(1, f"/{marker}")[0].served_by, what="an ejection")
    assert flags(mesh.log_lines(f"/{marker}", 4)[-1]) == "UH"
    clusters = json.loads(mesh.lab.admin("productpage-v1", "/clusters?format=json"))
    (status,) = [c for c in clusters["cluster_statuses"] if c["name"] == name]
    assert status["host_statuses"][0]["health_status"]["failed_outlier_check"]


def test_subset_policy_replaces_parts_of_the_hosts(mesh: Mesh) -> None:
    subsets = [
        {
            "name": "v1",
            "labels": {"version": "v1"},
            "trafficPolicy": {"connectionPool": {"http": {"http2MaxRequests": 7}}},
        },
        {"name": "v2", "labels": {"version": "v2"}},
    ]
    policy = {
        "connectionPool": {"http": {"maxRetries": 5}},
        "loadBalancer": {"simple": "ROUND_ROBIN"},
    }
    mesh.destination_rule(policy, subsets)
    v1, v2 = (f"outbound|9080|{v}|reviews.default.svc.cluster.local" for v in ("v1", "v2"))

    def limits(name: str) -> dict[str, int]:
        found = mesh.clusters()[name]["circuit_breakers"]["thresholds"][0]
        return {key: found[key] for key in ("max_requests", "max_retries")}

    until(lambda: limits(v1)["max_requests"] == 7)
    assert limits(v1)["max_retries"] == 4294967295
    assert limits(v2) == {"max_requests": 4294967295, "max_retries": 5}
    assert "lb_policy" not in mesh.clusters()[v1]


def test_subset_without_pods_has_no_endpoints(mesh: Mesh) -> None:
    mesh.destination_rule(subsets=[{"name": "v9", "labels": {"version": "v9"}}])
    name = "outbound|9080|v9|reviews.default.svc.cluster.local"
    until(lambda: name in mesh.clusters())
    marker = mesh.route({"route": [to("v9")]})
    assert statuses(mesh.send(3, f"/{marker}")) == {503: 3}
    assert {flags(line) for line in mesh.log_lines(f"/{marker}", 3)} == {"UH"}


def test_a_deleted_pod_comes_back_under_another_name(mesh: Mesh) -> None:
    mesh.route({"route": [to("v2")]})

    def ready_pods() -> list[str]:
        return [
            pod["metadata"]["name"]
            for pod in mesh.api.pods("reviews")
            if pod["metadata"]["labels"]["version"] == "v2"
            and any(
                c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"]
            )
        ]

    (before,) = ready_pods()
    mesh.api.call("DELETE", f"/api/v1/namespaces/default/pods/{before}")
    (after,) = until(lambda: [name for name in ready_pods() if name != before])
    assert after.rsplit("-", 1)[0] == before.rsplit("-", 1)[0]
    until(lambda: served(mesh.send(1)) == {"reviews-v2": 1})


def test_replicas_of_a_deployment_are_honoured(mesh: Mesh) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments/reviews-v3"

    def scale(replicas: int) -> None:
        patch = [{"op": "replace", "path": "/spec/replicas", "value": replicas}]
        mesh.api.call("PATCH", path, patch, "json-patch+json")
        until(lambda: mesh.api.call("GET", path)["status"].get("readyReplicas", 0) == replicas)

    marker = mesh.route({"route": [to("v3")]})
    scale(0)
    until(lambda: statuses(mesh.send(1, f"/{marker}")) == {503: 1})
    scale(1)
    until(lambda: served(mesh.send(1)) == {"reviews-v3": 1})


def test_endpoints_and_pods_tell_the_same_addresses(mesh: Mesh) -> None:
    pods = {pod["status"]["podIP"] for pod in mesh.api.pods("reviews")}
    listed = mesh.api.call("GET", "/api/v1/namespaces/default/endpoints/reviews")["subsets"][0]
    name = "outbound|9080||reviews.default.svc.cluster.local"
    clusters = json.loads(mesh.lab.admin("productpage-v1", "/clusters?format=json"))
    (status,) = [c for c in clusters["cluster_statuses"] if c["name"] == name]
    known = {h["address"]["socket_address"]["address"] for h in status["host_statuses"]}
    assert pods == {a["ip"] for a in listed["addresses"]} == known


def test_a_subset_that_is_taken_away_leaves_the_proxies(mesh: Mesh) -> None:
    mesh.write_rules({"route": [to("v1")]})
    gone = "outbound|9080|v3|reviews.default.svc.cluster.local"
    until(lambda: gone in mesh.clusters(), what="the subset's cluster")
    mesh.destination_rule(subsets=[{"name": "v1", "labels": {"version": "v1"}}])
    until(lambda: gone not in mesh.clusters(), what="the cluster gone")
