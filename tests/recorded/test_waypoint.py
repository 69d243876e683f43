"""Waypoints against what a real istiod sent to one, and beside what callers in the mesh have.

A waypoint's clusters and tables have names of their own; what they hold is mostly what its
namespace's callers are told by the same rules. `NOT_HELD` names the cases in which it is not.
"""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Shift, Target
from meshtui.changes.checks import ambient_findings
from meshtui.changes.locate import locate
from meshtui.changes.patch import apply
from meshtui.envoy.agree import agreement
from meshtui.envoy.compare import ABSENT, compare_host, host_of
from meshtui.envoy.compare_chains import compare_port
from meshtui.envoy.listeners import ProxyListener, parse_listeners
from meshtui.envoy.trace_connections import trace_connection
from meshtui.envoy.virtual_hosts import parse_hosts, parse_tables
from meshtui.errors import Refused
from meshtui.mesh.carrying import ordinary, routes_to
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client, View, VirtualHost, client_of, world
from meshtui.mesh.resolution.waypoints import vip_chain
from meshtui.mesh.touched import touched_hosts
from meshtui.mesh.touched_ports import PortChains, TouchedPort, ports_of, touched_ports
from meshtui.mesh.trace import Caller, trace
from meshtui.operations.change.verify import client_proxies
from meshtui.operations.change.written_objects import with_object
from tests.recorded.cases import Case, load, names

Obj = dict[str, Any]
NOT_HELD = {
    "w-consumer": "nothing changes at a waypoint, and a caller in the mesh would have the route",
    "w-httproute-and-vs": "a waypoint has both, HTTPRoutes first; a caller has one of them",
    "w-httproute-part-and-vs": "a waypoint has both, HTTPRoutes first; a caller has one of them",
    "w-opt-out": "nothing was sent for a Service that opts out; that is the waypoint's own choice",
    "w-vs-other-ns": "a waypoint ignores it, and a caller in the mesh would have it",
}
ELSEWHERE = frozenset({("w-vs-gateways", "inbound-vip|9070|http|two.gw-w.svc.cluster.local")})
"""Here a destination without a port takes its service's only port, the listener's in the mesh."""

CASES = [name for name in names("waypoint") if name not in NOT_HELD]
TCP_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
WAYPOINT = re.compile(r"inbound-vip\|(\d+)\|(?:http|tcp)(?:/([^|]*))?\|(.*)")


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return load(request.param, "waypoint")


def view_of(case: Case) -> View:
    return world(case.mesh).view(Client("gw-w"))


def as_a_caller(value: Any) -> Any:
    """With clusters as callers in the mesh call them."""
    if isinstance(value, dict):
        return {key: as_a_caller(part) for key, part in value.items()}
    if isinstance(value, list):
        return [as_a_caller(part) for part in value]
    found = WAYPOINT.fullmatch(value) if isinstance(value, str) else None
    return f"outbound|{found[1]}|{found[2] or ''}|{found[3]}" if found else value


def test_a_waypoints_routes_are_those_of_its_services(case: Case) -> None:
    for name, chain in case.recorded["filter_chains"].items():
        found = WAYPOINT.fullmatch(name)
        if found is None or "route_config" not in chain or (case.name, name) in ELSEWHERE:
            continue
        table = view_of(case).table(int(found[1]))
        assert table is not None
        made = table.virtual_host(found[3]) or table.sniffed(found[3])
        assert made is not None, name
        (vhost,) = chain["route_config"]["virtual_hosts"]
        assert [route.envoy for route in made.routes] == as_a_caller(vhost["routes"]), name


def test_its_clusters_have_the_policies_and_endpoints_of_its_services(case: Case) -> None:
    view = view_of(case)
    for name, recorded in case.recorded["clusters"].items():
        reach = view.reach(as_a_caller(name))
        assert reach.cluster is not None, name
        for fact in ("lb_policy", "circuit_breakers", "outlier_detection"):
            assert reach.cluster.envoy.get(fact) == recorded.get(fact), (name, fact)
    for name, recorded in case.recorded["endpoints"].items():
        found = [str(endpoint) for endpoint in view.reach(as_a_caller(name)).endpoints.found]
        assert sorted(found) == sorted(recorded), name


