from __future__ import annotations

from meshtui.mesh.shares import shares_of
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.view import ServiceView, service_views
from tests.unit.objects import reviews, route
from tests.unit.test_mesh import REVIEWS, only


def view(v1: float, v3: float, lost: float = 0.0) -> ServiceView:
    mesh = reviews({"route": [route("v1", 90), route("v3", 10)]})
    counts = {"v1": v1, "v3": v3, "unknown": lost}
    caller = {VersionKey(REVIEWS, k): Signals(n, error_ratio=0.0) for k, n in counts.items()}
    total = Signals(sum(counts.values()), error_ratio=0.0)
    sample = Sample(0, "test", 15, caller=caller, caller_totals={REVIEWS: total})
    found: ServiceView = only(service_views(mesh, sample))
    return found


def test_a_share_says_what_it_rests_on() -> None:
    shares = {share.label: share for share in shares_of(view(4710, 500))}
    assert str(shares["v3"]) == "v3 10 % asked, 9.6 % ± 0.8 of 5,210 measured"
    assert shares["v3"].plausible


def test_requests_that_reached_no_pod_are_nobodys_share() -> None:
    assert {s.requests for s in shares_of(view(90, 10, lost=100))} == {100}


def test_a_share_that_chance_does_not_explain_is_not_plausible() -> None:
    shares = {share.label: share for share in shares_of(view(2500, 2500))}
    assert not shares["v3"].plausible


def test_without_requests_there_is_nothing_to_say() -> None:
    assert shares_of(view(0, 0)) == ()
