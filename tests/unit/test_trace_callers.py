"""Whose proxies are asked about a request, and by which name and port they would send it."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.cli.documents.trace import traced_json
from meshtui.errors import NotFound
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.request import Request
from meshtui.operations.look.trace import Question, Traced, by_objects, callers, port_for
from tests.unit.objects import Obj, meta, pod, route, service, virtual_service

DOOR = {"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["*"]}


def gateway_pod() -> Obj:
    made = pod("ingress", "v1", namespace="istio-system", number=9)
    made["metadata"]["labels"] |= {"istio": "ingressgateway"}
    made["spec"]["containers"] = [{"name": "istio-proxy"}]
    return made


def mesh_of(*services: Obj) -> Mesh:
    gate = {"metadata": meta("gate"), "spec": {"selector": {"istio": "ingressgateway"}}}
    gate["spec"]["servers"] = [DOOR]
    shop = {"metadata": meta("shop", "prod"), "spec": {"selector": {"app": "shop"}}}
    shop["spec"]["ports"] = [{"name": "tcp", "port": 5000}, {"name": "grpc-web", "port": 80}]
    return parse_mesh(
        {
            "services": [service("reviews"), shop],
            "pods": [pod("page", "v1"), pod("far", "v1", namespace="prod"), gateway_pod()],
            "virtualservices": services,
            "gateways": [gate],
        }
    )


OUTSIDE = virtual_service(
    "outside", {"route": [route("v1")]}, hosts=["*.shop.test"], gateways=["gate"]
)


def question(mesh: Mesh, name: str = "reviews", **more: Any) -> Question:
    found = next(service for service in mesh.services if service.key.name == name)
    return Question(found, **more)


def asked(mesh: Mesh, **more: Any) -> list[str]:
    return [pod.workload for pod in callers(mesh, question(mesh, **more), None).pods]


def test_every_sidecar_may_call_and_a_gateway_that_leads_there() -> None:
    assert asked(mesh_of()) == ["page-v1", "far-v1"]
    assert asked(mesh_of(OUTSIDE)) == ["ingress-v1", "page-v1", "far-v1"]


@pytest.mark.parametrize("name", ["./gate", "gate.default.svc.cluster.local", "default/gate"])
def test_a_gateway_by_any_of_its_names(name: str) -> None:
    named = {**OUTSIDE, "spec": {**OUTSIDE["spec"], "gateways": [name]}}
    mesh = mesh_of(named)
    assert "ingress-v1" in asked(mesh)
    wanted = question(mesh)
    gate = next(pod for pod in mesh.pods if pod.workload == "ingress-v1")
    assert by_objects(mesh, wanted, gate).request.authority == "reviews.shop.test"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("gateway", ["ingress-v1"]),
        ("page-v1", ["page-v1"]),
        ("page-v1-5f6d-1", ["page-v1"]),
        ("far-v1.prod", ["far-v1"]),
    ],
)
def test_a_source_by_workload_pod_or_role(source: str, found: list[str]) -> None:
    assert asked(mesh_of(), source=source) == found


@pytest.mark.parametrize("source", ["nobody", "far-v1.default"])
def test_a_source_that_is_not_there(source: str) -> None:
    with pytest.raises(NotFound):
        asked(mesh_of(), source=source)


def test_the_name_that_each_caller_would_use() -> None:
    mesh = mesh_of(OUTSIDE)

    def authorities(name: str) -> list[str]:
        found = question(mesh, name)
        return [by_objects(mesh, found, pod).request.authority for pod in mesh.pods]

    assert [pod.workload for pod in mesh.pods] == ["page-v1", "ingress-v1", "far-v1"]
    assert authorities("reviews") == ["reviews:9080", "reviews.shop.test", "reviews.default:9080"]
    assert authorities("shop") == ["shop.prod", "shop.prod", "shop"]


def test_the_port_that_speaks_http_unless_told() -> None:
    mesh = mesh_of()
    assert port_for(question(mesh, "shop")) == 80
    assert port_for(question(mesh, "shop", port=5000)) == 5000
    assert port_for(question(mesh, "shop", request=Request(authority="shop:81"))) == 81


def test_each_caller_has_its_own_view_and_all_fit_into_json() -> None:
    special = {"match": [{"sourceNamespace": "prod"}], "name": "far", "route": [route("v2")]}
    mesh = mesh_of(virtual_service("reviews", special, {"name": "near", "route": [route("v1")]}))
    seen = [by_objects(mesh, question(mesh), pod) for pod in (*mesh.pods[:1], *mesh.pods[2:], None)]
    document = traced_json(Traced(tuple(seen), known=False))
    rules = [caller["objects"]["taken"]["rule"] for caller in document["callers"]]
    assert rules == ["near", "far", "near"]
    assert document["callers"][0]["proxy"] is None
    assert document["callers_known"] is False