def test_only_known_cases_are_left_out() -> None:
    assert len(names("waypoint")) == 18
    assert set(NOT_HELD) < set(names("waypoint"))


# As a waypoint


WAY = Client("gw-w", gateway=True, waypoint="waypoint")


@pytest.fixture(params=names("waypoint"))
def any_case(request: pytest.FixtureRequest) -> Case:
    return load(request.param, "waypoint")


def tables_of(case: Case) -> dict[str, VirtualHost]:
    found = world(case.mesh).view(WAY).gateway_tables
    return {name: vhost for name, (vhost,) in found.items()}


def recorded_tables(case: Case) -> dict[str, Obj]:
    """What the case changed, or of the case without rules all."""
    return {
        name: chain["route_config"]
        for name, chain in case.recorded["filter_chains"].items()
        if WAYPOINT.fullmatch(name) and "route_config" in chain
    }


def test_a_waypoint_has_the_recorded_routes(any_case: Case) -> None:
    made = tables_of(any_case)
    for name, config in recorded_tables(any_case).items():
        (vhost,) = config["virtual_hosts"]
        assert (made[name].name, list(made[name].domains)) == (vhost["name"], vhost["domains"])
        assert [route.envoy for route in made[name].routes] == vhost["routes"], name


def test_it_has_no_rule_where_nothing_was_recorded(any_case: Case) -> None:
    known = recorded_tables(any_case)
    ruled = {name for name, vhost in tables_of(any_case).items() if vhost.rulings}
    assert ruled <= known.keys()


def test_it_stands_before_all_services_of_its_namespace() -> None:
    case = load("w-nothing", "waypoint")
    assert tables_of(case).keys() == recorded_tables(case).keys()


def test_its_own_dump_is_in_sync_with_the_objects(any_case: Case) -> None:
    configs = [{"route_config": config} for config in recorded_tables(any_case).values()]
    proxy = parse_hosts({"configs": [{"static_route_configs": configs}]})
    for name in recorded_tables(any_case):
        vhost = tables_of(any_case)[name]
        verdict = compare_host(vhost, host_of(proxy, vhost)).verdict()
        assert verdict.in_sync, verdict.differences


# Connections


def recorded_listener(case: Case) -> ProxyListener:
    """The chains for connections, in the listener in which a waypoint has all of them."""
    chains = [
        {"name": name, "filters": [{"typed_config": {"@type": TCP_PROXY, **chain["tcp_proxy"]}}]}
        for name, chain in case.recorded["filter_chains"].items()
        if "tcp_proxy" in chain
    ]
    entry = {"name": "main_internal", "filter_chains": chains}
    state = {"name": "main_internal", "active_state": {"listener": entry}}
    (found,) = parse_listeners({"configs": [{"dynamic_listeners": [state]}]})
    return found


def stream_ports(mesh: Mesh) -> dict[str, PortChains]:
    """The ports of all services on which the waypoint passes connections on."""
    names = [service.host for service in mesh.services]
    return {port.chain: port for port in ports_of(world(mesh).view(WAY), names)}


def test_a_waypoint_has_the_recorded_chains_for_connections(any_case: Case) -> None:
    recorded = {
        name
        for name, chain in any_case.recorded["filter_chains"].items()
        if "tcp_proxy" in chain and WAYPOINT.fullmatch(name)
    }
    made = stream_ports(any_case.mesh)
    assert recorded <= made.keys()
    for name in recorded:
        port = made[name]
        verdict = compare_port(TouchedPort(port, port), (recorded_listener(any_case),))
        assert verdict.in_sync, verdict.differences


def test_connections_are_recorded_with_and_without_rules() -> None:
    ruled = stream_ports(load("w-tcp", "waypoint").mesh)
    assert [len(port.rules) for port in ruled.values()] == [1, 1, 1, 0]
    bare = stream_ports(load("w-nothing", "waypoint").mesh)
    assert ruled.keys() == bare.keys() and not any(port.rules for port in bare.values())


