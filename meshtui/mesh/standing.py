"""The state of one line of the screen, sample by sample: entered and left by different bounds.

A ratio just at a threshold would change its state at every third look. So a state is entered by
the interval of what was counted lately, left by one that lies clearly below, and the bar rises
each time that a state comes back soon after it was left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
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
    Counts,
    Tally,
    judged,
    worse,
)
from meshtui.mesh.thresholds import Thresholds

POOLED_S = 60.0
"""Seconds that are counted together, as windows that do not overlap."""

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
_TOO_FEW = frozenset({NO_TRAFFIC, FEW})
_UNJUDGED = _TOO_FEW | {NOT_KNOWN}


Counted = Sequence[Tally | None]
"""What one sample counted, by the places of the lines; None where that is not known."""

Margins = list[float]
"""The least margins of the same lines, for their guards: of the sample's window, or of it and any
just before. Minus infinity where that is not known; empty of a sample without failures.
"""


class Span(NamedTuple):
    """From when to when a sample counted, seconds since the epoch."""

    begin: float
    end: float


Tick = tuple[Span, Counted, Margins]
"""One sample."""

Known = Sequence[Tick]
"""Those whose windows have no second in common, the newest first."""


Guard = tuple[float, float, float]
"""What a line may count and stay as it is: `sign`, `slope`, `room`.

The margin of a window, `sign * bad - slope * requests`, is by how many requests it lies on the
line's side of a bound. The state stands as long as neither the newest window, nor it and any just
before, has a margin below zero by more than the root of `room` times the newest's requests. That is
`interval.above` and `below` with both of their sides times the requests; several windows have
more requests than the newest, and so more room. Where `sign` is 0 nothing but errors stands, once
all windows that count begin after `room`.
"""

UNGUARDED: Guard = (0.0, 0.0, inf)
"""Of a line that is followed at every tick."""


@dataclass(slots=True)
class Line:
    """What is shown of one line, and since when it was clean.

    `ratio` is the part that failed when something last did, and `failing_ratio` the one over the
    last minutes when something last succeeded. `clean` counts the requests since a failure,
    `dead` those since a success; both count windows once. Windows that begin before `since`
    belong to an earlier state. `bad` of `requests` failed, older ones counted in part.
    `judged_at` is when there were enough requests last, `seen_at` when there were any, and
    `usual_rps` how many they were then. It was looked at until `at`, and had few requests at
    `followed_at` last: between them it had enough. Only errors are known of all windows that end
    after `alive_at`. `guard` is by what it was when it was followed last; margins are by it of
    windows that ended after `guarded_at`. `skipped` is what was counted until the last window that
    `mesh.standing_still` left out, the last that the line was looked at.
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
    alive_at: float = 0.0
    guard: Guard = UNGUARDED
    guarded_at: float = 0.0
    skipped: Known | None = None
    entered: float = 0.0
    """The end of the window since which it shows what it does; 0 where that is all there was."""

    @property
    def shown(self) -> str:
        return worse(self.state, SLOW) if self.slow else self.state


def follow(
    line: Line, windows: Sequence[Counts], first: str, newest: Span, limits: Thresholds
) -> None:
    """The state after one more window.

    `windows` are the newest, which by itself says `first`, and those before it that count with
    it, none with a second of another.
    """
    requests = windows[0][0]
    pool, few_bad = pooled(windows, LEAVE * limits.failing)
    _note(line, windows[0], pool, newest)
    found = _found(line, windows, pool, first, limits)
    if requests < ENOUGH:
        _see(line, found, requests, pool[0] / len(windows), newest)
    if line.state in _UNJUDGED:
        if found != NO_TRAFFIC or line.state != FEW or _is_gone(line, newest):
            _enter(line, found, pool, newest)
    elif requests <= 0:
        gone = _was_busy(len(windows), pool) if pool[0] else _is_gone(line, newest)
        if gone and (line.state in _BAD or not pool[0]):
            line.state, line.since = NO_TRAFFIC, newest.begin
        elif pool[0] < FEW_AGAIN and _is_unjudged(line, len(windows), newest):
            _fall_quiet(line, newest)
    elif found == FEW:
        if pool[0] < FEW_AGAIN and _is_unjudged(line, len(windows), newest):
            _fall_quiet(line, newest)
    elif found == line.state:
        return
    elif SEVERITY[found] < SEVERITY[line.state]:
        _enter(line, found, pool, newest)
    elif _is_over(line, windows if few_bad else (), newest.end, limits):
        _leave(line, first, newest)
    elif line.state == ONLY_ERRORS:
        line.state = FAILING


