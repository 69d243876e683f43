"""Rate limits as `meshtui exposure` tells them, against what the load generator was answered."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from meshtui.lab.process import RunningLab
from tests.lab.harness import Mesh, Obj, statuses, to
from tests.lab.operator import Operator
from tests.lab.ratelimits import (
    ONE,
    direct,
    envoy_filter,
    insert,
    limited,
    through_the_gateway,
)
from tests.lab.traffic import Traffic

EDGE = envoy_filter(
    insert("GATEWAY", direct(ONE)), namespace="istio-system", istio="ingressgateway"
)


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


def told(operator: Operator, service: str, window: str = "500ms") -> Any:
    ran = operator.run("exposure", service, "--window", window, "-o", "json")
    assert ran.status == 0, ran.err
    return ran.json


def only(found: Any) -> Obj:
    (limit,) = found["limits"]
    return dict(limit)


def test_refused_requests_are_counted_to_the_request(mesh: Mesh, operator: Operator) -> None:
    mesh.route({"route": [to("v1")]})
    with limited(mesh, envoy_filter(insert("SIDECAR_INBOUND"), app="reviews")):
        before = only(told(operator, "reviews"))
        assert statuses(mesh.send(30)) == {429: 30}
        after = only(told(operator, "reviews"))
    assert after["refused"] - before["refused"] == 30
    assert (after["place"], after["kind"], after["buckets"][0]["tokens"]) == (
        "at its pods", "local", 1,
    )  # fmt: skip
    assert [w["name"] for w in after["workloads"]] == ["reviews-v1", "reviews-v2", "reviews-v3"]


def test_the_rates_of_telemetry_and_of_the_proxies_are_those_of_the_callers(
    mesh: Mesh, operator: Operator
) -> None:
    mesh.route({"route": [to("v1")]})
    with (
        limited(mesh, envoy_filter(insert("SIDECAR_INBOUND"), app="reviews")),
        Traffic(mesh.lab, "reviews", rps=100) as traffic,
    ):
        began = time.monotonic()  # forty at once: ten such batches fall in the window
        found = told(operator, "reviews", "4s")
        sent = len(traffic.answers) / (time.monotonic() - began)  # less where a machine is busy
    assert only(found)["refused_rps"] == pytest.approx(sent, rel=0.25)
    assert found["refused"]["by_pods_rps"] == pytest.approx(sent, rel=0.25)
    assert found["refused"]["answers_429_rps"] == pytest.approx(sent, rel=0.25)
    assert found["refused"]["by_callers_rps"] == 0


def test_from_the_gateways_port_to_the_service_and_the_limit_at_the_door(
    mesh: Mesh, operator: Operator
) -> None:
    with limited(mesh, EDGE, through_the_gateway):
        found = told(operator, "productpage")
        behind = told(operator, "reviews")
        text = operator.run("exposure", "productpage", "--window", "500ms").out
    (way,) = found["ways"]
    assert (way["hosts"], way["port"], way["protocol"], way["tls"]) == (["*"], 80, "HTTP", None)
    assert way["gateway"]["name"] == "bookinfo-gateway"
    assert [pod["ready"] for pod in way["pods"]] == [True]
    assert only(found)["place"] == "at the gateway"
    assert only(found)["refused"] > 0
    for words in (
        "way    HTTP 80  *  (plain text, no TLS)",
        "Gateway default/bookinfo-gateway, istio-ingressgateway.istio-system, 1 pod, ready",
        "VirtualService default/bookinfo http[0]: uri = /productpage",
        "limit  1 per 600s  (at the gateway, every request)",
        "refused since the proxies started",
    ):
        assert words in text
    assert behind["ways"] == []
    assert [caller["name"] for caller in behind["callers"]] == ["productpage"]
    assert only(behind)["place"] == "at the gateway to productpage"


def test_the_tables_say_the_same(mesh: Mesh, operator: Operator) -> None:
    del mesh
    ran = operator.run("exposure", "-A")
    header, row = (" ".join(line.split()) for line in ran.out.splitlines())
    assert header == "HOST PORT PROTOCOL TLS GATEWAY PODS RULES OF SERVICE"
    assert row == (
        "* 80 HTTP none default/bookinfo-gateway 1/1 default/bookinfo productpage.default"
    )
    assert operator.run("exposure", "nobody").status == 1
