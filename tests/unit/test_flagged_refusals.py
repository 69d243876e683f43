"""What a version's own proxies refuse with a flag, callers' proxies see without one.

Seen on a real mesh: a CUSTOM AuthorizationPolicy's 403 has UAEX at the pod and none at its callers.
"""

from __future__ import annotations

import pytest

from meshtui.mesh.judging import OK, REFUSED
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Responder, Sample
from meshtui.mesh.view import service_views
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.counter_reading import SeriesCache, read
from meshtui.metrics.denied import with_denied
from tests.unit.explaining import scope, signals, words
from tests.unit.objects import Obj, meta, pod, service

WEB = ("default", "web-v1")
TARGET = Responder(ServiceKey("default", "web"), "v1", *WEB)
LINE = (
    'istio_requests_total{{reporter="{side}",source_workload="shop",'
    'source_workload_namespace="default",destination_workload="web-v1",'
    'destination_workload_namespace="default",destination_version="v1",'
    'destination_service_name="web",destination_service_namespace="default",'
    'request_protocol="http",response_code="{code}",response_flags="{flag}"}} {count}\n'
)


def seen(*answers: tuple[str, str, int], denied: float = 0.0) -> Sample:
    """Answers by code, the flag at the pod, and number; callers see them without a flag."""
    counted = [LINE.format(side="destination", code=c, flag=f, count=n) for c, f, n in answers]
    by_code: dict[str, int] = {}
    for code, _, number in answers:
        by_code[code] = by_code.get(code, 0) + number
    counted += [LINE.format(side="source", code=c, flag="-", count=n) for c, n in by_code.items()]
    ledger = Ledger()
    ledger.add(read("".join(counted), SeriesCache()), 10.0)
    sample = ledger.views().within(Sample(1.0, "test", 10.0))
    return with_denied(sample, {WEB: denied} if denied else {}, {})


CASES = {
    "external authorization": (seen(("403", "UAEX", 40)), 40, REFUSED),
    "it answers 401": (seen(("401", "UAEX", 40)), 40, REFUSED),
    "a rate limit": (seen(("429", "RL", 40)), 40, REFUSED),
    "the program's own": (seen(("403", "-", 40)), 0, OK),
    "the program's own limit": (seen(("429", "-", 40)), 0, OK),
    "half of them": (seen(("403", "UAEX", 20), ("403", "-", 20)), 20, REFUSED),
    "RBAC beside it": (seen(("403", "UAEX", 10), ("403", "-", 30), denied=20.0), 30, REFUSED),
    "both filters": (seen(("403", "UAEX", 10), ("429", "RL", 10), ("200", "-", 20)), 20, REFUSED),
}


@pytest.mark.parametrize("case", CASES)
def test_it_counts_as_refused_on_both_sides(case: str) -> None:
    sample, refused, state = CASES[case]
    for side in (sample.called, sample.served):
        assert side[TARGET].refused == pytest.approx(refused)
    for totals in (sample.caller_totals, sample.server_totals):
        assert totals[TARGET.service].refused == pytest.approx(refused)
    objects = {"services": [service("web")], "pods": [pod("web", "v1")]}
    (view,) = service_views(parse_mesh(objects), sample)
    assert view.versions[0].state == state


def reviews(*policies: Obj) -> Mesh:
    sidecar = pod("reviews", "v1")
    sidecar["spec"]["containers"] = [{"name": "app"}, {"name": "istio-proxy"}]
    objects = {"services": [service("reviews")], "pods": [sidecar, pod("reviews", "v3")]}
    return parse_mesh(objects | {"authorizationpolicies": list(policies)})


ASKING = {"metadata": meta("gate"), "spec": {"action": "CUSTOM", "provider": {"name": "oauth"}}}


def test_the_policy_that_asks_is_named_for_what_callers_see() -> None:
    mesh, caller = reviews(ASKING), signals(c403=100)
    text = words(scope(mesh, "v1", caller, signals(c403=100, UAEX=100)), "403")
    assert text.startswith(
        "External authorization refuses it (UAEX): 10/s. "
        "AuthorizationPolicy gate asks oauth, which said no, or failed (ext_authz_error"
    )
    some = words(scope(mesh, "v1", caller, signals(c403=100, UAEX=40)), "403")
    assert "refuses it (UAEX): 4.0/s of 10/s." in some
    assert "UAEX" not in words(scope(mesh, "v1", caller, signals(c403=100)), "403")


def test_a_limit_of_the_versions_own_proxies_is_no_answer_of_the_program() -> None:
    mesh, caller = reviews(), signals(c429=100)
    text = words(scope(mesh, "v1", caller, signals(c429=100, RL=100)), "429")
    assert "A rate limit in the proxies of v1 answers it (RL): 10/s." in text
    assert "itself" not in text
    assert "itself" in words(scope(mesh, "v1", caller, signals(c429=100)), "429")
