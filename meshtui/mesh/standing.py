"""The state of one line of the screen, sample by sample: entered and left by different bounds.

A ratio just at a threshold would change its state at every third look. So a state is entered by
the interval of what was counted lately, left by one that lies clearly below, and the bar rises
each time that a state comes back soon after it was left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from meshtui.mesh.interval import above, below
from meshtui.mesh.judging import (
    DEGRADED,
    ENOUGH,
    FAILING,
    FEW,
    NO_TRAFFIC,
    NOT_KNOWN,
    OK,
    ONLY_ERRORS,
    SEVERITY,
    SLOW,
    Count,
    Thresholds,
    judged,
    worse,
)

FORGOTTEN_S = 300.0
"""Seconds without a failure after which a state goes, however few requests there were."""

RETURNS_S = 600.0
"""Seconds within which a state that comes back must stay twice as long as the time before."""

MOST_RETURNS = 3

HALF_LIFE_S = 90.0
"""After so long a failure counts half in the ratio over the last minutes."""

LEAVE = 0.5
"""Part of the threshold below which the ratio of a minute must lie for a state to end soon."""

Z99 = 2.58
"""What is to end a state must be that certain."""

BUSY = 7.0
"""Requests of a usual window from which an empty one is no chance: 1 in 1,000."""

LONG_S = 40.0
"""Seconds that must be counted before few requests, or none, are said of a line."""

UNJUDGED_S = 120.0
"""Seconds without enough requests after which a line that was judged is no longer."""

NONE_S = 180.0
"""Seconds without any after which even a line that is seldom asked has no traffic."""

_BAD = frozenset({ONLY_ERRORS, DEGRADED}) | {s for s in SEVERITY if SEVERITY[s] < SEVERITY[SLOW]}
_UNJUDGED = frozenset({NOT_KNOWN, NO_TRAFFIC, FEW})


class Span(NamedTuple):
    """From when to when a sample counted, seconds since the epoch."""

    begin: float
    end: float


@dataclass(slots=True)
class Line:
    """What is shown of one line, and since when it was clean.

    `ratio` is the part that failed when something last did, and `failing_ratio` the one over the
    last minutes when something last succeeded. `clean` counts the requests since a failure,
    `dead` those since a success; both count windows once. Windows that begin before `since`
    belong to an earlier state. `bad` of `requests` failed, older ones counted in part.
    `judged_at` is when there were enough requests last, `seen_at` when there were any, and
    `usual_rps` how many they were then. It was looked at until `at`, and followed until
    `followed_at`: between them it was calm.
    """

    state: str
    at: float
    since: float = 0.0
    ratio: float = 0.0
    failed_at: float = 0.0
    clean: float = 0.0
    clean_at: float = 0.0
    slow: str = ""
    slow_at: float = 0.0
    slow_left: float = 0.0
    slow_returns: int = 0
    dead: float = 0.0
    failing_ratio: float = 0.0
    bad: float = 0.0
    requests: float = 0.0
    counted_at: float = 0.0
    left: float = 0.0
    returns: int = 0
    judged_at: float = 0.0
    seen_at: float = 0.0
    usual_rps: float = 0.0
    followed_at: float = 0.0

    @property
    def shown(self) -> str:
        return worse(self.state, SLOW) if self.slow else self.state


def follow(line: Line, pools: Sequence[Count], newest: Span, limits: Thresholds) -> None:
    """The state after one more window.

    `pools` are the newest window, it and the one before, and so on; the last is all that counts.
    """
    window, pool = pools[0], pools[-1]
    _note(line, window, pool, newest)
    found = _found(line, pools, limits)
    _see(line, found, pools, newest)
    if line.state in _UNJUDGED:
        if found != NO_TRAFFIC or line.state != FEW or _is_gone(line, newest):
            _enter(line, found, pool, newest)
    elif window.requests <= 0:
        gone = _was_busy(pools) if pool.requests else _is_gone(line, newest)
        if gone and (line.state in _BAD or not pool.requests):
            line.state, line.since = NO_TRAFFIC, newest.begin
        elif pool.requests < FEW_AGAIN and _is_unjudged(line, pools, newest):
            _fall_quiet(line, newest)
    elif found == FEW:
        if pool.requests < FEW_AGAIN and _is_unjudged(line, pools, newest):
            _fall_quiet(line, newest)
    elif SEVERITY[found] < SEVERITY[line.state]:
        _enter(line, found, pool, newest)
    elif found != line.state and _is_over(line, pools, newest.end, limits):
        _leave(line, window, newest, limits)
    elif line.state == ONLY_ERRORS and found != ONLY_ERRORS:
        line.state = FAILING


FEW_AGAIN = 5
"""Requests of a minute below which a line that was judged is too quiet to be."""


def _enter(line: Line, state: str, pool: Count, newest: Span) -> None:
    if state in _BAD and line.state not in _BAD:
        again = bool(line.left) and newest.end - line.left <= RETURNS_S
        line.returns = min(line.returns + 1, MOST_RETURNS) if again else 0
        line.bad, line.requests, line.counted_at = pool.bad, pool.requests, newest.end
    line.state = state


def _leave(line: Line, window: Count, newest: Span, limits: Thresholds) -> None:
    state = judged(window, limits)
    line.state, line.since = OK if state == FEW else state, newest.begin
    if line.state not in _BAD:
        line.left, line.failing_ratio = newest.end, 0.0


def _see(line: Line, found: str, pools: Sequence[Count], newest: Span) -> None:
    """How much there is to judge by. A line that is calm has enough."""
    length = newest.end - newest.begin
    if line.at > line.followed_at:
        line.judged_at, line.seen_at, line.usual_rps = line.at, line.at, ENOUGH / length
    line.followed_at = newest.end
    if found not in (FEW, NO_TRAFFIC):
        line.judged_at = newest.end
    if pools[0].requests > 0:
        enough = pools[0].requests >= ENOUGH
        line.usual_rps = (ENOUGH if enough else pools[-1].requests / len(pools)) / length
        line.seen_at = newest.end


def _is_gone(line: Line, newest: Span) -> bool:
    """Whether so long without a request is no chance, as often as it is asked otherwise."""
    patience = min(NONE_S, BUSY / line.usual_rps) if line.usual_rps else NONE_S
    return newest.end - line.seen_at >= max(patience, LONG_S)


def _is_unjudged(line: Line, pools: Sequence[Count], newest: Span) -> bool:
    """Whether what it was judged by is too long ago, the longer the oftener it comes back."""
    patience = UNJUDGED_S * 2.0**line.returns
    return newest.end - line.judged_at >= patience and _is_long(pools, newest)


def _fall_quiet(line: Line, newest: Span) -> None:
    if line.state in _BAD:
        line.left = newest.end
    line.state = FEW


def _was_busy(pools: Sequence[Count]) -> bool:
    return len(pools) > 1 and pools[-1].requests >= BUSY * len(pools)


def _is_long(pools: Sequence[Count], newest: Span) -> bool:
    """Whether enough seconds are counted to call what is rare rare."""
    return len(pools) * (newest.end - newest.begin) >= LONG_S


def _found(line: Line, pools: Sequence[Count], limits: Thresholds) -> str:
    """What the newest window says, or all of them together where that is worse.

    Only errors are said once three windows had nothing else, or all that is known; and where
    something had succeeded lately, once so many failed that this ratio is excluded.
    """
    first = judged(pools[0], limits)
    last = first if len(pools) == 1 else judged(pools[-1], limits)
    known = [state for state in (first, last) if state not in (FEW, NO_TRAFFIC)]
    if not known:
        return last
    found = worse(*known)
    if found != ONLY_ERRORS:
        return found
    sure = last == ONLY_ERRORS or judged(pools[min(2, len(pools) - 1)], limits) == ONLY_ERRORS
    return ONLY_ERRORS if sure and above(line.dead, line.dead, line.failing_ratio) else FAILING


def _note(line: Line, window: Count, pool: Count, newest: Span) -> None:
    """What was counted, each window once; what broke off a series counts at once."""
    bad = window.bad
    fresh = newest.begin >= line.counted_at - 1e-6
    if fresh:
        faded = 0.5 ** (max(0.0, newest.end - line.counted_at) / HALF_LIFE_S)
        line.bad, line.requests = line.bad * faded + bad, line.requests * faded + window.requests
        line.counted_at = newest.end
    if bad:
        line.ratio, line.failed_at, line.clean = pool.bad / pool.requests, newest.end, 0.0
    elif not line.clean or newest.begin >= line.clean_at - 1e-6:
        line.clean += window.requests
        line.clean_at = newest.end
    if bad < window.requests:
        line.dead = 0.0
        if line.state in _BAD and line.requests:
            line.failing_ratio = min(line.bad / line.requests, 1.0)
    elif fresh or not line.dead:
        line.dead += window.requests


def _is_over(line: Line, pools: Sequence[Count], now: float, limits: Thresholds) -> bool:
    """Whether what was counted lately excludes that the state still holds."""
    patience = 2.0**line.returns
    if now - line.failed_at >= FORGOTTEN_S * patience:
        return True
    if line.state == DEGRADED:
        return below(0, line.clean / patience, min(line.ratio, limits.failing))
    bound = LEAVE * limits.failing
    if below(0, line.clean / patience, bound) or below(
        line.bad, line.requests, limits.failing, Z99
    ):
        return True
    for pool in pools:
        bad, requests = pool.bad, pool.requests / patience
        if bad < bound * requests and below(bad, requests, bound, Z99):
            return True
    return False


def slowed(line: Line, slow: str, newest: Span, count: Count) -> None:
    """Slow until two windows in a row were not, or nothing is there that could be.

    What is slow again soon after must be well for twice as long.
    """
    if slow:
        if not line.slow and line.slow_left:
            again = newest.end - line.slow_left <= RETURNS_S
            line.slow_returns = min(line.slow_returns + 1, MOST_RETURNS) if again else 0
        line.slow, line.slow_at = slow, newest.end
        return
    length = (newest.end - newest.begin) * 2.0**line.slow_returns
    if line.slow and (count.requests <= 0 or newest.begin - line.slow_at >= length):
        line.slow, line.slow_left = "", newest.end
