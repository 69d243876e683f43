"""The graph of calls: who called which version, by what either side counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from meshtui.mesh.calls import Calls
from meshtui.mesh.connections import Connections
from meshtui.mesh.graph import ENTRY, OUTSIDE, SERVICE, Callee, CallGraph, Edge, Row
from meshtui.mesh.judging import FAILING, FEW, NO_TRAFFIC, NOT_KNOWN, OK, ONLY_ERRORS
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Responder, Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import service_views
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.call_ledger import CallLedger
from meshtui.metrics.counter_reading import Reading
from meshtui.metrics.traffic import traffic_of
from tests.unit.objects import destination_rule, meta, pod, route, service, virtual_service

REVIEWS, RATINGS = ServiceKey("default", "reviews"), ServiceKey("default", "ratings")
PAGE = ("default", "page-v1")
SECONDS = 10.0

Counted = tuple[float, dict[str, str]]


def seen(requests: float, to: str = "reviews", version: str = "v1", **labels: str) -> Counted:
    """A counter of a caller's proxy, unless `reporter` says otherwise."""
    return requests, {
        "reporter": "source",
        "source_workload": "page-v1",
        "source_workload_namespace": "default",
        "destination_service": f"{to}.default.svc.cluster.local",
        "destination_service_name": to,
        "destination_service_namespace": "default",
        "destination_version": version,
        "destination_workload": f"{to}-{version}",
        "destination_workload_namespace": "default",
        "request_protocol": "http",
        "response_code": "200",
        "response_flags": "-",
        "connection_security_policy": "unknown",
    } | labels


def served(requests: float, policy: str = "mutual_tls", **labels: str) -> Counted:
    labels = {"reporter": "destination", "connection_security_policy": policy} | labels
    return seen(requests, **labels)


def nowhere(requests: float, flag: str, **labels: str) -> Counted:
    unknown = dict.fromkeys(("destination_workload", "destination_workload_namespace"), "unknown")
    more = {"response_code": "503", "response_flags": flag} | unknown | labels
    return seen(requests, version="unknown", **more)


def gateway_pod() -> dict[str, Any]:
    raw = pod("gate", "v1")
    raw["metadata"]["labels"] = {"istio": "ingressgateway", "pod-template-hash": "5f6d"}
    raw["spec"]["containers"] = [{"name": "istio-proxy"}]
    return raw


def mesh_of(**more: Any) -> Mesh:
    names = (("page", "v1"), ("reviews", "v1"), ("reviews", "v2"), ("ratings", "v1"))
    entry = {"metadata": meta("bank"), "spec": {"hosts": ["api.bank"], "ports": []}}
    return parse_mesh(
        {
            "services": [service(name) for name in ("page", "reviews", "ratings")],
            "pods": [*(pod(*name) for name in names), gateway_pod()],
            "virtualservices": [
                virtual_service("reviews", {"route": [route("v1", 80), route("v2", 20)]})
            ],
            "destinationrules": [destination_rule("reviews", ("v1", "v2"))],
            "serviceentries": [entry],
            **more,
        }
    )


def graph_of(
    *counted: Counted, mesh: Mesh | None = None, read: bool = True, **sample: Any
) -> CallGraph:
    mesh = mesh or mesh_of()
    found = [(traffic_of(labels), requests) for requests, labels in counted]
    reading = Reading({traffic: requests for traffic, requests in found if traffic})
    ledger, calls = Ledger(), CallLedger()
    ledger.add(reading, SECONDS)
    calls.add(reading, SECONDS)
    measured = ledger.views().within(Sample(1.0, "sidecars", SECONDS, **sample))
    limits = Thresholds()
    views = service_views(mesh, measured, limits)
    both = Calls(1.0, "sidecars", SECONDS, calls.calls()) if read else None
    return CallGraph(mesh, views, both, measured, limits)


def words(edges: Iterable[Edge]) -> list[tuple[str, str, float, str]]:
    return [(edge.caller.client[1], edge.version, edge.rps, edge.state) for edge in edges]


def test_each_caller_has_an_edge_to_each_version_that_it_reached() -> None:
    found = graph_of(
        seen(100), seen(40, version="v2"), seen(60, version="v2", response_code="503"),
        seen(30, source_workload="other"),
    ).of(REVIEWS)  # fmt: skip
    assert words(found.edges) == [
        ("other", "v1", 3.0, OK), ("page-v1", "v1", 10.0, OK), ("page-v1", "v2", 10.0, FAILING),
    ]  # fmt: skip
    assert found.kind == SERVICE and found.uncalled == ()
    assert [edge.row for edge in found.edges][-1] == Row(REVIEWS, "v2")
    assert found.edges[-1].caller.row == Row(ServiceKey("default", "page"), "v1")
    assert found.edges[0].caller.row is None


