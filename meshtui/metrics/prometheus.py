"""Golden signals from a Prometheus that scrapes the mesh.

At most six instant queries a tick, whatever the size of the mesh (`prometheus_queries`): when the
mesh was last scraped, and, now and then, who calls whom; how its proxies do; what they denied and
which callers count nothing; requests; durations; and, only now and then, how often it is scraped.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import field, replace
from functools import partial
from typing import NamedTuple, Protocol

from meshtui.dataclass import dataclass
from meshtui.errors import Unreachable
from meshtui.mesh.ambient import waypoint_workloads
from meshtui.mesh.calls import Calls
from meshtui.mesh.copies import copied_to
from meshtui.mesh.count_overrides import CLIENT
from meshtui.mesh.courses import Named, by_telemetry
from meshtui.mesh.metrics_off import not_counting
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import UNKNOWN, Sample, Signals
from meshtui.mesh.time_series import Past, Stretch
from meshtui.metrics import prometheus_queries as queries
from meshtui.metrics.aggregate import Client, Ledger
from meshtui.metrics.call_ledger import CallLedger
from meshtui.metrics.connections import ConnectionLedger
from meshtui.metrics.counter_reading import Reading
from meshtui.metrics.denied import Denied, with_denied, with_edge
from meshtui.metrics.prometheus_past import PrometheusPast
from meshtui.metrics.prometheus_past_queries import Counting
from meshtui.metrics.prometheus_reading import (
    Clusters,
    Flaws,
    clients_of,
    clusters_of,
    connections_of,
    histograms_of,
    requests_of,
    sent_by,
    summed_over,
    times_of,
)
from meshtui.metrics.prometheus_result import Point, QueryResult
from meshtui.metrics.prometheus_series import KnownSeries
from meshtui.metrics.prometheus_silent import (
    Answered,
    by_namespace,
    fill,
    filling_of,
    passing_of,
    with_clients,
)
from meshtui.metrics.prometheus_timing import (
    USUAL_INTERVAL_S,
    Newest,
    Rhythm,
    covered,
    newest_of,
    rhythm_of,
)
from meshtui.metrics.scope import ALL, Scope
from meshtui.metrics.silent import SURE
from meshtui.metrics.source import Supplement
from meshtui.metrics.traffic import DESTINATION, REQUESTS, SOURCE
from meshtui.metrics.worker import Worker

_MOST_JOBS = 8
_MOST_WARNINGS = 3


class PrometheusServer(Protocol):
    """A way to ask one Prometheus."""

    where: str

    async def ask(self, promql: str, at: float | None, seconds: float) -> QueryResult: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: for one query, for a tick, and how long what hardly changes is kept."""

    query_s: float = 4.0
    tick_s: float = 10.0
    clients_s: float = 10.0
    rhythm_s: float = 300.0
    most_pause_s: float = 5.0


DEFAULTS = Limits()

SETTLED_S = 2.0
"""Seconds after the last scrape in which others of the same time may still come in."""


@dataclass(frozen=True, slots=True)
class _Targets:
    """The proxies that Prometheus scrapes, and when the last scrape before the window was."""

    read: int
    down: int
    scraped: bool
    before: float | None
    sent: Mapping[Client, Signals] = field(default_factory=dict)


class _Counted(NamedTuple):
    """What the counts of a sample hang on: where all of it is as before, they are too."""

    scraped_at: float
    window: str
    mesh: Mesh
    clients: Mapping[ServiceKey, frozenset[Client]]