def pooled(windows: Sequence[Counts], bound: float) -> tuple[Counts, bool]:
    """All of them together, and whether the newest, or it and those just before, may exclude a
    ratio of `bound`: mostly they are too few, or too many failed.
    """
    requests = errors = cut_off = refused = 0.0
    few_bad, enough = False, Z99 * Z99 * (1 - bound) * (1 - 1e-9)
    for asked, failed, broken, denied in windows:
        requests += asked
        errors += failed
        cut_off += broken
        refused += denied
        limit = bound * requests
        if limit >= enough and errors + cut_off + refused < limit:
            few_bad = True
    return (requests, errors, cut_off, refused), few_bad


def added(windows: Sequence[Counts]) -> Counts:
    """All of them together."""
    requests = errors = cut_off = refused = 0.0
    for asked, failed, broken, denied in windows:
        requests += asked
        errors += failed
        cut_off += broken
        refused += denied
    return requests, errors, cut_off, refused


def bad_of(count: Counts) -> float:
    requests, errors, cut_off, refused = count
    bad = errors + cut_off + refused
    return bad if bad < requests else requests


FEW_AGAIN = 5
"""Requests of a minute below which a line that was judged is too quiet to be."""


def _enter(line: Line, state: str, pool: Counts, newest: Span) -> None:
    if state in _BAD and line.state not in _BAD:
        again = bool(line.left) and newest.end - line.left <= RETURNS_S
        line.returns = min(line.returns + 1, MOST_RETURNS) if again else 0
        line.bad, line.requests, line.counted_at = bad_of(pool), pool[0], newest.end
    line.state, line.alive_at = state, newest.end


def _leave(line: Line, state: str, newest: Span) -> None:
    line.state, line.since = OK if state == FEW else state, newest.begin
    if line.state not in _BAD:
        line.left, line.failing_ratio = newest.end, 0.0


def _see(line: Line, found: str, requests: float, usual: float, newest: Span) -> None:
    """How little there is to judge by. A line that was not followed here had enough."""
    begin, end = newest
    if line.at > line.followed_at:
        line.judged_at, line.seen_at = line.at, line.at
        line.usual_rps = ENOUGH / (end - begin)
    line.followed_at = end
    if found not in _TOO_FEW:
        line.judged_at = end
    if requests > 0:
        line.usual_rps = usual / (end - begin)
        line.seen_at = end


def _is_gone(line: Line, newest: Span) -> bool:
    """Whether so long without a request is no chance, as often as it is asked otherwise."""
    patience = min(NONE_S, BUSY / line.usual_rps) if line.usual_rps else NONE_S
    return newest.end - line.seen_at >= max(patience, LONG_S)


def _is_unjudged(line: Line, windows: int, newest: Span) -> bool:
    """Whether what it was judged by is too long ago, the longer the oftener it comes back."""
    patience = UNJUDGED_S * 2.0**line.returns
    return newest.end - line.judged_at >= patience and _is_long(windows, newest)


def _fall_quiet(line: Line, newest: Span) -> None:
    if line.state in _BAD:
        line.left = newest.end
    line.state = FEW


def _was_busy(windows: int, pool: Counts) -> bool:
    return windows > 1 and pool[0] >= BUSY * windows