def test_rates_and_errors_add_up_to_what_the_rows_say() -> None:
    counted = [seen(100), seen(40, version="v2"), seen(7, version="v2", response_code="500")]
    counted += [seen(13, source_workload="other"), nowhere(5, "UH")]
    graph = graph_of(*counted)
    found = graph.of(REVIEWS)
    assert found.view is not None and found.view.caller is not None
    assert found.signals is not None
    assert found.signals.requests == found.view.caller.requests == 165
    assert found.signals.codes == {"200": 153, "500": 7, "503": 5}
    for row in found.view.versions:
        mine = [edge.signals for edge in found.edges if edge.version == row.version]
        assert row.caller is not None
        assert sum(one.requests for one in mine if one) == row.caller.requests


@pytest.mark.parametrize(
    ("counted", "part"),
    [
        ((seen(10),), None),
        ((seen(10), served(10)), 1.0),
        ((seen(10), served(10, "none")), 0.0),
        ((seen(10), served(3), served(1, "none")), 0.75),
        ((seen(10), served(10, "unknown")), None),
        ((served(10),), 1.0),
    ],
)
def test_mutual_tls_is_what_the_servers_counted(
    counted: tuple[Counted, ...], part: float | None
) -> None:
    edge = graph_of(*counted).of(REVIEWS).edges[0]
    assert (edge.mutual_tls, edge.protocols) == (part, ("http",))
    assert edge.rps == 1.0


def test_what_the_caller_counted_is_not_counted_again_by_the_server() -> None:
    found = graph_of(seen(100), served(99), served(98, reporter="waypoint")).of(REVIEWS)
    assert [(edge.rps, edge.by_server) for edge in found.edges] == [(10.0, False)]


@pytest.mark.parametrize("reporter", ["destination", "waypoint"])
def test_a_caller_without_a_proxy_is_counted_by_the_server(reporter: str) -> None:
    unnamed = {"source_workload": "unknown", "source_workload_namespace": "unknown"}
    found = graph_of(seen(100), served(20, "none", reporter=reporter, **unnamed)).of(REVIEWS)
    known, unknown = found.edges
    assert known.caller.known and not unknown.caller.known
    assert unknown.by_server and (unknown.rps, unknown.mutual_tls) == (2.0, 0.0)


def test_a_caller_that_cannot_be_read_is_unknown_and_not_silent() -> None:
    clients = {REVIEWS: frozenset({PAGE, ("default", "idle")})}
    found = graph_of(clients=clients, unread=frozenset({PAGE})).of(REVIEWS)
    idle, page = found.edges
    assert (idle.state, idle.version, idle.rps) == (NO_TRAFFIC, "", 0.0)
    assert (page.state, page.signals, page.why) == (NOT_KNOWN, None, "its proxies were not read")
    assert [row.label for row in found.uncalled] == ["v1", "v2"]


def test_a_caller_that_cannot_be_read_has_the_servers_numbers() -> None:
    clients = {REVIEWS: frozenset({PAGE})}
    found = graph_of(served(50), clients=clients, unread=frozenset({PAGE})).of(REVIEWS)
    assert [(edge.rps, edge.by_server) for edge in found.edges] == [(5.0, True)]


def test_a_caller_that_opens_connections_is_not_called_silent() -> None:
    """TCP is counted by version, not by caller: what each sends is not known."""
    target = Responder(REVIEWS, "v1", "default", "reviews-v1")
    clients = {REVIEWS: frozenset({PAGE}), RATINGS: frozenset({PAGE})}
    graph = graph_of(clients=clients, connected={target: Connections(opened=3)})
    (edge,) = graph.of(REVIEWS).edges
    assert (edge.state, edge.signals, edge.protocols) == (NOT_KNOWN, None, ("tcp",))
    assert edge.why == "TCP connections are not counted by caller"
    assert [one.state for one in graph.of(RATINGS).edges] == [NO_TRAFFIC]


def test_before_the_calls_are_read_the_callers_are_known_and_nothing_of_their_requests() -> None:
    found = graph_of(read=False, clients={REVIEWS: frozenset({PAGE})}).of(REVIEWS)
    assert [(e.caller.client, e.signals, e.state) for e in found.edges] == [(PAGE, None, NOT_KNOWN)]


