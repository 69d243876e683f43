"""The state machine of a run: an event goes in, the next state and what to do come out.

No clock and no network: the times are those of the intervals that were counted. A state is all that
a run is, so that a process which goes on with a kept state does what the first would have done.
Commands are repeated by `Revived`, so each must be harmless where it is done already.
"""

from __future__ import annotations

from dataclasses import field, replace
from enum import Enum

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
from meshtui.canary.ladder import Rung, ladder, rung_below
from meshtui.canary.plan import Choice, Plan
from meshtui.canary.tally import Interval, Tally
from meshtui.canary.verdict import Outcome, Verdict, judge
from meshtui.dataclass import dataclass
from meshtui.errors import Exit
from meshtui.mesh.quantity import number_of

GAP_S = 60.0
"""A longer interval was not watched (a laptop asleep, a clock set), and is not counted, unless the
plan or the telemetry has intervals that are as long: three of those may pass."""

ROLLBACK_TRIES = 5
"""How often a rollback is written and looked for in the proxies before the run gives up."""

AWAY_TRIES = 60
"""The same where the cluster is out of reach: half an hour, at two tries a minute."""

FROZEN_S = 1800.0
"""How long telemetry may be broken before the run ends."""


class Phase(Enum):
    """Where a run is; the last three are its ends."""

    ASKING = "waiting for a person"
    GATE = "waiting for the gate"
    SHIFTING = "waiting for the proxies"
    OBSERVING = "observing"
    FROZEN = "frozen"
    HELD = "on hold"
    RETURNING = "rolling back"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    STOPPED = "stopped"


ENDS = frozenset({Phase.PROMOTED, Phase.ROLLED_BACK, Phase.STOPPED})
WATCHING = frozenset({Phase.OBSERVING, Phase.FROZEN})
GUARDED = frozenset({Phase.ASKING, Phase.GATE})
"""Phases in which the step before is still served, and goes back where it fails."""


@dataclass(frozen=True, slots=True)
class State:
    """A run. `index` is the rung, `observed_s` and `frozen_s` the seconds counted and not countable
    on it, `cleared` whether a person let this rung pass, `sentence` why it is as it is.

    `restart` marks a rollback after which the ladder begins again. `tries` counts what was tried in
    vain in this phase, `trouble` says what was against it. `guarded`: on hold without anybody's
    wish, and rolled back all the same where the canary fails. `watched`: on hold as a person wants
    it; where the canary fails, `trouble` says so and nothing is done. `podless`: on hold until the
    canary has a ready pod.
    """

    plan: Plan
    tally: Tally
    phase: Phase = Phase.SHIFTING
    index: int = 0
    observed_s: float = 0.0
    frozen_s: float = 0.0
    cleared: bool = False
    sentence: str = ""
    exit: Exit | None = None
    pods: Pods | None = None
    restart: bool = False
    tries: int = 0
    trouble: str = ""
    guarded: bool = False
    watched: bool = False
    podless: bool = False
    rungs: tuple[Rung, ...] = field(default=())

    @property
    def rung(self) -> Rung:
        return self.rungs[self.index]

    @property
    def counted(self) -> bool:
        """Whether intervals are wanted: to judge the step, or what is served meanwhile."""
        held = self.phase is Phase.HELD and (self.guarded or self.watched)
        return held or self.phase in WATCHING | GUARDED

    @property
    def over(self) -> bool:
        return self.phase in ENDS


Next = tuple[State, tuple[Command, ...]]


def begin(plan: Plan, pods: Pods | None = None) -> Next:
    """A new run, before its first step."""
    state = State(plan, Tally.begin(plan.limits), pods=pods, rungs=ladder(plan))
    return _enter(state, 0)


def advance(state: State, event: Event) -> Next:
    """The state after `event`, and what it wants done. An ended run stays as it is."""
    if state.over:
        return state, ()
    match event:
        case Counted(interval):
            return _counted(state, interval)
        case Pods():
            return _pods(state, event)
        case Edited():
            return _edited(state, event)
        case Asked():
            return _asked(state, event)
        case Revived():
            return state, _pending(state)
        case Interrupted():
            return _interrupted(state)
        case _:
            return _answered(state, event)


