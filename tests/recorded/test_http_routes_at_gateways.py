"""HTTPRoutes at Gateways of the Gateway API against what a real istiod gave the gateway's pod."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import SetMirror, SetTimeout, Shift, Target
from meshtui.changes.patch import apply
from meshtui.envoy.agree import agreement
from meshtui.envoy.compare import compare_host, host_of
from meshtui.envoy.dead_ends import unanswered, unreachable
from meshtui.envoy.trace import Followed
from meshtui.envoy.trace import trace as follow
from meshtui.envoy.virtual_hosts import RouteTable, parse_hosts, parse_tables
from meshtui.mesh.carrying import ordinary, routes_to, traffic_to
from meshtui.mesh.exposure import api_routes_to, doors_to
from meshtui.mesh.model import HttpRoute, Mesh, Pod
from meshtui.mesh.parse_gateway_api import mirror_percent
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client, View, VirtualHost, client_of, world
from meshtui.mesh.trace import Caller, trace
from meshtui.operations.change.verify import client_proxies
from meshtui.operations.change.written_objects import with_object
from meshtui.operations.proxies.matrix import matrix_of
from tests.recorded.analyzed import whole_mesh
from tests.recorded.cases import Case, load, names
from tests.recorded.test_exposure import reachable
from tests.recorded.test_resolution import (
    assert_clusters,
    chain_clusters,
    cluster_names,
    tcp_chains,
)
from tests.recorded.test_trace import recorded_shares, shares

Obj = dict[str, Any]

LABEL = "gateway.networking.k8s.io/gateway-name"
PORTS = (80, 8081, 9000, 9443, 8443, 15021)
GATE = Client("gw-a", {LABEL: "gate"}, gateway=True, ports={number: number for number in PORTS})
CASES = [name for name in names("gateway-api") if name.startswith("g-")]
OTHER_CLUSTERS = {
    "g-gateway-lb": "its cluster is that of a Service that no case holds",
}
"""Cases whose clusters can't be compared, with the reason."""

CONNECTIONS = {
    "g-tcp-two": "its connections are in test_connections",
    "g-tls-pass": "its connections are in test_connections",
}
"""Cases of routes that pass connections on, with the reason why only their HTTP is compared."""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return load(request.param, "gateway-api")


def gate_of(case: Case) -> View:
    return world(case.mesh).view(GATE)


def recorded(case: Case) -> Obj:
    found: Obj = case.recorded["proxies"]["gate"]
    return found


def own_hosts(view: View) -> dict[tuple[str, str], VirtualHost]:
    """Without those that stand where a table has no other."""
    return {
        (vhost.table, vhost.name): vhost
        for vhosts in view.gateway_tables.values()
        for vhost in vhosts
        if vhost.routes
    }


def dump_of(case: Case) -> Obj:
    """The recorded routes, as a config dump has them."""
    tables: dict[str, list[Obj]] = {}
    for vhost in recorded(case)["routes"]:
        tables.setdefault(vhost["route_config"], []).append(vhost)
    return {
        "configs": [
            {
                "route_config": {
                    "name": name,
                    "ignore_port_in_host_matching": True,
                    "virtual_hosts": vhosts,
                }
            }
            for name, vhosts in tables.items()
        ]
    }


def test_the_gateway_has_the_recorded_virtual_hosts_and_no_other(case: Case) -> None:
    made = own_hosts(gate_of(case))
    wanted = {(v["route_config"], v["name"]): v for v in recorded(case)["routes"]}
    assert sorted(made) == sorted(wanted)
    for key, vhost in wanted.items():
        assert sorted(made[key].domains) == sorted(vhost["domains"])
        assert [route.envoy for route in made[key].routes] == vhost["routes"], key


def test_its_own_dump_is_in_sync_with_the_objects(case: Case) -> None:
    proxy = parse_hosts(dump_of(case))
    for vhost in own_hosts(gate_of(case)).values():
        verdict = compare_host(vhost, host_of(proxy, vhost)).verdict()
        assert verdict.in_sync, verdict.differences


