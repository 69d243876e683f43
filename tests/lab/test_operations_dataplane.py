"""What each verb does in Envoy, and that nobody loses a request while it is done."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshtui.errors import Exit
from meshtui.lab.process import RunningLab
from tests.lab.harness import (
    ISTIO,
    Mesh,
    Obj,
    flags,
    served,
    statuses,
    to,
    until,
    within_three_sigma,
)
from tests.lab.operator import Operator
from tests.lab.traffic import Traffic

OBJECTS = (f"{ISTIO}/virtualservices", f"{ISTIO}/destinationrules")
SERVICES = "/api/v1/namespaces/default/services"
HTTP_ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes"
ALL: Obj = {"name": "all", "retries": {"attempts": 0}, "route": [to("v1", 100), to("v3", 0)]}


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


@pytest.fixture
def rules(mesh: Mesh) -> Mesh:
    """All traffic to v1, no retries, and a DestinationRule that a test may change."""
    mesh.destination_rule()
    mesh.write_rules(ALL)
    mesh.until_routed("all")
    return mesh


def counted(mesh: Mesh, name: str) -> int:
    """The sum of a counter of productpage's clusters of `reviews`."""
    lines = mesh.lab.admin("productpage-v1", f"/stats?filter=reviews.*{name}").splitlines()
    return sum(int(line.rsplit(": ", 1)[1]) for line in lines)


def ejected(mesh: Mesh) -> bool:
    """Whether productpage's proxy has put an endpoint of v1 out."""
    found = json.loads(mesh.lab.admin("productpage-v1", "/clusters?format=json"))
    return any(
        host["health_status"].get("failed_outlier_check")
        for cluster in found["cluster_statuses"]
        if "|v1|reviews." in cluster["name"]
        for host in cluster.get("host_statuses", ())
    )


def test_a_breaker_overflows_above_its_limit_and_only_there(
    rules: Mesh, operator: Operator
) -> None:
    rules.lab.set("reviews-v1", latency="100ms")
    words = ("--subset", "v1", "--max-connections", "1", "--max-pending", "1")
    assert operator.change("breaker", "reviews", *words)["verified"] is True
    assert statuses(rules.send(5, concurrency=1)) == {200: 5}
    before = counted(rules, "upstream_rq_pending_overflow")
    found = statuses(rules.send(60, path="/crowd", concurrency=10))
    assert found[503] > 10
    assert counted(rules, "upstream_rq_pending_overflow") - before == found[503]
    lines = [line for line in rules.log_lines("/crowd", 60) if " 503 " in line]
    assert {flags(line) for line in lines} == {"UO"}
    assert operator.change("undo")["verified"] is True
    assert statuses(rules.send(60, concurrency=10)) == {200: 60}


def test_outlier_detection_ejects_the_pod_that_fails(rules: Mesh, operator: Operator) -> None:
    rules.lab.set("reviews-v1", errors="100%")
    limits = ("--consecutive-5xx", "3", "--base-ejection", "30s", "--max-ejection-percent", "100")
    assert operator.change("breaker", "reviews", *limits)["verified"] is True
    rules.send(5, concurrency=1)
    until(lambda: ejected(rules), what="an ejected endpoint")
    rules.send(5, path="/put-out")
    assert {flags(line) for line in rules.log_lines("/put-out", 5)} == {"UH"}
    rules.lab.set("reviews-v1", errors="0")
    assert operator.change("breaker", "reviews", "--off")["verified"] is True
    until(lambda: not ejected(rules), what="no ejected endpoint")


def test_a_timeout_is_answered_504(rules: Mesh, operator: Operator) -> None:
    rules.lab.set("reviews-v1", latency="2s")
    assert operator.change("timeout", "reviews", "200ms")["verified"] is True
    answers = rules.send(8)
    assert statuses(answers) == {504: 8}
    assert max(answer.seconds for answer in answers) < 1.5
    assert {flags(line) for line in rules.log_lines('" 504 ', 8)} == {"UT"}


