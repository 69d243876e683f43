"""What a Prometheus remembers of one service: a few range queries, in a thread of its own.

It has its own way to the server, so that a range that takes long keeps no sample waiting.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from meshtui.errors import Unreachable
from meshtui.mesh.courses import Named
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.quantile import add_at_shared, quantile
from meshtui.mesh.signals import Responder
from meshtui.mesh.time_series import Course, Moment, Past, Stretch
from meshtui.metrics import prometheus_past_queries as queries
from meshtui.metrics.counter_reading import Buckets
from meshtui.metrics.exposition import number_of
from meshtui.metrics.hops import came_through, is_hop, lost
from meshtui.metrics.prometheus_past_queries import Counting
from meshtui.metrics.prometheus_past_refused import (
    Refusals,
    leaves_unsure,
    may_be_refused,
)
from meshtui.metrics.prometheus_queries import denied as denied_query
from meshtui.metrics.prometheus_result import Over, QueryResult
from meshtui.metrics.prometheus_timing import Newest, Rhythm
from meshtui.metrics.scope import ALL, Scope
from meshtui.metrics.traffic import responder_of, traffic_of
from meshtui.metrics.worker import Worker

MOST_POINTS = 1_000
"""Of one series; Prometheus itself refuses more than 11,000."""

MOST_VERSIONS = 24
QUERY_S = 10.0
_SKEW_S = 5.0
"""Clocks that differ by less are told by the same time; more is told in multiples of it."""

_Times = dict[int, float]
_QUANTILES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


class Ranged(Protocol):
    """A way to ask one Prometheus about a range."""

    async def ask_range(self, promql: str, over: Over, seconds: float) -> QueryResult: ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class _Counted:
    """Of one version, by the server's time."""

    requests: _Times = field(default_factory=dict)
    errors: _Times = field(default_factory=dict)


class PrometheusPast:
    """Asks for the past of one service at a time."""

    def __init__(self, server: Ranged, worker: Worker, scope: Scope = ALL) -> None:
        self._server = server
        self._scope = scope
        self._worker = worker
        self._one_at_a_time = asyncio.Lock()

    async def read(
        self,
        service: ServiceKey,
        stretch: Stretch,
        named: Named,
        newest: Newest,
        rhythm: Rhythm,
        ahead_s: float,
        counting: Counting = Counting(),  # noqa: B008 - it is frozen
    ) -> Past:
        """Points up to the newest scrape; what came after it is not known yet.

        `named` says whose a target's requests are, `ahead_s` is what the server's clock is ahead
        of this one. `counting`: where callers count nothing, who answered does. Raises Unreachable
        or NotAllowed.
        """
        skew = int(ahead_s / _SKEW_S) * _SKEW_S
        end = newest.at - newest.age_s
        over = over_of(replace(stretch, begin=stretch.begin + skew), end, rhythm)
        window_s = window_of(over, rhythm)
        window = f"{round(window_s * 1000)}ms"
        async with self._one_at_a_time:
            what = service, window, rhythm.oldest_s, self._scope, counting
            requests = await self._ask(queries.requests(*what), over)
            durations = await self._ask(queries.durations(*what), over)
            denied = QueryResult([])
            if may_be_refused(requests):
                flagged = queries.flagged(service, window, rhythm.oldest_s, self._scope)
                both = f"{denied_query(window, self._scope)} or {flagged}"
                denied = await self._ask(both, over)
            asked = requests, durations, denied, service, named, counting
            reading = partial(courses_of, *asked, over.step_s, window_s, skew)
            courses = await self._read(reading)
        begin = over.begin - over.step_s - skew
        unsure = leaves_unsure(requests, denied)
        return Past("prometheus", begin, over.end - skew, over.step_s, courses, unsure)

    async def _ask(self, promql: str, over: Over) -> QueryResult:
        return await self._server.ask_range(promql, over, QUERY_S)

    async def _read(self, reading: Callable[[], Mapping[str, Course]]) -> Mapping[str, Course]:
        try:
            return await self._worker.run(reading, QUERY_S)
        except TimeoutError:
            summary = f"the past of this service is more than can be read in {QUERY_S:g} s"
            raise Unreachable(summary, "look back less far") from None

    async def close(self) -> None:
        await self._server.close()
        self._worker.close()


