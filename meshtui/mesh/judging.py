"""How well a version does, by what was measured: errors, refusals and latency, with certainty.

A ratio of a few requests says little, so a version is judged by the interval that its ratio lies
in (Wilson's score interval, 95 %), never by the ratio alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import NamedTuple

from meshtui.mesh.codes import failed_label
from meshtui.mesh.interval import above, interval
from meshtui.mesh.quantile import quantile
from meshtui.mesh.signals import Signals
from meshtui.mesh.thresholds import Thresholds

OK = "ok"
DEGRADED = "degraded"
FAILING = "failing"
ONLY_ERRORS = "only errors"
REFUSED = "refused"
SLOW = "slow"
FEW = "few requests"
NO_TRAFFIC = "no traffic"
NOT_KNOWN = "unknown"

WORST_FIRST = (
    ONLY_ERRORS,
    FAILING,
    REFUSED,
    SLOW,
    DEGRADED,
    NOT_KNOWN,
    FEW,
    OK,
    NO_TRAFFIC,
)
SEVERITY = {state: rank for rank, state in enumerate(WORST_FIRST)}

SICK = frozenset({ONLY_ERRORS, FAILING, REFUSED, SLOW})
"""What somebody should look at now."""

ENOUGH = 10
"""Requests below which nothing is said: 0 errors of 9 may be a version that fails every third."""

ALL_FAILED = 5
"""Requests that say enough where not one of them succeeded."""

FACTOR, LONGER_MS = 2.0, 50.0
"""How much longer than its sibling's p95 a request takes that counts as slow, both ways."""

SLOW_PART = 0.10
"""Part of the requests that must be slow, beyond the part of the sibling's that are."""

LIMIT_PART = 0.05
"""Part of the requests that may take longer than the limit of the configuration."""


class Count(NamedTuple):
    """Requests, and those of them that failed, were cut off or were refused by a proxy."""

    requests: float = 0.0
    errors: float = 0.0
    cut_off: float = 0.0
    refused: float = 0.0

    @property
    def bad(self) -> float:
        return min(self.requests, self.errors + self.cut_off + self.refused)

    def plus(self, other: Count) -> Count:
        a, b, c, d = self
        e, f, g, h = other
        return Count(a + e, b + f, c + g, d + h)


Counts = tuple[float, float, float, float]
"""The same without its names, for what is made for every line at every tick."""

Tally = float | Counts
"""The requests alone where none of them failed."""


def count_of(signals: Signals) -> Count:
    errors = signals.requests * (signals.error_ratio or 0.0)
    return Count(signals.requests, errors, signals.cut_off, signals.refused)


def tally(signals: Signals | None) -> Tally | None:
    """What was counted; None where nothing is known."""
    if signals is None:
        return None
    requests, ratio = signals.requests, signals.error_ratio
    if ratio is None:
        return 0.0
    if ratio or signals.cut_off or signals.refused:
        return requests, requests * ratio, signals.cut_off, signals.refused
    return requests


def counts_of(known: Tally) -> Counts:
    return known if isinstance(known, tuple) else (known, 0.0, 0.0, 0.0)


def judged(count: Counts, limits: Thresholds) -> str:
    """The state by the answers alone.

    A version that may be failing, or may not, is degraded: that much is certain.
    """
    requests, errors, cut_off, refused = count
    if requests <= 0:
        return NO_TRAFFIC
    bad = errors + cut_off + refused
    if bad >= requests >= ALL_FAILED:
        return ONLY_ERRORS if errors >= requests else _why(count, limits)
    if requests < ENOUGH:
        return FEW
    if not bad:
        return OK
    # Most ratios lie below the limit: they are spared the bounds of their interval.
    if bad / requests >= limits.failing and above(bad, requests, limits.failing):
        return _why(count, limits)
    return DEGRADED if not limits.degraded or above(bad, requests, limits.degraded) else OK


def _why(count: Counts, limits: Thresholds) -> str:
    """Whether what fails fails by itself, or the proxies refuse it."""
    requests, errors, cut_off, refused = count
    failed = errors + cut_off
    if failed >= refused:
        return FAILING
    return FAILING if above(failed, requests, limits.failing) else REFUSED


def may_be_failing(count: Count, limits: Thresholds) -> bool:
    """True where more fails than is allowed, of too few requests to be certain."""
    if count.requests <= 0 or count.bad / count.requests < limits.failing:
        return False
    return judged(count, limits) not in (ONLY_ERRORS, FAILING, REFUSED)


def state_of(signals: Signals | None, limits: Thresholds) -> str:
    return state_by(tally(signals), limits)


