"""Why a row has its state: the limit, the siblings, since when, and why it stays."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from meshtui.diagnosis.state_reason import state_reason
from meshtui.mesh.judging import (
    DEGRADED,
    FAILING,
    FEW,
    NO_TRAFFIC,
    OK,
    ONLY_ERRORS,
    REFUSED,
    SLOW,
    Count,
    Counts,
    judged,
)
from meshtui.mesh.leaving import HELD, leaving
from meshtui.mesh.measured_views import MeasuredViews
from meshtui.mesh.signals import Signals
from meshtui.mesh.standing import Line, Span, follow
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import structure
from tests.ui import bookinfo

LIMITS = Thresholds()


def row(state: str, requests: float, failed: float = 0.0, **more: object) -> VersionView:
    return VersionView("v3", state=state, caller=Signals(requests, 10.0, failed / requests), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (row(DEGRADED, 100, 4), "degraded: 4 % of 100 requests fail; any failure is degraded"),
        (row(DEGRADED, 35, 5), "14.3 % of 35 requests fail, too few to be certain of more than 10"),
        (row(FAILING, 100, 40), "failing: 40 % of 100 requests fail; 10 % is the limit"),
        (row(ONLY_ERRORS, 20, 20), "only errors: every one of 20 requests fails"),
        (row(FEW, 3), "few requests: 3 requests, and fewer than 10 say too little"),
        (
            row(SLOW, 100, 7, slow="97 % of its requests take longer than 100 ms, and 0 % of v1's"),
            "slow: 97 % of its requests take longer than 100 ms, and 0 % of v1's; 7 % fail",
        ),
    ],
)
def test_the_state_is_laid_to_its_limit_or_its_sibling(line: VersionView, words: str) -> None:
    assert state_reason(line, LIMITS)[0].startswith(words) or words in state_reason(line, LIMITS)[0]


@pytest.mark.parametrize("state", [OK, NO_TRAFFIC])
def test_of_what_is_well_nothing_is_said(state: str) -> None:
    assert state_reason(row(state, 100), LIMITS) == ()


@pytest.mark.parametrize("state", [DEGRADED, FAILING, REFUSED, ONLY_ERRORS])
def test_a_state_that_the_newest_numbers_do_not_have_is_held(state: str) -> None:
    first, held = state_reason(row(state, 100, failed_at=1000.0), LIMITS)
    assert first.startswith(state) and "none of 100 requests fails now" in first
    assert held.startswith("held until") and "last one failed" in held
    assert len(state_reason(row(state, 100, 100), LIMITS)) == 1


def test_the_limits_of_the_person_are_named() -> None:
    own = Thresholds(degraded=0.02, failing=0.3)
    (words,) = state_reason(row(DEGRADED, 1000, 100), own)
    assert "more than 2 % is degraded, 30 % failing" in words


def test_since_when_is_when_it_was_first_seen_so_and_a_held_one_says_when_it_failed_last() -> None:
    """Sample by sample: v3 fails, and then no more."""
    mesh = bookinfo.mesh_of(bookinfo.objects())
    views, services = MeasuredViews(), structure(mesh)

    def v3(at: float, ratio: float) -> VersionView:
        sample = bookinfo.sample(mesh, at)
        seen = {
            who: replace(signals, error_ratio=ratio if who.version == "v3" else 0.0, codes={})
            for who, signals in sample.caller.items()
        }
        found = views.of(services, replace(sample, caller=seen), LIMITS)
        service = next(one for one in found if one.key.name == "reviews")
        return next(one for one in service.versions if one.label == "v3")

    failing = v3(1000.0, 0.5)
    later = v3(1010.0, 0.5)
    assert failing.state == later.state == FAILING
    assert failing.state_since == later.state_since == 1000.0 and later.failed_at == 1010.0
    held = v3(1020.0, 0.0)
    assert held.state == FAILING and held.failed_at == 1010.0 and held.state_since == 1000.0
    assert len(state_reason(held, LIMITS)) == 2
    assert held.leaving is not None and failing.leaving is None
    assert held.leaving.words in state_reason(held, LIMITS)[1]


def test_what_is_said_of_when_a_state_ends_is_when_it_ends() -> None:
    """Every window without a failure until it goes, of services asked more or less often, with
    few or many failures before, and after it came back."""
    for usual, bad, limits in product((12.0, 40.0, 400.0), (0.01, 0.05, 0.5), (LIMITS, EASY)):
        line = Line(OK, 0.0)
        end = fail(line, usual, bad, limits, times=3, end=0.0)
        for _ in range(2):
            end = quiet(line, usual, limits, end)
            end = fail(line, usual, bad, limits, times=3, end=end)


EASY = Thresholds(degraded=0.001, failing=0.3)
WINDOW_S = 15.0


def step(line: Line, counts: Counts, limits: Thresholds, end: float) -> float:
    """One more window, alone, as one that is long after the others."""
    newest = Span(end, end + WINDOW_S)
    follow(line, [counts], judged(Count(*counts), limits), newest, limits)
    line.at = newest.end
    return newest.end


def fail(
    line: Line, usual: float, bad: float, limits: Thresholds, *, times: int, end: float
) -> float:
    for _ in range(times):
        end = step(line, (usual, usual * bad, 0.0, 0.0), limits, end)
        assert leaving(line, limits) is None  # a request just failed
    return end


def quiet(line: Line, usual: float, limits: Thresholds, end: float) -> float:
    """Until it is well: not before it was promised, and no later."""
    while line.state in HELD:
        state, before = line.state, leaving(line, limits)
        end = step(line, (usual, 0.0, 0.0, 0.0), limits, end)
        if before is None:
            continue
        promised = usual > before.requests or end >= before.latest
        assert line.state not in HELD or not promised
        exactly = state == DEGRADED and not promised
        assert not exactly or line.state == DEGRADED
    return end
