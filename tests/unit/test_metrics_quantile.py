"""Quantiles as PromQL has them. Expected values worked out by hand from its definition."""

from __future__ import annotations

import math

import pytest

from meshtui.mesh.quantile import quantile

INF = math.inf


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        (0.05, 0.5),  # the 5th of 10 in (0, 1]
        (0.1, 1.0),
        (0.5, 1 + 9 * 40 / 90),  # the 40th of 90 in (1, 10]
        (0.99, 1 + 9 * 89 / 90),
        (1.0, 10.0),
    ],
)
def test_interpolates_inside_the_bucket(q: float, expected: float) -> None:
    buckets = {1.0: 10.0, 10.0: 100.0, INF: 100.0}
    assert quantile(q, buckets) == pytest.approx(expected, rel=1e-12)


def test_what_is_beyond_the_last_bound_is_told_as_that_bound() -> None:
    assert quantile(0.99, {1.0: 10.0, 5.0: 50.0, INF: 100.0}) == 5.0


def test_a_rank_on_the_edge_gives_the_edge() -> None:
    assert quantile(0.5, {1.0: 0.0, 5.0: 50.0, 10.0: 100.0, INF: 100.0}) == 5.0


def test_empty_lower_buckets_are_passed_over() -> None:
    assert quantile(0.5, {1.0: 0.0, 5.0: 0.0, 10.0: 4.0, INF: 4.0}) == 7.5


def test_a_first_bucket_that_is_not_above_zero_is_not_interpolated() -> None:
    assert quantile(0.5, {-1.0: 4.0, 1.0: 4.0, INF: 4.0}) == -1.0


def test_buckets_that_lag_behind_are_lifted() -> None:
    assert quantile(0.5, {1.0: 10.0, 2.0: 8.0, INF: 10.0}) == 0.5


@pytest.mark.parametrize(
    "buckets",
    [{}, {INF: 5.0}, {1.0: 5.0}, {1.0: 5.0, 2.0: 5.0}, {1.0: 0.0, INF: 0.0}],
)
def test_nothing_to_tell(buckets: dict[float, float]) -> None:
    assert quantile(0.5, buckets) is None
