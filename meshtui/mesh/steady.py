"""States that stand until a change is certain: what the screen shows, sample by sample.

One window of few requests says now this and now that. A line enters a worse state by the interval
of its ratio, and leaves it only when what was counted since excludes that it still holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from meshtui.mesh.interval import Z95, interval
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
    count_of,
    judged,
    worse,
)
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.pod_health import with_pods_state
from meshtui.mesh.sides import CALLER, SERVER, SIDES, signals_of
from meshtui.mesh.signals import Sample
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView

POOLED_S = 60.0
"""Seconds that are counted together, as windows that do not overlap."""

FORGOTTEN_S = 300.0
"""Seconds without a failure after which a state goes, however few requests there were."""

Z99 = 2.58
"""Less than a minute of requests must be that certain to end a state."""

FEW_AGAIN = ENOUGH / 2
"""Requests of a pool below which a line that was judged is too quiet to be."""

_BAD = frozenset({ONLY_ERRORS, DEGRADED}) | {s for s in SEVERITY if SEVERITY[s] < SEVERITY[SLOW]}


Place = tuple[str, str, str]
"""A line of a service as one side counts it: host, label and side; the service's own has no host
and no label."""

_Counts = Mapping[ServiceKey, Mapping[Place, Count]]


class _Window(NamedTuple):
    """What one sample counted, from `begin` to `end`, seconds since the epoch."""

    begin: float
    end: float
    counts: _Counts


@dataclass(slots=True)
class _Line:
    """What is shown of one line, and since when it was clean.

    `ratio` is the part that failed when something last did; `clean` counts the requests since.
    Windows that begin before `since` belong to an earlier state.
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


@dataclass(slots=True)
class SteadyStates:
    """Give it the views of each sample; it gives them back with states that stand still."""

    _windows: deque[_Window] = field(default_factory=deque)
    _lines: dict[ServiceKey, dict[Place, _Line]] = field(default_factory=dict)
    _sampled: float = 0.0

    def settle(
        self, views: tuple[ServiceView, ...], sample: Sample | None, limits: Thresholds
    ) -> tuple[ServiceView, ...]:
        """The views with the states that are certain. A sample that is known counts once."""
        if sample is None or sample.window_s <= 0:
            return views
        if sample.time != self._sampled:
            self._observe(views, sample, limits)
        return tuple(_shown(view, self._lines.get(view.key, {})) for view in views)

    def forget(self) -> None:
        """Another cluster."""
        self._windows.clear()
        self._lines.clear()
        self._sampled = 0.0

    def _observe(self, views: tuple[ServiceView, ...], sample: Sample, limits: Thresholds) -> None:
        if sample.time < self._sampled:
            self.forget()
        self._sampled = sample.time
        counts = {view.key: _counts_of(view) for view in views}
        newest = _Window(sample.time - sample.window_s, sample.time, counts)
        windows = self._disjoint(newest)
        self._windows.append(newest)
        self._lines = {view.key: self._followed(view, windows, limits) for view in views}

    def _followed(
        self, view: ServiceView, windows: Sequence[_Window], limits: Thresholds
    ) -> dict[Place, _Line]:
        newest, before = windows[0], self._lines.get(view.key, {})
        lines = {p: line for p, line in before.items() if newest.end - line.at <= POOLED_S}
        slow = _slow(view)
        for place, count in newest.counts[view.key].items():
            line = lines.get(place)
            if line is None:
                line = lines[place] = _Line(judged(count, limits), newest.end, newest.begin)
            if not _is_calm(line, count, newest):
                pools = _suffixes(view.key, place, windows, line.since)
                _follow(line, pools, newest, limits)
            line.at = newest.end
            if line.slow or place in slow:
                _slowed(line, slow.get(place, ""), newest, count)
        return lines

    def _disjoint(self, newest: _Window) -> Sequence[_Window]:
        """The newest window and those before it that have no second in common, at most a minute."""
        while self._windows and self._windows[0].begin < newest.end - POOLED_S - 1e-6:
            self._windows.popleft()
        found = [newest]
        for window in reversed(self._windows):
            if window.end <= found[-1].begin + 1e-6:
                found.append(window)
        return found


_NAMES = {CALLER: ("state", "slow"), SERVER: ("server_state", "server_slow")}


def _counts_of(view: ServiceView) -> dict[Place, Count]:
    """Of all lines of a service, on either side, as far as they are known."""
    found: dict[Place, Count] = {}
    for side in SIDES:
        own = signals_of(view, side)
        if own is not None:
            found["", "", side] = count_of(own)
        for row in view.versions:
            signals = signals_of(row, side)
            if signals is not None:
                found[row.host, row.label, side] = count_of(signals)
    return found


def _slow(view: ServiceView) -> dict[Place, str]:
    found = {("", "", CALLER): view.slow} if view.slow else {}
    for row in view.versions:
        if row.slow:
            found[row.host, row.label, CALLER] = row.slow
        if row.server_slow:
            found[row.host, row.label, SERVER] = row.server_slow
    return found


