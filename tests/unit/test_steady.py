"""States that stand until a change is certain, with a clock and traffic that are made up."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, dataclass, replace
from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshtui.mesh import service_lines
from meshtui.mesh.changed import changed
from meshtui.mesh.interval import above, below, interval
from meshtui.mesh.judging import (
    DEGRADED,
    FAILING,
    FEW,
    NO_TRAFFIC,
    NOT_KNOWN,
    OK,
    ONLY_ERRORS,
    SLOW,
    count_of,
    judged,
)
from meshtui.mesh.model import Service, ServiceKey
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.standing import UNGUARDED, Known
from meshtui.mesh.standing_still import make_up
from meshtui.mesh.steady import SteadyStates
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView, ServiceWork

KEY = ServiceKey("default", "reviews")
HOST = "reviews.default.svc.cluster.local"
SERVICE = Service(KEY, HOST)
LIMITS = Thresholds()
TICK_S, WINDOW_S = 2.0, 15.0
Rate = Callable[[float], float]


@dataclass
class Traffic:
    """Requests of one version, second by second: how many come, and what part of them fails."""

    rps: Rate
    errors: Rate

    def seconds(self, chance: random.Random, length: int) -> list[tuple[int, int]]:
        found = []
        for second in range(length):
            requests = _poisson(chance, self.rps(second))
            failed = sum(chance.random() < self.errors(second) for _ in range(requests))
            found.append((requests, failed))
        return found


def _poisson(chance: random.Random, mean: float) -> int:
    if mean <= 0:
        return 0
    count, passed = 0, chance.expovariate(mean)
    while passed < 1:
        count, passed = count + 1, passed + chance.expovariate(mean)
    return count


def always(value: float) -> Rate:
    return lambda _: value


def until(second: float, before: float, after: float) -> Rate:
    return lambda at: before if at < second else after


def signals(requests: int, failed: int, window_s: float = WINDOW_S) -> Signals:
    if not requests:
        return Signals()
    codes = {"200": float(requests - failed), "503": float(failed)}
    return Signals(requests, requests / window_s, failed / requests, codes=codes)


def view_of(*versions: Signals | None, slow: str = "") -> ServiceView:
    rows = tuple(
        VersionView(
            f"v{i}",
            subset=f"v{i}",
            host=HOST,
            caller=one,
            server=one,
            state=NOT_KNOWN if one is None else judged(count_of(one), LIMITS),
            slow=slow,
        )
        for i, one in enumerate(versions, 1)
    )
    return ServiceView(SERVICE, rows)


def settled(
    steady: SteadyStates, view: ServiceView, sample: Sample, limits: Thresholds = LIMITS
) -> ServiceView:
    work = ServiceWork.on(view)
    assert [*steady.settled([work], sample, limits)] == [work]
    return work.done()


def watched(*traffics: Traffic, seed: int, length: int) -> Iterator[tuple[float, tuple[str, ...]]]:
    """Time and the states of the rows as a screen of two-second ticks shows them."""
    chance = random.Random(seed)
    counted = [traffic.seconds(chance, length) for traffic in traffics]
    steady = SteadyStates()
    for end in range(int(TICK_S), length + 1, int(TICK_S)):
        begin = max(0, end - int(WINDOW_S))
        windows = [
            signals(sum(r for r, _ in one[begin:end]), sum(f for _, f in one[begin:end]))
            for one in counted
        ]
        sample = Sample(1000.0 + end, "sidecars", float(end - begin))
        view = settled(steady, view_of(*windows), sample)
        yield float(end), tuple(row.state for row in view.versions)


def changes(states: list[str]) -> int:
    return sum(before != after for before, after in pairwise(states))


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_mesh_at_8_requests_a_second_shows_no_change_in_10_minutes(seed: int) -> None:
    parts = [Traffic(always(rps), always(0.0)) for rps in (8 * 0.7, 8 * 0.2, 8 * 0.1)]
    seen = [states for at, states in watched(*parts, seed=seed, length=660) if at > 60]
    assert {state for states in seen for state in states} == {OK}


@pytest.mark.parametrize("seed", range(5))
def test_a_version_that_fails_every_fifth_is_found_fast_and_stays_found(seed: int) -> None:
    parts = [Traffic(always(8 / 3), always(errors)) for errors in (0.0, 0.0, 0.20)]
    seen = list(watched(*parts, seed=seed, length=660))
    assert next(at for at, states in seen if states[2] in (DEGRADED, FAILING)) <= 15
    found = next(at for at, states in seen if states[2] == FAILING)
    assert found <= 90
    after = [states for at, states in seen if at >= found]
    assert changes([states[2] for states in after]) == 0
    assert {state for states in after[30:] for state in states[:2]} == {OK}


@pytest.mark.parametrize("rps", [1, 8 / 3, 8])
@pytest.mark.parametrize("errors", [0.001, 0.01, 0.03, 0.06, 0.09, 0.10, 0.11, 0.2, 0.5, 0.95])
def test_no_constant_ratio_flickers(errors: float, rps: float) -> None:
    """Without bounds of their own for leaving, up to 26 changes in these ten minutes."""
    found = []
    for seed in range(4):
        part = Traffic(always(rps), always(errors))
        states = [states[0] for at, states in watched(part, seed=seed, length=720) if at > 120]
        found.append(changes(states))
    assert max(found) <= 4
    assert sum(found) / len(found) <= 3


@pytest.mark.parametrize("rps", [0.05, 0.1, 0.2, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("errors", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_a_version_that_is_seldom_asked_does_not_flicker_either(errors: float, rps: float) -> None:
    """With the last minute alone, up to 41 changes in these ten."""
    found = []
    for seed in range(6):
        part = Traffic(always(rps), always(errors))
        states = [states[0] for at, states in watched(part, seed=seed, length=720) if at > 120]
        found.append(changes(states))
    assert max(found) <= 4
    assert sum(found) / len(found) <= 3


@pytest.mark.parametrize(("rps", "errors", "most_s"), [
    (0.2, 0.0, 200), (0.2, 1.0, 200), (1.0, 0.0, 90), (1.0, 0.5, 90), (8.0, 0.0, 90),
    (8.0, 0.5, 30),
])  # fmt: skip
def test_a_version_that_is_asked_no_more_has_no_traffic_the_sooner_the_busier_it_was(
    rps: float, errors: float, most_s: float
) -> None:
    for seed in range(4):
        part = Traffic(until(240, rps, 0.0), always(errors))
        seen = list(watched(part, seed=seed, length=480))
        gone = next(at for at, states in seen if at > 240 and states == (NO_TRAFFIC,))
        assert gone - 240 <= most_s + WINDOW_S
        assert {states for at, states in seen if at >= gone} == {(NO_TRAFFIC,)}


@pytest.mark.parametrize("rps", [8 / 3, 8])
@pytest.mark.parametrize("errors", [0.08, 0.10, 0.12])
def test_a_ratio_at_the_threshold_changes_its_state_about_once(errors: float, rps: float) -> None:
    for seed in range(4):
        part = Traffic(always(rps), always(errors))
        states = [states[0] for at, states in watched(part, seed=seed, length=720) if at > 120]
        assert changes(states) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_what_is_half_mended_is_no_longer_failing_after_minutes(seed: int) -> None:
    part = Traffic(always(8), until(120, 0.3, 0.05))
    seen = list(watched(part, seed=seed, length=720))
    assert next(states[0] for at, states in seen if at >= 120) == FAILING
    assert seen[-1][1] == (DEGRADED,)


@pytest.mark.parametrize("seed", range(5))
def test_what_was_mended_is_green_within_a_minute(seed: int) -> None:
    part = Traffic(always(8 / 3), until(120, 0.2, 0.0))
    seen = list(watched(part, seed=seed, length=240))
    assert next(states[0] for at, states in seen if at >= 120) == FAILING
    assert next(states[0] for at, states in seen if at >= 182) == OK


@pytest.mark.parametrize("seed", range(5))
def test_what_begins_to_fail_whole_is_found_in_a_window(seed: int) -> None:
    part = Traffic(always(8 / 3), until(120, 0.0, 1.0))
    seen = dict(watched(part, seed=seed, length=200))
    assert seen[120.0] == (OK,)
    assert seen[128.0] == (FAILING,)
    assert seen[168.0] == (ONLY_ERRORS,)


def settle(steady: SteadyStates, at: float, view: ServiceView) -> str:
    return settled(steady, view, Sample(at, "sidecars", WINDOW_S)).versions[0].state


def test_2_errors_of_4_requests_are_few_requests() -> None:
    steady = SteadyStates()
    assert settle(steady, 100, view_of(signals(4, 2))) == FEW


def test_few_and_none_take_turns_at_a_quiet_version_and_the_row_stands() -> None:
    steady = SteadyStates()
    states = [
        settle(steady, 100 + 15 * i, view_of(signals(n, 0))) for i, n in enumerate((3, 0, 2, 0, 0))
    ]
    assert states == [FEW, FEW, FEW, FEW, FEW]


def test_a_version_that_gets_no_more_traffic_is_no_longer_failing() -> None:
    steady = SteadyStates()
    assert settle(steady, 100, view_of(signals(100, 50))) == FAILING
    assert settle(steady, 115, view_of(signals(0, 0))) == NO_TRAFFIC


def test_unknown_is_shown_at_once_and_what_was_known_stands_after_it() -> None:
    steady = SteadyStates()
    assert settle(steady, 100, view_of(signals(100, 50))) == FAILING
    assert settle(steady, 115, view_of(None)) == NOT_KNOWN
    assert settle(steady, 130, view_of(signals(20, 1))) == FAILING
    assert settle(steady, 300, view_of(None)) == NOT_KNOWN
    assert settle(steady, 315, view_of(signals(20, 0))) == OK


def test_the_same_sample_counts_once() -> None:
    steady = SteadyStates()
    assert settle(steady, 100, view_of(signals(100, 50))) == FAILING
    for _ in range(10):
        assert settle(steady, 115, view_of(signals(30, 0))) == FAILING


def test_slow_stands_until_two_windows_were_not() -> None:
    steady = SteadyStates()
    assert settle(steady, 100, view_of(signals(50, 0), slow="97% take longer")) == SLOW
    assert settle(steady, 115, view_of(signals(50, 0))) == SLOW
    assert settle(steady, 130, view_of(signals(50, 0))) == OK


def test_a_clock_that_is_put_back_begins_anew() -> None:
    steady = SteadyStates()
    assert settle(steady, 1000, view_of(signals(100, 50))) == FAILING
    assert settle(steady, 10, view_of(signals(100, 0))) == OK


def test_a_single_failure_goes_once_the_ratio_that_it_was_is_excluded() -> None:
    steady = SteadyStates()
    assert settle(steady, 100, view_of(signals(100, 1))) == DEGRADED
    states = [settle(steady, 115 + 15 * i, view_of(signals(100, 0))) for i in range(6)]
    assert states[0] == DEGRADED
    assert states[-1] == OK


def followed_all(lines: object, known: Known, limits: object) -> list[int]:
    """In place of `to_follow`: each line is followed at each tick, and none is left as it is."""
    return [at for at, count in enumerate(known[0][1]) if count is not None]


windows = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(0, 12), st.integers(0, 200)), st.sampled_from((0, 0, 1))
    ),
    min_size=1,
    max_size=40,
)


@given(windows, st.sampled_from((2.0, 8.0, 15.0, 20.0)), st.randoms(use_true_random=False))
def test_what_is_spared_where_all_is_well_changes_no_state(
    parts: list[tuple[int, int]], step: float, chance: random.Random
) -> None:
    samples = [signals(n, chance.randint(0, n) if bad else 0) for n, bad in parts]
    quick, thorough = SteadyStates(), SteadyStates()
    for i, one in enumerate(samples):
        shown = settle(quick, 1000 + step * i, view_of(one))
        with (
            mock.patch.object(service_lines, "to_follow", followed_all),
            mock.patch.object(service_lines, "_is_well", return_value=False),
        ):
            assert settle(thorough, 1000 + step * i, view_of(one)) == shown


@given(
    st.integers(0, 500), st.integers(0, 500), st.floats(0.001, 0.999), st.sampled_from((1.96, 2.58))
)
def test_a_bound_is_held_against_the_interval_without_making_it(
    bad: int, good: int, limit: float, z: float
) -> None:
    low, high = interval(bad, bad + good, z)
    if abs(low - limit) > 1e-9:
        assert above(bad, bad + good, limit, z) == (low >= limit)
    if abs(high - limit) > 1e-9:
        assert below(bad, bad + good, limit, z) == (high < limit)


def test_a_copy_with_other_fields_is_as_dataclasses_make_it() -> None:
    (row,) = view_of(signals(10, 1)).versions
    assert changed(row, state=OK, share=0.5) == replace(row, state=OK, share=0.5)
    assert changed(row) == row


def test_a_copy_is_as_frozen_as_what_it_was_made_of() -> None:
    (row,) = view_of(signals(10, 1)).versions
    with pytest.raises(FrozenInstanceError):
        changed(row, share=0.5).share = 0.6  # type: ignore[misc]
    assert type(changed(row)) is VersionView
    assert hash(changed(row, caller=None, server=None)) == hash(
        replace(row, caller=None, server=None)
    )


class Everything:
    """Lines of which no window is skipped: what is to come of those that skip some."""

    def __init__(self) -> None:
        self.steady = SteadyStates()

    def settled(self, view: ServiceView, sample: Sample, limits: Thresholds) -> ServiceView:
        with mock.patch.object(service_lines, "guard_of", return_value=UNGUARDED):
            return settled(self.steady, view, sample, limits)


COUNTED = st.one_of(
    st.none(),
    st.tuples(
        st.sampled_from([0, 4, 9, 10, 60, 130, 400]), st.sampled_from([0, 0.04, 0.1, 0.3, 1])
    ),
)


_Phase = tuple[int, float, list[tuple[float, float] | None]]
"""For so many samples, with this limit, one of these by turns."""


def phases() -> st.SearchStrategy[list[_Phase]]:
    limit = st.sampled_from([0.1, 0.1, 0.1, 0.0, 0.3])
    counted = st.lists(COUNTED, min_size=1, max_size=3)
    return st.lists(st.tuples(st.integers(1, 20), limit, counted), max_size=9)


@example([(9, 0.1, [*[(600, 0.02)] * 6, (600, 0.3), (600, 0.04), (600, 0.04)])], 5.0)
@example([(12, 0.1, [(60, 1)])], 15.0)
@given(phases(), st.sampled_from([1.0, 2.0, 5.0, 15.0, 20.0]))
def test_what_is_skipped_where_something_fails_changes_nothing(
    traffic: list[_Phase], tick_s: float
) -> None:
    steady, everything = SteadyStates(), Everything()
    at = 1000.0
    for samples, failing, counted in traffic:
        limits = Thresholds(failing=failing)
        for number in range(samples):
            at += tick_s
            one = counted[number % len(counted)]
            known = None if one is None else signals(one[0], round(one[0] * one[1]))
            sample = Sample(at, "test", WINDOW_S, {}, {})
            shown = settled(steady, view_of(known), sample, limits)
            every = everything.settled(view_of(known), sample, limits)
            assert (shown, times(shown)) == (every, times(every))
    assert remembered(steady) == remembered(everything.steady)


RATES = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.2, 0.2, 0.3, 1.0)


@pytest.mark.parametrize(("tick_s", "limits"), [
    (2.0, LIMITS), (1.0, Thresholds(failing=0.3)), (5.0, Thresholds(0.01)), (7.0, LIMITS),
])  # fmt: skip
def test_no_mix_of_errors_about_the_limits_is_skipped_wrongly(
    tick_s: float, limits: Thresholds
) -> None:
    """Rows that fail at rates of their own, which drift, with ticks that are not quite regular."""
    chance = random.Random(f"{limits} {tick_s}")
    steady, everything = SteadyStates(), Everything()
    rates, at = [0.0] * 6, 1000.0
    for _ in range(150):
        at += chance.choice((tick_s, tick_s, tick_s, 1.3 * tick_s))
        rates = [one if chance.random() < 0.7 else chance.choice(RATES) for one in rates]
        rows = [mixed(chance, rate, limits.failing / LIMITS.failing) for rate in rates]
        sample = Sample(at, "test", WINDOW_S)
        shown = settled(steady, view_of(*rows), sample, limits)
        every = everything.settled(view_of(*rows), sample, limits)
        assert (shown, times(shown)) == (every, times(every))
    assert remembered(steady) == remembered(everything.steady)


def times(view: ServiceView) -> list[tuple[float, float]]:
    """Since when each row is as it is, and when something failed there last."""
    return [(row.state_since, row.failed_at) for row in view.versions]


def mixed(chance: random.Random, rate: float, factor: float) -> Signals | None:
    """A window of which some failed, and some was cut off or refused by a proxy."""
    if chance.random() < 0.01:
        return None
    requests = chance.choice((3, 60, 140, 600, 600, 600))
    rate = min(1.0, rate * (factor or 1.0))
    ends = [chance.random() < rate for _ in range(requests)]
    failed = sum(ends)
    apart = chance.randint(0, failed) if chance.random() < 0.2 else 0
    one = signals(requests, failed - apart)
    return replace(one, **{chance.choice(("cut_off", "refused")): float(apart)})


def remembered(steady: SteadyStates) -> list[object]:
    """All that decides what comes next, and not that something was skipped."""
    found: list[object] = []
    for service in steady._services.values():
        for at, line in enumerate(service.lines):
            if line is not None:
                make_up(line, at)
            found.append(line and replace(line, guard=UNGUARDED, guarded_at=0.0))
    return found
