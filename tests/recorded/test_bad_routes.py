"""One table of what can be wrong with a route: every kind, every view, every verb.

What is wrong is shown with its reason, stops nothing, and is never written into.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from meshtui.changes.adopt import adopt
from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Change,
    Promote,
    Rollback,
    RuleRequest,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
    Target,
)
from meshtui.changes.consequences import consequences
from meshtui.changes.edit import edited
from meshtui.changes.patch import apply
from meshtui.diagnosis.analysis import analyze
from meshtui.errors import Refused
from meshtui.mesh.carrying import routes_to
from meshtui.mesh.description import described
from meshtui.mesh.exposure import api_routes_to, doors_to
from meshtui.mesh.gateway_api import ALL_ROUTE_KINDS, ROUTE_KINDS, STREAM_KINDS, HttpRoute
from meshtui.mesh.model import Mesh, Service
from meshtui.mesh.parse_gateway_api import parse_http_route, parse_stream_route
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client
from meshtui.mesh.trace import Caller, trace
from meshtui.mesh.view import service_views
from meshtui.operations.change.edit import find_editable
from meshtui.operations.change.written_objects import mesh_after
from meshtui.operations.proxies.matrix import matrix_of, row_of
from meshtui.ui.panes.ruletext import rules_lines
from tests.recorded.cases import CLIENT_LABELS, load
from tests.recorded.test_http_routes_at_gateways import with_gate

Obj = dict[str, Any]
GATE, SERVICE = "Gateway", "Service"
PARENTS = (GATE, SERVICE)
PARTS: dict[str, tuple[str, str, int]] = {
    "HTTPRoute": ("http", "rev", 9080),
    "GRPCRoute": ("http", "rpc", 9100),
    "TCPRoute": ("tcp", "raw", 9090),
    "TLSRoute": ("pass", "sec", 9443),
}
"""By kind a listener of the Gateway, a Service, and the port of the Services of its versions."""

TLS_NAMES = {GATE: "p.gw.test", SERVICE: "sec.gw-a.svc.cluster.local"}


@dataclass(frozen=True)
class Wrong:
    """What is done to a route, and the words for it.

    `whole`: nobody has any of its rules. `at`: the parents that it concerns; `kinds` likewise.
    """

    damage: Callable[[Obj], object]
    words: str
    whole: bool = True
    at: tuple[str, ...] = PARENTS
    kinds: tuple[str, ...] = ALL_ROUTE_KINDS


def parent(**fields: Any) -> Callable[[Obj], object]:
    return lambda spec: spec["parentRefs"][0].update(fields)


def second(**fields: Any) -> Callable[[Obj], object]:
    return lambda spec: spec["rules"][0]["backendRefs"][1].update(fields)


def filtered(kind: str) -> Callable[[Obj], object]:
    return lambda spec: spec["rules"][0].update(filters=[{"type": kind}])


WRONG: dict[str, Wrong] = {
    "no such parent": Wrong(parent(name="nobody"), "there is no {parent} gw-a/nobody"),
    "a parent elsewhere": Wrong(parent(namespace="gw-c"), "there is no {parent} gw-c/{name}"),
    "an unknown kind of parent": Wrong(
        parent(group="x.test", kind="Door"), "no parent of it is a Gateway or a Service"
    ),
    "no such listener": Wrong(parent(sectionName="none"), "it is for listener none", at=(GATE,)),
    "no such port": Wrong(parent(sectionName=None, port=7), "it is for port 7", at=(GATE,)),
    "a port that its Service lacks": Wrong(
        parent(port=7),
        "there is no port 7 of Service gw-a/{name}",
        at=(SERVICE,),
        kinds=("HTTPRoute",),
    ),
    "a listener of another kind": Wrong(
        parent(sectionName="tcp"),
        "routes of kind {kind} are not allowed",
        at=(GATE,),
        kinds=("HTTPRoute", "GRPCRoute", "TLSRoute"),
    ),
    "an unknown filter": Wrong(filtered("Sparkle"), "filter Sparkle", kinds=ROUTE_KINDS),
    "a filter of another kind": Wrong(
        filtered("URLRewrite"), "filter URLRewrite", kinds=("GRPCRoute",)
    ),
    "a backend by its host": Wrong(second(name="v2.gw-a"), "a Service is named by its name"),
    "a backend without a port": Wrong(
        lambda spec: spec["rules"][0]["backendRefs"][1].pop("port"), "a backend has no port"
    ),
    "no such backend": Wrong(
        second(name="nobody"), "nobody.gw-a.svc.cluster.local does not exist", whole=False
    ),
    "a backend elsewhere": Wrong(
        second(name="pay", namespace="gw-b", port=9080),
        "no ReferenceGrant of gw-b",
        whole=False,
        at=(GATE,),
    ),
    "an unknown kind of backend": Wrong(
        second(group="x.test", kind="Bucket"), "a Bucket can't be a backend", whole=False
    ),
}


def combinations(whole: bool) -> list[Any]:
    return list(_combinations(whole))


def _combinations(whole: bool) -> Iterator[Any]:
    for how, wrong in WRONG.items():
        for kind in wrong.kinds:
            for place in wrong.at:
                if wrong.whole is whole:
                    yield pytest.param(how, kind, place, id=f"{kind}-{place}-{how}")


def route(kind: str, place: str, damage: Callable[[Obj], object] | None = None) -> HttpRoute:
    section, name, port = PARTS[kind]
    at_gate: Obj = {"name": "gate", "sectionName": section}
    named: Obj = {"group": "", "kind": SERVICE, "name": name}
    spec: Obj = {
        "parentRefs": [at_gate if place == GATE else named],
        "rules": [{"backendRefs": [part(f"{name}-{v}", port, 50) for v in ("v1", "v2")]}],
    }
    if kind == "TLSRoute":
        spec["hostnames"] = [TLS_NAMES[place]]
    if damage is not None:
        damage(spec)
    meta = {"name": "odd", "namespace": "gw-a", "uid": "u", "resourceVersion": "7"}
    raw = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": meta}
    parse = parse_stream_route if kind in STREAM_KINDS else parse_http_route
    return parse({**raw, "spec": spec}, kind=kind)


def part(name: str, port: int, weight: int) -> Obj:
    return {"name": name, "port": port, "weight": weight}


@cache
def mesh_with(kind: str, place: str, how: str = "") -> Mesh:
    base = with_gate(load("m-tls", "gateway-api"))
    made = route(kind, place, WRONG[how].damage if how else None)
    of_requests = kind in ROUTE_KINDS
    return replace(
        base,
        http_routes=(made,) if of_requests else (),
        stream_routes=() if of_requests else (made,),
    )


def services(mesh: Mesh, kind: str) -> list[Service]:
    """The parent Service and those of both versions."""
    name = PARTS[kind][1]
    hosts = [f"{one}.gw-a.svc.cluster.local" for one in (name, f"{name}-v1", f"{name}-v2")]
    return [mesh.by_host[host] for host in hosts]


def only(mesh: Mesh) -> HttpRoute:
    (found,) = (*mesh.http_routes, *mesh.stream_routes)
    return found


def words(how: str, kind: str, place: str) -> str:
    name = "gate" if place == GATE else PARTS[kind][1]
    return WRONG[how].words.format(kind=kind, parent=place, name=name)


def texts(mesh: Mesh, service: Service) -> str:
    """Everything that is shown of a service, for it to be looked through."""
    (view,) = service_views(mesh, None, of=[service])
    lines = rules_lines(view, mesh, 200)
    said = ["".join(piece.text for piece in picked.line) for picked in lines]
    said += [str(one.effect) for one in analyze(mesh)]
    said += [one.why for one in api_routes_to(mesh, service)]
    said += [str(door) for door in doors_to(mesh, service)]
    said += [str(described(mesh, view, row)) for row in view.versions]
    caller = Caller(Client("gw-a", CLIENT_LABELS), service.ports[0].number, service.host)
    for scheme in ("http", "https"):
        request = Request(authority=service.host, scheme=scheme)
        said += [str(trace(mesh, request, caller))]
    matrix = matrix_of(mesh, service, None)
    said += [str(row_of(mesh, matrix, pod, (), {})) for pod in matrix.pods]
    return "\n".join(said)


VERBS: dict[str, Callable[[str], RuleRequest]] = {
    "shift": lambda name: Shift({f"{name}-v1": 20}),
    "promote": lambda name: Promote(f"{name}-v1"),
    "rollback": lambda name: Rollback(f"{name}-v1"),
    "mirror": lambda name: SetMirror(f"{name}-v1", 10),
    "timeout": lambda _: SetTimeout(2.0),
    "fault": lambda _: SetFault(abort_http=503),
}


def refused(mesh: Mesh, service: Service, request: RuleRequest, rule: str = "") -> str:
    """Why a verb is refused."""
    with pytest.raises(Refused) as caught:
        build_change(mesh, request, Target(service.key, rule))
    return str(caught.value)


@pytest.mark.parametrize("place", PARENTS)
@pytest.mark.parametrize("kind", ALL_ROUTE_KINDS)
def test_without_damage_the_routes_of_the_table_work(kind: str, place: str) -> None:
    mesh = mesh_with(kind, place)
    assert not [one for one in analyze(mesh) if one.object == only(mesh).ref]
    service = services(mesh, kind)[1 if place == GATE else 0]
    assert any(r.carries for r in routes_to(mesh, service))
    assert build_change(mesh, Shift({f"{PARTS[kind][1]}-v1": 20}), Target(service.key)).patch


@pytest.mark.parametrize(("how", "kind", "place"), combinations(whole=True))
def test_a_route_that_nobody_has_is_shown_with_the_reason_and_not_written(
    how: str, kind: str, place: str
) -> None:
    mesh, why = mesh_with(kind, place, how), words(how, kind, place)
    said = [texts(mesh, service) for service in services(mesh, kind)]
    assert any(why in text for text in said)
    version = services(mesh, kind)[1]
    shown = [r for r in routes_to(mesh, version) if r.service == only(mesh)]
    assert shown and all(why in r.unused for r in shown)
    for verb in VERBS.values():
        for rule in ("", "odd/0"):
            assert "no effect" in refused(mesh, version, verb(PARTS[kind][1]), rule)
    item = find_editable(mesh, f"{kind}/odd", "gw-a")
    after: Obj = copy.deepcopy(dict(only(mesh).raw))
    after["metadata"]["labels"] = {"x": "y"}
    assert isinstance(item, HttpRoute)
    assert edited(mesh, item, version.key, after).target.kind == kind


@pytest.mark.parametrize(("how", "kind", "place"), combinations(whole=False))
def test_of_a_route_with_one_bad_backend_the_rest_works(how: str, kind: str, place: str) -> None:
    mesh, why = mesh_with(kind, place, how), words(how, kind, place)
    service = services(mesh, kind)[1 if place == GATE else 0]
    assert why.lower() in texts(mesh, service).lower()
    (view,) = service_views(mesh, None, of=[service])
    shown = "\n".join(
        piece.text for picked in rules_lines(view, mesh, 200) for piece in picked.line
    )
    assert ("its connections are closed" if kind in STREAM_KINDS else "answered 500") in shown
    name = PARTS[kind][1]
    made = build_change(mesh, Shift({f"{name}-v1": 20}), Target(service.key))
    assert restored(mesh, made)
    (said,) = (c for c in consequences(mesh, mesh_after(mesh, made), made) if "80 %" in c.text)
    assert ("closed" if kind in STREAM_KINDS else "500") in said.text
    made = build_change(mesh, Promote(f"{name}-v1"), Target(service.key))
    assert restored(mesh, made)
    assert not consequences(mesh, mesh_after(mesh, made), made)


def restored(mesh: Mesh, made: Change) -> bool:
    raw = only(mesh).raw
    return bool(made.patch) and apply(apply(raw, made.patch), made.inverse) == raw


def test_a_listener_that_another_has_the_port_of_is_named() -> None:
    mesh = mesh_with("HTTPRoute", GATE)
    gates = tuple(
        replace(
            one,
            listeners=(*one.listeners, replace(one.listeners[0], name="late", protocol="TCP")),
        )
        for one in mesh.api_gateways
    )
    late = route("HTTPRoute", GATE, parent(sectionName="late"))
    mesh = replace(mesh, api_gateways=gates, http_routes=(late,))
    (said,) = [one.effect for one in analyze(mesh) if one.object == late.ref]
    assert "listener late of Gateway gw-a/gate is not served: see its status" in said


def test_a_listener_set_that_is_not_there_is_called_so() -> None:
    absent = route("HTTPRoute", GATE, parent(kind="ListenerSet", name="none", sectionName=None))
    mesh = replace(mesh_with("HTTPRoute", GATE), http_routes=(absent,))
    (said,) = [one.effect for one in analyze(mesh) if one.object == absent.ref]
    assert "there is no ListenerSet gw-a/none of Istio's with a listener" in said


@pytest.mark.parametrize("place", PARENTS)
@pytest.mark.parametrize("kind", ALL_ROUTE_KINDS)
def test_weights_that_are_all_zero_are_found(kind: str, place: str) -> None:
    def drain(spec: Obj) -> None:
        for backend in spec["rules"][0]["backendRefs"]:
            backend["weight"] = 0

    zero = route(kind, place, drain)
    streams = kind in STREAM_KINDS
    mesh = replace(
        mesh_with(kind, place), **{"stream_routes" if streams else "http_routes": (zero,)}
    )
    said = "; ".join(one.effect for one in analyze(mesh) if one.object == zero.ref)
    assert ("connection" in said and "closed" in said) if streams else "answered 500" in said


@pytest.mark.parametrize("how", ["no such parent", "an unknown kind of parent"])
@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute", "TCPRoute"])
def test_a_service_that_a_bad_route_is_not_for_may_be_adopted(kind: str, how: str) -> None:
    mesh = mesh_with(kind, SERVICE, how)
    made = adopt(mesh, services(mesh, kind)[0].key).routes
    assert made.target.kind == "VirtualService"


@pytest.mark.parametrize("how", ["an unknown filter", "a backend by its host"])
def test_a_service_that_a_bad_route_is_for_is_not_adopted(how: str) -> None:
    mesh = mesh_with("HTTPRoute", SERVICE, how)
    with pytest.raises(Refused, match="is routed by HTTPRoute gw-a/odd already"):
        adopt(mesh, services(mesh, "HTTPRoute")[0].key)


@pytest.mark.parametrize("kind", ALL_ROUTE_KINDS)
def test_what_a_route_is_not_for_is_said_of_its_own_kind(kind: str) -> None:
    """No hint leads to a command that is refused, and none calls a route by another kind."""
    mesh = mesh_with(kind, SERVICE)
    service = services(mesh, kind)[0]
    with pytest.raises(Refused) as caught:
        adopt(mesh, service.key)
    assert ("--gateway-api" in str(caught.value)) is (kind in ROUTE_KINDS)
    assert "an HTTPRoute" not in refused(mesh, service, SetFault(abort_http=503))


def both_kinds() -> Mesh:
    """An HTTPRoute and a TCPRoute of one name, for the two ports of one Service."""
    base = with_gate(load("m-tls", "gateway-api"))

    def named(kind: str, port: int, name: str) -> HttpRoute:
        made = route(kind, SERVICE)
        backends = [part(f"{name}-v1", port, 80), part(f"{name}-v2", port, 20)]
        spec = {**made.raw["spec"], "rules": [{"backendRefs": backends}]}
        spec["parentRefs"] = [{"group": "", "kind": SERVICE, "name": "two"}]
        parse = parse_stream_route if kind in STREAM_KINDS else parse_http_route
        return parse({**made.raw, "spec": spec}, kind=kind)

    http, tcp = named("HTTPRoute", 9080, "rev"), named("TCPRoute", 9090, "raw")
    return replace(base, http_routes=(http,), stream_routes=(tcp,))


def test_two_kinds_of_routes_may_have_one_name() -> None:
    mesh = both_kinds()
    service = mesh.by_host["two.gw-a.svc.cluster.local"]
    found = {r.service.ref.kind: r.ports for r in routes_to(mesh, service)}
    assert found == {"HTTPRoute": (9080,), "TCPRoute": (9090,)}
    titles = matrix_of(mesh, service, None).titles
    assert titles == ("HTTPRoute odd rules[0]", "TCPRoute odd rules[0]")
    assert "say HTTPRoute/gw-a/odd/0 or TCPRoute/gw-a/odd/0" in refused(
        mesh, service, Shift({"raw-v1": 10}), "odd/0"
    )
    target = Target(service.key, "TCPRoute/gw-a/odd/0")
    made = build_change(mesh, Shift({"raw-v1": 10}), target)
    assert made.target.kind == "TCPRoute" and made.words == (
        "raw-v1 80 → 10 %",
        "raw-v2 20 → 90 %",
    )