def test_a_shift_of_connections_is_verified_in_the_waypoint() -> None:
    case = load("w-tcp", "waypoint")
    mesh = with_waypoint(case)
    service = mesh.by_host["raw.gw-w.svc.cluster.local"]
    change = build_change(mesh, Shift({"rev-v2": 50}), Target(service.key))
    assert change.target.kind == "TCPRoute"
    (owner,) = mesh.stream_routes
    assert [pod.name for pod in client_proxies(mesh, service.key, owner, None).pods] == [
        "waypoint-abc"
    ]
    moved = with_object(mesh, apply(owner.raw, change.patch), "TCPRoute")
    (touched,) = touched_ports(*(world(m).view(WAY) for m in (mesh, moved)), change.target)
    assert compare_port(touched, (recorded_listener(case),)).differences == (
        "raw:9090: connections go to rev-v1 80 %, rev-v2 20 %, asked rev-v1 50 %, rev-v2 50 %",
    )
    assert compare_port(touched, ()).state == ABSENT


def test_the_rows_have_the_weights_of_its_connections() -> None:
    mesh = with_waypoint(load("w-tcp", "waypoint"))
    route = ordinary(routes_to(mesh, mesh.by_host["raw.gw-w.svc.cluster.local"]))
    assert route is not None and route.whose == "waypoint waypoint in gw-w"
    shares = {d.host.partition(".")[0]: route.rule.percent(d) for d in route.rule.destinations}
    assert shares == {"rev-v1": 80, "rev-v2": 20}


def test_a_connection_through_it_takes_the_rule() -> None:
    case = load("w-tcp", "waypoint")
    host = "raw.gw-w.svc.cluster.local"
    found = trace(with_waypoint(case), Request(authority="raw:9090"), Caller(WAY, 9090, host))
    assert [(to.host, to.percent) for to in found.effects.destinations] == [
        ("rev-v1.gw-w.svc.cluster.local", 80.0),
        ("rev-v2.gw-w.svc.cluster.local", 20.0),
    ]
    actual = trace_connection(
        (recorded_listener(case),), Request(), 9090, (), vip_chain(host, 9090)
    )
    assert agreement(found, actual) == (True, ())


def test_of_a_table_that_drains_the_newest_edition_is_in_force() -> None:
    """As a real Envoy lists them for 45 s: all of one name, in any order."""
    case = load("w-httproute", "waypoint")
    (config,) = recorded_tables(case).values()
    old: Obj = copy.deepcopy(config)
    old["virtual_hosts"][0]["routes"].pop()
    editions = [
        {"route_config": old, "last_updated": "2026-11-28T00:27:29.953Z"},
        {"route_config": config, "last_updated": "2026-11-28T00:28:20.865Z"},
        {"route_config": config, "last_updated": "2026-11-28T00:28:20.864Z"},
        {"route_config": {"virtual_hosts": []}, "last_updated": "2026-11-28T00:25:00Z"},
        {"route_config": {"virtual_hosts": []}, "last_updated": "2026-11-28T00:26:00Z"},
    ]
    for order in (editions, editions[::-1]):
        tables = parse_tables({"configs": [{"static_route_configs": order}]})
        assert [len(h.routes) for table in tables for h in table.hosts] == [2, 2]
        assert len([table for table in tables if not table.name]) == 2


def with_waypoint(case: Case) -> Mesh:
    pods = (
        replace(pod, gateway=True, proxy_container="istio-proxy", phase="Running", ready=True)
        if pod.name == "waypoint-abc"
        else pod
        for pod in case.mesh.pods
    )
    return replace(case.mesh, pods=tuple(pods))


