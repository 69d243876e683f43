"""DENY rules that ask for HTTP, on ports where there is none, and providers that there are not.

Each was tried on a real mesh: a client's connection to port `tcp` of a workload, and its answer.
"""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.diagnosis.analysis import Finding, analyze
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.settings import MeshSettings, mesh_settings
from tests.unit.objects import meta, pod, service

Obj = dict[str, Any]
DELETE: Obj = {"operation": {"methods": ["DELETE"]}}


def denied(rule: Obj, *, port: str = "tcp", **spec: Any) -> list[Finding]:
    raw = service("reviews")
    raw["spec"]["ports"] = [{"name": port, "port": 9080}, {"name": "http", "port": 9081}]
    policy = {"metadata": meta("d"), "spec": {"action": "DENY", "rules": [rule], **spec}}
    objects = {"services": [raw], "pods": [pod("reviews", "v1")], "authorizationpolicies": [policy]}
    return [found for found in analyze(parse_mesh(objects)) if found.code == "denied-connections"]


@pytest.mark.parametrize(
    ("rule", "closed"),
    [
        ({"to": [DELETE]}, True),
        ({"to": [{"operation": {"methods": ["DELETE"], "ports": ["9081"]}}]}, False),
        ({"from": [{"source": {"namespaces": ["nobody"]}}], "to": [DELETE]}, False),
        ({"when": [{"key": "request.headers[x-a]", "values": ["1"]}]}, True),
        ({"from": [{"source": {"requestPrincipals": ["*"]}}]}, True),
        ({"from": [{"source": {"notRequestPrincipals": ["*"]}}]}, True),
        ({"to": [{"operation": {"ports": ["9081"]}}, DELETE]}, True),
        ({"when": [{"key": "source.namespace", "values": ["x"]}], "to": [DELETE]}, False),
        ({}, False),
    ],
)
def test_a_rule_that_asks_for_nothing_else_closes_connections(rule: Obj, closed: bool) -> None:
    assert bool(denied(rule)) is closed


def test_what_is_closed_is_named() -> None:
    (finding,) = denied({"to": [DELETE]})
    assert (finding.severity, finding.field) == ("error", "spec.rules[0]")
    assert finding.effect.startswith("Every connection to reviews.default port 9080 is closed")


@pytest.mark.parametrize("port", ["http-a", "grpc", "main"])
def test_ports_where_http_is_found_are_not_judged(port: str) -> None:
    assert not denied({"to": [DELETE]}, port=port)


@pytest.mark.parametrize(
    "spec", [{"action": "ALLOW"}, {"selector": {"matchLabels": {"app": "other"}}}]
)
def test_other_policies_close_nothing(spec: Obj) -> None:
    assert not denied({"to": [DELETE]}, **spec)


KNOWN: Obj = {"extensionProviders": [{"name": "opa", "envoyExtAuthzGrpc": {"service": "opa"}}]}


@pytest.mark.parametrize(
    ("spec", "settings", "unknown"),
    [
        ({}, mesh_settings({}), True),
        ({}, mesh_settings(KNOWN), False),
        ({"provider": {"name": "Opa"}}, mesh_settings(KNOWN), True),
        ({"provider": {}}, mesh_settings(KNOWN), True),
        ({"rules": []}, mesh_settings({}), False),
        ({"action": "DENY"}, mesh_settings({}), False),
        ({}, MeshSettings(known=False), False),
    ],
)
def test_a_custom_policy_whose_provider_is_not_in_mesh_config(
    spec: Obj, settings: MeshSettings, unknown: bool
) -> None:
    """Seen on a real mesh: 403 with details `…-deny-due-to-bad-CUSTOM-action`."""
    whole = {"action": "CUSTOM", "provider": {"name": "opa"}, "rules": [{}], **spec}
    objects = {"authorizationpolicies": [{"metadata": meta("gate"), "spec": whole}]}
    mesh = parse_mesh(objects, settings=settings)
    found = [one for one in analyze(mesh) if one.code == "unknown-provider"]
    assert bool(found) is unknown
    for one in found:
        assert (one.severity, one.field) == ("error", "spec.provider.name")
