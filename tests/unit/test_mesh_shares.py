from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.shares import Share, shares_of
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.view import ServiceView, service_views
from meshtui.operations.types import Snapshot
from meshtui.ui.main.measured_shares import ShareReports, sentence
from tests.unit.objects import reviews, route
from tests.unit.test_mesh import REVIEWS, only


def view(v1: float, v3: float, lost: float = 0.0, asked: int = 10) -> ServiceView:
    mesh = reviews({"route": [route("v1", 100 - asked), route("v3", asked)]})
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


@pytest.mark.parametrize(
    ("asked", "of_v3", "total", "words", "settled", "plausible"),
    [
        (5, 28, 560, "v3 5 % asked, 5.0 % ± 1.8 of 560 measured", True, True),
        (5, 14, 560, "v3 5 % asked, 2.5 % ± 1.3 of 560 measured", False, True),
        (5, 4, 560, "v3 5 % asked, 0.7 % ± 0.7 of 560 measured", False, False),
        (1, 0, 100, "v3 1 % asked, 0.0 % ± 3.7 of 100 measured", True, True),
        (1, 5, 100, "v3 1 % asked, 5.0 % ± 4.3 of 100 measured", True, True),
        (0, 1, 560, "v3 0 % asked, 0.2 % ± 0.3 of 560 measured", True, True),
        (0, 3, 560, "v3 0 % asked, 0.5 % ± 0.6 of 560 measured", False, False),
        (100, 560, 560, "v3 100 % asked, 100.0 % ± 0.7 of 560 measured", True, True),
    ],
)
def test_what_is_said_of_a_share_agrees_with_the_margin_shown(
    asked: int, of_v3: int, total: int, words: str, settled: bool, plausible: bool
) -> None:
    shares = {share.label: share for share in shares_of(view(total - of_v3, of_v3, asked=asked))}
    share = shares["v3"]
    assert (str(share), share.settled, share.plausible) == (words, settled, plausible)


@given(
    st.integers(1, 99),
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
)
def test_settled_is_what_the_margin_reaches_and_that_is_plausible(
    asked: int, counted: tuple[int, int]
) -> None:
    total, of_v3 = counted
    shares = {share.label: share for share in shares_of(view(total - of_v3, of_v3, asked=asked))}
    share = shares["v3"]
    assert share.settled == (abs(share.measured - asked) <= share.margin)
    assert share.plausible or not share.settled


def snapshot(at: float, *shares: Share) -> Snapshot:
    return Snapshot(at, sample=Sample(at, "test", 60), measured={REVIEWS: shares})


def test_a_share_in_doubt_is_told_again_by_later_requests_until_it_is_settled() -> None:
    off, well = Share("v3", 5, 2.5, 1.3, 560), Share("v3", 5, 5.0, 1.8, 560)
    told: list[tuple[str, str]] = []
    reports = ShareReports(lambda text, level: told.append((level, text)))
    for at, share in ((100, off), (159, well), (160, off), (219, off), (220, well), (400, off)):
        reports.receive(snapshot(at, share))
    assert [level for level, _ in told] == ["doubt", "doubt", "done"]
    assert told[0][1] == f"{REVIEWS.name}: {off}; by chance? counting on" and len(told[0][1]) < 76


def test_another_shift_makes_what_was_told_new() -> None:
    told: list[str] = []
    reports = ShareReports(lambda text, level: told.append(level))
    reports.receive(snapshot(100, Share("v3", 5, 5.0, 1.8, 560)))
    reports.receive(Snapshot(101))
    reports.receive(snapshot(170, Share("v3", 50, 5.0, 1.8, 560)))
    assert told == ["done", "warning"]


def test_what_is_not_as_asked_is_said_within_eighty_columns_by_the_lightest() -> None:
    odd = (Share("v1", 95, 80.0, 3.3, 1_560), Share("v3", 5, 20.0, 3.3, 1_560))
    text, level = sentence(REVIEWS, odd)
    said = f"NOT AS ASKED · {REVIEWS.name}: v3 5 % asked, 20.0 % ± 3.3 of 1,560 measured, not by"
    assert level == "warning" and len(said) < 77 and text.startswith(f"{said} chance; v1 95 %, ")
