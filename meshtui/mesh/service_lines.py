"""The lines of one service on the screen, as either side counts them, and what they counted lately.

Lines and counts stand at fixed places of lists for as long as the rows of the service stay: to find
them by name at every tick costs more than to judge them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from meshtui.mesh.judging import OK, counts_of
from meshtui.mesh.leaving import leaving
from meshtui.mesh.pod_health import with_pods_state
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.side_names import CALLER, SERVER
from meshtui.mesh.standing import POOLED_S, Counted, Known, Line, Span, Tick, follow, slowed
from meshtui.mesh.standing_still import ROUNDED, guard_of, make_up, to_follow, windows_of
from meshtui.mesh.telemetry_join import Joins
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceWork

Place = tuple[str, str, str]
"""A line as one side counts it: host, label, side; the service's own has no host and no label."""

_WHOLE: tuple[Place, Place] = (("", "", CALLER), ("", "", SERVER))

Windows = Sequence[int]
"""How many samples ago those were whose windows have no second in common."""


_NONE_SLOW: Mapping[int, str] = {}


@dataclass(slots=True)
class ServiceLines:
    """`places`, `lines` and what each tick of `past` counted go together; the newest is the last.

    Lines of rows that are gone stand behind the others for as long as they may come back. `calm`
    says that all is well with each, and none is slow.
    """

    places: list[Place] = field(default_factory=list)
    lines: list[Line | None] = field(default_factory=list)
    past: list[Tick] = field(default_factory=list)
    calm: bool = False
    _failed_at: float = inf
    """When a request failed last; infinity where all was not well, or not known, at `_well_at`."""

    _well_at: float = 0.0

    _limits: Thresholds | None = None
    """What margins and guards are by."""

    _slow: Mapping[int, str] = field(default_factory=dict)
    _was_slow: bool = False
    """Whether a line is slow, or was at the sample before."""

    _joins: Joins | None = None
    _rows: int = -1

    def count(self, work: ServiceWork, samples: int, newest: Span) -> None:
        """Take in one more sample; `samples` of them are remembered."""
        if len(self.places) != 2 + 2 * self._rows or not self._fits(work):
            self._arrange(work, newest.end)
        self._slow = _slow_places(work) if work.takes_long else _NONE_SLOW
        ticks, counted = self.past, work.tallies
        if len(counted) < len(self.places):
            counted = [*counted, *[None] * (len(self.places) - len(counted))]
        ticks.append((newest, counted, []))
        if len(ticks) > samples:
            del ticks[:-samples]

    def follow(
        self, judged: Sequence[str], windows: Windows, newest: Span, limits: Thresholds
    ) -> None:
        """The states after the sample that was counted last; `judged` are those by it alone."""
        if self._stays_well(judged, newest, limits):
            return
        lines, end = self.lines, newest.end
        if limits is not self._limits:
            self._renew(limits)
        known = self._ticks(windows)
        for at in to_follow(lines, known, limits):
            line = lines[at]
            if line is None or end - line.at > POOLED_S:
                line = lines[at] = Line(judged[at], end, newest.begin, entered=end)
            _follow(line, at, known, judged[at], newest, limits)
        if self._slow or self._was_slow:
            self._slow_down(newest)
        latest = None if self._slow else _last_failure(lines, self.past[-1][1])
        self.calm = latest is not None
        self._failed_at, self._well_at = inf if latest is None else latest, end

    def _stays_well(self, judged: Sequence[str], newest: Span, limits: Thresholds) -> bool:
        """Whether nothing is to be pooled, as nothing fails now and nothing did lately."""
        lines, end = self.lines, newest.end
        if self._failed_at >= newest.begin - POOLED_S or self._slow or limits.degraded:
            return False
        if judged.count(OK) < len(lines) or end - self._well_at > POOLED_S:
            return False
        self._well_at = end
        for line in lines:
            if line is not None:
                line.at = end
        return True

    def _renew(self, limits: Thresholds) -> None:
        """Forget what was worked out by other limits."""
        self._limits, self.past = limits, [(span, counts, []) for span, counts, _ in self.past]
        for line in self.lines:
            if line is not None:
                line.guard = guard_of(line, limits)

    def _slow_down(self, newest: Span) -> None:
        slow, self._was_slow = self._slow, False
        for at, (line, count) in enumerate(zip(self.lines, self.past[-1][1], strict=True)):
            if line is None:
                continue
            if count is not None and (line.slow or at in slow):
                before = line.shown
                slowed(line, slow.get(at, ""), newest, counts_of(count)[0])
                if line.shown != before:
                    line.entered = newest.end
            self._was_slow = self._was_slow or bool(line.slow)

    def show(self, work: ServiceWork, *, counted: bool = False) -> None:
        """Give the service and its rows the states of their lines; `counted`: it is the one that
        was counted last.
        """
        if self.calm and _is_well(work) and all(map(_is_well, work.rows)):
            return
        lines = self.lines if counted or self._fits(work) else self._lines_of(work)
        caller, server = lines[0], lines[1]
        if caller is not None and work.caller is not None:
            work.state, work.slow = caller.shown, caller.slow
            work.state_since, work.failed_at = caller.entered, caller.failed_at
            work.leaving = leaving(caller, self._limits) if self._limits else None
        if server is not None and work.server is not None:
            work.server_state = server.shown
        sides = iter(lines[2:])
        for row, caller, server in zip(work.rows, sides, sides, strict=False):
            _show(row, caller, server, self._limits)

    def _fits(self, work: ServiceWork) -> bool:
        """Whether the service has the rows that the lines were arranged for."""
        joins = work.view.joins
        return joins is not None and joins is self._joins and len(work.rows) == self._rows

    def _arrange(self, work: ServiceWork, now: float) -> None:
        old = self.places
        places = _places(work)
        gone = set(old) - set(places)
        known = dict(zip(old, self.lines, strict=True))
        away = [p for p in old if p in gone and (line := known[p]) and now - line.at <= POOLED_S]
        self._joins, self._rows = work.view.joins, len(work.rows)
        if len(work.rows) != len(work.view.versions):
            self._joins = None
        if [*places, *away] == old:
            return
        for at, line in enumerate(self.lines):
            if line is not None:
                make_up(line, at)
        self.places = [*places, *away]
        self.lines = [known.get(place) for place in self.places]
        where = {place: at for at, place in enumerate(old)}
        moved = [where.get(place) for place in self.places]
        self.past = [
            (span, [None if at is None else counts[at] for at in moved], [])
            for span, counts, _ in self.past
        ]
        self._failed_at = inf

    def _lines_of(self, work: ServiceWork) -> list[Line | None]:
        known = dict(zip(self.places, self.lines, strict=True))
        return [known.get(place) for place in _places(work)]

    def _ticks(self, windows: Windows) -> Known:
        ticks = self.past
        known = len(ticks)
        return [ticks[-1 - ago] for ago in windows if ago < known]


