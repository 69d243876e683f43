"""BackendTLSPolicies beside a real istiod: with which TLS each client calls, and what is said.

`data/backend-tls.json` has Services, policies with their status, DestinationRules beside them, and
the clusters that a gateway and callers of two namespaces had.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import SetBreaker, Target
from meshtui.diagnosis.analysis import analyze
from meshtui.mesh import read
from meshtui.mesh.description import described
from meshtui.mesh.model import Mesh, Pod, Service
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client, Cluster, world
from meshtui.mesh.trace import Caller, trace
from meshtui.mesh.view import service_views
from meshtui.ui.panes.describetext import describe_lines
from meshtui.ui.panes.ruletext import rules_lines
from tests.recorded.cases import API_GATEWAYS, DATA, PLURALS, made_services

Obj = dict[str, Any]
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
CLIENTS = {
    "gate": Client("routes-a", {GATEWAY_NAME: "gate"}, gateway=True),
    "client": Client("routes-a", {"app": "client", "version": "v1"}),
    "far": Client("routes-b", {"app": "far", "version": "v1"}),
}


@cache
def recording() -> Obj:
    found: Obj = json.loads((DATA / "backend-tls.json").read_text())
    return found


@cache
def mesh() -> Mesh:
    found: dict[str, list[Obj]] = {API_GATEWAYS: []}
    for obj in recording()["objects"]:
        plural = API_GATEWAYS if obj["kind"] == "Gateway" else PLURALS[obj["kind"]]
        found.setdefault(plural, []).append(obj)
        if obj["kind"] == "Gateway":
            found["services"] += made_services(obj)
    made = parse_mesh(found)
    names = (("routes-a", "client"), ("routes-b", "far"))
    pods = (pod(namespace, name) for namespace, name in names)
    return replace(made, pods=tuple(pods))


def pod(namespace: str, name: str) -> Pod:
    labels = {"app": name, "version": "v1"}
    return Pod(namespace, name, labels=labels, proxy_container="istio-proxy", phase="Running")


def service(name: str) -> Service:
    return mesh().by_host[f"{name}.routes-a.svc.cluster.local"]


def tls_of(cluster: Cluster) -> Any:
    """With which TLS it is called, in the recording's words."""
    tls = read.obj(cluster.policy, "tls")
    if read.text(tls, "mode") != "SIMPLE":
        return "none" if tls else "each pod's"
    ca = read.text(tls, "credentialName")
    named = f"{ca}-cacert" if ca.startswith("configmap") else ca or "file-root:system"
    names = list(read.texts(tls, "subjectAltNames"))
    return {"sni": read.text(tls, "sni"), "ca": named, "names": names}


@pytest.mark.parametrize("who", CLIENTS)
def test_each_client_has_the_recorded_clusters(who: str) -> None:
    view = world(mesh()).view(CLIENTS[who])
    recorded = recording()["recorded"]["clusters"][who]
    assert len(recorded) == 26
    for one in recorded:
        cluster = view.reach(one["name"]).cluster
        assert cluster is not None, one["name"]
        assert tls_of(cluster) == one["tls"], one["name"]
        (limits,) = cluster.envoy["circuit_breakers"]["thresholds"]
        assert limits["max_connections"] == one["max_connections"]
        assert cluster.envoy.get("istio", {}).get("config") == one["config"]


FOUND = [
    "backend-tls-without-ca p10",
    "backend-tls-without-ca p3",
    "idle-backend-tls a-later",
    "idle-backend-tls p6",
    "idle-backend-tls p9",
    "replaced-backend-tls p12",
]


def test_what_does_not_do_what_it_says_is_found() -> None:
    found = [f"{f.code} {f.object.name}" for f in analyze(mesh()) if "backend-tls" in f.code]
    assert sorted(found) == FOUND
    effects = {f.object.name: f.effect for f in analyze(mesh())}
    assert "is older and has the same target" in effects["a-later"]
    assert "has no port zzz" in effects["p9"]
    assert "callers in routes-b do not call s9 with its TLS" in effects["p12"]
    assert "in plain text, without mutual TLS" in effects["p3"]


def test_what_istiod_accepts_and_nobody_replaces_is_found_nowhere() -> None:
    ends = {}
    for obj in recording()["objects"]:
        conditions = [
            one
            for ancestor in (obj.get("status") or {}).get("ancestors", [])
            for one in ancestor["conditions"]
        ]
        if obj["kind"] == "BackendTLSPolicy":
            ends[obj["metadata"]["name"]] = {c["type"]: c["status"] for c in conditions}
    refused = {name for name, one in ends.items() if one["Accepted"] == "False"}
    found = {line.split()[1] for line in FOUND if not line.startswith("replaced")}
    assert found == refused


def notes(who: str, name: str) -> str:
    host = service(name).host
    caller = Caller(CLIENTS[who], 9080, host)
    return "\n".join(trace(mesh(), Request(authority=f"{host}:9080"), caller).notes)


def test_a_trace_says_with_which_tls_it_goes_on() -> None:
    assert "is called with TLS as one.test, by BackendTLSPolicy routes-a/p1" in notes(
        "client", "s1"
    )
    assert "is called in plain text, without mutual TLS" in notes("client", "s3")
    assert "TLS" not in notes("far", "s9")


def test_the_panes_show_it_with_what_is_wrong() -> None:
    said = {}
    for name in ("s1", "s3", "s5"):
        (view,) = service_views(mesh(), None, of=[service(name)])
        lines = [picked.line for picked in rules_lines(view, mesh(), 100)]
        lines += describe_lines(view, [described(mesh(), view, r) for r in view.versions], (), 200)
        said[name] = "\n".join("".join(piece.text for piece in line) for line in lines)
    assert "BackendTLSPolicy routes-a/p1" in said["s1"] and "TLS as one.test" in said["s1"]
    assert "TLS mode SIMPLE as one.test (BackendTLSPolicy routes-a/p1)" in said["s1"]
    assert "sidecars send plain text" in said["s3"]
    assert "has no effect: BackendTLSPolicy routes-a/p5 is older" in said["s5"]


def test_a_breaker_is_never_written_into_a_policy() -> None:
    target = Target(service("s2").key)
    made = build_change(mesh(), SetBreaker("", {"max_connections": 5}), target)
    assert (made.target.kind, made.action) == ("DestinationRule", "create")
    assert "tls" not in json.dumps(made.spec_after)
    made = build_change(mesh(), SetBreaker("", {"max_connections": 5}), Target(service("s1").key))
    assert (made.target.kind, made.target.name, made.action) == ("DestinationRule", "s1", "patch")