@pytest.mark.parametrize("name", [name for name in CASES if name not in OTHER_CLUSTERS])
def test_it_has_the_recorded_clusters(name: str) -> None:
    case = load(name, "gateway-api")
    if clusters := recorded(case)["clusters"]:
        assert_clusters(gate_of(case), clusters)


def test_only_known_cases_are_left_out() -> None:
    assert len(CASES) == 21
    assert OTHER_CLUSTERS.keys() | CONNECTIONS.keys() <= set(CASES)
    kinds = {name: {obj["kind"] for obj in load(name, "gateway-api").objects} for name in CASES}
    assert {n for n in CASES if kinds[n] & {"TCPRoute", "TLSRoute"}} == set(CONNECTIONS)


# Requests


def asked_of(case: Case) -> list[Obj]:
    """What was really requested of the gateway, with the route that took it."""
    return [r for r in case.recorded["requests"] if r["request"].get("who") == "gate"]


def request_of(asked: Obj) -> Request:
    return Request(
        method=asked.get("method", "GET"),
        path=asked.get("path", "/"),
        authority=asked["host"],
        headers=tuple(asked.get("headers", {}).items()),
        scheme=asked.get("scheme", "http"),
    )


def followed(case: Case, asked: Obj, table: str) -> Followed:
    tables: tuple[RouteTable, ...] = parse_tables(dump_of(case))
    return follow(tables, request_of(asked), gateway=True, table=table)


def test_each_recorded_request_goes_where_it_went(case: Case) -> None:
    for found in asked_of(case):
        asked = found["request"]
        if case.name in CONNECTIONS:
            continue
        intent = trace(case.mesh, request_of(asked), Caller(GATE, asked.get("port", 80)))
        assert intent.sure, intent
        if asked.get("scheme") == "https":
            assert shares(intent) == {found["live"]["log"]["cluster"]: 100}
            continue
        table, effect = f"http.{asked.get('port', 80)}", found["effect"]
        actual = followed(case, asked, table)
        if isinstance(effect, dict):
            assert shares(intent) == shares(actual.decision) == recorded_shares(effect)
        elif effect in ("404", "no virtual host"):
            assert intent.taken is None and actual.decision.taken is None
        else:
            assert intent.effects.answer and intent.effects.answer == actual.decision.effects.answer
        live = found.get("live") or {}
        first = live.get("first", live)
        if "NC" in first.get("log", {}).get("flags", ""):
            assert any("(NC)" in note for note in intent.notes)
        assert agreement(intent, actual) == (True, ()), asked


def test_requests_are_made_in_most_cases() -> None:
    assert sum(len(asked_of(load(name, "gateway-api"))) for name in CASES) > 30


# Ways in


def recorded_ways(case: Case) -> set[tuple[str, str]]:
    """Each name at the gateway with each host that its requests or connections go to."""
    passed = {
        (name, cluster.split("|")[3])
        for listener in recorded(case).get("listeners") or ()
        for chain in tcp_chains(listener)
        for cluster in chain_clusters(chain)
        for name in chain["server_names"] or ["*"]
    }
    return passed | {
        (domain, parts[3])
        for vhost in recorded(case)["routes"]
        for cluster in cluster_names(reachable(vhost["routes"]))
        if len(parts := cluster.split("|")) == 4 and "nosuch" not in cluster
        for domain in vhost["domains"]
    }


def test_the_ways_in_are_those_of_the_gateway(case: Case) -> None:
    mesh = whole_mesh(case)
    found = {
        (host, service.host): door
        for service in mesh.services
        if service.key.namespace in ("gw-a", "gw-b")
        for door in doors_to(mesh, service)
        if door.gateway.name in ("gate", "old")
        for host in door.hosts
    }
    assert set(found) == recorded_ways(case)
    for door in found.values():
        assert [pod.name for pod in door.pods] == ["gate-istio"]
        if door.listener:
            kinds = {obj["kind"] for obj in case.objects}
            assert door.rules_of is not None and door.rules_of.kind in kinds


