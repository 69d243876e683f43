"""What the counts of one step say about the canary: one outcome, and one sentence with its numbers.

In this order: broken telemetry, gross failure, worse than the baseline, over an absolute limit, too
few requests, pass. Before the step's end the last two read "watching".
"""

from __future__ import annotations

from enum import Enum

from meshtui.canary.evidence import Evidence, upper_bound
from meshtui.canary.tally import P99_SHARE, Counts, Tally
from meshtui.dataclass import dataclass
from meshtui.mesh.quantity import number_of

LOOKED_AT = 3.3
"""How many standard errors the bound of a baseline lies above what was counted."""

P99_REQUESTS = 1_000
"""Below so many requests a p99 is decided by a handful of them, and says nothing."""

AS_BAD, GROSS_AS_BAD = 3.0, 2.0
"""Up to so many times the errors of a baseline that is over the limit, too, are no failure of the
canary's own: over a whole step, and in one interval of a gross failure."""


class Outcome(Enum):
    """`WATCHING` is a step that is not over and has nothing against it."""

    WATCHING = "watching"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    TOO_LITTLE = "too little data"
    BROKEN = "telemetry broken"
    BOTH_BAD = "both equally bad"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and the sentence that says why."""

    outcome: Outcome
    sentence: str


def judge(tally: Tally, over: bool) -> Verdict:
    """The step as it is now; `over` says whether its time of observation is complete."""
    if tally.last is not None and tally.last.broken:
        return Verdict(Outcome.BROKEN, f"telemetry broken: {tally.last.broken}")
    found = _gross(tally) or _worse(tally) or _over_errors(tally) or _over_p99(tally)
    if found:
        return found
    return _end(tally) if over else Verdict(Outcome.WATCHING, f"{_sides(tally)}, {_proof(tally)}")


def _gross(tally: Tally) -> Verdict | None:
    """A failure that waits for nothing, unless the baseline fails alike.

    One interval decides only where next to nothing was answered: a burst may fill one interval.
    """
    if tally.last is None or not tally.gross:
        return None
    new, stable = tally.last.canary, tally.last.stable
    if tally.gross < 2 and new.error_ratio < tally.limits.all_ratio:
        return None
    seconds = tally.last.end - tally.last.start
    words = f"{_ratio(new)} of {number_of(new.requests, 'request')} failed within {seconds:.0f} s"
    if stable is not None and _as_bad(stable.error_ratio, new.error_ratio, 0.0, GROSS_AS_BAD):
        return _not_its_doing(f"{words}, {_ratio(stable)} of {stable.requests:,.0f} on stable")
    return Verdict(Outcome.FAIL, f"gross failure: {words}")


def _worse(tally: Tally) -> Verdict | None:
    if tally.errors.enough:
        return Verdict(
            Outcome.FAIL,
            f"more errors than stable: {_sides(tally)}, {_proof(tally)}",
        )
    if tally.slow.enough:
        return Verdict(
            Outcome.FAIL,
            f"slower than stable: {_slow_sides(tally)}, evidence {_evidence(tally.slow)}",
        )
    return None


def _over_errors(tally: Tally) -> Verdict | None:
    limits, canary, stable = tally.limits, tally.canary, tally.stable
    if not tally.over_errors.enough or canary.requests < limits.requests:
        return None
    words = f"{_sides(tally)}, over the limit {percent(limits.errors)}"
    if _as_bad(stable.error_ratio, canary.error_ratio, limits.errors):
        return _not_its_doing(words)
    if _may_reach(stable.requests, stable.errors, canary.error_ratio, tally.errors):
        return None
    return Verdict(Outcome.FAIL, f"{words}, evidence of that {_evidence(tally.over_errors)}")


def _over_p99(tally: Tally) -> Verdict | None:
    canary, stable = tally.canary, tally.stable
    if not tally.over_p99.enough or canary.timed < P99_REQUESTS:
        return None
    words = f"p99 over the limit {tally.limits.p99_ms:g} ms: {_slow_sides(tally)}"
    if _as_bad(stable.slow_ratio, canary.slow_ratio, P99_SHARE):
        return _not_its_doing(words)
    if _may_reach(stable.timed, stable.slow, canary.slow_ratio, tally.slow):
        return None
    return Verdict(Outcome.FAIL, f"{words}, evidence of that {_evidence(tally.over_p99)}")


def _as_bad(stable: float, canary: float, limit: float, most: float = AS_BAD) -> bool:
    """Whether the baseline is over the limit too, and about as bad as the canary.

    One failed request of a baseline's seventy is no excuse for a quarter of the canary's. Errors in
    bursts make one of two equal versions look twice as bad: which is worse then, the comparison
    finds, whose false alarms are bounded.
    """
    return stable > limit and stable >= canary / most


def _may_reach(n: float, x: float, ratio: float, evidence: Evidence) -> bool:
    """Whether the baseline may be as bad, for all that its few (or bursty) counts show.

    It is asked after each interval: `LOOKED_AT` makes one false answer in 2,000 of a single look.
    """
    by = evidence.dispersion
    return n > 0 and upper_bound(n / by, x / by, LOOKED_AT) >= ratio


def _end(tally: Tally) -> Verdict:
    """The step's time is over and nothing is proven against the canary."""
    limits, canary, stable = tally.limits, tally.canary, tally.stable
    sides = _sides(tally)
    if canary.requests < limits.requests:
        return Verdict(
            Outcome.TOO_LITTLE, f"too few requests: {sides}, need {limits.requests:,.0f}"
        )
    if canary.error_ratio > limits.errors:
        words = f"{sides}, over the limit {percent(limits.errors)}"
        if _as_bad(stable.error_ratio, canary.error_ratio, limits.errors):
            return _not_its_doing(words)
        return Verdict(
            Outcome.TOO_LITTLE,
            f"{words} but not proven, evidence {_evidence(tally.over_errors)}",
        )
    if canary.timed >= P99_REQUESTS and canary.slow_ratio > P99_SHARE:
        words = f"p99 over the limit {limits.p99_ms:g} ms: {_slow_sides(tally)}"
        if _as_bad(stable.slow_ratio, canary.slow_ratio, P99_SHARE):
            return _not_its_doing(words)
        return Verdict(
            Outcome.TOO_LITTLE, f"{words} but not proven, evidence {_evidence(tally.over_p99)}"
        )
    return Verdict(Outcome.PASS, f"passed: {sides}, {_proof(tally)}")