def _is_long(windows: int, newest: Span) -> bool:
    """Whether enough seconds are counted to call what is rare rare."""
    return windows * (newest.end - newest.begin) >= LONG_S


def _found(
    line: Line, windows: Sequence[Counts], pool: Counts, first: str, limits: Thresholds
) -> str:
    """What the newest window says, or all of them together where that is worse.

    Only errors are said once three windows had nothing else, or all that is known; and where
    something had succeeded lately, once so many failed that this ratio is excluded.
    """
    found = last = first if len(windows) == 1 else judged(pool, limits)
    if last != first and first not in _TOO_FEW:
        found = first if last in _TOO_FEW else worse(first, last)
    if found != ONLY_ERRORS:
        return found
    sure = last == ONLY_ERRORS or judged(added(windows[:3]), limits) == ONLY_ERRORS
    return ONLY_ERRORS if sure and above(line.dead, line.dead, line.failing_ratio) else FAILING


def _note(line: Line, window: Counts, pool: Counts, newest: Span) -> None:
    """What was counted, each window once; what broke off a series counts at once."""
    begin, end = newest
    requests, errors, cut_off, refused = window
    bad = errors + cut_off + refused
    bad = bad if bad < requests else requests
    if errors < requests:
        line.alive_at = end
    fresh = begin >= line.counted_at - 1e-6
    if fresh:
        line.bad, line.requests = lately(line, requests, bad, end)
        line.counted_at = end
    if bad:
        line.ratio = bad_of(pool) / pool[0]
        line.failed_at, line.clean = end, 0.0
    elif not line.clean or begin >= line.clean_at - 1e-6:
        line.clean += requests
        line.clean_at = end
    if bad < requests:
        line.dead = 0.0
        if line.state in _BAD and line.requests:
            ratio = line.bad / line.requests
            line.failing_ratio = ratio if ratio < 1.0 else 1.0
    elif fresh or not line.dead:
        line.dead += requests


def lately(line: Line, requests: float, bad: float, now: float) -> tuple[float, float]:
    """How many failed of how many over the last minutes, with one more window."""
    faded = 0.5 ** (max(0.0, now - line.counted_at) / HALF_LIFE_S)
    return line.bad * faded + bad, line.requests * faded + requests


def fails_less(bad: float, requests: float, limits: Thresholds) -> bool:
    """Whether what failed over the last minutes is less than makes a line failing."""
    less = bad < limits.failing * requests
    return less and below(bad, requests, limits.failing, Z99)


def _is_over(line: Line, windows: Sequence[Counts], now: float, limits: Thresholds) -> bool:
    """Whether what was counted lately excludes that the state still holds.

    `windows` are those that may do so: none where `pooled` says that they can't.
    """
    patience = 2.0**line.returns
    if now - line.failed_at >= FORGOTTEN_S * patience:
        return True
    if line.state == DEGRADED:
        return below(0, line.clean / patience, min(line.ratio, limits.failing))
    bound = LEAVE * limits.failing
    if line.clean and below(0, line.clean / patience, bound):
        return True
    if fails_less(line.bad, line.requests, limits):
        return True
    return _fails_less(windows, bound, patience)


def _fails_less(windows: Sequence[Counts], bound: float, patience: float) -> bool:
    """Whether the newest window, or it and those just before, exclude a ratio of `bound`."""
    requests = errors = cut_off = refused = 0.0
    for asked, failed, broken, denied in windows:
        requests += asked
        errors += failed
        cut_off += broken
        refused += denied
        bad, weighed = errors + cut_off + refused, requests / patience
        # Asked first, as it spares nearly all of them the interval.
        if bad < bound * weighed and below(bad, weighed, bound, Z99):
            return True
    return False


def slowed(line: Line, slow: str, newest: Span, requests: float) -> None:
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
    if line.slow and (requests <= 0 or newest.begin - line.slow_at >= length):
        line.slow, line.slow_left = "", newest.end
