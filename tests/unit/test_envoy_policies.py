from __future__ import annotations

from typing import Any

from meshtui.envoy.policies import cluster_differences, parse_clusters

HOST = "reviews.default.svc.cluster.local"
UNLIMITED = 4294967295


def cluster(subset: str = "", outlier: Any = None, **thresholds: int) -> dict[str, Any]:
    limits = {"max_connections": UNLIMITED, "max_pending_requests": UNLIMITED, **thresholds}
    raw: dict[str, Any] = {
        "name": f"outbound|9080|{subset}|{HOST}",
        "circuit_breakers": {"thresholds": [{"priority": "HIGH"}, limits]},
    }
    return {"cluster": raw | ({"outlier_detection": outlier} if outlier else {})}


def differences(*clusters: Any, policy: Any = None, **more: Any) -> tuple[str, ...]:
    found = parse_clusters({"configs": list(clusters)})
    subsets = more.pop("subsets", {})
    return cluster_differences(found, HOST, policy or {}, subsets, more.pop("gone", ()))


POOL = {"connectionPool": {"tcp": {"maxConnections": 5}}}


def test_a_limit_that_is_there_is_in_order() -> None:
    assert differences(cluster(max_connections=5), policy=POOL) == ()


def test_a_limit_that_is_missing_or_other_is_told() -> None:
    told = "host: maxConnections is 4.29497e+09, asked 5"
    assert differences(cluster(), policy=POOL) == (told,)


def test_a_limit_that_was_taken_off_must_be_gone() -> None:
    assert differences(cluster(max_connections=5)) == ("host: maxConnections is 5, asked none",)


def test_outlier_detection_on_and_off() -> None:
    asked = {"outlierDetection": {"consecutive5xxErrors": 3, "interval": "10s"}}
    on = {"consecutive_5xx": 3, "interval": "10s"}
    assert differences(cluster(outlier=on), policy=asked) == ()
    assert differences(cluster(), policy=asked)
    assert differences(cluster(outlier=on)) == ("host: outlier detection is on, asked none",)


def test_a_subsets_part_replaces_the_hosts() -> None:
    own = {"connectionPool": {"http": {"http1MaxPendingRequests": 1}}}
    pair = (cluster(max_connections=5), cluster("v3", max_pending_requests=1))
    assert differences(*pair, policy=POOL, subsets={"v3": own}) == ()


def test_subsets_that_are_missing_or_left_over() -> None:
    found = differences(cluster("v1"), subsets={"v2": {}}, gone=["v1"])
    assert found == ("no cluster for subset v2", "the cluster of subset v1 is still there")


def test_strange_dumps_are_read_as_far_as_they_go() -> None:
    assert parse_clusters(None) == ()
    assert parse_clusters({"configs": [{"cluster": {"name": 3}}, "x", {}]}) == ()