def _not_its_doing(words: str) -> Verdict:
    return Verdict(Outcome.BOTH_BAD, f"not the canary's doing, both are bad: {words}")


def _sides(tally: Tally) -> str:
    canary, stable = tally.canary, tally.stable
    if stable.requests > 0:
        baseline = f"{_ratio(stable)} of {stable.requests:,.0f} on stable"
    elif tally.history.requests > 0:
        past = tally.history
        baseline = f"{_ratio(past)} of {past.requests:,.0f} on stable before"
    else:
        baseline = "no request on stable"
    return f"{_ratio(canary)} errors of {number_of(canary.requests, 'request')}, {baseline}"


def _slow_sides(tally: Tally) -> str:
    limit, canary = tally.limits.p99_ms, tally.canary
    stable = tally.stable if tally.stable.timed > 0 else tally.history
    return (
        f"{percent(canary.slow_ratio)} of {number_of(canary.timed, 'request')} "
        f"took over {limit:g} ms, {percent(stable.slow_ratio)} of {stable.timed:,.0f} on stable"
    )


def _proof(tally: Tally) -> str:
    burst = tally.errors.dispersion
    bursts = f"errors come in bursts of about {burst:.0f}" if burst >= 2 else ""
    return f"evidence {_evidence(tally.errors, bursts)}"


def _evidence(evidence: Evidence, more: str = "") -> str:
    value = evidence.value
    number = "over 1e6" if value > 1e6 else f"{value:.2g}" if value < 10 else f"{value:.0f}"
    return f"{number} ({'; '.join(filter(None, (f'{evidence.limit:g} is enough', more)))})"


def _ratio(counts: Counts) -> str:
    return percent(counts.error_ratio)


def percent(ratio: float) -> str:
    """Two significant digits: `0.52 %`, `12 %`."""
    return f"{float(f'{ratio * 100:.2g}'):.15g} %"