def _answered(state: State, event: Event) -> Next:
    """What was asked for is done, or cannot be; an answer to an older question changes nothing."""
    match state.phase, event:
        case Phase.SHIFTING, Served():
            return _with_phase(
                state, Phase.OBSERVING, f"{state.rung.words} served by the proxies"
            ), ()
        case Phase.SHIFTING, NotServed(why, away=False):
            return _with_phase(state, Phase.HELD, why, guarded=True), ()
        case Phase.SHIFTING | Phase.RETURNING, NotServed():
            return _again(state, event)
        case Phase.GATE, Gated(passed, words):
            if passed:
                return _shift(state)
            return _failed(state, f"the gate failed: {words}" if words else "the gate failed")
        case Phase.RETURNING, BackOnStable():
            if state.restart:
                fresh = replace(state, tally=Tally.begin(state.plan.limits), restart=False)
                return _enter(fresh, 0)
            return _end(state, Phase.ROLLED_BACK, Exit.ROLLED_BACK), ()
    return state, ()


def _again(state: State, failed: NotServed) -> Next:
    """Tries once more what the phase waits for, and says so where it gives up."""
    most = AWAY_TRIES if failed.away else ROLLBACK_TRIES
    if state.tries + 1 < most:
        return (again := replace(state, tries=state.tries + 1, trouble=failed.why)), _pending(again)
    goal = "the rollback" if state.phase is Phase.RETURNING else state.rung.words
    sentence = f"{goal} was not seen in the proxies in {most} tries: {failed.why}"
    if state.phase is Phase.RETURNING:
        sentence += f"; rolled back because: {state.sentence}"
    ended = replace(state, sentence=sentence, trouble=failed.why)
    return _end(ended, Phase.STOPPED, Exit.UNREACHABLE if failed.away else Exit.FAILED), ()


def gap_s(plan: Plan, interval: Interval) -> float:
    """How long an interval may be that was watched: it follows the plan's and the telemetry's."""
    return max(GAP_S, 3 * plan.interval_s, 3 * interval.usual_s)


def _counted(state: State, interval: Interval) -> Next:
    if not state.counted:
        return state, ()
    if state.phase not in WATCHING:
        return _meanwhile(state, interval)
    longest = gap_s(state.plan, interval)
    if interval.start < state.tally.end - longest:
        return _resynchronized(state, interval), ()
    seconds = interval.end - interval.start
    if seconds > longest:
        interval = replace(interval, problem=f"nothing was read for {seconds:.0f} s")
    counted = state.tally.add(interval)
    if counted is state.tally:
        return state, ()
    if interval.broken:
        state = replace(state, tally=counted, frozen_s=state.frozen_s + min(seconds, longest))
    else:
        state = replace(state, tally=counted, observed_s=state.observed_s + seconds, frozen_s=0.0)
    return _judged(state, judge(counted, state.observed_s >= state.rung.seconds))


def _meanwhile(state: State, interval: Interval) -> Next:
    """The step's time stands still, and the canary is judged all the same: whoever is waited for,
    or whatever a person does meanwhile, traffic goes to it."""
    if unread := _unread(state, interval):
        tally = replace(state.tally, end=interval.end)
        return replace(state, tally=tally, trouble=f"not judged: {unread}"), ()
    if state.rung.shadow and not state.watched:
        return state, ()
    state = replace(state, tally=state.tally.add(interval), trouble="")
    verdict = judge(state.tally, over=False)
    if verdict.outcome is not Outcome.FAIL:
        return state, ()
    if state.watched:
        return replace(state, trouble=f"on hold, but it fails: {verdict.sentence}"), ()
    return _failed(state, verdict.sentence)


def _unread(state: State, interval: Interval) -> str:
    """Why an interval says nothing of its time; empty where it does."""
    longest, seconds = gap_s(state.plan, interval), interval.end - interval.start
    if interval.start < state.tally.end - longest:
        return "the clock was set back"
    gap = f"nothing was read for {seconds:.0f} s" if seconds > longest else ""
    return interval.broken or gap


