"""The state machine: given a run, when something happens, then what it wants done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.canary.events import (
    Asked,
    BackOnStable,
    Command,
    Counted,
    Edit,
    Edited,
    Event,
    Gated,
    Interrupted,
    NotServed,
    Order,
    Pods,
    Revived,
    RollBack,
    RunGate,
    Served,
    Shift,
)
from meshtui.canary.machine import (
    AWAY_TRIES,
    ENDS,
    FROZEN_S,
    ROLLBACK_TRIES,
    Phase,
    State,
    advance,
    begin,
)
from meshtui.canary.plan import Plan, plan_of
from meshtui.canary.tally import Counts, Interval
from meshtui.errors import Exit

READY = Pods(1, 1, frozenset("a"))


def plan(**more: Any) -> Plan:
    named = {key.replace("_", "-"): value for key, value in more.items()}
    return plan_of({"service": "reviews", "to": "v2", "every": "30s", "steps": "5,50,100"} | named)


class Run:
    """A run under test: the state, and every command that it gave."""

    def __init__(self, pods: Pods = READY, **more: Any) -> None:
        self.commands: list[Command] = []
        self.time = 0.0
        self._take(begin(plan(**more), pods))

    def _take(self, result: tuple[State, tuple[Command, ...]]) -> None:
        self.state, commands = result
        self.commands += commands

    def when(self, *events: Event) -> Run:
        for event in events:
            self._take(advance(self.state, event))
        return self

    def counted(self, times: int = 1, errors: float = 0.0, n: float = 200.0, **more: Any) -> Run:
        baseline = more.pop("stable", Counts(1800, 3))
        for _ in range(times):
            start, self.time = self.time, self.time + more.get("seconds", 10.0)
            problem = more.get("problem", "")
            interval = Interval(start, self.time, Counts(n, errors), baseline, problem)
            self.when(Counted(interval))
        return self

    @property
    def weights(self) -> list[float]:
        return [command.weight for command in self.commands if isinstance(command, Shift)]

    @property
    def rolled(self) -> bool:
        return any(isinstance(command, RollBack) for command in self.commands)


def observing(**more: Any) -> Run:
    return Run(**more).when(Served())


def test_a_healthy_canary_is_promoted_step_by_step() -> None:
    run = Run()
    for _ in range(3):
        run.when(Served()).counted(3)
    assert run.weights == [5, 50, 100]
    assert (run.state.phase, run.state.exit) == (Phase.PROMOTED, Exit.DONE)


def test_nothing_is_judged_before_the_proxies_serve_the_step() -> None:
    run = Run().counted(20, errors=200)
    assert (run.state.phase, run.weights, run.rolled) == (Phase.SHIFTING, [5], False)


def test_a_bad_canary_is_rolled_back_once_with_its_reason() -> None:
    run = observing().counted(9, errors=40)
    assert [c for c in run.commands if isinstance(c, RollBack)] == [RollBack(run.state.sentence)]
    assert run.state.sentence.startswith("gross failure: 20 %")
    run.when(BackOnStable())
    assert (run.state.phase, run.state.exit) == (Phase.ROLLED_BACK, Exit.ROLLED_BACK)


def test_on_fail_hold_rolls_nothing_back() -> None:
    run = observing(on_fail="hold").counted(2, errors=40)
    assert (run.state.phase, run.rolled) == (Phase.HELD, False)


def test_as_bad_as_stable_freezes_and_goes_on_when_both_recover() -> None:
    run = observing().counted(2, errors=60, stable=Counts(1800, 540))
    assert (run.state.phase, run.rolled) == (Phase.FROZEN, False)
    assert "not the canary's doing" in run.state.sentence
    run.counted(1)
    assert run.state.phase is Phase.FROZEN  # its limit is still exceeded, on both
    run.counted(60, n=2000, stable=Counts(18000, 30))
    assert run.weights[:2] == [5, 50]


def test_broken_telemetry_freezes_and_its_time_is_not_observed() -> None:
    run = observing().counted(2).counted(9, problem="Prometheus does not answer")
    assert (run.state.phase, run.state.observed_s) == (Phase.FROZEN, 20)
    run.counted(1)
    assert run.weights == [5, 50]


def test_telemetry_broken_too_long_ends_the_run_where_it_is() -> None:
    run = observing().counted(int(FROZEN_S / 10), problem="away")
    assert (run.state.phase, run.state.exit) == (Phase.STOPPED, Exit.UNREACHABLE)
    assert not run.rolled


def test_sleep_and_a_clock_set_back_count_for_nothing() -> None:
    run = observing().counted(1).counted(1, seconds=3600.0, errors=200)
    assert (run.state.phase, run.state.observed_s) == (Phase.FROZEN, 10)
    run.time -= 3000
    run.counted(1, errors=200)
    assert run.state.observed_s == 10
    run.counted(1)
    assert (run.state.phase, run.state.observed_s) == (Phase.OBSERVING, 20)


@pytest.mark.parametrize(
    ("choice", "phase", "weights"),
    [
        ("hold", Phase.HELD, [5]),
        ("rollback", Phase.RETURNING, [5]),
        ("continue", Phase.SHIFTING, [5, 50]),
    ],
)
def test_an_idle_canary_waits_twice_as_long_and_then_as_planned(
    choice: str, phase: Phase, weights: list[float]
) -> None:
    run = observing(on_no_data=choice).counted(5, n=0)
    assert (run.state.phase, run.weights) == (Phase.OBSERVING, [5])
    run.counted(1, n=0)
    assert (run.state.phase, run.weights) == (phase, weights)


def test_a_pause_waits_for_a_person() -> None:
    run = observing(pause_at="50").counted(3)
    assert (run.state.phase, run.weights) == (Phase.ASKING, [5])
    run.when(Asked(Order.RESUME))
    assert run.weights == [5, 50]


def test_the_gate_comes_before_each_step_and_fails_the_canary() -> None:
    run = Run(gate="smoke", gate_timeout="5s")
    assert run.commands == [RunGate("smoke", 5)]
    run.when(Gated(True), Served()).counted(3)
    assert run.commands == [RunGate("smoke", 5), Shift(5), RunGate("smoke", 5)]
    run.when(Gated(False, "exit status 2"))
    assert run.commands[-1] == RollBack("the gate failed: exit status 2")


def test_a_shadow_step_comes_first_and_has_no_weight() -> None:
    run = Run(shadow="30s")
    assert run.commands == [Shift(0, shadow=True)]
    run.when(Served()).counted(3)
    assert run.commands[-1] == Shift(5)


def test_hold_and_resume_observe_the_step_anew() -> None:
    run = observing().counted(2).when(Asked(Order.HOLD)).counted(9)
    assert (run.state.phase, run.weights) == (Phase.HELD, [5])
    run.when(Asked(Order.RESUME), Served()).counted(2)
    assert run.weights == [5, 5]
    run.counted(1)
    assert run.weights == [5, 5, 50]


def test_abort_rolls_back_from_everywhere_and_promote_goes_to_the_last_step() -> None:
    assert observing().when(Asked(Order.ABORT)).rolled
    assert Run(pause_at="5").when(Asked(Order.ABORT)).rolled
    assert observing().when(Asked(Order.PROMOTE)).weights == [5, 100]


def test_no_rollback_into_the_void_unless_forced() -> None:
    run = observing().when(Pods(1, 0, frozenset("a"))).counted(2, errors=60)
    assert (run.state.phase, run.rolled) == (Phase.HELD, False)
    assert "stable has no ready pod" in run.state.sentence
    assert not run.when(Asked(Order.ABORT)).rolled
    assert run.when(Asked(Order.ABORT, force=True)).rolled


def test_a_canary_without_ready_pods_gets_no_weight() -> None:
    run = Run(pods=Pods(0, 1, frozenset("a")))
    assert (run.state.phase, run.weights) == (Phase.HELD, [])
    assert observing().when(Pods(0, 1, frozenset("a"))).rolled


def test_another_build_goes_back_and_begins_again_only_where_asked() -> None:
    run = observing().counted(3).when(Pods(1, 1, frozenset("b")))
    assert "another build" in run.state.sentence
    assert run.when(BackOnStable()).state.phase is Phase.ROLLED_BACK
    again = (
        observing(restart_on_new_build=True)
        .counted(3)
        .when(Pods(1, 1, frozenset("b")), BackOnStable())
    )
    assert (again.state.index, again.weights) == (0, [5, 50, 5])
    assert observing().when(Pods(1, 1, frozenset("a"), restarts=1)).rolled


@pytest.mark.parametrize(
    ("edit", "weight", "phase", "index"),
    [
        (Edit.UNRELATED, 0, Phase.OBSERVING, 1),
        (Edit.WEIGHT, 50, Phase.OBSERVING, 1),
        (Edit.WEIGHT, 20, Phase.HELD, 0),
        (Edit.WEIGHT, 1, Phase.HELD, 0),
        (Edit.WEIGHT, 100, Phase.HELD, 1),
        (Edit.WEIGHT, 0, Phase.STOPPED, 1),
        (Edit.MATCH, 0, Phase.HELD, 1),
        (Edit.LABELS, 0, Phase.HELD, 1),
        (Edit.REMOVED, 0, Phase.STOPPED, 1),
        (Edit.DRIVER, 0, Phase.STOPPED, 1),
    ],
)
def test_nothing_is_written_over_what_somebody_else_changed(
    edit: Edit, weight: float, phase: Phase, index: int
) -> None:
    run = observing().counted(3).when(Served())
    before = list(run.commands)
    run.when(Edited(edit, "bob changed it", weight))
    assert (run.state.phase, run.state.index, run.commands) == (phase, index, before)
    assert "bob changed it" in run.state.sentence


def test_interrupted_holds_or_rolls_back() -> None:
    assert observing().when(Interrupted()).state.phase is Phase.HELD
    assert observing(on_interrupt="rollback").when(Interrupted()).rolled


def test_a_rollback_that_is_not_served_is_tried_again() -> None:
    run = observing().when(Asked(Order.ABORT), NotServed("the API server is away"))
    assert (run.state.phase, len(run.commands)) == (Phase.RETURNING, 3)


_counts = st.builds(
    lambda n, x: Counts(n, min(n, x)), st.integers(0, 500), st.sampled_from([0, 1, 5, 100, 500])
)
_EVENTS: st.SearchStrategy[Any] = st.one_of(
    st.tuples(_counts, st.none() | _counts, st.sampled_from(["", "away"])),
    st.sampled_from([NotServed("no"), NotServed("away", away=True)]),
    st.sampled_from([Served(), Gated(True), Gated(False), BackOnStable()]),
    st.builds(Asked, st.sampled_from(Order), st.booleans()),
    st.builds(Edited, st.sampled_from(Edit), st.just("bob"), st.sampled_from([0, 5, 20, 100])),
    st.builds(Pods, st.integers(0, 1), st.integers(0, 1), st.frozensets(st.sampled_from("ab"))),
    st.just(Interrupted()),
)


@settings(deadline=None)
@given(
    st.lists(_EVENTS, max_size=60),
    st.fixed_dictionaries(
        {},
        optional={
            "gate": st.just("smoke"),
            "shadow": st.just("10s"),
            "pause-at": st.just("50"),
            "on-fail": st.just("hold"),
            "restart-on-new-build": st.just(True),
        },
    ),
)
def test_whatever_happens(events: list[Any], more: dict[str, Any]) -> None:
    """No step is jumped but by `promote`, an end is an end, and a revived run repeats its wish."""
    run = Run(**{key.replace("-", "_"): value for key, value in more.items()})
    reached = run.state.index
    for event in events:
        if isinstance(event, tuple):
            canary, stable, problem = event
            event = Counted(Interval(run.time, run.time + 10, canary, stable, problem))
            run.time += 10
        before, given_before = run.state, len(run.commands)
        run.when(event)
        promoted = isinstance(event, Asked) and event.order is Order.PROMOTE
        if not promoted:
            assert run.state.index <= reached + 1
        reached = run.state.index
        if before.phase in ENDS:
            assert (run.state, len(run.commands)) == (before, given_before)
        assert (run.state.exit is not None) == (run.state.phase in ENDS)
        given_now = tuple(run.commands[given_before:])
        state, repeated = advance(run.state, Revived())
        assert state == run.state
        assert not given_now or given_now == repeated


def test_a_rollback_that_nothing_takes_up_ends_and_says_so() -> None:
    run = observing().when(Asked(Order.ABORT))
    while not run.state.over:
        run.when(NotServed("1 of 2 proxies in sync"))
    assert len([c for c in run.commands if isinstance(c, RollBack)]) == ROLLBACK_TRIES
    assert (run.state.phase, run.state.exit) == (Phase.STOPPED, Exit.FAILED)
    assert "1 of 2 proxies in sync" in run.state.sentence
    assert "aborted by a person" in run.state.sentence


@pytest.mark.parametrize("returning", [True, False])
def test_a_cluster_that_stays_away_ends_the_run_as_out_of_reach(returning: bool) -> None:
    run = observing().when(Asked(Order.ABORT)) if returning else Run()
    for _ in range(AWAY_TRIES - 1):
        run.when(NotServed("the API server is away", away=True))
    assert not run.state.over
    run.when(NotServed("the API server is away", away=True))
    assert (run.state.phase, run.state.exit) == (Phase.STOPPED, Exit.UNREACHABLE)


def test_a_step_that_waited_for_the_cluster_goes_on() -> None:
    run = Run().when(NotServed("away", away=True), NotServed("away", away=True))
    assert (run.state.phase, run.weights) == (Phase.SHIFTING, [5, 5, 5])
    assert run.when(Served()).state.phase is Phase.OBSERVING


@pytest.mark.parametrize(
    ("interval", "usual_s", "seconds", "frozen"),
    [("5s", 0, 61, True), ("100s", 0, 100, False), ("5s", 60, 120, False), ("5s", 60, 200, True)],
)
def test_what_counts_as_unwatched_follows_the_intervals(
    interval: str, usual_s: float, seconds: float, frozen: bool
) -> None:
    run = observing(every="10m", interval=interval)
    run.when(Counted(Interval(0, seconds, Counts(200, 0), Counts(1800, 0), usual_s=usual_s)))
    assert (run.state.phase is Phase.FROZEN) == frozen


@pytest.mark.parametrize(
    ("seen", "new"),
    [
        (["a", "a", "a"], False),
        (["a", "", "a"], False),
        (["a", "ab"], True),
        (["a", "", "b"], True),
        (["ab", "b", "ab"], False),
        (["", "a"], False),
    ],
)
def test_a_build_is_new_where_it_was_not_among_the_ready_pods(seen: list[str], new: bool) -> None:
    """No ready pod says nothing about the build; a rolling update shows two at once."""
    first, *later = (frozenset(hashes) for hashes in seen)
    run = observing(pods=Pods(1, 1, first))
    for builds in later:
        run.when(Pods(1, 1, builds))
    assert ("another build" in run.state.sentence) == new == run.rolled


def test_a_restarted_ladder_lets_the_rolling_update_end() -> None:
    run = observing(restart_on_new_build=True).when(Pods(2, 1, frozenset("ab")), BackOnStable())
    run.when(Served(), Pods(1, 1, frozenset("b")))
    assert (run.state.phase, run.weights) == (Phase.OBSERVING, [5, 5])


def at_the_end(**more: Any) -> Run:
    return observing(steps="5", **more).counted(3)


def refused() -> Run:
    """The next step was refused by the server, and the one before is still served."""
    return observing().counted(3).when(NotServed("the webhook says no"))


WAITING = (
    lambda: observing(pause_at="50").counted(3),
    lambda: observing(on_no_data="hold").counted(6, n=5),
    at_the_end,
    refused,
)


@pytest.mark.parametrize("waiting", WAITING)
def test_whoever_is_waited_for_the_canary_is_watched(waiting: Callable[[], Run]) -> None:
    run = waiting()
    assert run.state.phase in (Phase.ASKING, Phase.HELD)
    run.counted(2, errors=0)
    assert not run.rolled
    run.counted(2, errors=100)
    assert run.rolled


def test_a_canary_held_for_its_pods_goes_on_when_they_are_ready() -> None:
    run = Run(pods=Pods(0, 1, frozenset()))
    assert (run.state.phase, run.weights) == (Phase.HELD, [])
    run.when(Pods(1, 1, frozenset("a")))
    assert (run.state.phase, run.weights) == (Phase.SHIFTING, [5])


def test_a_build_that_comes_after_a_gap_begins_the_ladder_again_where_asked() -> None:
    run = observing(restart_on_new_build=True).counted(3).when(Served())
    run.when(Pods(0, 1, frozenset()), BackOnStable())
    assert run.state.phase is Phase.HELD
    run.when(Pods(1, 1, frozenset("b")), BackOnStable(), Served())
    assert (run.state.phase, run.state.index, run.weights) == (Phase.OBSERVING, 0, [5, 50, 5])


@pytest.mark.parametrize("order", [Order.HOLD, Order.ABORT])
def test_a_person_who_held_it_is_not_overruled_by_pods(order: Order) -> None:
    run = observing().when(Asked(order))
    before = list(run.commands)
    run.when(Pods(0, 1, frozenset()), Pods(1, 1, frozenset("a")))
    assert run.commands == before


def held() -> Run:
    return observing().counted(2).when(Asked(Order.HOLD))


def reweighted() -> Run:
    return observing().counted(3).when(Served(), Edited(Edit.WEIGHT, "bob changed it", 20))


def failed() -> Run:
    return observing(on_fail="hold").counted(2, errors=40)


@pytest.mark.parametrize("wanted", [held, reweighted, failed])
def test_what_a_person_holds_is_judged_and_said_and_left_alone(wanted: Callable[[], Run]) -> None:
    run = wanted()
    sentence, index, before = run.state.sentence, run.state.index, list(run.commands)
    run.counted(3, errors=100)
    assert run.state.trouble.startswith("on hold, but it fails: ")
    assert (run.state.phase, run.state.sentence, run.state.index) == (Phase.HELD, sentence, index)
    assert run.commands == before


def test_the_words_of_a_hold_follow_what_is_counted_and_its_time_stands_still() -> None:
    run = held()
    observed = run.state.observed_s
    run.counted(2, errors=60)
    assert "gross failure: 30 %" in run.state.trouble
    run.counted(1, problem="Prometheus does not answer")
    assert run.state.trouble == "not judged: Prometheus does not answer"
    run.counted(1, seconds=3600.0, errors=200)
    assert run.state.trouble == "not judged: nothing was read for 3600 s"
    run.time -= 3000
    run.counted(1, errors=200)
    assert run.state.trouble == "not judged: the clock was set back"
    assert (run.state.observed_s, run.rolled) == (observed, False)


def test_a_healthy_hold_says_nothing_and_a_failing_one_goes_back_when_it_is_resumed() -> None:
    run = held().counted(9)
    assert (run.state.trouble, run.state.sentence) == ("", "on hold by a person")
    run.counted(9, errors=8)
    assert "more errors than stable" in run.state.trouble
    run.when(Asked(Order.RESUME), Served())
    assert (run.state.trouble, run.rolled) == ("", False)
    run.counted(1, errors=8)
    assert run.rolled


def test_a_hold_while_a_gate_runs_does_not_outlast_the_resume() -> None:
    """The gate of the resumed step is guarded again."""
    run = observing_gated().when(Asked(Order.HOLD), Asked(Order.RESUME))
    assert run.state.phase is Phase.GATE
    assert run.counted(2, errors=100).rolled


def observing_gated() -> Run:
    return Run(gate="smoke").when(Gated(True), Served()).counted(3)


def test_a_rollback_that_found_stable_without_pods_is_made_when_it_has_some() -> None:
    run = observing().when(Pods(1, 0, frozenset("a"))).counted(2, errors=60)
    assert "stable has no ready pod" in run.state.sentence and not run.rolled
    run.counted(1, errors=60)
    assert not run.rolled
    run.when(Pods(1, 1, frozenset("a"))).counted(1, errors=60)
    assert run.rolled


@pytest.mark.parametrize("edit", [Edit.MATCH, Edit.LABELS])
def test_what_falsifies_the_counts_is_not_judged(edit: Edit) -> None:
    run = observing().when(Edited(edit, "bob set a fault"))
    before = run.state
    assert run.counted(5, errors=200).state == before
