"""What can be reached from outside, and how."""

from __future__ import annotations

from typing import Any

from meshtui.mesh.exposure import Exposure, exposures, exposures_of
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import meta, route, service, virtual_service

Obj = dict[str, Any]


def server(number: int, protocol: str, *hosts: str, **tls: Any) -> Obj:
    found: Obj = {"port": {"number": number, "protocol": protocol}, "hosts": list(hosts)}
    return {**found, "tls": tls} if tls else found


def mesh_with(servers: list[Obj], *rules: Obj, **spec: Any) -> Mesh:
    more = {"hosts": ["shop.example"], "gateways": ["door"], **spec}
    return parse_mesh(
        {
            "services": [service("reviews"), service("ratings")],
            "gateways": [{"metadata": meta("door"), "spec": {"servers": servers}}],
            "virtualservices": [virtual_service("shop", *rules, **more)],
        }
    )


def ways(found: tuple[Exposure, ...]) -> list[tuple[str, int, str, str, float]]:
    return [(way.host, way.port, way.tls, way.subset, way.percent) for way in found]


SPLIT = {"match": [{"uri": {"prefix": "/r"}}], "route": [route("v1", 90), route("v2", 10)]}
SECURE = server(443, "HTTPS", "shop.example", mode="SIMPLE")
PLAIN = server(80, "HTTP", "*", httpsRedirect=True)


def test_hosts_ports_and_tls_modes_of_a_service() -> None:
    mesh = mesh_with([PLAIN, SECURE], SPLIT)
    found = exposures_of(mesh, mesh.services[1])
    assert ways(found) == [
        ("shop.example", 80, "", "v1", 90.0),
        ("shop.example", 80, "", "v2", 10.0),
        ("shop.example", 443, "SIMPLE", "v1", 90.0),
        ("shop.example", 443, "SIMPLE", "v2", 10.0),
    ]
    assert [way.redirect for way in found] == [True, True, False, False]
    assert str(found[0].gateway) == "Gateway default/door"
    assert (found[0].rule, found[0].match) == ("http[0]", "uri ^ /r")
    assert exposures_of(mesh, mesh.services[0]) == ()


def test_of_two_hosts_the_narrower_is_served() -> None:
    wide = mesh_with([server(80, "HTTP", "*.example", "*.other")], SPLIT)
    assert {way.host for way in exposures(wide)} == {"shop.example"}
    every = mesh_with([server(80, "HTTP", "a.example", "b.example")], SPLIT, hosts=["*"])
    assert {way.host for way in exposures(every)} == {"a.example", "b.example"}


def test_what_is_not_let_in_or_only_in_the_mesh_is_not_exposed() -> None:
    assert exposures(mesh_with([server(80, "HTTP", "other.example")], SPLIT)) == ()
    assert exposures(mesh_with([server(80, "HTTP", "prod/*")], SPLIT)) == ()
    assert exposures(mesh_with([PLAIN], SPLIT, gateways=["mesh"])) == ()
    inside = {**SPLIT, "match": [{"gateways": ["mesh"]}]}
    assert exposures(mesh_with([PLAIN], inside, gateways=["mesh", "door"])) == ()


def test_tls_that_is_passed_on_is_routed_by_name() -> None:
    tls = {"tls": [{"match": [{"sniHosts": ["shop.example"]}], "route": [route("v1")]}]}
    passed = server(443, "TLS", "shop.example", mode="PASSTHROUGH")
    found = exposures(mesh_with([passed], SPLIT, **tls))
    assert [(way.rule, way.tls) for way in found] == [("tls[0]", "PASSTHROUGH")]


def test_rules_that_are_handed_over() -> None:
    mesh = mesh_with([PLAIN], {"delegate": {"name": "part"}})
    part = virtual_service("part", SPLIT, hosts=[])
    root = dict(mesh.virtual_services[0].raw)
    objects = {
        "services": [service("reviews")],
        "gateways": [{"metadata": meta("door"), "spec": {"servers": [PLAIN]}}],
        "virtualservices": [root, part],
    }
    whole = parse_mesh(objects)
    found = exposures(whole)
    assert exposures_of(whole, whole.services[0]) == found
    assert {str(way.virtual_service) for way in found} == {"VirtualService default/part"}