def _resynchronized(state: State, interval: Interval) -> State:
    """The clock went back: nothing is counted, and counting goes on from there."""
    tally = replace(state.tally, end=interval.end)
    return replace(state, tally=tally, sentence="the clock was set back: one interval not counted")


def _judged(state: State, verdict: Verdict) -> Next:
    state = replace(state, sentence=verdict.sentence)
    match verdict.outcome:
        case Outcome.FAIL:
            return _failed(state, verdict.sentence)
        case Outcome.PASS:
            return _passed(state)
        case Outcome.BROKEN if state.frozen_s >= FROZEN_S:
            return _end(state, Phase.STOPPED, Exit.UNREACHABLE), ()
        case Outcome.BROKEN | Outcome.BOTH_BAD:
            return replace(state, phase=Phase.FROZEN), ()
        case Outcome.TOO_LITTLE:
            return _too_little(replace(state, phase=Phase.OBSERVING))
    return replace(state, phase=Phase.OBSERVING), ()


def _passed(state: State) -> Next:
    if state.index + 1 < len(state.rungs):
        return _enter(state, state.index + 1)
    if state.rung.weight < 100:
        return _with_phase(
            state, Phase.HELD, f"{state.sentence}; the ladder ends here", guarded=True
        ), ()
    return _end(state, Phase.PROMOTED, Exit.DONE), ()


def _too_little(state: State) -> Next:
    """Wait longer; then what the plan says. Unproven is never passed by `continue`."""
    if state.observed_s < state.rung.seconds * state.plan.patience:
        return state, ()
    enough = state.tally.canary.requests >= state.plan.limits.requests
    if state.plan.on_no_data is Choice.CONTINUE and not enough:
        return _passed(state)
    if state.plan.on_no_data is Choice.ROLLBACK:
        return _back(state, state.sentence)
    return _with_phase(state, Phase.HELD, state.sentence, guarded=True), ()


def _failed(state: State, why: str) -> Next:
    if state.plan.on_fail is Choice.HOLD:
        return _with_phase(state, Phase.HELD, why, watched=True), ()
    return _back(state, why)


def _back(state: State, why: str, force: bool = False, restart: bool = False) -> Next:
    """To stable, unless nobody would answer there."""
    if state.pods is not None and state.pods.stable_ready == 0 and not force:
        words = f"{why}; not rolled back, as stable has no ready pod (abort with force does it)"
        return _with_phase(state, Phase.HELD, words, guarded=True), ()
    state = replace(_with_phase(state, Phase.RETURNING, why), restart=restart)
    return state, (RollBack(why),)


def _enter(state: State, index: int) -> Next:
    """To a rung: a person, the gate and the pods come before the proxies."""
    return _approach(_anew(state, index))


def _approach(state: State) -> Next:
    rung = state.rung
    if rung.weight in state.plan.pause_at and not rung.shadow and not state.cleared:
        return _with_phase(state, Phase.ASKING, f"before {rung.words}: `canary resume` goes on"), ()
    if state.plan.gate:
        state = replace(state, phase=Phase.GATE)
        return state, _pending(state)
    return _shift(state)


def _shift(state: State) -> Next:
    if state.pods is not None and state.pods.canary_ready == 0:
        words = "the canary has no ready pod and gets no weight"
        return replace(_with_phase(state, Phase.HELD, words), podless=True), ()
    tally = state.tally.next_step()
    state = replace(state, phase=Phase.SHIFTING, tally=tally, tries=0, trouble="")
    return state, _pending(state)


def _pending(state: State) -> tuple[Command, ...]:
    """What the phase waits for."""
    match state.phase:
        case Phase.SHIFTING:
            return (Shift(state.rung.weight, state.rung.shadow),)
        case Phase.GATE:
            return (RunGate(state.plan.gate, state.plan.gate_s),)
        case Phase.RETURNING:
            return (RollBack(state.sentence),)
    return ()


def _asked(state: State, asked: Asked) -> Next:
    match asked.order:
        case Order.ABORT:
            return _back(state, "aborted by a person", asked.force)
        case _ if state.phase is Phase.RETURNING:
            return state, ()
        case Order.HOLD:
            return _with_phase(state, Phase.HELD, "on hold by a person", watched=True), ()
        case Order.RESUME if state.phase in (Phase.HELD, Phase.ASKING):
            return _approach(replace(_anew(state, state.index), cleared=True))
        case Order.PROMOTE if state.rung.weight < 100 and state.rungs[-1].weight == 100:
            return _approach(replace(_anew(state, len(state.rungs) - 1), cleared=True))
    return state, ()


