"""Who has a route of a rule, and who is known to call: the same as when a change is looked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meshtui.envoy.compare import ABSENT
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.operations.change.verify import client_proxies
from meshtui.operations.proxies.matrix import Matrix, matrix_of, row_of
from tests.ui import bookinfo

PRODUCTPAGE = ServiceKey("bookinfo", "productpage")
HOST = "productpage.bookinfo.svc.cluster.local"


def edited() -> Mesh:
    """Productpage has rules for a gateway, and others for callers inside of the mesh."""
    raw: Any = bookinfo.objects()
    route = [{"destination": {"host": HOST}}]
    for name, gateways in (("outside", ["bookinfo/gateway"]), ("inside", ["mesh"])):
        made = {
            "metadata": {"namespace": "bookinfo", "name": name, "uid": name},
            "spec": {"hosts": [HOST], "gateways": gateways, "http": [{"route": route}]},
        }
        raw["virtualservices"].append(made)
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    spec = {"selector": {"istio": "ingressgateway"}, "servers": [server]}
    named = {"namespace": "bookinfo", "name": "gateway", "uid": "gateway"}
    raw["gateways"] = [{"metadata": named, "spec": spec}]
    return bookinfo.mesh_of(raw)


def test_a_gateway_that_calls_must_have_its_route_though_nobody_inside_is_known_to_call() -> None:
    mesh = edited()
    gateway = next(pod for pod in mesh.pods if pod.gateway)
    sample = replace(
        Sample(1.0, "x", 15.0),
        clients={PRODUCTPAGE: frozenset({(gateway.namespace, gateway.workload)})},
    )
    matrix = matrix_of(mesh, mesh.by_key[PRODUCTPAGE], sample)
    assert {route.service.ref.name for route in matrix.rules} >= {"outside", "inside"}
    inside = next(pod for pod in matrix.pods if not pod.gateway)
    assert gateway in matrix.pods

    def differs(found: Matrix, pod: Any) -> bool:
        row = row_of(mesh, found, pod, ())
        assert row.state == ABSENT
        return found.differs(row)

    assert differs(matrix, gateway) and differs(matrix, inside)
    assert matrix.guessed and (gateway.namespace, gateway.name) not in matrix.guessed
    for route in matrix.rules:
        clients = client_proxies(mesh, PRODUCTPAGE, route.service, sample)
        assert clients.known is (gateway in clients.pods)
