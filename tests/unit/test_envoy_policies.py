"""A proxy's clusters against those that the DestinationRules make."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from meshtui.envoy.cluster_facts import cluster_differences, parse_raw_clusters
from meshtui.envoy.policies import parse_clusters
from meshtui.mesh.resolution import Client, Cluster, world
from meshtui.mesh.touched import TouchedCluster
from meshtui.operations.change.proxy_checks import clusters_verdict
from tests.recorded.cases import mesh_of

HOST = "reviews.default.svc.cluster.local"
NAME = f"outbound|9080||{HOST}"
V1 = f"outbound|9080|v1|{HOST}"
Obj = dict[str, Any]


def clusters(policy: Obj, subset: Obj | None = None) -> dict[str, Cluster]:
    """What istiod makes of a DestinationRule with subset v1."""
    meta = {"name": "reviews", "namespace": "default"}
    ports = [{"name": "http", "port": 9080}]
    service = {"kind": "Service", "metadata": meta, "spec": {"ports": ports}}
    v1 = {"name": "v1", "labels": {"version": "v1"}}
    subsets = [v1 if subset is None else {**v1, "trafficPolicy": subset}]
    spec = {"host": "reviews", "trafficPolicy": policy, "subsets": subsets}
    rule = {"kind": "DestinationRule", "metadata": meta, "spec": spec}
    view = world(mesh_of([service, rule], {})).view(Client("default"))
    return dict(view.clusters(HOST))


def served(cluster: Cluster) -> Obj:
    found: Obj = json.loads(json.dumps(dict(cluster.envoy)))
    return found


def told(now: Obj, before: Obj) -> tuple[str, ...]:
    return cluster_differences(clusters(now)[NAME], served(clusters(before)[NAME]))


POOL: Obj = {"connectionPool": {"tcp": {"maxConnections": 5}}}
OUTLIER: Obj = {"outlierDetection": {"consecutive5xxErrors": 3, "interval": "10s"}}


@pytest.mark.parametrize(
    ("now", "before", "difference"),
    [
        (POOL, POOL, ""),
        (POOL, {}, "max connections is 5, the proxy has none"),
        ({}, POOL, "max connections is none, the proxy has 5"),
        (OUTLIER, OUTLIER, ""),
        (OUTLIER, {}, "outlier detection is on, the proxy has none"),
        ({}, OUTLIER, "outlier detection is none, the proxy has on"),
        ({"outlierDetection": {}}, {}, "outlier detection is on, the proxy has none"),
        (
            {"loadBalancer": {"simple": "RANDOM"}},
            {},
            "load balancing is random, the proxy has least request",
        ),
        (
            {"connectionPool": {"tcp": {"connectTimeout": "1s"}}},
            {},
            "connect timeout is 1 s, the proxy has 10 s",
        ),
    ],
)
def test_policies(now: Obj, before: Obj, difference: str) -> None:
    expected = (f"the host on port 9080: {difference}",) if difference else ()
    assert told(now, before) == expected


def test_a_part_of_outlier_detection() -> None:
    other = {"outlierDetection": {"consecutive5xxErrors": 3, "interval": "20s"}}
    assert told(OUTLIER, other) == (
        "the host on port 9080: outlier detection: interval is 10, the proxy has 20",
    )


def test_a_subsets_part_replaces_the_hosts() -> None:
    own = {"connectionPool": {"http": {"http1MaxPendingRequests": 1}}}
    made = clusters(POOL, own)
    assert cluster_differences(made[V1], served(made[V1])) == ()
    assert cluster_differences(made[V1], served(clusters(POOL)[V1])) == (
        "v1 on port 9080: max connections is none, the proxy has 5",
        "v1 on port 9080: max pending requests is 1, the proxy has none",
    )


def test_clusters_that_are_missing_or_left_over() -> None:
    made = clusters(POOL)
    touched = [TouchedCluster(NAME, None, made[NAME]), TouchedCluster(V1, made[V1], None)]
    assert clusters_verdict(touched, {V1: served(made[V1])}).differences == (
        f"there is no cluster {NAME}",
        f"cluster {V1} is still there",
    )
    assert clusters_verdict(touched, {NAME: served(made[NAME])}).in_sync


def test_strange_dumps_are_read_as_far_as_they_go() -> None:
    for parse in (parse_clusters, parse_raw_clusters):
        assert not parse(None)
        assert not parse({"configs": [{"cluster": {"name": 3}}, "x", {}]})
    made = clusters(POOL)[NAME]
    for value in (None, 3, "x", [], {}, [3], {"a": []}):
        raw = copy.deepcopy(served(made))
        raw |= dict.fromkeys(("circuit_breakers", "outlier_detection", "lb_policy"), value)
        assert cluster_differences(made, raw)
