"""HTTPRoutes as the table and the verbs see them, against what a real istiod gave each caller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from meshtui.changes.adopt import adopt
from meshtui.changes.change import Target
from meshtui.changes.locate import locate
from meshtui.errors import Refused
from meshtui.mesh.carrying import Route, ordinary, routes_to
from meshtui.mesh.exposure import api_routes_to
from meshtui.mesh.model import HttpRoute, Mesh, Service
from meshtui.mesh.parse import parse_mesh
from tests.recorded.cases import Case, load, names
from tests.recorded.test_carrying import weights_of

CASES = [name for name in names("gateway-api") if name.startswith("m-")]
CALLERS = ("gw-a", "gw-b")
WHOLE = {"prefix": "/", "case_sensitive": True}


def with_clients(case: Case) -> Mesh:
    """The mesh with proxies in the client pods, which the recording left out of the objects."""
    pods = (
        replace(pod, proxy_container="istio-proxy") if pod.name == "client" else pod
        for pod in case.mesh.pods
    )
    return replace(case.mesh, pods=tuple(pods))


def ruled(mesh: Mesh) -> list[Service]:
    """The Services that an HTTPRoute is attached to."""
    hosts = {host for route in mesh.http_routes for host in route.hosts}
    return [service for service in mesh.services if service.host in hosts]


def rests(case: Case, service: Service) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Of each caller's namespace and port the recorded route that takes everything."""
    for namespace in CALLERS:
        for host in case.recorded["proxies"].get(namespace, {}).get("routes", ()):
            name, _, port = host["name"].rpartition(":")
            ports = [str(known.number) for known in service.ports]
            if name == service.host and port in ports and host["routes"]:
                last: dict[str, Any] = host["routes"][-1]
                if {**last["match"], "case_sensitive": True} == WHOLE:
                    yield namespace, int(port), last


def weights(route: Route) -> dict[tuple[str, str], float]:
    rule = route.rule
    found: dict[tuple[str, str], float] = {}
    for d in rule.destinations:
        if rule.percent(d):
            found[d.host, d.subset] = found.get((d.host, d.subset), 0.0) + rule.percent(d)
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_ordinary_rule_is_the_one_that_callers_of_a_namespace_got(name: str) -> None:
    case = load(name, "gateway-api")
    mesh, compared = with_clients(case), 0
    for service in ruled(mesh):
        routes = routes_to(mesh, service)
        for namespace, port, recorded in rests(case, service):
            mine = [
                route
                for route in routes
                if any(client.namespace == namespace for client in route.clients)
                and port in route.ports
            ]
            route = ordinary(mine, frozenset({(namespace, "client")}))
            got = weights_of(recorded)
            if route is None:
                assert got in ({(service.host, ""): 100.0}, {}), namespace
            elif route.rule.destinations and got:
                assert weights(route) == pytest.approx(got), namespace
            compared += 1
    if not compared:
        pytest.skip("nothing in this case takes everything for a service with an HTTPRoute")


@pytest.mark.parametrize("name", CASES)
def test_no_verb_fights_an_http_route_that_carries_the_traffic(name: str) -> None:
    case = load(name, "gateway-api")
    mesh = with_clients(case)
    for service in ruled(mesh):
        routes = routes_to(mesh, service)
        if not isinstance((ordinary(routes) or routes[0]).service if routes else None, HttpRoute):
            continue
        with pytest.raises(Refused, match="HTTPRoute"):
            adopt(mesh, service.key)
        with pytest.raises(Refused):
            locate(mesh, Target(service.key))


def test_a_route_of_another_kind_is_not_adopted_over() -> None:
    case = load("m-grpc-and-http", "gateway-api")
    kinds = {"httproutes": (), "grpcroutes": [o for o in case.objects if o["kind"] == "GRPCRoute"]}
    listed = [o for o in case.base if o["kind"] in ("Service", "Pod")]
    mesh = parse_mesh(
        {
            "services": [o for o in listed if o["kind"] == "Service"],
            "pods": [o for o in listed if o["kind"] == "Pod"],
            **kinds,
        }
    )
    (host,) = mesh.other_routes_by_host
    with pytest.raises(Refused, match="is routed by GRPCRoute"):
        adopt(mesh, mesh.by_host[host].key)


def test_a_service_without_an_http_port_is_not_adopted() -> None:
    case = load("m-weights", "gateway-api")
    service = next(s for s in case.mesh.services if s.key.name == "raw")
    with pytest.raises(Refused, match=r"has no HTTP port \(9090 tcp\)"):
        adopt(case.mesh, service.key)


def test_the_routes_at_gateways_of_the_gateway_api_are_named() -> None:
    case = load("g-weights", "gateway-api")
    found = {
        service.key.name: [str(route.ref) for route in api_routes_to(case.mesh, service)]
        for service in case.mesh.services
        if api_routes_to(case.mesh, service)
    }
    backends = {
        host.split(".")[0]
        for route in case.mesh.http_routes
        if route.at_gateways
        for host in route.backends
    }
    assert set(found) == backends and backends
