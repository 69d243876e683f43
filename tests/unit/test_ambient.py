"""Rules that callers in the ambient mesh do not ask: said before a write, whatever holds them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Shift, Target
from meshtui.changes.checks import ambient_findings
from meshtui.errors import Refused
from meshtui.mesh.ambient import waypoint_of
from meshtui.mesh.carrying import rivals, routes_to
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
from meshtui.mesh.view import service_views
from tests.unit.objects import Obj, meta, pod, service

GROUP = "gateway.networking.k8s.io"
SPACE, HOST = "shop", "rev.shop.svc.cluster.local"
USE, SPACE_OF = "istio.io/use-waypoint", "istio.io/use-waypoint-namespace"
ADDRESS = {"addresses": [{"type": "IPAddress", "value": "10.9.0.1"}]}
PENDING = {"conditions": [{"type": "Programmed", "status": "Unknown", "reason": "Pending"}]}


def waypoint(namespace: str = SPACE, status: Obj = ADDRESS, **listener: Any) -> Obj:
    tunnels = {"name": "mesh", "port": 15008, "protocol": "HBONE", **listener}
    return {
        "metadata": meta("way", namespace),
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": [tunnels]},
        "status": status,
    }


def waypoint_pod(namespace: str = SPACE, *, ready: bool = True) -> Obj:
    made = pod("way", "v1", ready=ready, namespace=namespace)
    made["metadata"]["labels"] |= {f"{GROUP}/gateway-name": "way"}
    made["spec"]["containers"] = [{"name": "istio-proxy"}]
    return made


def bare(version: str) -> Obj:
    made = pod("rev", version, namespace=SPACE)
    made["spec"]["containers"] = [{"name": "app"}]
    return made


def backends(kind: str) -> Obj:
    port = 9090 if kind == "TCPRoute" else 9080
    weights = {"rev-v1": 80, "rev-v2": 20}
    refs = [{"name": name, "port": port, "weight": w} for name, w in weights.items()]
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": meta("rev", SPACE),
        "spec": {
            "parentRefs": [{"group": "", "kind": "Service", "name": "rev"}],
            "rules": [{"backendRefs": refs}],
        },
    }


def weights(protocol: str) -> Obj:
    port = 9090 if protocol == "tcp" else 9080
    route = [
        {"destination": {"host": name, "port": {"number": port}}, "weight": weight}
        for name, weight in (("rev-v1", 80), ("rev-v2", 20))
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": meta("rev", SPACE),
        "spec": {"hosts": ["rev"], protocol: [{"route": route}]},
    }


RULES: dict[str, tuple[str, Obj]] = {
    "VirtualService": ("virtualservices", weights("http")),
    "VirtualService with tcp": ("virtualservices", weights("tcp")),
    "HTTPRoute": ("httproutes", backends("HTTPRoute")),
    "TCPRoute": ("tcproutes", backends("TCPRoute")),
}
HERE = {USE: "way"}
WITHOUT: dict[str, tuple[dict[str, str], list[Obj], list[Obj], str]] = {
    "no label": ({}, [waypoint()], [waypoint_pod()], "it has no waypoint"),
    "it wants none": ({USE: "none"}, [waypoint()], [waypoint_pod()], f"it asks for none ({USE}"),
    "no such Gateway": ({USE: "gone"}, [waypoint()], [], "there is no waypoint shop/gone"),
    "nobody has started it": (
        HERE,
        [waypoint(status=PENDING)],
        [],
        "waypoint shop/way has no address yet",
    ),
    "another class": (
        HERE,
        [{**waypoint(), "spec": {"gatewayClassName": "istio", "listeners": []}}],
        [],
        "Gateway shop/way is no waypoint: its class is istio",
    ),
    "another namespace's, which admits its own": (
        {**HERE, SPACE_OF: "infra"},
        [waypoint("infra")],
        [waypoint_pod("infra")],
        "waypoint infra/way admits no services of shop (allowedRoutes)",
    ),
    "another namespace's, which admits others": (
        {**HERE, SPACE_OF: "infra"},
        [
            waypoint(
                "infra",
                allowedRoutes={
                    "namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}
                },
            )
        ],
        [waypoint_pod("infra")],
        "waypoint infra/way admits no services of shop (allowedRoutes)",
    ),
}
NOT_RUN = {
    "without a pod": ([], "takes what ambient callers send, and it has no pod"),
    "with a pod that is not ready": (
        [waypoint_pod(ready=False)],
        "takes what ambient callers send, and no pod of it is ready",
    ),
}


def mesh_of(rules: str, labels: Obj, gateways: list[Obj], pods: list[Obj], *more: Obj) -> Mesh:
    return parse_mesh(objects(rules, labels, gateways, [*pods, *more]))


def objects(rules: str, labels: Obj, gateways: list[Obj], pods: list[Obj]) -> dict[str, list[Obj]]:
    made = [service(name, SPACE) for name in ("rev", "rev-v1", "rev-v2")]
    for one, version in zip(made, ("", "v1", "v2"), strict=True):
        one["spec"]["selector"] = {"app": "rev", **({"version": version} if version else {})}
        if "TCP" in rules or "tcp" in rules:
            one["spec"]["ports"] = [{"name": "tcp-raw", "port": 9090}]
    made[0]["metadata"]["labels"] = labels
    plural, holder = RULES[rules]
    spaces = [
        {"metadata": {"name": SPACE, "labels": {"istio.io/dataplane-mode": "ambient"}}},
        {"metadata": {"name": "infra", "labels": {}}},
        {"metadata": {"name": "other", "labels": {}}},
    ]
    return {
        "namespaces": spaces,
        "services": made,
        "pods": [bare("v1"), bare("v2"), *pods],
        f"gateways.{GROUP}": gateways,
        plural: [copy.deepcopy(holder)],
    }


def shift(mesh: Mesh) -> Any:
    return build_change(mesh, Shift({"rev-v2": 50}), Target(mesh.by_host[HOST].key))


SIDECAR = pod("caller", "v1", namespace="other", number=9)


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("why", WITHOUT)
def test_where_no_waypoint_takes_a_services_requests(why: str, rules: str) -> None:
    labels, gateways, pods, words = WITHOUT[why]
    mesh = mesh_of(rules, labels, gateways, pods)
    assert waypoint_of(mesh, mesh.by_host[HOST]) is None or "no address" in words
    (first, *_) = routes_to(mesh, mesh.by_host[HOST])
    assert words in first.unused and "HTTP rules do nothing there" in first.unused
    with pytest.raises(Refused, match="has no effect"):
        shift(mesh)
    # Callers with a sidecar have the rule: then the change is made, and it is said who lacks it.
    mesh = mesh_of(rules, labels, gateways, pods, SIDECAR)
    (caution,) = ambient_findings(mesh, shift(mesh))
    assert words in caution.text and "callers with a sidecar alone" in caution.text


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("pods", NOT_RUN)
def test_a_waypoint_that_nobody_runs_stops_no_verb_and_is_said(pods: str, rules: str) -> None:
    runs, words = NOT_RUN[pods]
    mesh = mesh_of(rules, HERE, [waypoint()], runs, SIDECAR)
    (caution,) = ambient_findings(mesh, shift(mesh))
    assert words in caution.text
    unread = replace(mesh, partial={"pods": frozenset({"other"})})
    assert ambient_findings(unread, shift(unread)) == ()


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("admits", ["All", "Selector"])
def test_a_waypoint_that_runs_asks_them(admits: str, rules: str) -> None:
    near = mesh_of(rules, HERE, [waypoint()], [waypoint_pod()])
    selector = {"matchLabels": {"istio.io/dataplane-mode": "ambient"}}
    allowed = {"namespaces": {"from": admits, "selector": selector}}
    far = mesh_of(
        rules,
        {**HERE, SPACE_OF: "infra"},
        [waypoint("infra", allowedRoutes=allowed)],
        [waypoint_pod("infra")],
    )
    for mesh in (near, far):
        assert waypoint_of(mesh, mesh.by_host[HOST]) is not None
        assert ambient_findings(mesh, shift(mesh)) == ()


def test_a_service_outside_of_the_ambient_mesh_may_be_called_from_it() -> None:
    mesh = mesh_of("HTTPRoute", {USE: "gone"}, [], [], SIDECAR)
    outside = {SPACE: {}, "infra": {"istio.io/dataplane-mode": "ambient"}}
    spaces = tuple(replace(one, labels=outside.get(one.name, {})) for one in mesh.namespaces)
    mesh = replace(mesh, namespaces=spaces)
    (caution,) = ambient_findings(mesh, shift(mesh))
    assert "asks for a waypoint and there is no waypoint shop/gone" in caution.text
    nobody = tuple(replace(one, labels={}) for one in mesh.namespaces)
    mesh = replace(mesh, namespaces=nobody)
    assert ambient_findings(mesh, shift(mesh)) == ()


def test_the_service_before_a_waypoint_has_none_itself() -> None:
    labels = {**HERE, "gateway.istio.io/managed": "istio.io-mesh-controller"}
    mesh = mesh_of("HTTPRoute", labels, [waypoint()], [waypoint_pod()])
    assert waypoint_of(mesh, mesh.by_host[HOST]) is None


@pytest.mark.parametrize("label", ["", "true", "false"])
def test_what_gateways_send_asks_the_waypoints_rules_where_they_call_through_it(label: str) -> None:
    labels = {**HERE, "istio.io/ingress-use-waypoint": label} if label else HERE
    edge = {
        "metadata": meta("edge", SPACE),
        "spec": {
            "gatewayClassName": "istio",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }
    front = pod("edge", "v1", namespace=SPACE, number=5)
    front["metadata"]["labels"] |= {f"{GROUP}/gateway-name": "edge"}
    front["spec"]["containers"] = [{"name": "istio-proxy"}]
    before = service("edge-istio", SPACE, **{f"{GROUP}/gateway-name": "edge"})
    before["spec"]["ports"] = [{"name": "http", "port": 80}]
    door = backends("HTTPRoute")
    door["metadata"] = meta("door", SPACE)
    door["spec"]["parentRefs"] = [{"name": "edge"}]
    door["spec"]["rules"] = [{"backendRefs": [{"name": "rev", "port": 9080}]}]
    raw = objects("HTTPRoute", labels, [waypoint(), edge], [waypoint_pod(), front])
    raw["httproutes"].append(door)
    raw["services"].append(before)
    mesh = parse_mesh(raw)
    routes = routes_to(mesh, mesh.by_host[HOST])
    assert {(r.service.ref.name, r.elsewhere) for r in routes} == {
        ("rev", False),
        ("door", label == "true"),
    }
    assert [r.service.ref.name for r in rivals(routes)] == [
        "rev",
        *(["door"] if label != "true" else []),
    ]


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        ((SPACE, "way"), "way was not read"),
        (("infra", "way"), "none of its pods has a proxy, and nobody who has one calls it"),
        (("other", "caller-v1"), "caller-v1 was not read"),
    ],
)
def test_a_waypoint_that_is_not_read_calls_only_what_it_stands_before(
    lost: tuple[str, str], why: str
) -> None:
    gateways, runs = [waypoint(), waypoint("infra")], [waypoint_pod(), waypoint_pod("infra")]
    mesh = mesh_of("HTTPRoute", HERE, gateways, runs, SIDECAR)
    sample = Sample(time=0.0, source="sidecars", window_s=60.0, unread=frozenset({lost}))
    views = service_views(mesh, sample, of=[mesh.by_host[HOST]])
    assert {row.unknown_because for view in views for row in view.versions} == {why}
