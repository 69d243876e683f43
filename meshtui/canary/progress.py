"""Where a run is, for whoever shows it: a line, a document, or a pane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.canary.evidence import Evidence
from meshtui.canary.machine import Phase, State
from meshtui.canary.tally import Counts
from meshtui.canary.verdict import percent
from meshtui.dataclass import dataclass
from meshtui.mesh.interval import interval


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen of the route beside the counts.

    `share` is the canary's part of the requests that were counted last, 0 to 1; `serving` says
    whether the proxies were seen to serve what was asked. p99 are of the last interval, in ms.
    """

    share: float | None = None
    serving: bool | None = None
    canary_p99_ms: float | None = None
    stable_p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One version in the present step. Ratios are 0 to 1; `low` and `high` bound the error ratio
    with 95 % certainty; all three are None without requests.
    """

    requests: float
    errors: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    slow: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A run as it is shown.

    `ladder` are its steps in words and `index` the present one; `weight` is asked (percent, 0 for
    a step with copies only) and `share` measured; `left_s` are the seconds of observation that the
    step still needs. `evidence` on its way to `limit` is that against the canary for its errors,
    `slow_evidence` for its latency. `exit` is None as long as it runs.
    """

    service: str
    version: str
    phase: str
    ladder: tuple[str, ...]
    index: int
    weight: float
    observed_s: float
    left_s: float
    canary: Side
    stable: Side | None
    evidence: float
    slow_evidence: float
    limit: float
    sentence: str
    trouble: str = ""
    share: float | None = None
    serving: bool | None = None
    exit: int | None = None
    time: float = 0.0


def progress_of(state: State, seen: Measured | None = None, time: float = 0.0) -> Progress:
    """`time` is when it was so, in seconds since the epoch."""
    seen = seen or Measured()
    tally, rung = state.tally, state.rung
    alone = tally.stable.requests <= 0
    return Progress(
        state.plan.service,
        state.plan.version,
        state.phase.value,
        tuple(one.words for one in state.rungs),
        state.index,
        rung.weight,
        state.observed_s,
        max(0.0, rung.seconds - state.observed_s),
        _side(tally.canary, seen.canary_p99_ms),
        None if alone else _side(tally.stable, seen.stable_p99_ms),
        _shown(tally.errors),
        _shown(tally.slow),
        tally.limits.evidence,
        state.sentence,
        state.trouble,
        seen.share,
        _serving(state, seen),
        None if state.exit is None else int(state.exit),
        time,
    )


def _serving(state: State, seen: Measured) -> bool | None:
    """Before the first interval what the step began with: that the proxies serve it."""
    begun = state.phase is Phase.OBSERVING and state.observed_s <= 0 and not state.trouble
    return True if seen.serving is None and begun else seen.serving


def _shown(evidence: Evidence) -> float:
    return min(evidence.value, 1e9)


def _side(counts: Counts, p99_ms: float | None) -> Side:
    if counts.requests <= 0:
        return Side(counts.requests, counts.errors, p99_ms=p99_ms)
    low, high = interval(counts.errors, counts.requests)
    slow = counts.slow_ratio if counts.timed > 0 else None
    return Side(counts.requests, counts.errors, counts.error_ratio, low, high, slow, p99_ms)


def line(progress: Progress) -> str:
    """One line that stands by itself in a log."""
    where = progress.ladder[progress.index]
    parts = [f"{progress.service} {progress.version}", f"{where} ({progress.phase})"]
    if progress.exit is None:
        parts += [_side_words(progress)]
        parts += [f"evidence {_number(progress.evidence)} ({progress.limit:g} is enough)"]
        if progress.phase in (Phase.OBSERVING.value, Phase.FROZEN.value):
            parts += [f"{progress.left_s:.0f} s left"]
    sentence = f": {progress.sentence}" if progress.sentence and _adds_sentence(progress) else ""
    trouble = f" ({progress.trouble})" if progress.trouble else ""
    return " · ".join(filter(None, parts)) + sentence + trouble


def _adds_sentence(progress: Progress) -> bool:
    """While it observes, the sentence repeats the numbers of the line."""
    return progress.phase != Phase.OBSERVING.value


def _side_words(progress: Progress) -> str:
    canary, stable = progress.canary, progress.stable
    if canary.ratio is None:
        return "no requests yet" if progress.phase == Phase.OBSERVING.value else ""
    words = f"errors {percent(canary.ratio)} of {canary.requests:,.0f}"
    words += f" ({percent(canary.low or 0.0)} to {percent(canary.high or 0.0)})"
    if canary.p99_ms is not None:
        words += f", p99 {canary.p99_ms:.0f} ms"
    if stable is not None and stable.ratio is not None:
        words += f"; stable {percent(stable.ratio)} of {stable.requests:,.0f}"
        if stable.p99_ms is not None:
            words += f", p99 {stable.p99_ms:.0f} ms"
    if progress.share is not None:
        words += f"; measured {percent(progress.share)}"
    return words


def _number(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def document(progress: Progress) -> Mapping[str, Any]:
    """The same as JSON: what is not known is null."""
    step = {
        "index": progress.index,
        "words": progress.ladder[progress.index],
        "weight": progress.weight,
        "observed_s": round(progress.observed_s, 3),
        "left_s": round(progress.left_s, 3),
    }
    evidence = {
        "errors": progress.evidence,
        "latency": progress.slow_evidence,
        "limit": progress.limit,
    }
    return {
        "time": progress.time,
        "service": progress.service,
        "version": progress.version,
        "phase": progress.phase,
        "ladder": list(progress.ladder),
        "step": step,
        "measured_share": progress.share,
        "in_proxies": progress.serving,
        "canary": _side_document(progress.canary),
        "stable": None if progress.stable is None else _side_document(progress.stable),
        "evidence": evidence,
        "sentence": progress.sentence,
        "trouble": progress.trouble,
        "exit": progress.exit,
    }


def _side_document(side: Side) -> Mapping[str, Any]:
    return {
        "requests": side.requests,
        "errors": side.errors,
        "error_ratio": side.ratio,
        "error_ratio_low": side.low,
        "error_ratio_high": side.high,
        "slow_ratio": side.slow,
        "p99_ms": side.p99_ms,
    }


def ladder_text(progress: Progress) -> str:
    """`5 % → [10 %] → 25 %`, the present step in brackets."""
    shown = (f"[{w}]" if i == progress.index else w for i, w in enumerate(progress.ladder))
    return " → ".join(shown)