def _follow(
    line: Line, at: int, known: Known, first: str, newest: Span, limits: Thresholds
) -> None:
    make_up(line, at, go_on=isinstance(known[0][1][at], tuple))
    state, (sign, slope, _) = line.state, line.guard
    follow(line, windows_of(at, known, line.since - ROUNDED), first, newest, limits)
    if line.state != state:
        line.entered = newest.end
    line.at = newest.end
    guard = line.guard = guard_of(line, limits)
    if guard[0] != sign or guard[1] != slope:
        line.guarded_at = newest.end


def _slow_places(work: ServiceWork) -> dict[int, str]:
    """Why each line is slow that is, by its place."""
    found = {0: work.slow} if work.slow else {}
    for at, row in enumerate(work.rows, 1):
        if row.slow:
            found[2 * at] = row.slow
        if row.server_slow:
            found[2 * at + 1] = row.server_slow
    return found


def _places(work: ServiceWork) -> list[Place]:
    found = [*_WHOLE]
    for row in work.rows:
        host, label = row.host, row.subset or row.version
        found.append((host, label, CALLER))
        found.append((host, label, SERVER))
    return found


def _last_failure(lines: Sequence[Line | None], counts: Counted) -> float | None:
    """When a request of them failed last; None where not all is well with those that are known,
    and infinity where one is not known.
    """
    latest = 0.0
    for line, count in zip(lines, counts, strict=True):
        if count is None or line is None:
            latest = inf
        elif line.state != OK or line.slow:
            return None
        elif line.failed_at > latest:
            latest = line.failed_at
    return latest


def _is_well(work: ServiceWork | RowWork) -> bool:
    """Whether it shows already what a line says with which all is well."""
    if work.caller is not None and work.state != OK:
        return False
    return work.server is None or work.server_state == OK


def _show(
    row: RowWork, caller: Line | None, server: Line | None, limits: Thresholds | None
) -> None:
    pods_state = row.pods_state
    if caller is not None and row.caller is not None:
        state, row.slow = caller.shown if caller.slow else caller.state, caller.slow
        row.state = with_pods_state(state, pods_state) if pods_state else state
        row.state_since, row.failed_at = caller.entered, caller.failed_at
        row.leaving = leaving(caller, limits) if limits and row.state == caller.state else None
    if server is not None and row.server is not None:
        state, row.server_slow = server.shown if server.slow else server.state, server.slow
        row.server_state = with_pods_state(state, pods_state) if pods_state else state