NOT_SERVED = {
    ("g-no-match-host", "w1"): "listener exact: no hostname of the route meets a.gw.test",
    ("g-no-match-host", "w2"): "it is for listener nosuch",
    ("g-no-match-host", "w3"): "there is no Gateway gw-a/nogate",
    ("g-other-ns", "no"): "listener wild: routes of gw-b are not allowed",
}


def test_a_route_that_no_listener_has_says_why() -> None:
    """Of all cases these, and each is refused in the status that istiod wrote, too."""
    found = {}
    for name in CASES:
        case = load(name, "gateway-api")
        for service in case.mesh.services:
            for route in api_routes_to(case.mesh, service):
                if route.ref.kind == "HTTPRoute":
                    found[name, route.ref.name] = route.why
                    parents = case.recorded["status"][f"HTTPRoute {place(route.ref)}"]
                    assert not any(map(is_accepted, parents))
    assert found.keys() == NOT_SERVED.keys()
    for key, words in NOT_SERVED.items():
        assert words in found[key]


def place(ref: Any) -> str:
    return f"{ref.namespace}/{ref.name}"


def is_accepted(parent: Obj) -> bool:
    return ("Accepted", "True") in {(c["type"], c["status"]) for c in parent["conditions"]}


# Rows and verbs


def gate_pod(mesh: Mesh) -> Pod:
    pod = next(pod for pod in mesh.pods if pod.name == "gate-istio")
    return replace(pod, gateway=True, phase="Running")


def with_gate(case: Case) -> Mesh:
    mesh = whole_mesh(case)
    others = tuple(pod for pod in mesh.pods if pod.name != "gate-istio")
    return replace(mesh, pods=(*others, gate_pod(mesh)))


def test_the_rule_of_a_backend_has_the_weights_of_the_gateway(case: Case) -> None:
    mesh = with_gate(case)
    for vhost in recorded(case)["routes"]:
        last = vhost["routes"][-1]
        if last["match"] != {"prefix": "/", "case_sensitive": True}:
            continue
        backends = {
            c.split("|")[3] for c in cluster_names([last]) if "nosuch" not in c and "|" in c
        }
        for host in backends & {service.host for service in mesh.services}:
            route = ordinary(r for r in routes_to(mesh, mesh.by_host[host]) if r.edge)
            assert route is not None and route.rest, host
            wanted = {d.host for d in route.rule.destinations if route.rule.percent(d)}
            assert host in wanted


@pytest.mark.parametrize("name", ["g-no-grant", "g-invalid-service"])
def test_a_backend_that_is_none_is_no_fault_of_the_proxy(name: str) -> None:
    case = load(name, "gateway-api")
    view = gate_of(case)
    (vhost,) = own_hosts(view).values()
    pairs = compare_host(vhost, host_of(parse_hosts(dump_of(case)), vhost)).pairs
    counts = {t.cluster: 1 for route in vhost.routes for t in route.targets}
    counts = {name: 1 for name in counts if view.reach(name).exists}
    assert unreachable(pairs, view, counts) == ()
    notes = unanswered(pairs, view, counts)
    assert notes and all("no backend, and are answered 500" in note for note in notes)
    there = next(name for name in counts if "rev-v1" in name)
    del counts[there]
    assert any("the proxy has no cluster" in text for text in unreachable(pairs, view, counts))


def test_rules_of_several_routes_are_told_apart_by_their_objects() -> None:
    case = load("g-two-routes-same", "gateway-api")
    mesh = with_gate(case)
    backend = mesh.by_host["rev-v1.gw-a.svc.cluster.local"]
    assert matrix_of(mesh, backend, None).titles == ("rules[0]",)
    (older, newer) = sorted(mesh.http_routes, key=lambda route: route.created)
    both = replace(mesh, http_routes=(older, replace(older, ref=newer.ref, raw=named(older, "b"))))
    assert matrix_of(both, backend, None).titles == ("z-old rules[0]", "a-new rules[0]")