def over_of(stretch: Stretch, end: float, rhythm: Rhythm) -> Over:
    """Points at multiples of a step that neither scrapes nor the screen are coarser than.

    The same times whenever it is asked, so that points that are known need not be asked again.
    """
    longest = max(end - stretch.begin, 0.0)
    step = math.ceil(max(1.0, stretch.step_s, rhythm.interval_s, longest / MOST_POINTS))
    last = math.floor(end / step) * step
    return Over(min(math.ceil(stretch.begin / step) * step, last), last, step)


def window_of(over: Over, rhythm: Rhythm) -> float:
    """Seconds that each point counts: no request falls between two, and whole scrapes."""
    scrapes = max(over.step_s, rhythm.window_s) / rhythm.interval_s
    return round(math.ceil(scrapes - 1e-6) * rhythm.interval_s, 3)


def courses_of(
    requests: QueryResult,
    durations: QueryResult,
    denied: QueryResult,
    service: ServiceKey,
    named: Named,
    counting: Counting,
    step_s: int,
    window_s: float,
    skew: float,
) -> Mapping[str, Course]:
    """The moments of each version, by this machine's clock.

    Where anything of the service is known, a version that has no counter had no traffic.
    """
    counted = _counted(requests, denied, service, named, counting)
    times = sorted({at for one in counted.values() for at in one.requests})
    timed = _timed(durations, service, named)
    busiest = sorted(counted, key=lambda name: -sum(counted[name].requests.values()))
    return {
        version: tuple(
            _moment(counted[version], timed.get(version, {}), at, window_s, at - skew, step_s)
            for at in times
        )
        for version in busiest[:MOST_VERSIONS]
    }


def _moment(
    counted: _Counted,
    timed: Mapping[int, Buckets],
    at: int,
    window_s: float,
    stamp: float,
    step_s: int,
) -> Moment:
    """Durations come later than counters: those without a request are of an older time."""
    requests = counted.requests.get(at, 0.0)
    if requests <= 0:
        return Moment(stamp, step_s, 0.0)
    ratio = min(counted.errors.get(at, 0.0) / requests, 1.0)
    of = {name: quantile(q, timed.get(at, {})) for name, q in _QUANTILES.items()}
    return Moment(stamp, step_s, requests / window_s, ratio, **of)


def _counted(
    answer: QueryResult,
    denied: QueryResult,
    service: ServiceKey,
    named: Named,
    counting: Counting,
) -> dict[str, _Counted]:
    """What was no good as the table has it: by its code, cut off, or refused by a proxy."""
    found: dict[str, _Counted] = {}
    refusals = Refusals(denied)
    reporters = counting.reporters
    for labels, values in answer.series():
        traffic = traffic_of(labels)
        if traffic is None or traffic.reporter not in reporters or traffic.service_key != service:
            continue
        if is_hop(traffic, counting.waypoints):
            if came_through(traffic):
                continue
            traffic = lost(traffic)
        version = found.setdefault(named(traffic.target), _Counted())
        bad = any(traffic.answered[:3])
        for time, value in values:
            if 0 <= value < math.inf:
                at = round(time)
                version.requests[at] = version.requests.get(at, 0.0) + value
                if bad:
                    version.errors[at] = version.errors.get(at, 0.0) + value
                    refusals.told(traffic, at, value)
                else:
                    refusals.note(traffic, at, value, version.errors)
    refusals.add()
    return {version: counted for version, counted in found.items() if counted.requests}


def _timed(answer: QueryResult, service: ServiceKey, named: Named) -> dict[str, dict[int, Buckets]]:
    """Cumulative counts by version, time and upper bound in milliseconds."""
    apart: dict[tuple[str, str, Responder], dict[int, Buckets]] = {}
    for labels, values in answer.series():
        bound = number_of(labels.get("le", ""))
        if bound is None or math.isnan(bound):
            continue
        target = responder_of(labels, service)
        times = apart.setdefault((named(target), labels.get("reporter", ""), target), {})
        for at, value in values:
            if 0 <= value < math.inf:
                buckets = times.setdefault(round(at), {})
                buckets[bound] = buckets.get(bound, 0.0) + value
    found: dict[str, dict[int, Buckets]] = {}
    for (name, _, _), times in apart.items():
        of_version = found.setdefault(name, {})
        for at, buckets in times.items():
            add_at_shared(of_version.setdefault(at, {}), buckets)
    return found
