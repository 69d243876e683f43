"""Lines that go on as they are: what a further window leaves as it was is not pooled.

Most windows have seconds in common with one before, and a state is left by few of them. What a
window has to count to end the state is worked out when a line is followed, as its `Guard`. At each
tick all lines of a service are held against theirs in one loop, at a small part of what pooling
costs. What the windows change of a line in any case is made up for before it is followed again.
Windows that have no second in common with one before are counted at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import repeat
from math import inf

from meshtui.mesh.interval import Z95, above
from meshtui.mesh.judging import DEGRADED, ENOUGH, FAILING, OK, ONLY_ERRORS, Counts, counts_of
from meshtui.mesh.standing import (
    LEAVE,
    POOLED_S,
    UNGUARDED,
    Z99,
    Guard,
    Known,
    Line,
    bad_of,
    fails_less,
    lately,
    pooled,
)
from meshtui.mesh.thresholds import Thresholds

ROUNDED = 1e-6
SAFE = 1e-9
"""By how much sums may differ that are added up in another order, and more."""

MARGIN = 1e-5
"""The same of what has been added up for hours, in requests."""


def windows_of(at: int, known: Known, since: float) -> Sequence[Counts]:
    """What each window counted of a line, the newest first, no further back than `since`."""
    found: list[Counts] = []
    for (begin, _), tick, _ in known:
        count = tick[at]
        if count is None or (begin < since and found):
            break
        found.append(count if isinstance(count, tuple) else counts_of(count))
    return found


def guard_of(line: Line, limits: Thresholds) -> Guard:
    """What the line may count and stay as it is."""
    state, failing = line.state, limits.failing
    if state == FAILING:
        if fails_less(line.bad, line.requests, limits):
            return UNGUARDED
        return _until_below(LEAVE * failing, line.returns)
    if state == DEGRADED:
        return UNGUARDED if limits.degraded else _until_above(failing)
    if state == ONLY_ERRORS and line.dead and above(line.dead, line.dead, line.failing_ratio):
        return 0.0, 0.0, line.alive_at
    return UNGUARDED


@cache
def _until_below(bound: float, returns: int) -> Guard:
    """Of what fails until a ratio of `bound` is excluded, by as many requests as count after the
    state has come back so often.
    """
    weight = 1 / 2.0**returns
    return 1.0, weight * bound, weight * Z99 * Z99 * bound * (1 - bound) * (1 - SAFE)


@cache
def _until_above(bound: float) -> Guard:
    """Of what fails a little until it is sure to reach `bound`."""
    return -1.0, -bound, Z95 * Z95 * bound * (1 - bound) * (1 - SAFE)


def to_follow(lines: Sequence[Line | None], known: Known, limits: Thresholds) -> list[int]:
    """The places of the lines that have to be followed; the others have been looked at, and stay
    as they are.
    """
    (begin, end), counts, margins = known[0]
    before: Iterable[float] = repeat(0.0)
    ended = inf
    if len(known) > 1:
        before, ended = known[1][2] or repeat(-inf), known[1][0].end
    oldest, quiet = known[-1][0].begin, begin - POOLED_S
    found: list[int] = []
    for at, (line, count, least) in enumerate(zip(lines, counts, before, strict=False)):
        if count is None:
            continue
        stays = False
        if line is None or end - line.at > POOLED_S:
            found.append(at)
            continue
        if not isinstance(count, tuple):
            stays = count >= ENOUGH and line.state == OK and line.failed_at < quiet
        elif count[0] >= ENOUGH:
            requests, errors, cut_off, refused = count
            sign, slope, room = line.guard
            bad = errors + cut_off + refused
            if not sign:
                stays = errors >= requests and room <= oldest
            elif 0 < bad < requests:
                margin = sign * bad - slope * requests
                if line.guarded_at >= ended:
                    margin = -inf
                elif least < 0.0:
                    margin += least
                short = MARGIN - margin
                stays = short <= 0.0 or short * short <= room * requests
                if not stays:
                    margin, stays = _look_back(line, at, known)
                if not margins:
                    margins += repeat(-inf, len(lines))
                margins[at] = margin
            if stays and begin >= line.counted_at - ROUNDED:
                stays = _counts(line, requests, bad, end, limits)
            if stays:
                line.skipped, line.failed_at = known, end
        if stays:
            line.at = end
        else:
            found.append(at)
    return found


def _counts(line: Line, requests: float, bad: float, now: float, limits: Thresholds) -> bool:
    """Count a window that has no second in common with what was counted last, unless the line has
    to be followed by what failed over the last minutes.
    """
    sums = lately(line, requests, min(bad, requests), now)
    if line.state == FAILING and fails_less(*sums, limits):
        return False
    line.bad, line.requests = sums
    line.counted_at = now
    if line.state == ONLY_ERRORS:
        line.dead += requests
    return True


def _look_back(line: Line, at: int, known: Known) -> tuple[float, bool]:
    """The margin of the newest window, or of it and those just before where that is less; and
    whether the line stays as it is.
    """
    sign, slope, room = line.guard
    requests = bad = 0.0
    least, stays, since = inf, True, line.since - ROUNDED
    for (begin, _), tick, _ in known:
        count = tick[at]
        if count is None or (begin < since and requests):
            break
        if isinstance(count, tuple):
            requests += count[0]
            bad += count[1] + count[2] + count[3]
        else:
            requests += count
        margin = sign * bad - slope * requests
        least = margin if margin < least else least
        if margin < MARGIN and (MARGIN - margin) ** 2 > room * requests:
            stays = False
    return least, stays


def make_up(line: Line, at: int, *, go_on: bool = False) -> None:
    """What the windows that were skipped change of the line, at its place `at`.

    The ratio is not worked out where `go_on` says that a window follows in which something fails.
    """
    known = line.skipped
    if known is None:
        return
    line.clean, line.skipped = 0.0, None
    if not go_on:
        pool, _ = pooled(windows_of(at, known, line.since - ROUNDED), 0.0)
        line.ratio = bad_of(pool) / pool[0]
    if line.state != ONLY_ERRORS:
        line.dead, line.alive_at = 0.0, line.at
        line.failing_ratio = min(line.bad / line.requests, 1.0)
