"""What was measured over time, and how it is brought into the columns of a chart.

No traffic is not 0 % errors, and what is not known is neither: rates are then 0.0 and None, ratios
and quantiles None both times. Where nothing is known a chart has a gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from meshtui.dataclass import dataclass

RANGES: Mapping[str, float] = {
    "5m": 300.0,
    "15m": 900.0,
    "30m": 1800.0,
    "1h": 3600.0,
    "3h": 10800.0,
    "6h": 21600.0,
}
"""How far back a chart can look: its name and its seconds."""

DOTS = 2
"""Columns of a chart in one cell of the terminal."""

SHORTEST_BEAT_S = 5.0

RPS, ERRORS, P50, P95, P99 = "rps", "error_ratio", "p50_ms", "p95_ms", "p99_ms"


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of one version for the `span_s` seconds up to `at` (seconds since the epoch).

    `rps` is 0.0 where there was no traffic; None is not known. Ratios are 0 to 1.
    """

    at: float
    span_s: float
    rps: float | None = None
    error_ratio: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None

    @property
    def begin(self) -> float:
        return self.at - self.span_s


Course = tuple[Moment, ...]
"""The moments of one version, the oldest first."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `begin` (seconds since the epoch) to now, in points not closer than `step_s`."""

    begin: float
    step_s: float


@dataclass(frozen=True, slots=True)
class Past:
    """What a source remembers: it was asked for `begin` to `end`, a point each `step_s`."""

    source: str
    begin: float
    end: float
    step_s: float
    courses: Mapping[str, Course] = field(default_factory=dict)
    unsure: bool = False
    """Whether there are 401s of which it does not tell whether proxies gave them."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The columns of a chart: `count` of them, `step_s` seconds each, up to `end`."""

    end: float
    step_s: float
    count: int

    @property
    def begin(self) -> float:
        return self.end - self.count * self.step_s

    def column(self, at: float) -> int | None:
        """The column of a moment in time; None outside."""
        found = math.floor((at - self.begin) / self.step_s)
        return found if 0 <= found < self.count else None

    def columns(self, begin: float, end: float) -> range:
        """Those whose middle lies in the time, or the one around the time's own middle.

        So times that follow each other leave no gap between them, none is spread over more
        columns than its own, and none is lost however short it is.
        """
        first, last = self._from(begin), self._from(end)
        if first < last:
            return range(max(first, 0), min(last, self.count))
        middle = self.column((begin + end) / 2)
        return range(0) if middle is None else range(middle, middle + 1)

    def _from(self, time: float) -> int:
        """The first column whose middle is not before `time`, but for what rounding has added:
        a time's begin is worked out of its end, and may be a hair after the end before it.
        """
        return math.ceil(round((time - self.begin) / self.step_s - 0.5, 9))


def grid(range_s: float, cells: int, now: float) -> Grid:
    """The grid of a chart `cells` wide; it moves by whole cells, and now is in the last."""
    cell_s = range_s / cells
    return Grid((math.floor(now / cell_s) + 1) * cell_s, cell_s / DOTS, cells * DOTS)


def beat_s(range_s: float, cells: int) -> float:
    """How often the past is worth asking for: when a cell of the chart is full."""
    return max(SHORTEST_BEAT_S, range_s / cells)


def resampled(course: Iterable[Moment], measure: str, columns: Grid) -> tuple[float | None, ...]:
    """One value for each column, None where nothing is known.

    Of several moments in a column the worst counts, so that no peak is lost by looking from
    further away; rates are averaged, so that their area stays the number of requests.
    """
    found: list[list[float]] = [[] for _ in range(columns.count)]
    for moment in course:
        value: float | None = getattr(moment, measure)
        if value is not None:
            for column in columns.columns(moment.begin, moment.at):
                found[column].append(value)
    return tuple(_of_column(values, measure) for values in found)


def _of_column(values: Sequence[float], measure: str) -> float | None:
    if not values:
        return None
    return sum(values) / len(values) if measure == RPS else max(values)


def within(course: Iterable[Moment], begin: float, end: float) -> Course:
    """The moments of a time; those at its edges are cut there."""
    return tuple(
        _cut(moment, begin, end) for moment in course if moment.at > begin and moment.begin < end
    )


def _cut(moment: Moment, begin: float, end: float) -> Moment:
    if moment.begin >= begin and moment.at <= end:
        return moment
    at = min(moment.at, end)
    return replace(moment, at=at, span_s=at - max(moment.begin, begin))


def extended(past: Past, newer: Past, begin: float) -> Past:
    """`past` with the points of `newer` in place of its own there, from `begin` on.

    A version of which only one of them has points had no traffic in the time of the other: so it
    is inside of each, where anything of the service is known.
    """
    before, after = _without_traffic(past), _without_traffic(newer)
    courses = {
        version: within(past.courses.get(version, before), begin, newer.begin)
        + newer.courses.get(version, after)
        for version in {**past.courses, **newer.courses}
    }
    retained = {
        version: course
        for version, course in courses.items()
        if course and (version in newer.courses or any(moment.rps for moment in course))
    }
    unsure = past.unsure or newer.unsure
    return replace(newer, begin=max(begin, past.begin), courses=retained, unsure=unsure)


def _without_traffic(past: Past) -> Course:
    """At the times at which anything is known."""
    known = max(past.courses.values(), key=len, default=())
    return tuple(Moment(moment.at, moment.span_s, 0.0) for moment in known)


def added(one: Course, other: Course) -> Course:
    """The requests of both; of their quantiles, which can't be added, the worse."""
    found = {moment.at: moment for moment in one}
    for moment in other:
        known = found.get(moment.at)
        found[moment.at] = moment if known is None else _both(known, moment)
    return tuple(found[at] for at in sorted(found))


def _both(one: Moment, other: Moment) -> Moment:
    if not one.rps or not other.rps:
        return one if one.rps else other
    ratios = (one.error_ratio, one.rps), (other.error_ratio, other.rps)
    failed = [ratio * rps for ratio, rps in ratios if ratio is not None]
    rps = one.rps + other.rps
    return Moment(
        one.at,
        max(one.span_s, other.span_s),
        rps,
        sum(failed) / rps if failed else None,
        _worse(one.p50_ms, other.p50_ms),
        _worse(one.p95_ms, other.p95_ms),
        _worse(one.p99_ms, other.p99_ms),
    )


def _worse(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)


def joined(past: Past, seen: Mapping[str, Course]) -> Mapping[str, Course]:
    """What a source remembers, with what was seen before its first point and after its last."""
    first = min((c[0].begin for c in past.courses.values() if c), default=past.end)
    return {
        version: within(seen.get(version, ()), -math.inf, first)
        + past.courses.get(version, ())
        + within(seen.get(version, ()), past.end, math.inf)
        for version in {**past.courses, **seen}
    }