def test_retries_are_tries_that_the_upstream_sees(rules: Mesh, operator: Operator) -> None:
    rules.lab.set("reviews-v1", errors="100%")
    told = operator.change("timeout", "reviews", "--retries", "2", "--retry-on", "5xx")
    assert any("twice" in warning for warning in told["warnings"])
    rules.lab.reset()
    rules.send(10)
    assert rules.lab.counts()["reviews-v1"]["requests"] == 30


def test_a_mirror_reaches_another_service(rules: Mesh, operator: Operator) -> None:
    operator.change("mirror", "reviews", "--to", "ratings")
    rules.lab.reset()
    assert served(rules.send(50)) == {"reviews-v1": 50}
    until(lambda: rules.lab.counts()["ratings-v1"]["shadow"] == 50, what="50 copies")


def test_a_grpc_abort_is_a_grpc_status(rules: Mesh, operator: Operator) -> None:
    words = ("fault", "reviews", "--abort", "UNAVAILABLE", "--for", "10m", "--yes")
    ran = operator.run(*words, "-o", "json")
    assert ran.status == Exit.DONE, ran.err
    assert "it ends by itself in 10m, at " in ran.err and "`meshtui keep` is running" in ran.err
    told = ran.json
    assert told["after"]["fault"]["abort"]["grpc_status"] == "UNAVAILABLE"
    grpc = {"content-type": "application/grpc"}
    answers = rules.send(5, headers=grpc, method="POST")
    assert {answer.headers.get("grpc-status") for answer in answers} == {"14"}


def test_promote_and_rollback_lose_no_request(rules: Mesh, operator: Operator) -> None:
    with Traffic(rules.lab, "reviews") as traffic:
        until(lambda: len(traffic.answers) > 100, what="traffic")
        assert operator.change("promote", "reviews", "v3")["verified"] is True
        before = len(traffic.answers)
        until(lambda: traffic.answers[before:][-1:], what="traffic to v3")
        assert operator.change("rollback", "reviews")["verified"] is True
        after = len(traffic.answers) + 40
        until(lambda: len(traffic.answers) > after + 100, what="traffic to v1")
    assert traffic.statuses.keys() == {200}
    assert served(traffic.answers).keys() == {"reviews-v1", "reviews-v3"}
    assert served(traffic.answers[after:]).keys() == {"reviews-v1"}


CRITICS: Obj = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "critics", "namespace": "default"},
    "spec": {"selector": {"app": "reviews"}, "ports": [{"name": "http", "port": 9080}]},
}


@pytest.fixture
def unruled(mesh: Mesh) -> Iterator[Mesh]:
    """`critics`: the pods of `reviews` as a service that never had a rule or a subset."""
    mesh.api.call("POST", SERVICES, CRITICS)
    until(lambda: "|critics." in mesh.routes(), what="a route to critics")
    until(lambda: statuses(mesh.send(3, host="critics:9080")) == {200: 3}, what="endpoints")
    yield mesh
    for plural in OBJECTS:
        names = {item["metadata"]["name"] for item in mesh.api.call("GET", plural)["items"]}
        if "critics" in names:
            mesh.api.call("DELETE", f"{plural}/critics")
    mesh.api.call("DELETE", f"{SERVICES}/critics")


def test_adopt_answers_no_error_under_load(unruled: Mesh, operator: Operator) -> None:
    with Traffic(unruled.lab, "critics") as traffic:
        until(lambda: len(served(traffic.answers)) == 3, what="all versions answer")
        told: Any = operator.change("adopt", "critics", "--stable", "v2")
        after = len(traffic.answers) + 40
        until(lambda: len(traffic.answers) > after + 100, what="traffic after")
        shifted = operator.change("shift", "critics", "v3=50")
    assert [change["verified"] for change in told["changes"]] == [True, True]
    assert [change["object"]["kind"] for change in told["changes"]] == [
        "DestinationRule",
        "VirtualService",
    ]
    assert shifted["verified"] is True
    assert traffic.statuses.keys() == {200}
    assert served(traffic.answers[after : after + 100]) == {"reviews-v2": 100}


