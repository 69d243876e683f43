"""Time series brought into the columns of a chart: peaks stay, gaps stay, time moves by cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.time_series import (
    ERRORS,
    P99,
    RPS,
    Grid,
    Moment,
    Past,
    beat_s,
    extended,
    grid,
    joined,
    resampled,
    within,
)

TEN = Grid(end=100.0, step_s=10.0, count=10)


def moment(at: float, span: float = 10.0, **known: float) -> Moment:
    return Moment(at, span, **known)


def test_each_moment_fills_its_own_column() -> None:
    course = [moment(10.0, rps=1.0), moment(20.0, rps=2.0), moment(100.0, rps=3.0)]
    assert resampled(course, RPS, TEN) == (1.0, 2.0, *[None] * 7, 3.0)


def test_rounding_makes_no_gap() -> None:
    spans = 25.0, 10.238962926125932
    course = [moment(25.0, spans[0], rps=1.0), moment(sum(spans), spans[1], rps=1.0)]
    assert course[1].begin > course[0].at
    assert resampled(course, RPS, TEN) == (1.0, 1.0, 1.0, 1.0, *[None] * 6)


def test_a_gap_stays_a_gap() -> None:
    course = [moment(20.0, error_ratio=0.1, rps=1.0), moment(60.0, error_ratio=0.2, rps=1.0)]
    values = resampled(course, ERRORS, TEN)
    assert [value is None for value in values[1:6]] == [False, True, True, True, False]


def test_no_traffic_is_a_rate_of_0_and_no_error_ratio() -> None:
    course = [moment(50.0, rps=0.0)]
    assert resampled(course, RPS, TEN)[4] == 0.0
    assert resampled(course, ERRORS, TEN)[4] is None


def test_of_several_moments_the_worst_ratio_and_the_mean_rate_are_shown() -> None:
    course = [
        moment(2.5, 2.5, rps=8.0, error_ratio=0.0, p99_ms=5.0),
        moment(5.0, 2.5, rps=0.0),
        moment(7.5, 2.5, rps=4.0, error_ratio=1.0, p99_ms=900.0),
        moment(10.0, 2.5, rps=4.0, error_ratio=0.0, p99_ms=7.0),
    ]
    assert resampled(course, ERRORS, TEN)[0] == 1.0
    assert resampled(course, P99, TEN)[0] == 900.0
    assert resampled(course, RPS, TEN)[0] == 4.0


def test_a_long_moment_fills_the_columns_whose_middle_it_covers() -> None:
    values = resampled([moment(40.0, 30.0, rps=5.0)], RPS, TEN)
    assert values == (None, 5.0, 5.0, 5.0, *[None] * 6)


def test_what_lies_outside_is_left_out() -> None:
    assert resampled([moment(-20.0, rps=1.0), moment(130.0, rps=1.0)], RPS, TEN) == (None,) * 10


@given(
    st.lists(st.floats(0.05, 40.0), min_size=1, max_size=60),
    st.data(),
)
def test_moments_without_a_gap_leave_none_and_no_peak_is_lost(
    spans: list[float], data: st.DataObject
) -> None:
    peak = data.draw(st.integers(0, len(spans) - 1))
    at, course = 0.0, []
    for number, span in enumerate(spans):
        at += span
        course.append(moment(at, span, error_ratio=1.0 if number == peak else 0.0))
    values = resampled(course, ERRORS, TEN)
    known = [number for number, value in enumerate(values) if value is not None]
    assert known == list(range(len(known)))
    assert len(known) >= min(int(at // 10), 10) - 1
    began = course[peak].begin
    if began < 100.0 and course[peak].at <= 100.0:
        assert max(value for value in values if value is not None) == 1.0


def test_the_picture_moves_by_whole_cells_and_now_is_in_the_last() -> None:
    first = grid(300.0, 60, 1000.0)
    assert first == grid(300.0, 60, 1004.9)
    assert grid(300.0, 60, 1005.0).end - first.end == 5.0
    assert first.column(1004.9) in (first.count - 1, first.count - 2)
    assert first.end - first.begin == 300.0 and first.column(first.end) is None


def test_the_past_is_asked_for_when_a_cell_is_full_but_not_more_often_than_every_5_s() -> None:
    assert beat_s(300.0, 100) == 5.0
    assert beat_s(21600.0, 60) == 360.0


def test_moments_at_the_edges_are_cut_there() -> None:
    cut = within([moment(10.0), moment(20.0), moment(30.0)], 5.0, 25.0)
    assert [(m.begin, m.at) for m in cut] == [(5.0, 10.0), (10.0, 20.0), (20.0, 25.0)]


def past(begin: float, end: float, **courses: float) -> Past:
    """A point every 10 s, each version with one rate."""
    times = range(int(begin) + 10, int(end) + 1, 10)
    found = {v: tuple(moment(float(at), rps=rate) for at in times) for v, rate in courses.items()}
    return Past("prometheus", begin, end, 10.0, found)


def test_new_points_take_the_place_of_the_known_ones_and_old_ones_are_forgotten() -> None:
    found = extended(past(0, 50, v1=1.0, v2=5.0), past(30, 70, v1=2.0), 20.0)
    assert [m.rps for m in found.courses["v1"]] == [1.0, 2.0, 2.0, 2.0, 2.0]
    assert [(m.at, m.rps) for m in found.courses["v2"]] == [
        (30.0, 5.0),
        *((at, 0.0) for at in (40.0, 50.0, 60.0, 70.0)),
    ]
    assert (found.begin, found.end) == (20.0, 70.0)


def test_a_version_that_is_new_had_no_traffic_before_and_where_nothing_is_known_none_has() -> None:
    found = extended(past(0, 50, v1=1.0), past(30, 70, v1=1.0, v2=3.0), 20.0)
    assert [m.rps for m in found.courses["v2"]] == [0.0, 3.0, 3.0, 3.0, 3.0]
    silent = extended(past(0, 50, v1=1.0), past(30, 70), 20.0)
    assert [(m.at, m.rps) for m in silent.courses["v1"]] == [(30.0, 1.0)]


def test_a_version_that_was_only_long_ago_is_forgotten() -> None:
    assert "v2" not in extended(past(0, 50, v2=5.0), past(60, 70, v1=2.0), 55.0).courses


@pytest.mark.parametrize("known", [{"v1": 1.0}, {}])
def test_what_was_seen_goes_before_and_after_what_is_remembered(known: dict[str, float]) -> None:
    seen = {"v1": tuple(moment(float(at), rps=9.0) for at in range(10, 101, 10))}
    rates = [m.rps for m in joined(past(30, 80, **known), seen)["v1"]]
    between = [1.0] * 5 if known else [9.0] * 5
    assert rates == [9.0, 9.0, 9.0, *between, 9.0, 9.0]
