"""Routes of the Gateway API that do not work: what is said of them, and that nothing is written."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Shift, Target
from meshtui.diagnosis.analysis import analyze
from meshtui.errors import Refused
from meshtui.mesh.carrying import routes_to
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse_gateway_api import parse_http_route
from meshtui.mesh.route_status import is_accepted, route_troubles
from meshtui.mesh.view import service_views
from meshtui.ui.panes.ruletext import rules_lines
from tests.recorded.analyzed import findings
from tests.recorded.cases import Case, load, names
from tests.recorded.test_http_routes_at_gateways import with_gate

Obj = dict[str, Any]
CODES = {
    "unserved-route",
    "dropped-route",
    "missing-grant",
    "bad-backend",
    "ignored-session",
    "no-waypoint",
    "unreachable-rule",
}

EXPECTED = {
    "g-istio-gateway": ["unreachable-rule VirtualService gw-a/edge spec.http[0]"],
    "g-istio-gateway-older": ["unreachable-rule VirtualService gw-a/edge spec.http[0]"],
    "g-precedence": ["unreachable-rule HTTPRoute gw-a/web spec.rules[4]"],
    "g-two-routes-same": ["unreachable-rule HTTPRoute gw-a/a-new spec.rules[0]"],
    "m-session": [
        "ignored-session HTTPRoute gw-a/rev spec.rules[0].sessionPersistence",
        "ignored-session HTTPRoute gw-a/rev spec.rules[1].sessionPersistence",
    ],
    "m-regex": ["unreachable-rule HTTPRoute gw-a/rev spec.rules[0]"],
    "m-two-routes-same": ["unreachable-rule HTTPRoute gw-a/a-new spec.rules[0]"],
    "g-no-grant": ["missing-grant HTTPRoute gw-a/web spec.rules[0].backendRefs[1]"],
    "g-no-match-host": [
        "unserved-route HTTPRoute gw-a/w1 spec.parentRefs",
        "unserved-route HTTPRoute gw-a/w2 spec.parentRefs",
        "unserved-route HTTPRoute gw-a/w3 spec.parentRefs",
    ],
    "g-other-ns": ["unserved-route HTTPRoute gw-b/no spec.parentRefs"],
    "m-backend-bad-filter": ["dropped-route HTTPRoute gw-a/rev spec.rules"],
    "m-backend-hostname": ["bad-backend HTTPRoute gw-a/rev spec.rules[1].backendRefs[0]"],
    "m-bad-filter-one-rule": ["dropped-route HTTPRoute gw-a/rev spec.rules"],
    "m-parent-missing": [
        f"unserved-route HTTPRoute gw-a/{name} spec.parentRefs[0]" for name in ("a", "b")
    ],
    "w-httproute-and-vs": ["unreachable-rule VirtualService gw-w/rev spec.hosts[0]"],
    "w-opt-out": ["no-waypoint HTTPRoute gw-w/solo spec.parentRefs"],
}
"""By case, of all of them: what is found of its routes beside missing Services and ports."""

CASES = [(folder, name) for folder in ("gateway-api", "waypoint") for name in names(folder)]


@pytest.mark.parametrize(("folder", "name"), CASES)
def test_what_is_found(folder: str, name: str) -> None:
    found = [f for f in findings(name, folder) if f.code in CODES]
    assert [f"{f.code} {f.object} {f.field}" for f in found] == EXPECTED.get(name, [])


def with_status(case: Case) -> Mesh:
    """With the status that istiod had written, which a recording keeps beside the objects."""
    routes = []
    for route in case.mesh.http_routes:
        parents = case.recorded["status"].get(f"{route.ref.kind} {place(route.ref)}", [])
        raw = {**route.raw, "status": {"parents": parents}}
        routes.append(parse_http_route(raw, kind=route.ref.kind))
    return replace(case.mesh, http_routes=tuple(routes))


def place(ref: Any) -> str:
    return f"{ref.namespace}/{ref.name}"


def test_a_dropped_route_is_accepted_by_its_status_and_the_finding_says_so() -> None:
    mesh = with_status(load("m-bad-filter-one-rule", "gateway-api"))
    assert all(is_accepted(route) for route in mesh.http_routes)
    (found,) = [f for f in analyze(mesh) if f.code == "dropped-route"]
    assert "its status says Accepted" in found.effect and "filter ExtensionRef" in found.effect


TROUBLES = {
    ("g-no-grant", "web"): "Gateway gate listener http: ResolvedRefs is False, RefNotPermitted: ",
    ("g-no-match-host", "w1"): "Gateway gate listener exact: Accepted is False, "
    "NoMatchingListenerHostname: ",
    ("g-other-ns", "no"): "Gateway gw-a/gate listener wild: Accepted is False, "
    "NotAllowedByListeners: ",
    ("g-invalid-service", "web"): "Gateway gate listener http: ResolvedRefs is False, "
    "BackendNotFound: ",
}


@pytest.mark.parametrize(("case", "name"), TROUBLES)
def test_the_conditions_of_a_status_are_reasons(case: str, name: str) -> None:
    mesh = with_status(load(case, "gateway-api"))
    (route,) = [r for r in mesh.http_routes if r.ref.name == name]
    (trouble,) = route_troubles(route)
    assert str(trouble).startswith(TROUBLES[case, name])


def test_a_status_that_is_met_is_no_trouble() -> None:
    (route,) = with_status(load("g-weights", "gateway-api")).http_routes
    assert route_troubles(route) == () and is_accepted(route)


def test_the_rules_pane_shows_the_reasons_and_the_gateway() -> None:
    mesh = with_status(load("g-invalid-service", "gateway-api"))
    service = mesh.by_host["rev-v1.gw-a.svc.cluster.local"]
    gate = with_gate(load("g-invalid-service", "gateway-api"))
    mesh = replace(mesh, pods=gate.pods)
    (view,) = service_views(mesh, None, of=[service])
    text = "\n".join(
        "".join(piece.text for piece in picked.line) for picked in rules_lines(view, mesh, 60)
    )
    assert "HTTPRoute gw-a/web" in text
    assert "at Gateway gw-a/gate: a.gw.test" in text
    assert "▲ Gateway gate listener http: ResolvedRefs is False," in text


# What may stand in a route


def named(rule: Obj, **fields: Any) -> None:
    rule["backendRefs"][1].update(fields)


Damage = Callable[[Obj], None]
BAD: dict[str, tuple[Damage, str, bool]] = {
    "no such Gateway": (
        lambda spec: spec["parentRefs"][0].update(name="nobody"),
        "there is no Gateway gw-a/nobody",
        False,
    ),
    "no such listener": (
        lambda spec: spec["parentRefs"][0].update(sectionName="nobody"),
        "it is for listener nobody",
        False,
    ),
    "no such port": (
        lambda spec: spec["parentRefs"][0].update(sectionName=None, port=7),
        "it is for port 7",
        False,
    ),
    "a parent of another namespace": (
        lambda spec: spec["parentRefs"][0].update(namespace="gw-b"),
        "there is no Gateway gw-b/gate",
        False,
    ),
    "a parent of an unknown kind": (
        lambda spec: spec["parentRefs"][0].update(group="x.test", kind="Door"),
        "no parent of it is a Gateway or a Service",
        False,
    ),
    "a hostname of no listener": (
        lambda spec: spec.update(
            hostnames=["x.test"], parentRefs=[{"name": "gate", "sectionName": "wild"}]
        ),
        "no hostname of the route meets *.gw.test",
        False,
    ),
    "a filter that is not known": (
        lambda spec: spec["rules"][0].update(filters=[{"type": "Sparkle"}]),
        "filter Sparkle",
        False,
    ),
    "a filter of a backend that is not known": (
        lambda spec: named(spec["rules"][0], filters=[{"type": "URLRewrite"}]),
        "filter URLRewrite of a backend",
        False,
    ),
    "a backend without a port": (
        lambda spec: spec["rules"][0]["backendRefs"][1].pop("port"),
        "a backend has no port",
        False,
    ),
    "a backend called by its host": (
        lambda spec: named(spec["rules"][0], name="rev-v2.gw-a"),
        "a Service is named by its name",
        False,
    ),
    "a backend that is missing": (
        lambda spec: named(spec["rules"][0], name="nobody"),
        "nobody.gw-a.svc.cluster.local does not exist",
        True,
    ),
    "a backend of another namespace": (
        lambda spec: named(spec["rules"][0], name="pay", namespace="gw-b"),
        "No ReferenceGrant of gw-b",
        True,
    ),
    "a backend of an unknown kind": (
        lambda spec: named(spec["rules"][0], group="x.test", kind="Bucket"),
        "A Bucket can't be a backend",
        True,
    ),
}
"""What may be wrong with a route at a Gateway, the words for it, and whether the rest works."""


def damaged(how: str) -> Mesh:
    mesh = with_gate(load("g-weights", "gateway-api"))
    (route,) = mesh.http_routes
    raw: Obj = copy.deepcopy(dict(route.raw))
    BAD[how][0](raw["spec"])
    return replace(mesh, http_routes=(parse_http_route(raw),))


@pytest.mark.parametrize("how", BAD)
def test_a_bad_route_is_shown_with_the_reason_and_never_written(how: str) -> None:
    _, words, works = BAD[how]
    mesh = damaged(how)
    service = mesh.by_host["rev-v1.gw-a.svc.cluster.local"]
    found = analyze(mesh)
    assert service_views(mesh, None)
    shown = [route for route in routes_to(mesh, service) if route.service.ref.name == "web"]
    assert shown
    if works:
        assert any(words in finding.effect for finding in found)
        assert any(route.carries for route in shown)
        return
    assert all(words in route.unused for route in shown)
    for rule in ("", "web/0"):
        with pytest.raises(Refused, match=r"no effect"):
            build_change(mesh, Shift({"rev-v1": 50}), Target(service.key, rule))
