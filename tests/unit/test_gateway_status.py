"""What a Gateway or a ListenerSet says does not work, where a person looks for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshtui.diagnosis import analysis
from meshtui.diagnosis.explain.scope import scope_of
from meshtui.diagnosis.explain.triage import sentences
from meshtui.mesh.exposure import doors_to, gateway_troubles
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import client_of
from meshtui.mesh.service_limits import exposed
from meshtui.mesh.trace import Caller, trace
from meshtui.mesh.view import service_views
from meshtui.ui.panes.exposuretext import exposure_lines
from tests.unit.objects import Obj, meta, pod, service

GROUP = "gateway.networking.k8s.io"
PENDING = {
    "conditions": [
        {
            "lastTransitionTime": "1970-01-01T00:00:00Z",
            "message": "Waiting for controller",
            "reason": "Pending",
            "status": "Unknown",
            "type": kind,
        }
        for kind in ("Accepted", "Programmed")
    ]
}
"""As the API server makes a Gateway whose class nobody serves."""


def condition(kind: str, status: str, reason: str, message: str = "") -> Obj:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def mesh_of(status: Obj, added: Obj | None = None, **labels: str) -> Mesh:
    proxy = pod("edge-istio", "v1")
    proxy["metadata"]["labels"] |= {f"{GROUP}/gateway-name": "edge"}
    front = service("edge-istio")
    front["metadata"]["labels"] = {f"{GROUP}/gateway-name": "edge"}
    front["spec"]["ports"] = [{"name": "http", "port": 80}, {"name": "extra", "port": 8080}]
    own = service("reviews")
    own["metadata"]["labels"] = dict(labels)
    listeners = [
        {"name": name, "port": port, "protocol": "HTTP"} for name, port in (("http", 80), ("b", 81))
    ]
    edge = {
        "metadata": meta("edge"),
        "spec": {
            "gatewayClassName": "istio",
            "listeners": listeners,
            "allowedListeners": {"namespaces": {"from": "Same"}},
        },
        "status": status,
    }
    waypoint = {
        "metadata": meta("way"),
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": []},
        "status": PENDING,
    }
    more = {
        "metadata": meta("more"),
        "spec": {
            "parentRef": {"name": "edge"},
            "listeners": [{"name": "extra", "port": 8080, "protocol": "HTTP"}],
        },
        "status": added or {},
    }
    route = {
        "metadata": meta("shop"),
        "spec": {
            "parentRefs": [
                {"name": "edge", "sectionName": "http"},
                {"name": "more", "kind": "ListenerSet", "group": GROUP},
            ],
            "hostnames": ["shop.example"],
            "rules": [{"backendRefs": [{"name": "reviews", "port": 9080}]}],
        },
    }
    return parse_mesh(
        {
            "services": [own, front],
            "pods": [proxy, pod("reviews", "v1")],
            f"gateways.{GROUP}": [edge, waypoint],
            "listenersets": [more],
            "httproutes": [route],
        }
    )


UNPROGRAMMED = {"conditions": [condition("Programmed", "False", "Invalid", "no pod")]}
WORDS = "Gateway default/edge: Programmed is False, Invalid: no pod"


def said(mesh: Mesh) -> list[str]:
    (own,) = [one for one in mesh.services if one.key.name == "reviews"]
    return [str(one) for one in gateway_troubles(mesh, own)]


@pytest.mark.parametrize(
    ("status", "added", "words"),
    [
        ({}, None, []),
        ({"conditions": [condition("Programmed", "True", "Programmed")]}, None, []),
        (UNPROGRAMMED, None, [WORDS]),
        (PENDING, None, [f"Gateway default/edge: {kind} is Unknown, Pending: Waiting for controller"
                         for kind in ("Accepted", "Programmed")]),
        ({"conditions": [condition("Programmed", "False", "AddressNotAssigned")]}, None, []),
        (
            {"listeners": [{"name": "http", "conditions": [condition("Conflicted", "True", "X")]}]},
            None,
            ["Gateway default/edge listener http: Conflicted is True, X"],
        ),
        ({"listeners": [{"name": name, **UNPROGRAMMED} for name in ("b", "gone")]}, None, []),
        ({}, UNPROGRAMMED, ["ListenerSet default/more: Programmed is False, Invalid: no pod"]),
    ],
)  # fmt: skip
def test_what_is_wrong_on_the_way_to_a_service(
    status: Obj, added: Obj | None, words: list[str]
) -> None:
    assert said(mesh_of(status, added)) == words


def test_of_a_waypoint_that_nobody_runs() -> None:
    mesh = mesh_of({}, **{"istio.io/use-waypoint": "way"})
    assert said(mesh) == [
        f"Gateway default/way: {kind} is Unknown, Pending: Waiting for controller"
        for kind in ("Accepted", "Programmed")
    ]


def test_it_is_said_in_signals_exposure_and_trace() -> None:
    mesh = mesh_of(UNPROGRAMMED)
    own = mesh.by_key[ServiceKey("default", "reviews")]
    (view,) = [one for one in service_views(mesh, None) if one.key == own.key]
    (first, *_) = sentences(scope_of(mesh, view, None, None, (view,), None, None))
    assert f"{WORDS}." in first.lines
    door, added = doors_to(mesh, own)
    assert [one.words for one in door.troubles] == ["Programmed is False, Invalid: no pod"]
    assert added.troubles == ()
    shown = exposure_lines(exposed(mesh, own, None), {}, 100, asked=False)
    pane = "\n".join("".join(part.text for part in line) for line in shown)
    assert "status    ▲ Programmed is False, Invalid: no pod" in pane
    found_pod = next(one for one in mesh.pods if one.workload.startswith("edge"))
    proxy = replace(found_pod, gateway=True)
    caller = Caller(client_of(mesh, proxy), 80)
    found = trace(mesh, Request(authority="shop.example"), caller)
    assert WORDS in found.notes


def test_what_no_controller_has_looked_at_is_found_by_the_analysis() -> None:
    found = [one for one in analysis.analyze(mesh_of(PENDING)) if one.code == "unready-gateway"]
    assert [one.severity for one in found if one.object.name == "edge"] == ["warning"] * 2


def test_hostile_statuses_are_read_as_far_as_they_go() -> None:
    odd: list[Any] = [[], "x", {"conditions": "x"}, {"conditions": [1, {}, {"type": 5}]}]
    odd += [{"listeners": [{"conditions": [condition("Programmed", "", "")]}]}, {"listeners": 4}]
    for status in odd:
        assert said(mesh_of(status)) == []