def named(route: HttpRoute, host: str) -> Obj:
    """The same route for another host name."""
    return {**route.raw, "spec": {**route.raw["spec"], "hostnames": [f"{host}.gw.test"]}}


def test_a_backend_without_weight_has_the_rule_to_be_given_some() -> None:
    case = load("g-weights", "gateway-api")
    mesh = with_gate(case)
    (owner,) = mesh.http_routes
    key = mesh.by_host["rev-v1.gw-a.svc.cluster.local"].key
    change = build_change(mesh, Shift({"rev-v1": 0}), Target(key))
    moved = with_object(mesh, apply(owner.raw, change.patch), "HTTPRoute")
    assert build_change(moved, Shift({"rev-v1": 30}), Target(key)).words == (
        "rev-v1 0 → 30 %",
        "rev-v2 100 → 70 %",
    )


def test_who_gets_a_backend_by_the_rule_of_another_host_is_not_without_a_rule() -> None:
    """Telemetry tells of a backend's callers, and not which host they have called."""
    outside, inside = load("g-weights", "gateway-api"), load("m-weights", "gateway-api")
    (route,) = inside.mesh.http_routes
    before = with_gate(outside)
    mesh = replace(before, http_routes=(*before.http_routes, route))
    service = mesh.by_host["rev-v2.gw-a.svc.cluster.local"]
    callers = frozenset({("gw-a", "client"), ("gw-b", "client"), ("gw-a", "gate-istio")})
    traffic = traffic_to(mesh, service)
    found = ordinary(traffic.routes, callers, traffic.unruled)
    assert found is not None and found.service.ref.name == "web"
    alone = traffic_to(before, service)
    assert ordinary(alone.routes, callers, alone.unruled) is None


VERBS = {
    "shift": (Shift({"rev-v2": 50}), ("rules", 0, "backendRefs")),
    "mirror": (SetMirror("rev-v2", 25), ("rules", 0, "filters")),
    "timeout": (SetTimeout(timeout_s=2.0), ("rules", 0, "timeouts")),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_changes_the_route_at_the_gateway_and_is_verified_there(verb: str) -> None:
    case = load("g-weights", "gateway-api")
    mesh = with_gate(case)
    service = mesh.by_host["rev-v1.gw-a.svc.cluster.local"]
    request, (list_name, index, key) = VERBS[verb]
    change = build_change(mesh, request, Target(service.key))
    assert (change.target.kind, change.target.name) == ("HTTPRoute", "web")
    assert all(op["path"].startswith(f"/spec/{list_name}/{index}/{key}") for op in change.patch)
    owner = next(r for r in mesh.http_routes if isinstance(r, HttpRoute))
    after: Any = apply(owner.raw, change.patch)
    assert apply(after, change.inverse) == owner.raw
    clients = client_proxies(mesh, service.key, owner, None)
    assert [pod.name for pod in clients.pods] == ["gate-istio"]
    moved = with_object(mesh, after, "HTTPRoute")
    (vhost,) = own_hosts(world(moved).view(client_of(moved, clients.pods[0]))).values()
    (route,) = vhost.routes
    before = host_of(parse_hosts(dump_of(case)), vhost)
    assert not compare_host(vhost, before).verdict().in_sync
    if verb == "shift":
        assert [round(target.share, 2) for target in route.targets] == [0.5, 0.5]
    elif verb == "mirror":
        assert [target.share for target in route.mirrors] == [0.25]
        assert mirror_percent(after["spec"]["rules"][0]["filters"][0]["requestMirror"]) == 25
    else:
        assert route.envoy["route"]["timeout"] == "2s"
