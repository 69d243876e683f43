"""What a gateway's own filters deny is refused, and laid to the policies that hold for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.scope import scope_of
from meshtui.mesh.judging import REFUSED
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
from meshtui.mesh.view import service_views
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.counter_reading import SeriesCache, read
from meshtui.metrics.denied import EDGE, denied_in, summed, with_edge
from tests.unit.objects import pod, service

PAGE, INGRESS = ServiceKey("default", "productpage"), ("default", "ingress-v1")
COUNTED = (
    'istio_requests_total{{reporter="source",source_workload="ingress-v1",'
    'source_workload_namespace="default",destination_workload="{workload}",'
    'destination_workload_namespace="default",destination_version="{version}",'
    'destination_service_name="{service}",destination_service_namespace="default",'
    'request_protocol="http",response_code="{code}",response_flags="-"}} {count}\n'
)
LABELS = {
    "403": 'envoy_http_rbac{{authz_enforce_result="denied",http_conn_manager_prefix="{0}"}} {1}\n',
    "401": 'envoy_http_jwt_authn_denied{{http_conn_manager_prefix="{0}"}} {1}\n',
}
KINDS = {"403": "authorizationpolicies", "401": "requestauthentications"}
OUT, IN = "outbound_0.0.0.0_8080", "inbound_0.0.0.0_9080"


def lost(code: str, count: int, service: str = "productpage") -> str:
    """Answered before it was sent on."""
    return COUNTED.format(
        workload="unknown", version="unknown", service=service, code=code, count=count
    )


def policy(code: str, name: str, **spec: Any) -> dict[str, Any]:
    usual = {"action": "DENY"} if code == "403" else {"jwtRules": [{"issuer": "us"}]}
    meta = {"name": name, "namespace": "default", "uid": name}
    return {
        "metadata": meta,
        "spec": {"selector": {"matchLabels": {"app": "ingress"}}} | usual | spec,
    }


def seen(text: str, code: str) -> Sample:
    ledger = Ledger(gateways=frozenset({INGRESS}))
    reading = read(text, SeriesCache())
    ledger.add(reading, 10.0)
    sample = replace(ledger.views().within(Sample(1.0, "test", 10.0)), sent=ledger.sent)
    edge = [summed([(INGRESS, reading.denied)], EDGE[each]) for each in ("403", "401")]
    return with_edge(sample, *edge)


def said(sample: Sample, code: str, *policies: dict[str, Any]) -> tuple[str, list[str]]:
    """The gateway's state, and what is said of the code."""
    proxy = pod("ingress", "v1")
    proxy["spec"]["containers"] = [{"name": "istio-proxy"}]
    objects = {
        "services": [service("ingress"), service("productpage")],
        KINDS[code]: list(policies),
    }
    mesh = parse_mesh(objects | {"pods": [proxy, pod("productpage", "v1")]})
    views = service_views(mesh, sample)
    view = next(view for view in views if view.key.name == "ingress")
    found = explanations([scope_of(mesh, view, view.versions[0], sample, views)])
    return view.versions[0].state, [line for one in found for line in one.sentences]


@pytest.mark.parametrize("code", LABELS)
def test_it_is_refused_and_names_the_policy(code: str) -> None:
    text = lost(code, 40) + LABELS[code].format(OUT, 40)
    sample = seen(text, code)
    assert sample.sent[INGRESS].refused == sample.caller_totals[PAGE].refused == 40
    state, lines = said(sample, code, policy(code, "door"))
    kind = {"403": "AuthorizationPolicy", "401": "RequestAuthentication"}[code]
    assert state == REFUSED
    words = f"The gateway turns it away itself, before it is sent on, by {kind} default/door."
    assert lines == [words]


def test_of_several_none_is_picked_and_what_allows_is_not_blamed_beside_what_denies() -> None:
    sample = seen(lost("403", 40) + LABELS["403"].format(OUT, 40), "403")
    _, lines = said(sample, "403", policy("403", "a"), policy("403", "b"))
    assert "by one of AuthorizationPolicy default/a and AuthorizationPolicy default/b" in lines[0]
    _, lines = said(sample, "403", policy("403", "a"), policy("403", "b", action="ALLOW"))
    assert lines[0].endswith("by AuthorizationPolicy default/a.")


def test_what_a_program_or_another_site_answers_is_its_own() -> None:
    own = COUNTED.format(
        workload="productpage-v1", version="v1", service="productpage", code="403", count=40
    )
    sample = seen(own + lost("403", 30, "api.example.com"), "403")
    assert not any(signals.refused for signals in sample.called.values())
    partly = seen(own + lost("403", 10) + LABELS["403"].format(OUT, 10), "403")
    assert partly.sent[INGRESS].refused == partly.caller_totals[PAGE].refused == 10


def test_filters_on_the_way_in_are_counted_apart() -> None:
    text = "".join(LABELS[code].format(at, n) for code, at, n in (
        ("403", IN, 5), ("403", OUT, 7), ("401", OUT, 3),
    ))  # fmt: skip
    assert denied_in(text) == {"403": 5, EDGE["403"]: 7, EDGE["401"]: 3}
