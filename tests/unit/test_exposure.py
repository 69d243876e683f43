"""What can be reached from outside, and how."""

from __future__ import annotations

from typing import Any

from meshtui.mesh.exposure import Door, doors_to
from meshtui.mesh.model import Mesh, ServiceKey
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


def doors(mesh: Mesh, name: str = "reviews") -> tuple[Door, ...]:
    return doors_to(mesh, mesh.by_key[ServiceKey("default", name)])


def hosts(mesh: Mesh) -> set[str]:
    return {host for door in doors(mesh) for host in door.hosts}


SPLIT = {"match": [{"uri": {"prefix": "/r"}}], "route": [route("v1", 90), route("v2", 10)]}
SECURE = server(443, "HTTPS", "shop.example", mode="SIMPLE")
PLAIN = server(80, "HTTP", "*", httpsRedirect=True)


def test_hosts_ports_and_tls_modes_of_a_service() -> None:
    mesh = mesh_with([PLAIN, SECURE], SPLIT)
    plain, secure = doors(mesh)
    assert (plain.hosts, plain.port, plain.tls, plain.redirect) == (("shop.example",), 80, "", True)
    assert (secure.port, secure.tls, secure.redirect) == (443, "SIMPLE", False)
    assert str(secure.gateway) == "Gateway default/door"
    assert [(lead.rule, lead.match, lead.percent) for lead in secure.leads] == [
        ("http[0]", "uri ^ /r", None)
    ]
    assert doors(mesh, "ratings") == ()


def test_of_two_hosts_the_narrower_is_served() -> None:
    assert hosts(mesh_with([server(80, "HTTP", "*.example", "*.other")], SPLIT)) == {"shop.example"}
    every = mesh_with([server(80, "HTTP", "a.example", "b.example")], SPLIT, hosts=["*"])
    assert hosts(every) == {"a.example", "b.example"}


def test_what_is_not_let_in_or_only_in_the_mesh_is_not_exposed() -> None:
    assert doors(mesh_with([server(80, "HTTP", "other.example")], SPLIT)) == ()
    assert doors(mesh_with([server(80, "HTTP", "prod/*")], SPLIT)) == ()
    assert doors(mesh_with([PLAIN], SPLIT, gateways=["mesh"])) == ()
    inside = {**SPLIT, "match": [{"gateways": ["mesh"]}]}
    assert doors(mesh_with([PLAIN], inside, gateways=["mesh", "door"])) == ()


def test_tls_that_is_passed_on_is_routed_by_name() -> None:
    tls = {"tls": [{"match": [{"sniHosts": ["shop.example"]}], "route": [route("v1")]}]}
    passed = server(443, "TLS", "shop.example", mode="PASSTHROUGH")
    (door,) = doors(mesh_with([passed], SPLIT, **tls))
    assert ([lead.rule for lead in door.leads], door.tls) == (["tls[0]"], "PASSTHROUGH")


def test_rules_that_are_handed_over() -> None:
    asked = [{"headers": {"x-a": {"exact": "1"}}}, {"method": {"exact": "GET"}}]
    mesh = mesh_with([PLAIN], {"match": asked, "delegate": {"name": "part"}})
    part = virtual_service("part", SPLIT, hosts=[])
    root = dict(mesh.virtual_services[0].raw)
    objects = {
        "services": [service("reviews")],
        "gateways": [{"metadata": meta("door"), "spec": {"servers": [PLAIN]}}],
        "virtualservices": [root, part],
    }
    (door,) = doors(parse_mesh(objects))
    assert str(door.rules_of) == "VirtualService default/part"
    assert {lead.match for lead in door.leads} == {
        "uri ^ /r and header x-a = 1 or uri ^ /r and method = GET"
    }
