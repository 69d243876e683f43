"""Policies with `targetRefs`: whom they hold for, as istiod attaches them, and what is said."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.scope import scope_of
from meshtui.mesh.attachment import Behind
from meshtui.mesh.authorization import in_force, parse_authorization_policy
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Responder, Sample
from meshtui.mesh.view import service_views
from meshtui.metrics.denied import with_logged_tokens
from tests.unit.explaining import signals
from tests.unit.objects import Obj, meta, pod, service

API = "gateway.networking.k8s.io"
GATEWAY = {f"{API}/gateway-name": "edge", f"{API}/gateway-class-name": "istio"}
WAYPOINT = {f"{API}/gateway-name": "edge", f"{API}/gateway-class-name": "istio-waypoint"}
SIDECAR = {"app": "edge"}
BEHIND = (Behind("Service", "a", "edge"), Behind("ServiceEntry", "a", "outside"))
TO_GATEWAY = {"group": API, "kind": "Gateway", "name": "edge"}
TO_CLASS = {"group": API, "kind": "GatewayClass", "name": "istio-waypoint"}
TO_SERVICE = {"group": "", "kind": "Service", "name": "edge"}
TO_ENTRY = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "outside"}

# By pilot/pkg/model/policyattachment.go: (namespace, spec) and whether it holds for a gateway, a
# waypoint and a sidecar of the namespace a.
CASES: dict[str, tuple[str, Obj, tuple[bool, bool, bool]]] = {
    "its gateway": ("a", {"targetRefs": [TO_GATEWAY]}, (True, True, False)),
    "one targetRef": ("a", {"targetRef": TO_GATEWAY}, (True, True, False)),
    "another gateway": ("a", {"targetRefs": [TO_GATEWAY | {"name": "b"}]}, (False, False, False)),
    "of another namespace": ("b", {"targetRefs": [TO_GATEWAY]}, (False, False, False)),
    "of the root": ("istio-system", {"targetRefs": [TO_GATEWAY]}, (False, False, False)),
    "another group": ("a", {"targetRefs": [TO_GATEWAY | {"group": "x"}]}, (False, False, False)),
    "all waypoints": ("istio-system", {"targetRefs": [TO_CLASS]}, (False, True, False)),
    "a class elsewhere": ("a", {"targetRefs": [TO_CLASS]}, (False, False, False)),
    "a service": ("a", {"targetRefs": [TO_SERVICE]}, (False, True, False)),
    "a core service": ("a", {"targetRefs": [TO_SERVICE | {"group": "core"}]}, (False, True, False)),
    "a service of another": ("b", {"targetRefs": [TO_SERVICE]}, (False, False, False)),
    "an entry": ("a", {"targetRefs": [TO_ENTRY]}, (False, True, False)),
    "the second": ("a", {"targetRefs": [TO_CLASS, TO_GATEWAY]}, (True, True, False)),
    "the namespace": ("a", {}, (True, False, True)),
    "the mesh": ("istio-system", {}, (True, False, True)),
    "no label": ("a", {"selector": {"matchLabels": {}}}, (True, False, True)),
    "its labels": ("a", {"selector": {"matchLabels": {"app": "edge"}}}, (False, False, True)),
    "labels of nobody": ("a", {"selector": {"matchLabels": {"app": "x"}}}, (False, False, False)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_for_whom_it_holds(case: str) -> None:
    namespace, spec, expected = CASES[case]
    raw = {"metadata": meta("p", namespace), "spec": {"action": "DENY", **spec}}
    parsed = (parse_authorization_policy(raw),)
    held = [
        bool(in_force(parsed, "istio-system", "a", labels, BEHIND))
        for labels in (GATEWAY, WAYPOINT, SIDECAR)
    ]
    assert tuple(held) == expected


WEB, EDGE = ServiceKey("default", "web"), ("default", "edge-istio")
KINDS = {"403": "authorizationpolicies", "401": "requestauthentications"}


def gateway() -> Obj:
    proxy = pod("edge", "")
    proxy["metadata"]["labels"] = dict(GATEWAY)
    proxy["metadata"]["name"] = "edge-istio-1"
    proxy["metadata"]["ownerReferences"] = [
        {"kind": "ReplicaSet", "name": "edge-istio-7d", "controller": True}
    ]
    proxy["metadata"]["labels"]["pod-template-hash"] = "7d"
    proxy["spec"]["containers"] = [{"name": "istio-proxy"}]
    return proxy


def policy(code: str, name: str = "door") -> Obj:
    usual: dict[str, Any] = {"403": {"action": "DENY", "rules": [{}]}}.get(
        code, {"jwtRules": [{"issuer": "us"}]}
    )
    return {"metadata": meta(name), "spec": {"targetRefs": [TO_GATEWAY], **usual}}


def said(sample: Sample, code: str, *policies: Obj) -> tuple[str, str]:
    """What is undecided of the requests that reached no pod, and what is said of the code."""
    mesh = parse_mesh(
        {
            "services": [service("web")],
            "pods": [gateway(), pod("web", "v1")],
            KINDS[code]: list(policies),
        }
    )
    assert [p.workload for p in mesh.pods if p.gateway] == ["edge-istio"]
    views = service_views(mesh, sample)
    (view,) = views
    row = next(row for row in view.versions if row.version == UNKNOWN)
    found = explanations([scope_of(mesh, view, row, sample, views)])
    return row.undecided, " ".join(line for one in found for line in one.sentences)


def sample_of(code: str, **more: Any) -> Sample:
    lost = signals(**{f"c{code}": 40})
    return Sample(
        1.0, "test", 10.0, called={Responder(WEB, UNKNOWN): lost}, sent={EDGE: lost},
        clients={WEB: frozenset({EDGE})}, **more,
    )  # fmt: skip


def test_what_a_gateway_denied_is_laid_to_the_policy_that_is_attached_to_it() -> None:
    _, words = said(sample_of("403", denied={EDGE: 40.0}), "403", policy("403"))
    assert words == (
        "The gateway edge-istio turns it away itself, before it is sent on, by "
        "AuthorizationPolicy default/door."
    )


def test_without_a_count_it_may_have_been_the_gateway() -> None:
    _, words = said(sample_of("403"), "403", policy("403"))
    assert "The gateway edge-istio may turn it away itself, by AuthorizationPolicy" in words
    _, words = said(sample_of("403"), "403")
    assert words.startswith("No pod is named for these requests")


@pytest.mark.parametrize("part", [1.0, 0.25, 0.0])
def test_401s_of_a_gateway_count_as_its_log_tells(part: float) -> None:
    sample = with_logged_tokens(sample_of("401"), {EDGE: part}, {})
    assert sample.sent[EDGE].refused == 40 * part
    assert sample.called[Responder(WEB, UNKNOWN)].refused == 40 * part
    undecided, words = said(sample, "401", policy("401"))
    assert not undecided
    assert ("by RequestAuthentication default/door" in words) == (part > 0)


def test_401s_of_a_gateway_whose_log_tells_nothing_are_not_known() -> None:
    sample = with_logged_tokens(sample_of("401"), {}, {EDGE: "pods/log may not be read"})
    undecided, words = said(sample, "401", policy("401"))
    assert undecided == "401s may be by RequestAuthentication door: pods/log may not be read"
    assert "The gateway edge-istio may turn it away itself" in words
    assert "pods/log may not be read" in words


@pytest.mark.parametrize("version", ["", "v1"])
def test_a_version_of_pods_without_a_label_is_told_of_its_own_policies(version: str) -> None:
    guarded = pod("web", version)
    guarded["spec"]["containers"] = [{"name": "app"}, {"name": "istio-proxy"}]
    if not version:
        guarded["metadata"]["labels"].pop("version", None)
    deny = {"metadata": meta("shut"), "spec": {"action": "DENY", "rules": [{}]}}
    objects = {"services": [service("web")], "pods": [guarded], KINDS["403"]: [deny]}
    mesh = parse_mesh(objects)
    (found,) = mesh.pods
    denied = signals(c403=40)
    at = Responder(WEB, version or found.workload, "default", found.workload)
    sample = Sample(1.0, "test", 10.0, called={at: denied}, served={at: denied})
    (view,) = service_views(mesh, sample)
    (row,) = view.versions
    (one, *_) = explanations([scope_of(mesh, view, row, sample, (view,))])
    assert "AuthorizationPolicy shut denies every request" in " ".join(one.sentences)


@pytest.mark.parametrize(("status", "ruled"), [(403, True), (404, False)])
def test_what_a_rule_answers_by_itself_is_laid_to_the_rule(status: int, ruled: bool) -> None:
    rules = [{"directResponse": {"status": status}}, {"route": [{"destination": {"host": "web"}}]}]
    vs = {"metadata": meta("web"), "spec": {"hosts": ["web"], "http": rules}}
    mesh = parse_mesh(
        {"services": [service("web")], "pods": [pod("web", "v1")], "virtualservices": [vs]}
    )
    sample = sample_of("403")
    views = service_views(mesh, sample)
    row = next(row for row in views[0].versions if row.version == UNKNOWN)
    (found,) = explanations([scope_of(mesh, views[0], row, sample, views)])
    words = "Rule http[0] of VirtualService web answers it by itself (directResponse)"
    assert found.sentences[0].startswith(words) == ruled
