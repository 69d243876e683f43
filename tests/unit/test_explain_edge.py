"""A gateway's row: its own numbers are not what comes in from outside, and the pane says so."""

from __future__ import annotations

from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.edge import edge
from meshtui.diagnosis.explain.scope import VersionScope, scope_of
from meshtui.diagnosis.explain.triage import sentences
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample, VersionKey
from meshtui.mesh.view import service_views
from tests.unit.explaining import signals
from tests.unit.objects import pod, service

PAGE = ServiceKey("shop", "productpage")


def gateway(*, seen: bool, name: str = "ingress") -> VersionScope:
    proxy = pod("ingress", "v1")
    proxy["spec"]["containers"] = [{"name": "istio-proxy"}]
    mesh = parse_mesh(
        {
            "services": [service("ingress"), service("productpage", "shop"), service("old")],
            "pods": [proxy, pod("productpage", "v1", namespace="shop"), pod("old", "v1")],
        }
    )
    clients = {PAGE: frozenset({("default", "ingress-v1")})} if seen else {}
    sent = {("default", "ingress-v1"): signals(40, c503=80)} if seen else {}
    totals = {PAGE: signals(40, c503=80)}
    place = VersionKey(PAGE, "v1")
    sample = Sample(
        1.0, "test", 10.0, {place: signals(40, c503=80)}, caller_totals=totals, clients=clients,
        sent=sent,
    )  # fmt: skip
    views = service_views(mesh, sample)
    view = next(view for view in views if view.key.name == name)
    return scope_of(mesh, view, None, sample, views)


def test_a_gateways_numbers_are_what_it_sends_on_and_the_services_behind_it_are_named() -> None:
    found = gateway(seen=True)
    first = sentences(found)[0]
    assert first.head == "failing: 20 % of the 40/s to ingress fail"
    assert first.lines == (
        "This is a gateway: its numbers are requests that it sends on to services of the mesh: "
        "productpage.shop (40/s of all its callers); what it turns away itself, with no route for "
        "it, is not among them.",
        "It calls what fails: productpage.shop v1 20 %. Look there first.",
    )
    assert [step.do for step in first.next] == ["exposure", "logs"]
    (row,) = found.view.versions
    assert row.caller is not None
    assert (row.caller.rps, row.caller.error_ratio) == (40, 0.2)
    assert not explanations([found])


def test_a_gateway_of_which_no_requests_were_seen_names_none() -> None:
    found = gateway(seen=False)
    assert "sends on to services of the mesh; what it turns away" in edge(found)
    assert sentences(found)[0].head.startswith("no traffic")


def test_a_service_that_is_no_gateway_says_nothing_of_it() -> None:
    assert edge(gateway(seen=True, name="old")) == ""