def _shown(view: ServiceView, lines: Mapping[Place, _Line]) -> ServiceView:
    changed: dict[str, Any] = {}
    rows = tuple(_shown_row(row, lines) for row in view.versions)
    if any(new is not old for new, old in zip(rows, view.versions, strict=True)):
        changed["versions"] = rows
    caller, server = (lines.get(("", "", side)) for side in SIDES)
    if caller and view.caller is not None:
        changed |= {"state": _state(caller), "slow": caller.slow}
    if server and view.server is not None:
        changed["server_state"] = _state(server)
    if all(getattr(view, name) == value for name, value in changed.items()):
        return view
    return replace(view, **changed)


def _shown_row(row: VersionView, lines: Mapping[Place, _Line]) -> VersionView:
    changed: dict[str, Any] = {}
    for side, (state, slow) in _NAMES.items():
        line = lines.get((row.host, row.label, side))
        if line is None or signals_of(row, side) is None:
            continue
        wanted = with_pods_state(_state(line), row.pods_state)
        if (getattr(row, state), getattr(row, slow)) != (wanted, line.slow):
            changed |= {state: wanted, slow: line.slow}
    return replace(row, **changed) if changed else row


def _is_calm(line: _Line, count: Count, newest: _Window) -> bool:
    """Nothing fails and nothing has: there is nothing to pool."""
    if line.state != OK or count.bad or count.requests < ENOUGH:
        return False
    return newest.end - line.failed_at > POOLED_S + (newest.end - newest.begin)


def _state(held: _Line) -> str:
    return worse(held.state, SLOW) if held.slow else held.state


def _suffixes(
    key: ServiceKey, place: Place, windows: Iterable[_Window], since: float
) -> list[Count]:
    """The newest window, it and the one before, and so on, no further back than `since`."""
    found: list[Count] = []
    for window in windows:
        count = window.counts.get(key, {}).get(place)
        if count is None or (found and window.begin < since - 1e-6):
            break
        found.append(count.plus(found[-1]) if found else count)
    return found


def _follow(held: _Line, pools: Sequence[Count], newest: _Window, limits: Thresholds) -> None:
    """The state after one more window; the last of `pools` is all that counts."""
    window, pool = pools[0], pools[-1]
    _note_failures(held, window, pool, newest)
    found = _found(pools, limits)
    if held.state in (NOT_KNOWN, NO_TRAFFIC, FEW):
        held.state = found
    elif window.requests <= 0:
        held.state = NO_TRAFFIC if held.state in _BAD or pool.requests <= 0 else held.state
    elif found == FEW:
        held.state = FEW if pool.requests < FEW_AGAIN else held.state
    elif SEVERITY[found] < SEVERITY[held.state]:
        held.state = found
    elif found != held.state and _is_over(held, pools, newest.end, limits):
        held.state, held.since = judged(window, limits), newest.begin
        held.state = OK if held.state == FEW else held.state
    elif held.state == ONLY_ERRORS and found != ONLY_ERRORS:
        held.state = FAILING


def _found(pools: Sequence[Count], limits: Thresholds) -> str:
    """What the newest window says, or all of them together where that is worse.

    Only errors are said once three windows had nothing else, or all that is known.
    """
    states = [judged(count, limits) for count in pools]
    known = [state for state in (states[0], states[-1]) if state not in (FEW, NO_TRAFFIC)]
    if not known:
        return states[-1]
    found = worse(*known)
    sure = ONLY_ERRORS in states[2:3] or states[-1] == ONLY_ERRORS
    return FAILING if found == ONLY_ERRORS and not sure else found


def _note_failures(held: _Line, window: Count, pool: Count, newest: _Window) -> None:
    if window.bad:
        held.ratio, held.failed_at, held.clean = pool.bad / pool.requests, newest.end, 0.0
    elif not held.clean or newest.begin >= held.clean_at - 1e-6:
        held.clean += window.requests
        held.clean_at = newest.end


def _is_over(held: _Line, pools: Sequence[Count], now: float, limits: Thresholds) -> bool:
    """Whether what was counted lately excludes that the state still holds."""
    if now - held.failed_at >= FORGOTTEN_S:
        return True
    below = held.ratio if held.state == DEGRADED else limits.failing
    if interval(0, held.clean)[1] < min(below, limits.failing):
        return True
    if held.state == DEGRADED:
        return False
    whole = len(pools) - 1
    return any(
        interval(pool.bad, pool.requests, Z95 if i and i == whole else Z99)[1] < below
        for i, pool in enumerate(pools)
    )


def _slowed(held: _Line, slow: str, newest: _Window, count: Count) -> None:
    """Slow until two windows in a row were not, or nothing is there that could be."""
    if slow:
        held.slow, held.slow_at = slow, newest.end
    elif held.slow and (count.requests <= 0 or newest.begin - held.slow_at >= _length(newest)):
        held.slow = ""


def _length(window: _Window) -> float:
    return window.end - window.begin