def test_one_undo_takes_an_adoption_back_in_reverse(unruled: Mesh, operator: Operator) -> None:
    made = operator.change("adopt", "critics")
    with Traffic(unruled.lab, "critics") as traffic:
        until(lambda: traffic.answers, what="traffic")
        told = operator.change("undo", made["change"])
    kinds = [change["object"]["kind"] for change in told["changes"]]
    assert kinds == ["VirtualService", "DestinationRule"]
    assert (told["applied"], told["changes"][0]["verified"]) == (True, True)
    assert traffic.statuses.keys() == {200}
    newest, adoption = operator.run("journal", "critics", "-o", "json").json["changes"]
    assert (newest["undoes"], adoption["undone_by"]) == (made["change"], told["change"])


BY_ROUTE = ["HTTPRoute", "Service", "Service", "Service"]
CRITICS_BY_VERSION = [f"critics-v{number}" for number in (1, 2, 3)]
ADOPTED_UNDER_LOAD = 600


def test_adopt_by_a_route_moves_no_request_and_answers_no_error(
    unruled: Mesh, operator: Operator
) -> None:
    with Traffic(unruled.lab, "critics") as traffic:
        until(lambda: len(served(traffic.answers)) == 3, what="all versions answer")
        told: Any = operator.change("adopt", "critics", "--gateway-api")
        after = len(traffic.answers) + 40
        until(lambda: len(traffic.answers) > after + ADOPTED_UNDER_LOAD, what="traffic after")
        answers = served(traffic.answers[after : after + ADOPTED_UNDER_LOAD])
        shifted = operator.change("shift", "critics", "critics-v3=100")
        last = len(traffic.answers) + 40
        until(lambda: len(traffic.answers) > last + 50, what="traffic to v3")
        moved = served(traffic.answers[last : last + 50])
        assert operator.change("undo", shifted["change"])["verified"] is True
        undone: Any = operator.change("undo", told["change"])
    objects = [(c["object"]["kind"], c["object"]["name"]) for c in told["changes"]]
    assert objects == [*(("Service", n) for n in CRITICS_BY_VERSION), ("HTTPRoute", "critics")]
    assert [change["verified"] for change in told["changes"]] == [True] * 4
    assert all(
        within_three_sigma(answers[f"reviews-v{n}"], ADOPTED_UNDER_LOAD, 1 / 3) for n in (1, 2, 3)
    )
    assert moved == {"reviews-v3": 50}
    assert [c["object"]["kind"] for c in undone["changes"]] == BY_ROUTE
    assert (undone["applied"], undone["verified"]) == (True, True)
    assert traffic.statuses.keys() == {200}
    assert not set(CRITICS_BY_VERSION) & names_of(unruled, SERVICES)


def names_of(mesh: Mesh, plural: str) -> set[str]:
    return {item["metadata"]["name"] for item in mesh.api.call("GET", plural)["items"]}


def test_a_service_that_another_route_names_is_not_taken_away(
    unruled: Mesh, operator: Operator
) -> None:
    made = operator.change("adopt", "critics", "--gateway-api", "--stable", "v2")
    other = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "other", "namespace": "default"},
        "spec": {
            "parentRefs": [{"group": "", "kind": "Service", "name": "critics-v1"}],
            "rules": [{"backendRefs": [{"name": "critics-v2", "port": 9080}]}],
        },
    }
    unruled.api.call("POST", HTTP_ROUTES, other)
    ran = operator.run("undo", made["change"], "--yes")
    assert ran.status == Exit.FAILED
    assert "critics-v2 is not taken away: HTTPRoute default/other sends to it" in ran.err
    assert {"critics", *CRITICS_BY_VERSION} <= names_of(unruled, SERVICES)
    unruled.api.call("DELETE", f"{HTTP_ROUTES}/other")
    undone = operator.change("undo", made["change"])
    again = operator.change("undo", undone["change"])
    assert {"critics", *CRITICS_BY_VERSION} <= names_of(unruled, SERVICES)
    assert operator.change("undo", made["change"])["applied"] is True
    assert (undone["applied"], again["applied"]) == (True, True)
    assert names_of(unruled, HTTP_ROUTES) == set()


