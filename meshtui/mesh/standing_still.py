"""Lines that fail and go on failing: what a further window leaves as it was is not pooled.

Most windows have seconds in common with one before, and a state is left by few of them. Whether
this one may be among them is asked at a part of what pooling costs; what it changes of the
line in any case is made up for before the line is followed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from meshtui.mesh.interval import above, below
from meshtui.mesh.judging import DEGRADED, ENOUGH, FAILING, ONLY_ERRORS, Counts, counts_of
from meshtui.mesh.standing import LEAVE, Z99, Known, Line, bad_of, pooled
from meshtui.mesh.thresholds import Thresholds

ROUNDED = 1e-6
SAFE = 1e-9
"""By how much sums may differ that are added up in another order, and more."""

MARGIN = 1e-5
"""The same of what has been added up for hours, in requests."""


def windows_of(at: int, known: Known, since: float) -> Sequence[Counts]:
    """What each window counted of a line, the newest first, no further back than `since`."""
    found: list[Counts] = []
    for begin, tick, _ in known:
        count = tick[at]
        if count is None or (begin < since and found):
            break
        found.append(count if isinstance(count, tuple) else counts_of(count))
    return found


def ends_nothing(line: Line, count: Counts, at: int, known: Known, limits: Thresholds) -> bool:
    """Whether a line that fails is sure to have the same state after `count`, its newest window,
    which has seconds in common with one that it has counted.
    """
    requests, errors, cut_off, refused = count
    state = line.state
    if requests < ENOUGH:
        return False
    if state == ONLY_ERRORS:
        if errors < requests or not line.dead or line.alive_at > known[-1][0]:
            return False
        return above(line.dead, line.dead, line.failing_ratio)
    if not 0 < errors + cut_off + refused < requests:
        return False
    if state == FAILING:
        less = line.bad < limits.failing * line.requests
        if less and below(line.bad, line.requests, limits.failing, Z99):
            return False
        bound = LEAVE * limits.failing
        if _exceed(errors + cut_off + refused - bound * requests, at, known):
            return True
        return not _may_fail_less(line, at, known, bound)
    return state == DEGRADED and not limits.degraded and _fails_little(line, at, known, limits)


def _exceed(newest: float, at: int, known: Known) -> bool:
    """Whether it is known that more fails than the bound allows in the newest window of a line,
    and in it and those just before: by the margin of the newest, and the least margin of these
    when the window before it was the newest.

    So a line that goes on failing costs a look at one window.
    """
    if newest < MARGIN or len(known) < 2:
        return False
    before = known[1][2]
    least = before[at] if before else None
    if least is None:
        return False
    margin = newest + least if least < 0.0 else newest
    known[0][2][at] = margin
    return margin >= MARGIN


def _may_fail_less(line: Line, at: int, known: Known, bound: float) -> bool:
    """Whether the newest window, or it and those just before, may exclude a ratio of `bound`,
    of as many requests as count after the state has come back so often.
    """
    requests = bad = 0.0
    least, weight = inf, 1 / 2.0**line.returns
    limit, sure, since = bound * (1 + SAFE), Z99 * (1 - SAFE), line.since - ROUNDED
    for begin, tick, _ in known:
        count = tick[at]
        if count is None or (begin < since and requests):
            break
        if isinstance(count, tuple):
            requests += count[0]
            bad += count[1] + count[2] + count[3]
        else:
            requests += count
        margin = bad - bound * requests
        least = margin if margin < least else least
        if margin < MARGIN and below(bad * (1 - SAFE), weight * requests, limit, sure):
            return True
    known[0][2][at] = least
    return False


def _fails_little(line: Line, at: int, known: Known, limits: Thresholds) -> bool:
    """Whether neither the newest window nor all of them are sure to reach the limit."""
    requests = bad = 0.0
    since, limit = line.since - ROUNDED, limits.failing * (1 - SAFE)
    for begin, tick, _ in known:
        count = tick[at]
        if count is None or (begin < since and requests):
            break
        if isinstance(count, tuple):
            newest = not requests
            requests += count[0]
            bad += count[1] + count[2] + count[3]
            if newest and bad >= limit * requests and above(bad, requests, limit):
                return False
        else:
            requests += count
    return bad < limit * requests or not above(bad, requests, limit)


def make_up(line: Line, at: int) -> None:
    """What the windows that were skipped change of the line, at its place `at`."""
    known = line.skipped
    if known is None:
        return
    line.failed_at, line.clean, line.skipped = line.at, 0.0, None
    pool, _ = pooled(windows_of(at, known, line.since - ROUNDED), 0.0)
    line.ratio = bad_of(pool) / pool[0]
    if line.state != ONLY_ERRORS:
        line.dead, line.alive_at = 0.0, line.at
        line.failing_ratio = min(line.bad / line.requests, 1.0)
