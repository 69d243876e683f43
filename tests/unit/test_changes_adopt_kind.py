"""By which objects a service is adopted, and why: as what rules its requests already."""

from __future__ import annotations

import pytest

from meshtui.changes.adopt_kind import ruling, usual_kind
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import Obj, meta, pod, route, service, virtual_service


def http_route(name: str, backend: str, namespace: str = "default", parent: str = "edge") -> Obj:
    parents = [{"name": parent}] if parent == "edge" else [{"kind": "Service", "name": parent}]
    rules = [{"backendRefs": [{"name": backend, "port": 9080}]}]
    for one in parents:
        one.setdefault("group", "" if parent != "edge" else "gateway.networking.k8s.io")
    spec = {"parentRefs": parents, "hostnames": ["shop.example"], "rules": rules}
    return {"metadata": meta(name, namespace), "spec": spec}


def mesh_of(istio: bool = True, port: Obj | None = None, **others: list[Obj]) -> Mesh:
    own = service("reviews")
    own["spec"]["ports"] = [port or {"name": "http", "port": 9080}]
    objects = {"services": [own, service("ratings")], "pods": [pod("reviews", "v1")], **others}
    return parse_mesh(objects, istio=istio)


OTHER = virtual_service("other", {"route": [route("v1", host="ratings")]}, hosts=["ratings"])
EDGE = virtual_service(
    "edge", {"route": [{"destination": {"host": "reviews"}}]}, hosts=["shop"], gateways=["gw"]
)
AWAY = http_route("away", "details", "elsewhere")


@pytest.mark.parametrize(
    ("mesh", "gateway_api", "why"),
    [
        (mesh_of(), False, "no route of the Gateway API is there"),
        (mesh_of(istio=False), True, "serves the Gateway API and no VirtualService"),
        (mesh_of(httproutes=[http_route("r", "reviews")]), True, "HTTPRoute default/r sends to it"),
        (mesh_of(virtualservices=[EDGE]), False, "VirtualService default/edge sends to it"),
        (
            mesh_of(virtualservices=[EDGE], httproutes=[http_route("r", "reviews")]),
            True,
            "HTTPRoute default/r sends to it",
        ),
        (mesh_of(virtualservices=[OTHER]), False, "namespace default is routed by VirtualServices"),
        (mesh_of(httproutes=[http_route("r", "ratings")]), True, "namespace default is routed by"),
        (mesh_of(httproutes=[AWAY]), True, "the mesh is routed by HTTPRoutes alone"),
        (mesh_of(httproutes=[AWAY], virtualservices=[OTHER]), False, "namespace default is routed"),
        (
            mesh_of(httproutes=[http_route("r", "ratings")], virtualservices=[OTHER]),
            False,
            "the mesh has both",
        ),
        (
            mesh_of(port={"name": "tcp", "port": 9}, httproutes=[http_route("r", "reviews")]),
            False,
            "no HTTP port",
        ),
    ],
)
def test_a_service_is_adopted_as_its_mesh_is_routed(
    mesh: Mesh, gateway_api: bool, why: str
) -> None:
    found = usual_kind(mesh, next(one for one in mesh.services if one.key.name == "reviews"))
    assert (found.gateway_api, why in found.why) == (gateway_api, True), found


def test_rules_of_its_own_host_leave_no_choice() -> None:
    own = virtual_service("reviews", {"route": [route("v1")]})
    by_route = http_route("r", "reviews", parent="reviews")
    for ruled, mesh in (
        (False, mesh_of(virtualservices=[EDGE])),
        (True, mesh_of(virtualservices=[own])),
        (True, mesh_of(httproutes=[by_route])),
    ):
        service_of = next(one for one in mesh.services if one.key.name == "reviews")
        assert (ruling(mesh, service_of) is not None) == ruled