def state_by(known: Tally | None, limits: Thresholds) -> str:
    """The three that are no number never look alike: unknown, no traffic, only errors."""
    if known is None:
        return NOT_KNOWN
    if isinstance(known, tuple):
        return judged(known, limits)
    if known < ENOUGH:
        return FEW if known > 0 else NO_TRAFFIC
    return OK


def worse(*states: str) -> str:
    return min(states, key=SEVERITY.__getitem__)


def failing_codes(signals: Signals) -> dict[str, float]:
    """Requests by those response codes that count as failed, or as refused where some were."""
    refused = bool(signals.refused)
    return {
        code: n
        for code, n in signals.codes.items()
        if failed_label(code) or (refused and code.startswith("4"))
    }


def bad_ratio(signals: Signals) -> float | None:
    """What part is no good, whether by its code, because it broke off, or refused by a proxy."""
    if not signals.requests > 0:
        return None
    if not (signals.error_ratio or signals.cut_off or signals.refused):
        return 0.0
    return count_of(signals).bad / signals.requests


def over_limit(signals: Signals | None, limits: Thresholds) -> str:
    """`12 % of its requests take longer than 300 ms, the limit`; empty where it is kept."""
    if not limits.slow_ms or signals is None or (signals.p95_ms or 0.0) <= limits.slow_ms:
        return ""
    part = signals.slower_than(limits.slow_ms)
    if part is None or _timed(signals) < ENOUGH:
        return ""
    if interval(part * _timed(signals), _timed(signals))[0] <= LIMIT_PART:
        return ""
    return f"{100 * part:.0f} % of its requests take longer than {limits.slow_ms:g} ms, the limit"


def slower_than_sibling(signals: Signals | None, siblings: Iterable[tuple[str, Signals]]) -> str:
    """`97 % of its requests take longer than 100 ms, and 0 % of v1's`; empty where it keeps up.

    Compared with the fastest of the siblings, over the same time, at a bound of the histogram's
    buckets, where requests are counted and not guessed.
    """
    if signals is None or _timed(signals) < ENOUGH:
        return ""
    known = [(s.p95_ms, name, s) for name, s in siblings if s.p95_ms and _timed(s) >= ENOUGH]
    if not known:
        return ""
    _, name, fastest = min(known, key=lambda each: each[:2])
    found = _slower(signals, fastest)
    return f"{found} of {name}'s" if found else ""


def slower_than_before(signals: Signals, past: Mapping[float, float]) -> str:
    """`97 % of its requests take longer than 100 ms, and 0 % in the hour before`; or empty.

    `past` are the cumulative counts of what it took then, by upper bound in milliseconds.
    """
    before = Signals(past.get(inf, 0.0), p95_ms=quantile(0.95, past), buckets=past)
    if _timed(signals) < ENOUGH or not before.p95_ms or _timed(before) < ENOUGH:
        return ""
    found = _slower(signals, before)
    return f"{found} in the hour before" if found else ""


def _slower(signals: Signals, other: Signals) -> str:
    """The first part of the sentence; empty where it keeps up with `other`."""
    p95_ms = other.p95_ms or 0.0
    bound = _bound(signals, other, max(FACTOR * p95_ms, p95_ms + LONGER_MS))
    if (signals.p95_ms or 0.0) <= bound:
        return ""
    mine, theirs = signals.slower_than(bound) or 0.0, other.slower_than(bound) or 0.0
    least = interval(mine * _timed(signals), _timed(signals))[0]
    most = interval(theirs * _timed(other), _timed(other))[1]
    if least - most < SLOW_PART:
        return ""
    words = f"{100 * mine:.0f} % of its requests take longer than {bound:g} ms"
    return f"{words}, and {100 * theirs:.0f} %"


def brief_slow(text: str, cells: int) -> str:
    """What the three above say where a line has `cells` for it: whole, `97 % over 100 ms, and 0 %
    of v1's`, or `>100ms`, or `>2.5s`."""
    shorter = text.replace(" of its requests take longer than ", " over ")
    fitting = next((words for words in (text, shorter) if len(words) <= cells), "")
    bound = slow_bound_ms(text)
    least = f">{bound / 1000:g}s" if bound >= 1000 else f">{bound:g}ms"
    return fitting or (least if bound else text)


def slow_bound_ms(text: str) -> float:
    """What its requests took longer than, by the same words; 0 where they name nothing."""
    number = _bound_in(text).partition(" ")[0]
    return float(number) if number else 0.0


def _bound_in(text: str) -> str:
    return text.partition(" take longer than ")[2].partition(",")[0]


def _bound(signals: Signals, other: Signals, at_least_ms: float) -> float:
    """The next bound that both have; infinity where there is none."""
    shared = (b for b in signals.buckets if b >= at_least_ms and b in other.buckets)
    return min(shared, default=inf)


def _timed(signals: Signals) -> float:
    return signals.buckets.get(inf, 0.0)
