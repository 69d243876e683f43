"""What configures a version's pods: images, revisions, mutual TLS, policies, Sidecars."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.mesh.description import Description, described
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.view import service_views
from tests.unit.objects import destination_rule, meta, pod, route, service, virtual_service

Obj = dict[str, Any]


def reviews(version: str, number: int = 1, **facts: Any) -> Obj:
    made = pod("reviews", version, number=number)
    made["metadata"]["annotations"] = {"istio.io/rev": facts.get("revision", "default")}
    images = {"reviews": f"shop/reviews:{version}", "istio-proxy": facts.get("proxy", "istio:1.26")}
    containers = made["spec"]["containers"]
    made["spec"]["containers"] = [{**c, "image": images[c["name"]]} for c in containers]
    if facts.get("bare"):
        made["spec"]["containers"] = made["spec"]["containers"][:1]
    made["metadata"]["labels"] |= facts.get("labels", {})
    return made


def peer(name: str, mode: str, namespace: str = "default", **labels: str) -> Obj:
    spec: Obj = {"mtls": {"mode": mode}}
    spec |= {"selector": {"matchLabels": labels}} if labels else {}
    return {"metadata": meta(name, namespace), "spec": spec}


def policy(name: str, action: str = "ALLOW", namespace: str = "default", **labels: str) -> Obj:
    rules = [{"from": [{"source": {"namespaces": ["shop"]}}]}]
    spec: Obj = {"action": action, "rules": rules}
    spec |= {"selector": {"matchLabels": labels}} if labels else {}
    return {"metadata": meta(name, namespace), "spec": spec}


def sidecar(name: str, **labels: str) -> Obj:
    spec: Obj = {"egress": [{"hosts": ["./*"]}]}
    spec |= {"workloadSelector": {"labels": labels}} if labels else {}
    return {"metadata": meta(name), "spec": spec}


def mesh_of(*pods: Obj, rule: Obj | None = None, partial: Any = None, **more: list[Obj]) -> Mesh:
    return parse_mesh(
        {
            "services": [service("reviews"), service("page")],
            "pods": [*pods, pod("page", "v1")],
            "virtualservices": [
                virtual_service("reviews", {"route": [route("v1", 80), route("v2", 20)]})
            ],
            "destinationrules": [rule or destination_rule("reviews", ("v1", "v2"))],
            **more,
        },
        partial=partial or {},
    )


def of(mesh: Mesh, label: str = "v1") -> Description:
    view = next(v for v in service_views(mesh, None) if v.key.name == "reviews")
    return described(mesh, view, next(row for row in view.versions if row.label == label))


def test_images_and_revisions_of_pods_that_are_alike_are_told_once() -> None:
    found = of(mesh_of(reviews("v1"), reviews("v1", 2), reviews("v2", 3)))
    assert found.images == (("reviews", "shop/reviews:v1"), ("istio-proxy", "istio:1.26"))
    assert (found.revisions, found.proxies, found.bare) == (("default",), ("1.26",), 0)


def test_an_upgrade_that_is_half_done_has_both() -> None:
    newer = reviews("v1", 2, revision="canary", proxy="istio:1.27")
    found = of(mesh_of(reviews("v1"), newer, reviews("v1", 3, bare=True)))
    assert (found.revisions, found.proxies) == (("default", "canary"), ("1.26", "1.27"))
    assert found.bare == 1


@pytest.mark.parametrize(
    ("peers", "mode", "by"),
    [
        ((), "PERMISSIVE", None),
        ((peer("home", "STRICT"),), "STRICT", "home"),
        ((peer("mesh", "STRICT", "istio-system"),), "STRICT", "mesh"),
        ((peer("mesh", "STRICT", "istio-system"), peer("home", "DISABLE")), "DISABLE", "home"),
        ((peer("home", "STRICT"), peer("one", "DISABLE", version="v1")), "DISABLE", "one"),
        ((peer("one", "DISABLE", version="v2"),), "PERMISSIVE", None),
        ((peer("away", "STRICT", "shop"),), "PERMISSIVE", None),
    ],
)
def test_what_it_accepts_is_by_the_narrowest_policy(
    peers: tuple[Obj, ...], mode: str, by: str | None
) -> None:
    found = of(mesh_of(reviews("v1"), peerauthentications=list(peers)))
    assert [(one.port, one.mode) for one in found.accepts] == [(9080, mode)]
    assert (found.accepts[0].by.name if found.accepts[0].by else None) == by


def test_callers_that_send_what_it_does_not_accept_are_told_with_the_flag() -> None:
    plain = destination_rule("reviews", ("v1", "v2"), trafficPolicy={"tls": {"mode": "DISABLE"}})
    mesh = mesh_of(reviews("v1"), rule=plain, peerauthentications=[peer("home", "STRICT")])
    assert {(one.mode, one.flag) for one in of(mesh).sends} == {("DISABLE", "UC")}
    assert "plain text is sent" in of(mesh).sends[0].conflict
    usual = of(mesh_of(reviews("v1")))
    assert {(one.mode, one.conflict) for one in usual.sends} == {("", "")}


def test_policies_and_sidecars_are_those_of_its_own_pods() -> None:
    mesh = mesh_of(
        reviews("v1"), reviews("v2", 2),
        authorizationpolicies=[
            policy("all"), policy("two", "DENY", version="v2"),
            policy("root", "DENY", "istio-system"),
            policy("away", namespace="shop"),
        ],
        sidecars=[sidecar("home"), sidecar("mine", version="v2")],
    )  # fmt: skip
    assert {one.ref.name for one in of(mesh).policies} == {"all", "root"}
    assert {one.ref.name for one in of(mesh, "v2").policies} == {"all", "root", "two"}
    assert [one.name for one in of(mesh).sidecars] == ["home"]
    assert [one.name for one in of(mesh, "v2").sidecars] == ["mine"]


def test_what_cannot_be_read_is_not_absent() -> None:
    partial = {"peerauthentications": frozenset({"shop"}), "sidecars": frozenset({"default"})}
    found = of(mesh_of(reviews("v1"), partial=partial))
    assert found.unread == ("peerauthentications", "sidecars")
    assert of(mesh_of(reviews("v1"))).unread == ()


def test_a_version_without_pods_has_nothing_but_its_rules() -> None:
    found = of(mesh_of(reviews("v1")), "v2")
    assert (found.images, found.accepts, found.policies, found.bare) == ((), (), (), 0)
