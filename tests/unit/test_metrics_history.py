"""What was seen is kept for six hours, finer for the last minutes, in bounded memory."""

from __future__ import annotations

from itertools import pairwise

import pytest

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.time_series import Course
from meshtui.metrics.sample_history import TIERS, SampleHistory

REVIEWS, RATINGS = ServiceKey("default", "reviews"), ServiceKey("default", "ratings")
START = 1_700_000_040.0
"""A multiple of every slot's length."""

HOUR = 3600.0


def signals(rps: float = 10.0, errors: float | None = 0.0, p99: float | None = 20.0) -> Signals:
    return Signals(rps * 15, rps, errors, 5.0, 10.0, p99)


def sample(at: float, window: float = 2.0, **versions: Signals) -> Sample:
    caller = {VersionKey(REVIEWS, version): found for version, found in versions.items()}
    return Sample(at, "sidecars", window, caller)


def course(seen: SampleHistory, version: str = "v1", *also: str) -> Course:
    return seen.courses(REVIEWS, also)[version]


@pytest.fixture
def seen() -> SampleHistory:
    found = SampleHistory()
    found.record(sample(START, v1=signals()))
    return found


def test_the_worst_of_a_slot_is_kept_and_rates_are_averaged(seen: SampleHistory) -> None:
    seen.record(sample(START + 1, 1.0, v1=signals(20.0, 0.5, 900.0)))
    seen.record(sample(START + 4, 3.0, v1=signals(0.1, 0.1, None)))
    last = course(seen)[-1]
    assert (last.error_ratio, last.p99_ms) == (0.5, 900.0)
    assert last.rps == pytest.approx(20.1 / 2)
    assert (last.begin, last.at) == (START, START + 4)


def test_a_version_that_had_traffic_once_has_none_now(seen: SampleHistory) -> None:
    seen.record(sample(START + 10, 15.0))
    last = course(seen)[-1]
    assert (last.rps, last.error_ratio, last.p99_ms) == (0.0, None, None)


def test_a_version_that_never_had_traffic_is_told_where_it_is_asked_for(
    seen: SampleHistory,
) -> None:
    assert seen.courses(REVIEWS).keys() == {"v1"}
    assert {moment.rps for moment in course(seen, "v2", "v2")} == {0.0}
    assert seen.courses(RATINGS) == {}


def test_while_nothing_was_sampled_nothing_is_known(seen: SampleHistory) -> None:
    seen.record(sample(START + 60, 15.0, v1=signals()))
    gaps = [later.begin - sooner.at for sooner, later in pairwise(course(seen))]
    assert [gap for gap in gaps if gap] == [45.0]


def test_slow_sampling_leaves_no_gap_where_the_window_covers_it(seen: SampleHistory) -> None:
    for tick in (14.0, 27.0, 41.0):
        seen.record(sample(START + tick, 15.0, v1=signals()))
    found = course(seen)
    assert all(a.at == b.begin for a, b in pairwise(found))


def test_a_sample_given_again_counts_once(seen: SampleHistory) -> None:
    for _ in range(5):
        seen.record(sample(START, v1=signals(99.0, 1.0)))
    assert course(seen)[-1].rps == 10.0


def test_a_source_that_has_no_rates_yet_is_not_taken() -> None:
    seen = SampleHistory()
    seen.record(None)
    seen.record(sample(START, 0.0, v1=signals()))
    assert (seen.newest, seen.since, seen.courses(REVIEWS)) == (None, None, {})


def test_a_clock_put_back_forgets_what_has_not_been_yet(seen: SampleHistory) -> None:
    seen.record(sample(START - 500, 2.0, v1=signals(3.0)))
    assert [moment.rps for moment in course(seen)] == [3.0]


def test_a_sample_that_another_source_took_a_little_earlier_forgets_nothing(
    seen: SampleHistory,
) -> None:
    """Sidecars are read while a Prometheus is looked for; its first sample is the older one."""
    seen.record(sample(START - 2, v1=signals(99.0, 1.0)))
    assert [moment.rps for moment in course(seen)] == [10.0]
    seen.record(sample(START + 5, v1=signals(10.0)))
    assert course(seen)[-1].at == START + 5


def run(seen: SampleHistory, seconds: float, step: float = 10.0, **versions: Signals) -> None:
    begin = seen.newest or START
    for tick in range(1, int(seconds / step) + 1):
        seen.record(sample(begin + tick * step, step, **versions))


def test_older_times_are_coarser_and_nothing_is_older_than_six_hours(seen: SampleHistory) -> None:
    run(seen, 7 * HOUR, v1=signals())
    found = course(seen)
    spans = [moment.span_s for moment in found]
    assert spans == sorted(spans, reverse=True)
    assert {round(span) for span in spans} >= {5, 30, 120}
    assert 6 * HOUR <= found[-1].at - found[0].begin <= 6 * HOUR + 300
    assert all(a.at == b.begin for a, b in pairwise(found))
    assert len(found) <= sum(keep for _, keep in TIERS)
    assert seen.since == found[0].begin


def test_a_peak_of_one_sample_is_still_there_hours_later(seen: SampleHistory) -> None:
    seen.record(sample(START + 100, 2.0, v1=signals(10.0, 0.9)))
    run(seen, 5 * HOUR, v1=signals())
    worst = max(course(seen), key=lambda moment: moment.error_ratio or 0.0)
    assert worst.error_ratio == pytest.approx(0.9, abs=1e-6)
    assert worst.begin <= START + 100 <= worst.at


def test_versions_that_are_gone_are_forgotten(seen: SampleHistory) -> None:
    seen.record(sample(START + 2, v9=signals()))
    run(seen, 7 * HOUR, 30.0, v1=signals())
    assert seen.courses(REVIEWS).keys() == {"v1"}


def test_what_is_cleared_is_gone(seen: SampleHistory) -> None:
    seen.clear()
    assert (seen.newest, seen.courses(REVIEWS)) == (None, {})


def test_what_a_proxy_refused_and_what_broke_off_is_no_good_as_in_the_table(
    seen: SampleHistory,
) -> None:
    bad = Signals(10.0, 2.0, 0.1, 1.0, 2.0, 3.0, cut_off=1.0, refused=3.0)
    key = VersionKey(REVIEWS, "v9")
    seen.record(Sample(5.0, "test", 5.0, caller={key: bad}))
    assert [moment.error_ratio for moment in course(seen, "v9") if moment.rps] == [0.5]
