"""Outlier detection that may eject nothing: said alike by plan, pane and analysis."""

from __future__ import annotations

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import ClearBreaker, SetBreaker, Target
from meshtui.changes.ejecting import ejecting_none
from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.clusters import ConfiguredCluster
from meshtui.envoy.endpoints import ProxyEndpoint
from meshtui.envoy.policies import ProxyCluster
from meshtui.envoy.stats import Pressure
from meshtui.mesh.ejection import ejects_none, most_ejected, needed_percent
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.operations.change.written_objects import mesh_after
from meshtui.operations.proxies.columns import COLUMNS, rows
from meshtui.operations.proxies.proxy_reads import CLUSTERS, ProxyReads, SeenCluster
from tests.unit.objects import destination_rule, pod, route, service, virtual_service

REVIEWS = ServiceKey("default", "reviews")
FIVE = {"consecutive_5xx": 5}


@pytest.mark.parametrize(
    ("endpoints", "percent", "ejected"),
    [
        (1, 10, 0), (9, 10, 0), (10, 10, 1), (11, 10, 1), (20, 10, 2),
        (1, 99, 0), (1, 100, 1), (2, 50, 1), (3, 33, 0), (3, 34, 1), (9, 33, 2), (11, 100, 11),
    ],
)  # fmt: skip
def test_how_many_envoy_ejects_at_most(endpoints: int, percent: int, ejected: int) -> None:
    """As tests/lab/ejecting.py counts them in a real Envoy."""
    assert most_ejected(endpoints, percent) == ejected


@pytest.mark.parametrize("endpoints", range(1, 120))
def test_the_percentage_that_is_advised_is_the_least_that_ejects_one(endpoints: int) -> None:
    least = needed_percent(endpoints)
    assert most_ejected(endpoints, least) >= 1
    assert most_ejected(endpoints, least - 1) == 0


def test_a_detection_that_counts_no_errors_is_not_one_that_ejects_none() -> None:
    assert ejects_none({}, 9)
    assert ejects_none({"maxEjectionPercent": 0}, 9)
    assert not ejects_none({}, 10)
    assert not ejects_none({"consecutive5xxErrors": 0}, 9)


def mesh_of(pods: int, *subsets: str, **spec: object) -> Mesh:
    rule = destination_rule("reviews", subsets or ("v1", "v2"))
    rule["spec"] |= spec
    return parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1", number=n) for n in range(1, pods + 1)]
            + [pod("reviews", "v2", number=20)],
            "virtualservices": [virtual_service("reviews", {"route": [route("v1")]})],
            "destinationrules": [rule],
        }
    )


def cautions(mesh: Mesh, request: SetBreaker | ClearBreaker) -> list[str]:
    change = build_change(mesh, request, Target(REVIEWS))
    return [c.text for c in ejecting_none(mesh, mesh_after(mesh, change), change)]


class TestPlan:
    def test_a_breaker_with_the_default_is_a_no_op_below_ten_pods(self) -> None:
        (said,) = cautions(mesh_of(3), SetBreaker("v1", FIVE))
        assert said == (
            "no endpoint is ever ejected: subset v1 of reviews has 3, and one alone is more than "
            "10 % of them; with 34 % one may be"
        )
        assert cautions(mesh_of(10), SetBreaker("v1", FIVE)) == []

    def test_the_whole_host_is_judged_by_the_subsets_that_rules_send_to(self) -> None:
        (said,) = cautions(mesh_of(9), SetBreaker(limits=FIVE))
        assert "subset v1 of reviews has 9, and one alone is more" in said

    def test_one_pod_needs_a_hundred_percent(self) -> None:
        (said,) = cautions(mesh_of(1), SetBreaker("v1", FIVE | {"max_ejection_percent": 99}))
        assert "has only one, which is 100 %, and at most 99 % may be out" in said
        assert "with 100 % one may be" in said
        assert cautions(mesh_of(1), SetBreaker("v1", FIVE | {"max_ejection_percent": 100})) == []

    def test_what_changes_no_detection_says_nothing_of_it(self) -> None:
        detecting = {"trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 5}}}
        mesh = mesh_of(3, **detecting)
        assert cautions(mesh, SetBreaker(limits={"max_connections": 10})) == []
        assert cautions(mesh, SetBreaker(limits={"interval": "5s"})) != []
        assert cautions(mesh, ClearBreaker()) == []
        assert cautions(mesh_of(3), SetBreaker("v1", {"max_connections": 10})) == []


class TestClustersPane:
    def cell(self, endpoints: int, **outlier: float) -> str:
        name = parse_cluster_name("outbound|9080|v1|reviews.default.svc.cluster.local")
        configured = ConfiguredCluster(ProxyCluster(name, outlier=outlier))
        found = tuple(ProxyEndpoint(name, f"10.1.0.{n}") for n in range(endpoints))
        seen = SeenCluster(configured, endpoints=found)
        mesh = mesh_of(1)
        (row,) = rows(ProxyReads(CLUSTERS, mesh.pods[0], clusters=(seen,)))
        return dict(zip(COLUMNS[CLUSTERS], row, strict=True))["OUTLIER DETECTION"]

    def test_a_detection_that_ejects_none_says_so(self) -> None:
        assert self.cell(3, consecutive_5xx=5) == "5xx 5: ejects none, one of 3 is more than 10%"
        assert self.cell(2, max_ejection_percent=49).endswith("one of 2 is more than 49%")

    def test_one_that_may_eject_or_whose_endpoints_are_not_known_does_not(self) -> None:
        assert self.cell(10, consecutive_5xx=5) == "5xx 5"
        assert self.cell(2, max_ejection_percent=50) == "at most 50%"
        assert self.cell(0, consecutive_5xx=5) == "5xx 5"


class TestFull:
    """Envoy changes `rq_open` with the next request: after a breaker was raised it is stale."""

    def full(self, active: int, limit: float, *marks: str) -> tuple[str, ...] | None:
        name = parse_cluster_name("outbound|9080|v1|reviews.default.svc.cluster.local")
        thresholds = {"max_requests": limit, "max_pending_requests": limit}
        configured = ConfiguredCluster(ProxyCluster(name, thresholds=thresholds))
        pressure = Pressure({"requests": active, "pending": active}, open=marks)
        return SeenCluster(configured, pressure).full

    def test_a_limit_that_is_reached_is_full(self) -> None:
        assert self.full(3, 3, "requests") == ("requests",)
        assert self.full(3, 3, "requests", "pending") == ("requests", "pending")

    def test_one_that_was_raised_since_is_not(self) -> None:
        assert self.full(3, 100, "requests", "pending") == ()

    def test_of_retries_the_mark_is_all_there_is(self) -> None:
        assert self.full(0, 100, "retries") == ("retries",)
