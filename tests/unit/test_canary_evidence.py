"""The evidence: what cannot raise a false alarm, and what bursts do to it."""

from __future__ import annotations

from fractions import Fraction
from math import comb, exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.canary.evidence import LIMIT, RATIOS, Dispersion, Evidence, upper_bound

REQUESTS = st.integers(1, 2_000)


@given(n_c=REQUESTS, n_s=REQUESTS, x=st.integers(0, 40), before=st.integers(0, 3))
def test_under_no_worse_one_more_interval_has_a_mean_of_at_most_one(
    n_c: int, n_s: int, x: int, before: int
) -> None:
    evidence = Evidence()
    for _ in range(before):
        evidence = evidence.compare(100, 2, 100, 1)
    p = Fraction(n_c, n_c + n_s)
    mean = sum(
        float(comb(x, x_c) * p**x_c * (1 - p) ** (x - x_c))
        * evidence.compare(n_c, x_c, n_s, x - x_c).plain
        for x_c in range(x + 1)
    )
    assert mean <= evidence.plain * (1 + 1e-9)


@given(n=st.integers(1, 60), rate=st.sampled_from([0.001, 0.01, 0.3, 0.9]))
def test_at_the_limit_one_more_interval_has_a_mean_of_at_most_one(n: int, rate: float) -> None:
    mean = sum(
        comb(n, x) * rate**x * (1 - rate) ** (n - x) * Evidence().against(n, x, rate).plain
        for x in range(n + 1)
    )
    assert mean <= 1 + 1e-9


@given(st.lists(st.tuples(REQUESTS, st.integers(0, 50), REQUESTS, st.integers(0, 50)), max_size=40))
def test_the_evidence_to_decide_on_is_never_more_than_the_plain(
    blocks: list[tuple[int, int, int, int]],
) -> None:
    evidence = Evidence()
    for n_c, x_c, n_s, x_s in blocks:
        evidence = evidence.compare(n_c, min(x_c, n_c), n_s, min(x_s, n_s))
        assert 0 < evidence.value <= evidence.plain
        assert evidence.dispersion >= 1


def test_one_interval_is_the_published_ratio_with_half_the_stake() -> None:
    n_c, x_c, n_s, x_s = 100, 2, 900, 3
    published = [
        ((r * (n_c + n_s)) / (n_c * r + n_s)) ** x_c * ((n_c + n_s) / (n_c * r + n_s)) ** x_s
        for r in RATIOS
    ]
    cap = exp(log(LIMIT) / 3)
    expected = sum(min(ratio, cap) / 2 + 1 / 2 for ratio in published) / len(RATIOS)
    assert Evidence().compare(n_c, x_c, n_s, x_s).plain == pytest.approx(expected)


def test_no_single_interval_decides() -> None:
    assert not Evidence().compare(10_000, 9_000, 10_000, 0).enough


def test_lasting_errors_are_found_and_one_burst_of_as_many_is_not() -> None:
    lasting, burst = Evidence(), Evidence()
    for number in range(12):
        lasting = lasting.compare(500, 5, 500, 1)
        burst = burst.compare(500, 60 if number == 6 else 0, 500, 1)
    assert lasting.enough
    assert not burst.enough


def test_a_canary_that_turns_bad_late_is_found() -> None:
    evidence = Evidence()
    for _ in range(200):
        evidence = evidence.compare(500, 5, 500, 5)
    assert evidence.value < 1
    for _ in range(20):
        evidence = evidence.compare(500, 25, 500, 5)
    assert evidence.enough


def test_bad_intervals_of_both_versions_are_no_bursts_of_one() -> None:
    evidence = Evidence()
    for number in range(30):
        factor = 5 if number % 5 == 0 else 1
        evidence = evidence.compare(1000, 20 * factor, 1000, 5 * factor)
    assert evidence.dispersion == 1
    assert evidence.enough


def test_a_version_without_requests_says_nothing() -> None:
    assert Evidence().compare(0, 0, 100, 50) == Evidence()
    assert Evidence().compare(100, 50, 0, 0) == Evidence()


@pytest.mark.parametrize("size", [5, 10, 30])
def test_the_dispersion_is_at_least_the_size_of_the_bursts(size: int) -> None:
    found = Dispersion()
    for number in range(40):
        found = found.add(1_000, size if number % 4 == 0 else 0)
    assert found.value >= 0.7 * size


def test_a_lasting_change_is_no_burst() -> None:
    found = Dispersion()
    for number in range(40):
        found = found.add(1_000, 0 if number < 20 else 20)
    assert found.value == 1


def test_the_upper_bound_narrows_with_requests() -> None:
    assert upper_bound(0, 0) == 1
    assert 0.01 < upper_bound(10_000, 100) < upper_bound(1_000, 10) < upper_bound(100, 1) < 0.1
