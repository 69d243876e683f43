"""HTTPRoutes as the table and the verbs see them, against what a real istiod gave each caller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from meshtui.changes.adopt import adopt
from meshtui.changes.breaker_ops import passed_by
from meshtui.changes.build import build_change
from meshtui.changes.change import (
    ClearAll,
    ClearMirror,
    ClearTimeout,
    Effect,
    Rollback,
    SetBreaker,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.changes.effects import find_effect, restored
from meshtui.changes.locate import locate
from meshtui.changes.patch import apply
from meshtui.changes.timeout_ops import gateway_duration
from meshtui.errors import Refused
from meshtui.mesh.carrying import Route, ordinary, rivals, routes_to
from meshtui.mesh.model import HttpRoute, Mesh, Service
from meshtui.mesh.parse_gateway_api import as_match
from meshtui.operations.change.written_objects import object_of, with_object, without_object
from tests.recorded.analyzed import findings, whole_mesh
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
def test_no_virtual_service_is_made_beside_an_http_route_that_carries_the_traffic(
    name: str,
) -> None:
    case = load(name, "gateway-api")
    mesh = with_clients(case)
    for service in ruled(mesh):
        routes = routes_to(mesh, service)
        if not isinstance((ordinary(routes) or routes[0]).service if routes else None, HttpRoute):
            continue
        with pytest.raises(Refused, match=r"HTTPRoute|several rules|takes no rule"):
            adopt(mesh, service.key)


@pytest.mark.parametrize("name", CASES)
def test_weights_are_changed_in_the_backends_and_nothing_else(name: str) -> None:
    case, changed = load(name, "gateway-api"), 0
    mesh = with_clients(case)
    for service in ruled(mesh):
        routes = routes_to(mesh, service)
        route = ordinary(routes)
        if route is None or not isinstance(route.service, HttpRoute) or len(rivals(routes)) > 1:
            continue
        labels = [d.label for d in route.rule.destinations]
        if len(set(labels)) < 2 or len(labels) > len(set(labels)):
            continue
        target = Target(service.key)
        change = build_change(mesh, Shift({labels[0]: 30}), target)
        raw = route.service.raw
        after: Any = apply(raw, change.patch)
        assert apply(after, change.inverse) == raw
        assert {tuple(op["path"].split("/")[:5]) for op in change.patch} == {
            ("", "spec", "rules", str(route.rule.index), "backendRefs")
        }
        moved = with_object(mesh, after, "HTTPRoute")
        now = ordinary(routes_to(moved, service))
        assert now is not None
        assert weights(now)[now.rule.destinations[0].host, ""] == pytest.approx(30, abs=0.5)
        with pytest.raises(Refused, match=r"is not made in routes of.*comes after this route"):
            build_change(mesh, SetFault(delay_s=1.0), target)
        changed += 1
    if not changed:
        pytest.skip("no HTTPRoute with several backends carries the traffic alone")


MIRRORS = (
    (100.0, {}),
    (25.0, {"percent": 25}),
    (0.5, {"fraction": {"numerator": 5000, "denominator": 1_000_000}}),
)


@pytest.mark.parametrize(("percent", "part"), MIRRORS)
def test_a_mirror_is_a_filter(percent: float, part: dict[str, Any]) -> None:
    mesh = with_clients(load("m-weights", "gateway-api"))
    (service,) = ruled(mesh)
    target = Target(service.key)
    located = locate(mesh, target)
    raw, label = located.owner.raw, located.rule.destinations[1].label
    change = build_change(mesh, SetMirror(label, percent, expires_s=60.0), target)
    after: Any = apply(raw, change.patch)
    (made,) = after["spec"]["rules"][0]["filters"]
    backend = {"name": label, "port": 9080}
    assert made == {"type": "RequestMirror", "requestMirror": {"backendRef": backend, **part}}
    assert apply(after, change.inverse) == raw
    (guard,) = change.guards
    assert (guard.protocol, guard.kind) == ("rules", "mirror")
    mirrored = with_object(mesh, after, "HTTPRoute")
    (mirror,) = locate(mirrored, target).rule.mirrors
    assert mirror.percent == pytest.approx(percent)
    assert build_change(mirrored, SetMirror(label, percent), target).empty
    for request in (ClearMirror(), ClearMirror(label), ClearAll()):
        cleared: Any = apply(after, build_change(mirrored, request, target).patch)
        assert cleared["spec"] == raw["spec"]


def test_a_mirrors_limit_finds_it_wherever_its_rule_and_its_filter_stand() -> None:
    mesh = with_clients(load("m-weights", "gateway-api"))
    (service,) = ruled(mesh)
    target = Target(service.key)
    located = locate(mesh, target)
    namespace, label = located.owner.ref.namespace, located.rule.destinations[1].label
    change = build_change(mesh, SetMirror(label, 25.0, expires_s=60.0), target)
    (guard,) = change.guards
    spec: Any = apply({"spec": change.spec_after}, ())["spec"]
    spec["rules"].insert(0, {"matches": [{"method": "PUT"}], "backendRefs": []})
    added = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}
    spec["rules"][1]["filters"].insert(0, added)
    (placed,) = find_effect(guard, spec, namespace)
    assert (placed.index, placed.value) == (1, 25)
    _, off = restored(spec, namespace, {guard: None})
    assert off["rules"][1]["filters"] == [added]
    _, less = restored(spec, namespace, {guard: 5})
    assert find_effect(guard, less, namespace)[0].value == 5
    other = Effect("rules", guard.rule, 0, "mirror", "nobody.gw-a.svc.cluster.local/")
    assert restored(spec, namespace, {other: None}) == ((), spec)


def test_a_timeout_is_the_whole_requests_and_retries_are_refused() -> None:
    mesh = with_clients(load("m-weights", "gateway-api"))
    (service,) = ruled(mesh)
    target = Target(service.key)
    raw = locate(mesh, target).owner.raw
    change = build_change(mesh, SetTimeout(timeout_s=2.5), target)
    after: Any = apply(raw, change.patch)
    assert after["spec"]["rules"][0]["timeouts"] == {"request": "2s500ms"}
    assert change.words == ("timeout none → 2.5s",)
    assert apply(after, change.inverse) == raw
    limited = with_object(mesh, after, "HTTPRoute")
    assert locate(limited, target).rule.timeout_s == 2.5
    cleared: Any = apply(after, build_change(limited, ClearTimeout(), target).patch)
    assert "timeouts" not in cleared["spec"]["rules"][0]
    for request in (
        SetTimeout(timeout_s=2.0, attempts=1),
        SetTimeout(timeout_s=2.0, per_try_s=1.0),
        SetTimeout(attempts=0),
    ):
        with pytest.raises(Refused, match="not in the standard HTTPRoute"):
            build_change(mesh, request, target)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(10.0, "10s"), (0.25, "250ms"), (90.0, "1m30s"), (3661.5, "1h1m1s500ms"), (86400.0, "24h")],
)
def test_a_time_is_written_as_the_gateway_api_does(seconds: float, text: str) -> None:
    assert gateway_duration(seconds) == text


def test_another_service_becomes_a_backend_on_the_port_of_the_others() -> None:
    mesh = with_clients(load("m-weights", "gateway-api"))
    (service,) = ruled(mesh)
    change = build_change(mesh, Shift({"rev-v3": 10}), Target(service.key))
    (added,) = [op["value"] for op in change.patch if op["op"] == "add"]
    assert added == {"name": "rev-v3", "port": 9080, "weight": 10}
    assert change.words == ("rev-v3 0 → 10 %", "rev-v1 80 → 72 %", "rev-v2 20 → 18 %")


def test_two_objects_of_one_name_are_told_apart_by_their_namespaces() -> None:
    mesh = with_clients(load("m-vs-other-ns-older", "gateway-api"))
    (service, *_) = ruled(mesh)
    with pytest.raises(Refused, match="several rules") as refused:
        locate(mesh, Target(service.key))
    named = re.findall(r"(\S+) for callers", str(refused.value))
    assert len(set(named)) == len(named) > 1
    found = [locate(mesh, Target(service.key, name)).owner.ref for name in named]
    assert len(set(found)) == len(named)


def test_a_rollback_takes_the_mirrors_off() -> None:
    mesh = with_clients(load("m-mirror", "gateway-api"))
    (service,) = ruled(mesh)
    located = locate(mesh, Target(service.key))
    label = located.rule.destinations[0].label
    change = build_change(mesh, Rollback(label), Target(service.key))
    assert any("mirror" in text for text in change.words)
    after: Any = apply(located.owner.raw, change.patch)
    filters = after["spec"]["rules"][located.rule.index].get("filters") or []
    assert not [entry for entry in filters if entry["type"] == "RequestMirror"]


def test_a_route_of_another_kind_is_not_adopted_over() -> None:
    case = load("m-tcp-on-http", "gateway-api")
    (host, *_) = case.mesh.stream_routes_by_host
    key = case.mesh.by_host[host].key
    with pytest.raises(Refused, match="is routed by TCPRoute"):
        adopt(case.mesh, key)
    with pytest.raises(Refused, match=r"rule rules\[0\] has no effect \(port 9080 is HTTP"):
        locate(case.mesh, Target(key))


def with_weights_in_grpc() -> Mesh:
    """A GRPCRoute that divides all calls of a Service, beside one for a single method."""
    mesh = with_clients(load("m-grpc-and-http", "gateway-api"))
    raw: Any = next(r for r in mesh.http_routes if r.ref.kind == "GRPCRoute").raw
    backends = [
        {"name": "rev-v1", "port": 9080, "weight": 9},
        {"name": "rev-v2", "port": 9080, "weight": 1},
    ]
    rules = [*raw["spec"]["rules"], {"backendRefs": backends}]
    changed = {**raw, "spec": {**raw["spec"], "rules": rules}}
    alone = replace(mesh, http_routes=())
    return with_object(alone, changed, "GRPCRoute")


def test_the_verbs_work_on_a_grpc_route() -> None:
    mesh = with_weights_in_grpc()
    (service,) = ruled(mesh)
    target = Target(service.key)
    located = locate(mesh, target)
    assert (located.owner.ref.kind, located.rule.index) == ("GRPCRoute", 1)
    change = build_change(mesh, Shift({"rev-v2": 30}), target)
    assert change.words == ("rev-v1 90 → 70 %", "rev-v2 10 → 30 %")
    after: Any = apply(located.owner.raw, change.patch)
    moved = with_object(mesh, after, "GRPCRoute")
    (route,) = [r for r in moved.http_routes if r.ref.kind == "GRPCRoute"]
    assert [d.weight for d in route.rules[1].destinations] == [7, 3]
    assert apply(after, change.inverse) == located.owner.raw
    mirror = build_change(mesh, SetMirror("rev-v2", 50.0), target)
    assert mirror.words == ("mirror none → rev-v2 50 %",)
    with pytest.raises(Refused, match="GRPCRoute gw-a/g carries the traffic: a timeout is not"):
        build_change(mesh, SetTimeout(timeout_s=2.0), target)
    with pytest.raises(Refused, match="a fault is not made in"):
        build_change(mesh, SetFault(delay_s=1.0), target)


def test_two_routes_of_one_name_and_two_kinds_are_two_objects() -> None:
    mesh = with_clients(load("m-grpc-and-http", "gateway-api"))
    grpc, http = (next(r for r in mesh.http_routes if r.ref.kind == k) for k in KINDS)
    renamed: Any = {**grpc.raw, "metadata": {**grpc.raw["metadata"], "name": http.ref.name}}
    both = with_object(mesh, renamed, "GRPCRoute")
    assert sorted(r.ref.kind for r in both.http_routes if r.ref.name == http.ref.name) == [*KINDS]
    found = object_of(both, http.ref)
    assert found is http
    assert [str(r.ref) for r in without_object(both, http.ref).http_routes] == [
        "GRPCRoute gw-a/g",
        "GRPCRoute gw-a/h",
    ]


KINDS = ("GRPCRoute", "HTTPRoute")
CALLS = (
    ({"service": "a.B"}, {"prefix": "/a.B/"}),
    ({"service": "a.B", "method": "C"}, {"exact": "/a.B/C"}),
    ({"method": "C"}, {"regex": "/[^/]+/C"}),
    ({"type": "RegularExpression", "service": "a.*"}, {"regex": "/a.*/.+"}),
    ({"type": "RegularExpression", "service": "a.*", "method": "C"}, {"regex": "/a.*/C"}),
    ({"type": "RegularExpression", "method": "C.*"}, {"regex": "/[^/]+/C.*"}),
)


@pytest.mark.parametrize(("method", "uri"), CALLS)
def test_a_call_is_a_path(method: dict[str, str], uri: dict[str, str]) -> None:
    """As istiod's createGRPCURIMatch has it."""
    assert as_match({"method": method}, "GRPCRoute") == {"uri": uri}


