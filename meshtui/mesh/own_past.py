"""How fast each version was in the hour before: what all its siblings share, none of them shows.

The times of each version are added up in blocks of five minutes. The block that runs and the one
before are compared with, never part of, the past; older ones fade. Blocks of a version that is
slow by its own past are left out of it, until it has been so for an hour: then that is its past.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from meshtui.mesh.judging import LONGER_MS, SICK, SLOW, slower_than_before, worse
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.quantile import add_at_shared
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.sides import CALLER, SERVER
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.view import ServiceView, ServiceWork

BLOCK_S = 300.0
HALF_LIFE_S = 1200.0
"""Of the weight of a block: an hour ago it is an eighth."""

FORGOTTEN_S = 3600.0
"""Seconds without a request after which a version has no past any more, or as slow as it is."""

ENOUGH = 50.0
"""Timed requests, with their weights, that make a past."""

_Place = tuple[ServiceKey, str, str, str]


@dataclass(slots=True)
class _Times:
    """Cumulative counts by upper bound, milliseconds."""

    running: dict[float, float] = field(default_factory=dict)
    before: dict[float, float] = field(default_factory=dict)
    past: dict[float, float] = field(default_factory=dict)
    counted_at: float = 0.0
    slow_since: float = 0.0


@dataclass(slots=True)
class OwnPast:
    """Give it the services of each sample; it marks what is slower than it was."""

    _times: dict[_Place, _Times] = field(default_factory=dict)
    _begun: float = 0.0
    _counted: float = 0.0
    _slow: set[ServiceKey] = field(default_factory=set)
    """Services that may have a version that is slow by its own past."""

    def judged(self, works: Iterable[ServiceWork], sample: Sample | None) -> Iterator[ServiceWork]:
        """The same services, each counted and judged before the next one is asked for."""
        if sample is None or sample.window_s <= 0:
            yield from works
            return
        counts = self._is_new(sample)
        for work in works:
            if counts:
                self._count(work, sample.time)
            if self._slow and work.view.key in self._slow:
                work.takes_long = True
                self._judge_all(work.view, work.rows)
            elif work.takes_long:
                self._judge_all(work.view, [row for row in work.rows if _takes_long(row)])
            yield work

    def forget(self) -> None:
        """Another cluster."""
        self._times.clear()
        self._slow.clear()
        self._begun = self._counted = 0.0

    def _is_new(self, sample: Sample) -> bool:
        """Each window counts once: one that has a second in common with one before does not."""
        if sample.time < self._counted:
            self.forget()
        if sample.time - sample.window_s < self._counted - 1e-6:
            return False
        self._counted = sample.time
        if not self._begun or sample.time - self._begun >= BLOCK_S:
            self._next_block(sample.time)
        return True

    def _count(self, work: ServiceWork, now: float) -> None:
        for row in work.rows:
            for side, signals in ((CALLER, row.caller), (SERVER, row.server)):
                if signals is not None and row.host and signals.buckets:
                    self._add(_place(work.view, row, side), signals, now)

    def _next_block(self, now: float) -> None:
        passed, self._begun = now - self._begun if self._begun else 0.0, now
        weight = 0.5 ** (passed / HALF_LIFE_S)
        for place, times in list(self._times.items()):
            if now - times.counted_at > FORGOTTEN_S:
                del self._times[place]
                continue
            if not times.slow_since:
                times.past = {bound: count * weight for bound, count in times.past.items()}
                _go_on(times)
            elif now - times.slow_since >= FORGOTTEN_S:
                times.past, times.slow_since = times.before, 0.0
            times.running, times.before = {}, times.running

    def _add(self, place: _Place, signals: Signals, now: float) -> None:
        times = self._times.get(place)
        if times is None:
            times = self._times[place] = _Times()
        add_at_shared(times.running, signals.buckets)
        times.counted_at = now

    def _judge_all(self, view: ServiceView, rows: Iterable[RowWork]) -> None:
        for row in rows:
            self._judge(view, row)

    def _judge(self, view: ServiceView, row: RowWork) -> None:
        if row.caller is not None and not row.slow and row.state not in SICK:
            row.slow = self._slower(view, row, CALLER, row.caller)
            row.state = worse(row.state, SLOW) if row.slow else row.state
        if row.server is not None and not row.server_slow and row.server_state not in SICK:
            row.server_slow = self._slower(view, row, SERVER, row.server)
            row.server_state = (
                worse(row.server_state, SLOW) if row.server_slow else row.server_state
            )

    def _slower(self, view: ServiceView, row: RowWork, side: str, signals: Signals) -> str:
        """Asked of what does not fail only: how long a failure takes says nothing."""
        quick = (signals.p95_ms or 0.0) <= LONGER_MS
        if quick and view.key not in self._slow:
            return ""
        times = self._times.get(_place(view, row, side))
        if times is None or times.past.get(inf, 0.0) < ENOUGH:
            return ""
        if not times.slow_since and quick:
            return ""
        found = slower_than_before(signals, times.past)
        times.slow_since = (times.slow_since or self._counted) if found else 0.0
        if found:
            self._slow.add(view.key)
        return found


def _go_on(times: _Times) -> None:
    """Proxies with other bounds than before have another past: it begins anew."""
    if times.before and times.past.keys() & times.before.keys() <= {inf}:
        times.past = {}
    add_at_shared(times.past, times.before)


def _takes_long(row: RowWork) -> bool:
    sides = row.caller, row.server
    return any(one is not None and (one.p95_ms or 0.0) > LONGER_MS for one in sides)


def _place(view: ServiceView, row: RowWork, side: str) -> _Place:
    return view.key, row.host, row.subset or row.version, side


def judge_by(works: Sequence[ServiceWork], before: Sequence[ServiceWork]) -> None:
    """The same for who looks once, by an hour that somebody else has counted."""
    known = {
        _place(work.view, row, side): signals
        for work in before
        for row in work.rows
        for side, signals in ((CALLER, row.caller), (SERVER, row.server))
        if signals is not None and signals.buckets.get(inf, 0.0) >= ENOUGH
    }
    for work in works:
        for row in work.rows:
            slow = _slow_by(work.view, row, CALLER, known)
            if slow and not row.slow:
                row.slow, row.state = slow, worse(row.state, SLOW)
            slow = _slow_by(work.view, row, SERVER, known)
            if slow and not row.server_slow:
                row.server_slow, row.server_state = slow, worse(row.server_state, SLOW)


def _slow_by(view: ServiceView, row: RowWork, side: str, known: Mapping[_Place, Signals]) -> str:
    signals, state = (row.caller, row.state) if side == CALLER else (row.server, row.server_state)
    before = known.get(_place(view, row, side))
    if before is None or signals is None or state in SICK:
        return ""
    return slower_than_before(signals, before.buckets) if (signals.p95_ms or 0) > LONGER_MS else ""