def _anew(state: State, index: int) -> State:
    """A rung observed from its beginning; the evidence against the baseline stays."""
    tally = state.tally.next_step()
    return replace(
        state,
        index=index,
        tally=tally,
        observed_s=0.0,
        frozen_s=0.0,
        cleared=False,
        guarded=False,
        watched=False,
        trouble="",
    )


def _interrupted(state: State) -> Next:
    if state.phase is Phase.RETURNING:
        return state, ()
    if state.plan.on_interrupt is Choice.ROLLBACK:
        return _back(state, "interrupted")
    return _with_phase(state, Phase.HELD, "interrupted: `canary resume` goes on from here"), ()


def _pods(state: State, pods: Pods) -> Next:
    """A build that was not among the ready pods is another canary; no ready pod is none."""
    before = state.pods
    if state.phase is Phase.RETURNING or before is None or not before.builds:
        retained = pods if pods.builds or before is None else replace(pods, builds=before.builds)
        state = replace(state, pods=retained)
        if state.phase is Phase.RETURNING or before is None:
            return state, ()
    new = pods.builds - before.builds if before.builds else frozenset()
    state = replace(state, pods=replace(pods, builds=before.builds | pods.builds))
    if new:
        was, now = (", ".join(sorted(builds)) for builds in (before.builds, new))
        why = f"the canary is another build now ({was} → {now})"
        return _back(state, why, restart=state.plan.restart_on_new_build)
    if pods.restarts > before.restarts:
        times = number_of(pods.restarts - before.restarts, "time")
        return _back(state, f"the canary's pods restarted ({times})")
    served = state.phase in WATCHING | {Phase.SHIFTING}
    if pods.canary_ready == 0 and (served or (state.phase in GUARDED and state.index > 0)):
        why = "the canary has no ready pod and gets no weight"
        return _back(state, why, restart=state.plan.restart_on_new_build)
    if pods.canary_ready and state.podless:
        return _approach(replace(state, podless=False))
    return state, ()


def _edited(state: State, edited: Edited) -> Next:
    """Adopt, pause or stop; nothing is written over another's change, no step is jumped."""
    if state.phase is Phase.RETURNING:
        return state, ()
    match edited.edit:
        case Edit.UNRELATED:
            return replace(state, sentence=f"adopted: {edited.words}"), ()
        case Edit.REMOVED | Edit.DRIVER:
            return _stopped(state, edited.words)
        case Edit.WEIGHT:
            return _reweighted(state, edited)
    return _with_phase(state, Phase.HELD, f"paused: {edited.words}"), ()


def _reweighted(state: State, edited: Edited) -> Next:
    """None at all ends the run; less is adopted from the rung below, on hold; more is never judged
    as a step that was climbed.
    """
    if edited.weight == state.rung.weight:
        return replace(state, sentence=f"adopted: {edited.words}"), ()
    if edited.weight <= 0:
        return _stopped(state, edited.words)
    below = rung_below(state.rungs[: state.index + 1], edited.weight)
    first = next(i for i, rung in enumerate(state.rungs) if not rung.shadow)
    index = min(state.index, first if below is None else below)
    words = f"paused: {edited.words}"
    return _with_phase(_anew(state, index), Phase.HELD, words, watched=True), ()


def _stopped(state: State, why: str) -> Next:
    return _end(replace(state, sentence=f"stopped: {why}"), Phase.STOPPED, Exit.FAILED), ()


def _with_phase(
    state: State, phase: Phase, sentence: str, *, guarded: bool = False, watched: bool = False
) -> State:
    return replace(
        state,
        phase=phase,
        sentence=sentence,
        tries=0,
        trouble="",
        guarded=guarded,
        watched=watched,
        podless=False,
    )


def _end(state: State, phase: Phase, status: Exit) -> State:
    return replace(state, phase=phase, exit=status)