def test_a_gateway_is_marked() -> None:
    found = graph_of(seen(20, source_workload="gate-v1")).of(REVIEWS)
    assert [(e.caller.client[1], e.caller.gateway) for e in found.edges] == [("gate-v1", True)]


def test_a_service_that_calls_itself() -> None:
    found = graph_of(seen(20, source_workload="reviews-v1", version="v2"))
    around = found.neighbourhood(REVIEWS)
    assert [callee.key for callee in around.callees] == [REVIEWS]
    assert words(around.callees[0].edges) == [("reviews-v1", "v2", 2.0, OK)]
    assert around.callees[0].edges[0].caller.row == Row(REVIEWS, "v1")


def test_a_host_outside_is_a_callee() -> None:
    bank = {"destination_service": "api.bank", "destination_service_name": "api.bank"}
    known = seen(30, "api.bank", **bank, destination_workload="unknown", destination_version="")
    found = graph_of(known).of(ServiceKey("default", "api.bank"))
    assert found.kind == ENTRY and words(found.edges) == [("page-v1", OUTSIDE, 3.0, OK)]
    assert found.edges[0].row is None


def test_a_service_that_is_gone_is_a_callee_all_the_same() -> None:
    found = graph_of(seen(30, "gone")).of(ServiceKey("default", "gone"))
    assert found.kind == "" and words(found.edges) == [("page-v1", "v1", 3.0, OK)]


def test_what_reached_no_pod_leads_to_none() -> None:
    found = graph_of(nowhere(10, "NR")).of(REVIEWS)
    assert words(found.edges) == [("page-v1", UNKNOWN, 1.0, ONLY_ERRORS)]
    assert found.edges[0].row is None


def test_the_version_whose_cluster_refused_it_has_it() -> None:
    """As in its row: only one of the two has no ready pod."""
    sick = mesh_of(
        pods=[pod("page", "v1"), pod("reviews", "v1"), pod("reviews", "v2", ready=False)]
    )
    found = graph_of(nowhere(10, "UH"), seen(90), mesh=sick).of(REVIEWS)
    assert words(found.edges)[1] == ("page-v1", "v2", 1.0, ONLY_ERRORS)


def test_a_few_requests_say_little_and_are_told_so() -> None:
    found = graph_of(seen(3), seen(3, source_workload="other")).of(REVIEWS)
    assert {edge.state for edge in found.edges} == {FEW}


def test_the_neighbourhood_has_the_callers_and_what_is_called() -> None:
    ratings = ("reviews-v1", "reviews-v2", "page-v1")
    graph = graph_of(
        seen(10), *(seen(20, "ratings", source_workload=name) for name in ratings), seen(5, "page")
    )
    around = graph.neighbourhood(REVIEWS)
    assert [callee.key for callee in around.callees] == [REVIEWS, RATINGS]
    assert [edge.caller.client[1] for edge in around.callees[1].edges] == [*ratings[:2]]
    assert around.callees[1].others == 1
    whole = graph.whole()
    assert {callee.key.name for callee in whole.callees} == {"page", "reviews", "ratings"}
    assert whole.silent == 0 and whole.centre is None


def test_the_service_that_a_rule_sends_to_is_in_the_neighbourhood() -> None:
    rule = {"route": [route("v1", 80), {"destination": {"host": "ratings"}, "weight": 20}]}
    mesh = mesh_of(virtualservices=[virtual_service("reviews", rule)])
    graph = graph_of(seen(80), seen(20, "ratings"), mesh=mesh)
    around = graph.neighbourhood(REVIEWS)
    assert [callee.key for callee in around.callees] == [REVIEWS, RATINGS]
    counted = [edge.rps for callee in graph.whole().callees for edge in callee.edges]
    assert sorted(counted) == [2.0, 8.0], "a call is counted once"


def test_the_worst_stands_first_and_the_silent_are_counted() -> None:
    graph = graph_of(seen(50, "ratings", response_code="503"), seen(50))
    whole = graph.whole()
    assert [callee.key.name for callee in whole.callees] == ["ratings", "reviews"]
    assert whole.silent == 1


def test_only_some_callers() -> None:
    found = graph_of(seen(100), seen(30, source_workload="other")).of(REVIEWS)
    part = found.only({PAGE})
    assert ([e.caller.client for e in part.edges], part.others) == ([PAGE], 1)
    assert replace(part, edges=found.edges, others=0, uncalled=found.uncalled) == found


def test_nothing_is_known_of_a_service_nobody_has_heard_of() -> None:
    assert graph_of().of(ServiceKey("a", "b")) == Callee(ServiceKey("a", "b"), "")