def test_a_service_with_tls_ports_alone_is_not_adopted() -> None:
    case = load("m-weights", "gateway-api")
    service = next(s for s in case.mesh.services if s.key.name == "sec-v1")
    with pytest.raises(Refused, match=r"has no HTTP port and no TCP port \(9443 tls\)"):
        adopt(case.mesh, service.key)


def test_limits_of_a_host_that_a_route_sends_on_are_told_to_hold_for_nothing() -> None:
    mesh = whole_mesh(load("m-weights", "gateway-api"))
    limits = SetBreaker("", {"max_connections": 5})
    found = {}
    for name in ("rev", "rev-v1"):
        key = mesh.by_host[f"{name}.gw-a.svc.cluster.local"].key
        found[name] = passed_by(mesh, build_change(mesh, limits, Target(key)))
    (caution,) = found["rev"]
    assert caution.level == "danger"
    assert "HTTPRoute gw-a/rev sends the requests to rev.gw-a on to rev-v1, rev-v2" in caution.text
    assert found["rev-v1"] == ()


OWNERS = {
    "m-vs-newer": ["Callers of gw-a have the HTTPRoute, others the older one."],
    "m-vs-older": ["by callers in gw-a, the HTTPRoute of the", "by callers in gw-b, the older one"],
}


@pytest.mark.parametrize("name", OWNERS)
def test_two_owners_of_a_host_are_named_as_they_work(name: str) -> None:
    found = [f for f in findings(name, "gateway-api") if f.code == "host-conflict"]
    for words in OWNERS[name]:
        assert any(words in f.effect for f in found), words
    assert {f.advice for f in found} == {"Put the rules into one object."}