@pytest.mark.parametrize(
    ("name", "kind"), [("w-httproute", "HTTPRoute"), ("w-vs", "VirtualService")]
)
def test_a_shift_is_verified_in_the_waypoint(name: str, kind: str) -> None:
    case = load(name, "waypoint")
    mesh = with_waypoint(case)
    service = mesh.by_host["rev.gw-w.svc.cluster.local"]
    located = locate(mesh, Target(service.key))
    assert located.owner.ref.kind == kind
    labels = [d.label for d in located.rule.destinations]
    change = build_change(mesh, Shift({labels[1]: 50}), Target(service.key))
    clients = client_proxies(mesh, service.key, located.owner, None)
    assert [pod.name for pod in clients.pods] == ["waypoint-abc"]
    moved = with_object(mesh, apply(located.owner.raw, change.patch), kind)
    old, new = (world(m).view(client_of(m, clients.pods[0])) for m in (mesh, moved))
    (host,) = touched_hosts(old, new, change.target)
    assert host.changes and host.after is not None
    assert [target.share for target in host.after.routes[-1].targets] == [0.5, 0.5]
    assert {t.cluster.partition("|")[0] for t in host.after.routes[-1].targets} == {"inbound-vip"}
    assert all(new.reach(t.cluster).exists for t in host.after.routes[-1].targets)


def test_the_rows_have_the_weights_of_the_waypoint() -> None:
    mesh = with_waypoint(load("w-httproute", "waypoint"))
    service = mesh.by_host["rev.gw-w.svc.cluster.local"]
    route = ordinary(routes_to(mesh, service))
    assert route is not None and not route.edge
    assert [round(route.rule.percent(d)) for d in route.rule.destinations] == [80, 20]
    assert route.whose == "waypoint waypoint in gw-w"


def test_a_request_through_it_takes_the_rule() -> None:
    mesh = with_waypoint(load("w-httproute", "waypoint"))
    host = "rev.gw-w.svc.cluster.local"
    found = trace(
        mesh, Request(authority="rev:9080", headers=(("x-t", "1"),)), Caller(WAY, 9080, host)
    )
    assert found.table == f"inbound-vip|9080|http|{host}"
    assert [(to.host, to.percent) for to in found.effects.destinations] == [
        ("rev-v1.gw-w.svc.cluster.local", 100.0)
    ]
    other = trace(mesh, Request(authority="nobody"), Caller(WAY, 9080, "nobody.gw-w.test"))
    assert other.taken is None and "does not stand before" in other.notes[0]


WITHOUT = {
    "no waypoint is there": (
        lambda m: replace(m, api_gateways=()),
        "there is no waypoint gw-w/waypoint",
    ),
    "the service wants none": (lambda m: relabelled(m, "none"), "it asks for none"),
    "it wants another": (lambda m: relabelled(m, "other"), "there is no waypoint gw-w/other"),
}


def relabelled(mesh: Mesh, waypoint: str) -> Mesh:
    services = (
        replace(s, labels={"istio.io/use-waypoint": waypoint}) if s.key.name == "rev" else s
        for s in mesh.services
    )
    return replace(mesh, services=tuple(services))


@pytest.mark.parametrize("why", WITHOUT)
def test_without_a_waypoint_http_rules_do_nothing_and_no_verb_pretends_to(why: str) -> None:
    change, words = WITHOUT[why]
    mesh = change(load("w-httproute", "waypoint").mesh)
    service = mesh.by_host["rev.gw-w.svc.cluster.local"]
    (first, *_) = routes_to(mesh, service)
    assert words in first.unused and "HTTP rules do nothing" in first.unused
    with pytest.raises(Refused, match="has no effect"):
        build_change(mesh, Shift({"rev-v2": 50}), Target(service.key))


@pytest.mark.parametrize("why", WITHOUT)
def test_where_callers_with_a_sidecar_have_the_rules_a_change_says_that_others_do_not(
    why: str,
) -> None:
    change, words = WITHOUT[why]
    caller = Pod("other", "client", proxy_container="istio-proxy", phase="Running")
    case = load("w-httproute", "waypoint")
    mesh = change(replace(case.mesh, pods=(*case.mesh.pods, caller)))
    service = mesh.by_host["rev.gw-w.svc.cluster.local"]
    made = build_change(mesh, Shift({"rev-v2": 50}), Target(service.key))
    (caution,) = ambient_findings(mesh, made)
    assert words in caution.text and "callers with a sidecar alone" in caution.text
    assert ambient_findings(with_waypoint(case), made) == ()
