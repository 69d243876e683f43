"""A gateway's row: its own numbers are not what comes in from outside, and the pane says so."""

from __future__ import annotations

from meshtui.diagnosis.explain.edge import edge
from meshtui.diagnosis.explain.scope import VersionScope, scope_of
from meshtui.diagnosis.explain.triage import sentences
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
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
    sample = Sample(1.0, "test", 10.0, caller_totals={PAGE: signals(40)}, clients=clients)
    views = service_views(mesh, sample)
    view = next(view for view in views if view.key.name == name)
    return scope_of(mesh, view, None, sample, views)


def test_a_gateway_without_traffic_of_its_own_names_the_services_that_count_it() -> None:
    (_, head, said), *_ = sentences(gateway(seen=True))
    assert head.startswith("no traffic")
    assert said == (
        "This is a gateway: its numbers are requests to it from inside the mesh, and what comes "
        "in from outside is counted at the services behind it: productpage.shop (40/s of all its "
        "callers). :exposure shows its doors, l what it answers."
    )


def test_a_gateway_of_which_no_requests_were_seen_names_none() -> None:
    assert "counted at the services behind it. :exposure" in edge(gateway(seen=False))


def test_a_service_that_is_no_gateway_says_nothing_of_it() -> None:
    assert edge(gateway(seen=True, name="old")) == ""