RAW: Obj = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "raw"},
    "spec": {
        "ports": [{"name": "tcp-raw", "port": 9777, "targetPort": 9080}],
        "selector": {"app": "reviews"},
    },
}
CONNECTIONS = 1000


@pytest.fixture
def raw(mesh: Mesh) -> Iterator[Mesh]:
    """The pods of `reviews` once more, as a service whose connections are passed on."""
    subsets = [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]
    mesh.api.call("POST", SERVICES, RAW)
    try:
        mesh.create(
            "destinationrules",
            {
                "kind": "DestinationRule",
                "metadata": {"name": "raw"},
                "spec": {"host": "raw", "subsets": subsets},
            },
        )
        route = [
            {"destination": {"host": "raw", "subset": name}, "weight": 50} for name in ("v1", "v2")
        ]
        mesh.create(
            "virtualservices",
            {
                "kind": "VirtualService",
                "metadata": {"name": "raw"},
                "spec": {"hosts": ["raw"], "tcp": [{"route": route}]},
            },
        )
        yield mesh
    finally:
        mesh.api.call("DELETE", f"{SERVICES}/raw")


def way_in(mesh: Mesh) -> tuple[str, int] | None:
    """Where an application's connections to the port arrive at productpage's proxy."""
    path = "/config_dump?resource=dynamic_listeners"
    for entry in json.loads(mesh.lab.admin("productpage-v1", path))["configs"]:
        listener = entry.get("active_state", {}).get("listener", {})
        if listener.get("name", "").endswith("_9777") and "weighted" in json.dumps(listener):
            socket = listener["address"]["socket_address"]
            return socket["address"], socket["port_value"]
    return None


def connected(mesh: Mesh) -> int:
    """How many of so many new connections came to v2, by what its application counted."""
    where = until(lambda: way_in(mesh), what="a listener with weights")
    mesh.lab.reset()
    for _ in range(CONNECTIONS):
        connection = http.client.HTTPConnection(*where, timeout=20)
        connection.request("GET", "/reviews/0", headers={"Connection": "close"})
        assert connection.getresponse().status == 200
        connection.close()
    counts = {name: one["requests"] for name, one in mesh.lab.counts().items()}
    assert counts["reviews-v1"] + counts["reviews-v2"] == CONNECTIONS, counts
    return int(counts["reviews-v2"])


def test_weights_of_a_tcp_service_are_shares_of_its_connections(
    raw: Mesh, operator: Operator
) -> None:
    shifted = operator.change("shift", "raw", "v2=10")
    assert shifted["verified"] is True
    assert shifted["patch"][0]["path"] == "/spec/tcp/0/route/0/weight"
    assert within_three_sigma(connected(raw), CONNECTIONS, 0.1)
    assert operator.change("undo")["verified"] is True
    assert within_three_sigma(connected(raw), CONNECTIONS, 0.5)
    ran = operator.run("fault", "raw", "--abort", "503", "--yes")
    assert ran.status == 1 and "passes TCP connections on, and a fault needs requests" in ran.err
    shown = operator.run("services", "raw", "-o", "json").json["services"][0]
    assert [(one["subset"], one["weight"]) for one in shown["versions"]][:2] == [
        ("v1", 50),
        ("v2", 50),
    ]
