"""The counts of a canary and its baseline, out of what the telemetry counted in an interval."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import inf, log

from meshtui.canary.progress import Measured
from meshtui.canary.tally import Counts, Interval, Limits
from meshtui.canary.verdict import AS_BAD
from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError
from meshtui.mesh.judging import count_of
from meshtui.mesh.model import Mesh, Rule, Service, ServiceKey
from meshtui.mesh.signals import UNKNOWN, Sample, Signals, merged
from meshtui.mesh.telemetry_join import Joins
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.undecided import UNAUTHORIZED, unflagged
from meshtui.mesh.versions import VersionView, version_rows
from meshtui.mesh.view import Latest, ServiceView, measured
from meshtui.metrics.intervals import IntervalSource

Place = tuple[str, str]


def steady_clock() -> Callable[[], float]:
    """Seconds since the epoch that never jump, and go on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    began = time.time() - time.clock_gettime(clock)
    return lambda: began + time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class Question:
    """What is counted: the canary's and the others' destinations in a rule of a service.

    `shadow`: both are judged by their own answers, as nobody waits for those to copies.
    """

    mesh: Mesh
    service: Service
    rule: Rule
    canary: Place
    others: tuple[Place, ...]
    shadow: bool = False

    @property
    def services(self) -> frozenset[ServiceKey]:
        return frozenset(Joins(self.service.key, self.rows).services)

    @property
    def rows(self) -> tuple[VersionView, ...]:
        return version_rows(self.mesh, self.service, self.rule)


def counts_of(
    question: Question, sample: Sample, p99_ms: float, most_errors: float = Limits().errors
) -> tuple[Interval, Measured]:
    """The counts, with times from 0 to the sample's length; or the problem that they have.

    `most_errors` is the part of the requests, 0 to 1, that may fail.
    """
    interval = Interval(0.0, sample.window_s)
    view = ServiceView(question.service, question.rows, latest=Latest(question.mesh))
    (seen,) = measured((view,), sample, Thresholds())
    rows = {(row.host, row.subset): row for row in seen.versions if row.host}
    row = rows.get(question.canary)
    others = [rows[place] for place in question.others if place in rows]
    for one in (*([row] if row else ()), *others):
        if one.unknown_because and not (question.shadow and one.server is not None):
            problem = f"{one.label} cannot be told apart: {one.unknown_because}"
            return replace(interval, problem=problem), Measured()
    if row is None:
        return replace(interval, problem="the canary's pods are not known"), Measured()
    canary = _side(row, question.shadow)
    stable = merged([_side(one, question.shadow) for one in others]) if others else None
    counted = replace(
        interval,
        canary=_counts(canary, p99_ms),
        stable=_counts(stable, p99_ms) if stable is not None else None,
    )
    if _hinges(question, row, others, counted, most_errors):
        return replace(interval, problem=f"{row.label}: {row.undecided}"), Measured()
    p99 = (canary.p99_ms, stable.p99_ms if stable is not None else None)
    share = None if question.shadow else _share(canary, seen.versions)
    return counted, Measured(share, True, *p99)


def _hinges(
    question: Question,
    row: VersionView,
    others: Iterable[VersionView],
    counted: Interval,
    most_errors: float,
) -> bool:
    """Whether the canary keeps the limit only if 401s of which nobody knows who gave them are its
    program's own: its proxies refuse tokens with the same code, and that counts as failing.

    Not where the stable version has as many: then they are not the canary's doing.
    """
    if not row.undecided:
        return False
    canary, stable = counted.canary, counted.stable or Counts()
    unsure = _unsure([row], question.shadow)
    if canary.error_ratio > most_errors or canary.errors + unsure <= most_errors * canary.requests:
        return False
    alike = _unsure(others, question.shadow) / stable.requests if stable.requests else 0.0
    return alike < unsure / canary.requests / AS_BAD


def _unsure(rows: Iterable[VersionView], shadow: bool) -> float:
    return sum(unflagged(_side(row, shadow), UNAUTHORIZED) for row in rows)


def _side(row: VersionView, shadow: bool) -> Signals:
    return (row.server if shadow else row.caller) or Signals()


def _share(canary: Signals, rows: Iterable[VersionView]) -> float | None:
    total = sum(r.caller.requests for r in rows if r.caller and r.version != UNKNOWN)
    return canary.requests / total if total else None


def _counts(signals: Signals, p99_ms: float) -> Counts:
    """Errors, broken answers and what the proxies refused count alike, as in a version's state."""
    count = count_of(signals)
    timed, slow = _slow(signals.buckets, p99_ms)
    return Counts(count.requests, count.bad, timed, slow)


def _slow(buckets: Mapping[float, float], limit_ms: float) -> tuple[float, float]:
    """How many were timed, and how many took longer than the bucket bound next to the limit.

    At a bound the counts are exact; a quantile inside of a bucket is a guess.
    """
    timed = buckets.get(inf, max(buckets.values(), default=0.0))
    bounds = [bound for bound in buckets if 0 < bound < inf]
    if not timed or not bounds:
        return 0.0, 0.0
    bound = min(bounds, key=lambda one: abs(log(one / limit_ms)))
    return timed, max(0.0, timed - buckets[bound])


class Counting:
    """The intervals of one run, one after the other. Nothing is counted twice."""

    def __init__(
        self,
        source: IntervalSource,
        p99_ms: float,
        clock: Callable[[], float] | None = None,
        most_errors: float = Limits().errors,
    ) -> None:
        self.seen = Measured()
        self._source = source
        self._p99_ms = p99_ms
        self._most_errors = most_errors
        self._clock = clock or steady_clock()
        self._end = 0.0
        self._begun = False
        self._usual_s = 0.0
        self._why = ""

    async def begin(self, question: Question) -> None:
        """Counting begins now: what the proxies counted before is none of it. Never raises."""
        self._end, self._begun = self._clock(), False
        try:
            await self._source.begin(question.mesh, question.services)
            self._begun = True
        except MeshtuiError as error:
            self._why = str(error)  # the next interval says so

    def blind(self, problem: str) -> Interval:
        """An interval in which nothing could be read; counting begins anew after it."""
        start, self._end, self._begun = self._end, self._clock(), False
        self.seen = replace(self.seen, serving=None)
        return Interval(start, self._end, problem=problem, usual_s=self._usual_s)

    async def count(self, question: Question) -> Interval | None:
        """The newest interval; None where the telemetry has nothing new. Never raises."""
        if not self._begun:
            return await self._begin_again(question)
        try:
            counted = await self._source.count(question.mesh, question.services)
        except MeshtuiError as error:
            return self.blind(str(error))
        if counted is None:
            return None
        self._usual_s = counted.usual_s
        limits = self._p99_ms, self._most_errors
        interval, self.seen = counts_of(question, counted.sample, *limits)
        start = self._end
        # A Prometheus knows the past: its intervals end some time before now.
        self._end = start + counted.sample.window_s if counted.usual_s else self._clock()
        return replace(interval, start=start, end=self._end, usual_s=counted.usual_s)

    async def _begin_again(self, question: Question) -> Interval | None:
        """The time in which nothing could be read is none of the next interval."""
        since = self._end
        await self.begin(question)
        if self._begun:
            return None
        self._end = since
        return self.blind(self._why)

    async def close(self) -> None:
        await self._source.close()