class PrometheusSource:
    """`clock` gives seconds that never jump, `now` seconds since the epoch."""

    name = "prometheus"

    def __init__(
        self,
        server: PrometheusServer,
        worker: Worker,
        limits: Limits = DEFAULTS,
        *,
        past: PrometheusPast | None = None,
        beside: PrometheusServer | None = None,
        scope: Scope = ALL,
        supplement: Supplement | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`beside` is a second way to the server, for what samples should not wait for."""
        self.where = server.where
        self._server = server
        self._beside = beside or server
        self._worker = worker
        self._past = past
        self._scope = scope
        self._supplement = supplement
        self._limits = limits
        self._clock = clock
        self._now = now
        self._one_at_a_time = asyncio.Lock()
        self._last: tuple[float, float, Sample] | None = None
        self._known: tuple[Newest, Rhythm, float] | None = None
        self._counted: tuple[_Counted, Sample] | None = None
        self._rhythm: tuple[float, frozenset[str], Rhythm] | None = None
        self._clients: tuple[float, Mapping[ServiceKey, frozenset[Client]]] = -math.inf, {}
        self._clusters = Clusters()
        self._series = KnownSeries()
        self._waypoints = frozenset[Client]()
        self._warnings: dict[str, None] = {}

    async def sample(self, mesh: Mesh) -> Sample:
        """The last window, as of now.

        `time` is when the queries were evaluated, told by this machine's clock. Prometheus has
        nothing new between two scrapes, so a sample a quarter of an interval old is given again,
        as what it is. `read` counts the proxies it has counters of, `failed` those it had some
        of and cannot scrape any more. Raises Unreachable or NotAllowed, after `tick_s` at the
        latest; data older than four scrape intervals is none.
        """
        async with self._one_at_a_time:
            if self._last is not None and self._clock() < self._last[0] + self._last[1]:
                return self._last[2]
            began = self._clock()
            try:
                async with asyncio.timeout(self._limits.tick_s):
                    sample, rhythm = await self._sample(mesh)
            except TimeoutError:
                raise Unreachable(
                    f"{self.where}: no sample in {self._limits.tick_s:g} s", "it is too slow"
                ) from None
            pause = min(rhythm.interval_s / 4, self._limits.most_pause_s)
            self._last = began, pause, sample
            return sample

    async def next_scrape(self) -> float:
        """When all of the mesh will have been scraped once more, by the server's clock."""
        async with self._one_at_a_time:
            newest = await self._newest()
            return newest.at + (await self._rhythm_of(newest)).interval_s

    async def between(self, mesh: Mesh, start: float) -> tuple[Sample, float, float] | None:
        """What was counted from `start` on, as many whole scrape intervals as there are by now.

        Who counted once is taken to count still: no request is in two intervals.

        Gives the sample, where it ends by the server's clock, and the scrape interval in seconds;
        None where none is complete. Raises as `sample` does.
        """
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(self._limits.tick_s):
                    return await self._between(mesh, start)
            except TimeoutError:
                raise Unreachable(
                    f"{self.where}: no counts in {self._limits.tick_s:g} s", "it is too slow"
                ) from None

    async def _between(self, mesh: Mesh, start: float) -> tuple[Sample, float, float] | None:
        self._warnings.clear()
        newest = await self._newest(clients=True)
        rhythm = await self._rhythm_of(newest)
        if newest.age_s > rhythm.oldest_s:
            raise self._too_old(newest, rhythm)
        scrapes = int((newest.at - start) / rhythm.interval_s + 1e-6)
        if scrapes < 1:
            return None
        seconds = round(scrapes * rhythm.interval_s, 3)
        window, end = f"{round(seconds * 1000)}ms", start + seconds
        beside = await self._beside_counts(mesh, window, end)
        clients = self._clients[1]
        muted = not_counting(mesh, CLIENT)
        answered = self._answered(mesh, beside, muted.keys(), sure=math.inf)
        what = window, self._scope, answered.names
        requests = await self._ask(queries.requests(*what), end)
        durations = await self._ask(queries.durations(*what, answered.through), end)
        sample = Sample(self._now(), self.name, seconds, clients=clients, muted=muted)
        summing = partial(_summed, self._series, sample, requests, durations, answered, mesh)
        summed = await self._worker.run(summing, self._limits.tick_s)
        return _with_denied(summed, beside), end, rhythm.interval_s

    async def past(
        self, service: ServiceKey, stretch: Stretch, named: Named = by_telemetry
    ) -> Past | None:
        """What it remembers of one service, up to the newest scrape that a sample has seen.

        Raises Unreachable or NotAllowed; Unreachable too where there was no sample yet.
        """
        if self._past is None:
            return None
        if self._known is None:
            raise Unreachable(f"{self.where} has not answered yet", "its past is read after that")
        ways = self._waypoints
        counting = _counting(self._last[2], service, ways) if self._last else Counting()
        return await self._past.read(service, stretch, named, *self._known, counting)

    async def calls(self, mesh: Mesh) -> Calls:
        """One query, over the window that the last sample was counted in."""
        if self._known is None or self._last is None:
            raise Unreachable(f"{self.where} has not answered yet", "callers are asked after that")
        (newest, rhythm, _), (_, _, sample) = self._known, self._last
        query = queries.calls(rhythm.window, self._scope)
        answer = await self._beside.ask(query, newest.at, self._limits.query_s)
        summing = partial(_summed_calls, sample, answer, waypoint_workloads(mesh))
        return await self._worker.run(summing, self._limits.tick_s)

    async def hour_before(self) -> Sample:
        """How long requests took in the hour before, in one query: no more than that is known.

        Raises Unreachable or NotAllowed; Unreachable too where there was no sample yet.
        """
        if self._known is None:
            raise Unreachable(f"{self.where} has not answered yet", "its past is read after that")
        newest, _, _ = self._known
        answer = await self._beside.ask(
            queries.before(self._scope), newest.at, self._limits.query_s
        )
        ends = self._now() - queries.BEFORE_S
        sample = Sample(ends, self.name, queries.HOUR_S)
        return await self._worker.run(partial(_summed_times, sample, answer), self._limits.tick_s)

    async def close(self) -> None:
        if self._past is not None:
            await self._past.close()
        await self._server.close()
        self._worker.close()

    async def _sample(self, mesh: Mesh) -> tuple[Sample, Rhythm]:
        self._warnings.clear()
        asked_at = self._now()
        newest = await self._newest(clients=True)
        rhythm = await self._rhythm_of(newest)
        self._known = newest, rhythm, newest.at - asked_at
        targets = await self._targets(newest, rhythm, _gateways(mesh))
        self._refuse_old(newest, rhythm, targets)
        counted = _Counted(newest.scraped_at, rhythm.window, mesh, self._clients[1])
        if self._counted is not None and _nothing_new(self._counted[0], counted):
            again = replace(
                self._counted[1],
                time=asked_at,
                read=targets.read,
                failed=targets.down,
                problems=self._problems(newest, rhythm, targets),
            )
            return (await self._supplement(mesh, again) if self._supplement else again), rhythm
        beside = await self._beside_counts(mesh, rhythm.window, newest.at)
        clients = self._clients[1]
        muted = not_counting(mesh, CLIENT)
        self._waypoints = waypoint_workloads(mesh)
        answered = self._answered(mesh, beside, muted.keys())
        what = rhythm.window, self._scope, answered.names
        requests = await self._ask(queries.requests_and_connections(*what), newest.at)
        durations = await self._ask(queries.durations(*what, answered.through), newest.at)
        sample = Sample(
            time=asked_at,
            source=self.name,
            window_s=rhythm.window_s,
            clients=clients,
            muted=muted,
            read=targets.read,
            failed=targets.down,
            problems=self._problems(newest, rhythm, targets),
        )
        gateways = _gateways(mesh)
        summing = partial(
            _summed, self._series, sample, requests, durations, answered, mesh, gateways
        )
        summed = await self._worker.run(summing, self._limits.tick_s)
        seen = replace(summed, sent={**targets.sent, **summed.sent})
        found = _with_denied(seen, beside)
        self._counted = (counted, found) if newest.age_s >= SETTLED_S else None
        return (await self._supplement(mesh, found) if self._supplement else found), rhythm

    async def _ask(self, promql: str, at: float | None) -> QueryResult:
        answer = await self._server.ask(promql, at, self._limits.query_s)
        self._warnings.update(dict.fromkeys(answer.warnings))
        return answer

    async def _newest(self, *, clients: bool = False) -> Newest:
        """With who calls whom, where `clients` are wanted and were not asked for lately."""
        due = clients and self._clock() >= self._clients[0]
        ask = queries.newest_and_clients if due else queries.newest
        points = list((await self._ask(ask(self._scope), None)).points())
        callers = [one for one in points if one.labels.get(queries.WHAT) == queries.CLIENTS]
        found = newest_of(one for one in points if queries.WHAT not in one.labels)
        if found is None:
            scoped = f" that fit {self._scope}" if self._scope.matchers else ""
            raise Unreachable(
                f"{self.where} has no {REQUESTS} of the last 5 minutes{scoped}",
                "does --prometheus-match fit its labels?"
                if scoped
                else "does it scrape the sidecars (port 15020, /stats/prometheus)?",
            )
        if due:
            known, now_known = self._clients[1], clients_of(callers)
            until = self._clock() + self._limits.clients_s
            self._clients = until, known if known == now_known else now_known
            self._clusters = clusters_of(callers)
        return found

    async def _rhythm_of(self, newest: Newest) -> Rhythm:
        """Looked at anew when other jobs turn up, and every few minutes."""
        if self._rhythm is not None:
            until, jobs, known = self._rhythm
            if self._clock() < until and jobs == newest.jobs:
                return known
        answer = await self._ask(queries.scrapes(_freshest(newest), self._scope), newest.at)
        series = list(answer.times())
        found = rhythm_of(series)
        if found is None and series:
            raise Unreachable(f"{self.where} has only begun to scrape the mesh", "wait a little")
        rhythm = found or Rhythm(USUAL_INTERVAL_S, seen=False)
        self._rhythm = self._clock() + self._limits.rhythm_s, newest.jobs, rhythm
        return rhythm

    async def _targets(
        self, newest: Newest, rhythm: Rhythm, gateways: frozenset[Client]
    ) -> _Targets:
        names = {workload for _, workload in gateways}
        jobs = sorted({job for job, _ in _freshest(newest)})
        promql = queries.state(jobs, rhythm.window, self._scope, names)
        points = list((await self._ask(promql, newest.at)).points())
        found = {point.labels.get(queries.WHAT): point.value for point in points}
        return _Targets(
            read=int(found.get(queries.READ, 0)),
            down=int(found.get(queries.DOWN, 0)),
            scraped=queries.SCRAPED in found,
            before=found.get(queries.SCRAPED_BEFORE),
            sent=sent_by(
                (p for p in points if p.labels.get(queries.WHAT) == queries.SENT),
                (p for p in points if p.labels.get(queries.WHAT) == queries.SENT_TIMES),
                gateways,
                rhythm.window_s,
            ),
        )

    async def _beside_counts(self, mesh: Mesh, window: str, at: float) -> tuple[Point, ...]:
        names = {workload for _, workload in waypoint_workloads(mesh)}
        return tuple((await self._ask(queries.beside(window, self._scope, names), at)).points())

    def _answered(
        self, mesh: Mesh, beside: Sequence[Point], declared: Set[Client], sure: float = SURE
    ) -> Answered:
        silent, through = _rows(beside, queries.SILENT), _rows(beside, queries.PASSING)
        filling = filling_of(silent, self._clients[1], declared, sure)
        return Answered(filling, passing_of(through, waypoint_workloads(mesh)))

    def _refuse_old(self, newest: Newest, rhythm: Rhythm, targets: _Targets) -> None:
        if newest.age_s > rhythm.oldest_s:
            raise self._too_old(newest, rhythm)
        if targets.scraped and not covered(rhythm, newest.at, targets.before):
            raise Unreachable(
                f"{self.where} has scraped the mesh for less than {rhythm.window_s:g} s",
                "counts need a whole window: wait",
            )

    def _too_old(self, newest: Newest, rhythm: Rhythm) -> Unreachable:
        return Unreachable(
            f"{self.where}: its newest numbers of the mesh are {newest.age_s:.0f} s old,"
            f" scraped every {rhythm.interval_s:g} s",
            "see its targets: it does not scrape any more, or its storage lags",
        )

    def _problems(self, newest: Newest, rhythm: Rhythm, targets: _Targets) -> tuple[str, ...]:
        lines = list(summed_over(self._clusters, self._scope))
        lines += [
            f"Prometheus: job {job or 'without a name'} was scraped {age:.0f} s ago: stale"
            for (job, _), age in newest.ages.items()
            if age > rhythm.oldest_s
        ]
        if targets.down:
            lines.append(f"Prometheus cannot scrape {targets.down} of the mesh's proxies")
        if not rhythm.seen:
            lines.append(
                f"Prometheus: how often it scrapes cannot be seen; {rhythm.interval_s:g} s assumed"
            )
        return (*lines, *(f"Prometheus: {w}" for w in list(self._warnings)[:_MOST_WARNINGS]))


def _nothing_new(before: _Counted, now: _Counted) -> bool:
    same = before.mesh is now.mesh and before.clients is now.clients
    return same and (before.scraped_at, before.window) == (now.scraped_at, now.window)


def _freshest(newest: Newest) -> list[tuple[str, str]]:
    """One target of each job, of the jobs that were scraped last."""
    return sorted(newest.ages, key=lambda target: newest.ages[target])[:_MOST_JOBS]


def _gateways(mesh: Mesh) -> frozenset[Client]:
    return frozenset((pod.namespace, pod.workload) for pod in mesh.pods if pod.gateway)


def _counting(sample: Sample, service: ServiceKey, waypoints: frozenset[Client]) -> Counting:
    """The callers; who answered for those that count nothing, and for all where none counts."""
    filled = sample.filled.get(service, frozenset())
    passed = sample.passed.get(service, frozenset())
    if filled and not sample.clients.get(service, frozenset()) - filled and filled != passed:
        return Counting(DESTINATION)
    silent, passing = (
        tuple(sorted({workload or UNKNOWN for _, workload in those}))
        for those in (filled - passed, passed)
    )
    return Counting(SOURCE, silent, passing, waypoints)


def _rows(points: Iterable[Point], what: str) -> Iterable[Point]:
    return (point for point in points if point.labels.get(queries.WHAT) == what)


def _with_denied(sample: Sample, points: Sequence[Point]) -> Sample:
    own = (_by_workload(_rows(points, w)) for w in (queries.DENIED, queries.TOKENS))
    edge = (_by_workload(_rows(points, w)) for w in (queries.EDGE_DENIED, queries.EDGE_TOKENS))
    return with_edge(with_denied(sample, *own), *edge)


def _by_workload(points: Iterable[Point]) -> Denied:
    return {queries.workload_of(point.labels): point.value for point in points}


def _summed(
    known: KnownSeries,
    sample: Sample,
    requests: QueryResult,
    durations: QueryResult,
    answered: Answered,
    mesh: Mesh,
    gateways: frozenset[Client] = frozenset(),
) -> Sample:
    """`sample` with its signals; a large mesh takes long enough for a thread."""
    flaws, waypoints = Flaws(), waypoint_workloads(mesh)
    ledger = Ledger(gateways=gateways, copied=copied_to(mesh), waypoints=waypoints)
    rows, timed = tuple(known.rows(requests)), histograms_of(known.rows(durations))
    counted = [row for row in rows if not row[0].counter]
    ledger.add(by_namespace(counted, timed, flaws), sample.window_s)
    fill(ledger, answered, counted, timed, sample.window_s)
    seen = replace(
        with_clients(sample, answered.filling),
        problems=(*flaws.problems(), *sample.problems),
        filled=ledger.filled,
        answered_by=ledger.answered_by,
        hops=ledger.hops,
        passed=ledger.passed,
        copies=ledger.copies,
        sent=ledger.sent,
    )
    connections = ConnectionLedger(waypoints)
    connections.add(connections_of(rows), sample.window_s)
    return connections.within(ledger.views().within(seen))


def _summed_times(sample: Sample, answer: QueryResult) -> Sample:
    ledger = Ledger()
    ledger.add(times_of(KnownSeries().rows(answer)), sample.window_s)
    return ledger.views().within(sample)


def _summed_calls(sample: Sample, answer: QueryResult, waypoints: frozenset[Client]) -> Calls:
    ledger = CallLedger(waypoints)
    requests = requests_of(KnownSeries().rows(answer), Flaws())
    ledger.add(Reading(requests), sample.window_s)
    return Calls(sample.time, sample.source, sample.window_s, ledger.calls())
