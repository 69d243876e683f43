"""The autopilot of one process: one connection, and as many runs as there are plans."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.canary.events import Asked, Order, Revived
from meshtui.canary.machine import Next, Phase, State, advance, begin
from meshtui.canary.plan import Plan, from_where_it_is, left_out
from meshtui.canary.progress import Progress, progress_of
from meshtui.canary.route import find_route, percent_of, percents_of
from meshtui.canary.stored import StoredRun, from_text
from meshtui.canary.verdict import judge
from meshtui.changes.change import Caution, Target
from meshtui.changes.locate import Located, label_of, resolve_service
from meshtui.dataclass import dataclass
from meshtui.errors import NotFound, Unreachable
from meshtui.journal.rows import new_id
from meshtui.mesh.hosts import split_host
from meshtui.mesh.model import Mesh, Service, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.operations.canary.counting import Counting
from meshtui.operations.canary.driver import Driver
from meshtui.operations.canary.hands import LiveHands, journal_of
from meshtui.operations.canary.lease import ServiceLease
from meshtui.operations.canary.preflight import first_step, objections
from meshtui.operations.canary.runner import Runner
from meshtui.operations.mesh_feed import FIRST_READ_S, MeshFeed
from meshtui.operations.session import Session

if TYPE_CHECKING:
    from meshtui.metrics.intervals import IntervalSource
    from meshtui.metrics.source import MetricsSource

_SECOND_READING_S = 1.0
Show = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that may begin, or go on: what was found about it, and what its first step changes."""

    plan: Plan
    hands: LiveHands
    first: Next
    cautions: tuple[Caution, ...] = ()
    diff: tuple[str, ...] = ()

    @property
    def dangers(self) -> tuple[str, ...]:
        return tuple(c.text for c in self.cautions if c.level == "danger")


class Autopilot:
    """Opened once for a command; `start` follows the cluster until `close`."""

    def __init__(self, session: Session, clock: Callable[[], float] = time.time) -> None:
        self._session = session
        self._clock = clock
        self._feed = MeshFeed(session.cluster)
        self._following = False
        self._source: MetricsSource | None = None
        self._sample: Sample | None = None
        self._runners: list[Runner] = []
        self._counting: list[Counting] = []

    async def start(self) -> None:
        """Raises `Unreachable` where the cluster or its telemetry does not answer."""
        from meshtui.metrics.choose import source_for
        from meshtui.operations.look.refused_tokens import LoggedTokens

        session, options = self._session, self._session.options
        await session.cluster.get("/version", timeout=5.0)
        self._following = True
        await self._feed.start()
        if not await self._feed.ready():
            raise Unreachable(f"the mesh could not be read within {FIRST_READ_S:g} s")
        self._source = source_for(
            session.cluster, options.prometheus, options.access, LoggedTokens(session.cluster)
        )
        self._sample = await self._source.sample(self.mesh())

    async def close(self) -> None:
        for counting in self._counting:
            await counting.close()
        if self._source is not None:
            await self._source.close()
        if self._following:
            await self._feed.stop()

    def mesh(self) -> Mesh:
        """The newest mesh; the same object as long as nothing has changed."""
        return self._feed.mesh()

    def trouble(self) -> str:
        """Why the cluster cannot be seen; empty where it can."""
        health = self._feed.health("cluster")
        if health.state == "reading":
            return f"{health.message}: not read yet"
        if health.state in ("failed", "stale"):
            return f"the API server does not answer ({health.message or health.state})"
        return ""

    @property
    def _clients(self) -> Sample | None:
        """Who calls whom, and nothing that a verdict is made of."""
        known = self._sample
        return known and Sample(known.time, known.source, 0.0, clients=known.clients)

    # Beginning

    async def prepare(self, plan: Plan, *, force: bool = False) -> Prepared:
        """Everything that can be said before anything is written; takes no Lease."""
        await self._measure()
        mesh = self.mesh()
        service = self._service(mesh, plan.service)
        target = Target(service.key, plan.rule, callers=self._callers(service.key))
        located, facts = find_route(mesh, target, plan.version)
        label = label_of(located, facts.host, facts.subset)
        passed = left_out(plan, percent_of(facts))
        plan = from_where_it_is(plan, percent_of(facts))
        target = replace(target, rule=facts.written)
        findings, diff = await first_step(self._session, mesh, target, plan, label, self._clients)
        found = (*objections(mesh, located, facts, self._sample), *findings)
        cautions = (Caution("warning", passed), *found) if passed else found
        before = _before(located, facts.place, percents_of(facts))
        began = self._clock()
        driver = Driver(
            self._session,
            self.mesh,
            service,
            label,
            facts,
            before,
            force=force,
            clients=lambda: self._clients,
        )
        hands = self._hands(driver, plan, service, new_id(began), began)
        return Prepared(plan, hands, begin(plan, driver.pods()), _once(cautions), diff)

    async def _measure(self) -> None:
        """Sidecars have counted nothing by their first reading: a second one tells who does."""
        known = self._sample
        if self._source is not None and known is not None and known.window_s <= 0 and known.read:
            await asyncio.sleep(_SECOND_READING_S)
            self._sample = await self._source.sample(self.mesh())

    async def refuse_driven(self, service: ServiceKey) -> None:
        """Raises `Refused` where somebody drives a canary of this service; takes nothing."""
        await ServiceLease(self._session.cluster, service, clock=self._clock).refuse_driven()

    async def judged_now(self, prepared: Prepared) -> Progress:
        """One interval of what is there, judged as a step that is over; writes nothing."""
        hands, plan = prepared.hands, prepared.plan
        await hands.begin_counting(shadow=False)
        interval = None
        for _ in range(_DRY_TRIES):
            await asyncio.sleep(plan.interval_s)
            interval = await hands.count(shadow=False)
            if interval is not None:
                break
        state = prepared.first[0]
        if interval is not None:
            state = replace(state, tally=state.tally.add(interval))
            verdict = judge(state.tally, over=True)
            state = replace(state, sentence=f"as it is now: {verdict.sentence}")
        return progress_of(state, hands.seen, self._clock())

    async def prepare_again(self, service: ServiceKey, asked: Asked) -> Prepared:
        """The run of this service that did not end, as it was written down; takes no Lease."""
        stored, run_id = self.unfinished(service)
        state, facts = stored.state, stored.facts
        if facts is None:
            raise NotFound(f"nothing is known of the route of the canary of {service}")
        mesh = self.mesh()
        found = resolve_service(mesh, service.name, service.namespace)
        driver = Driver(
            self._session,
            self.mesh,
            found,
            stored.label,
            facts,
            stored.before,
            clients=lambda: self._clients,
        )
        hands = self._hands(driver, state.plan, found, run_id, stored.began)
        goes_on = asked.order is Order.RESUME and state.phase not in _WAITING
        first = advance(state, Revived() if goes_on else asked)
        return Prepared(state.plan, hands, first)

    def unfinished(self, service: ServiceKey) -> tuple[StoredRun, str]:
        """Raises `NotFound` where the last run of the service ended, or there was none."""
        journal = journal_of(self._session.journal, self._session.journal_trouble)
        row = next(iter(journal.canaries(service)), None)
        if row is None or row.over:
            raise NotFound(
                f"no canary of {service} is unfinished", "`meshtui canary run` begins one"
            )
        return from_text(row.state), row.id

    def _service(self, mesh: Mesh, name: str) -> Service:
        return resolve_service(mesh, name, self._session.cluster.namespace)

    def _callers(self, key: ServiceKey) -> frozenset[tuple[str, str]] | None:
        return self._sample.clients.get(key) if self._sample else None

    def _hands(
        self, driver: Driver, plan: Plan, service: Service, run_id: str, began: float
    ) -> LiveHands:
        journal = journal_of(self._session.journal, self._session.journal_trouble)
        counting = Counting(self._intervals(), plan.limits.p99_ms, most_errors=plan.limits.errors)
        self._counting.append(counting)
        return LiveHands(
            driver,
            counting,
            ServiceLease(self._session.cluster, service.key, clock=self._clock),
            journal,
            run_id,
            mesh=self.mesh,
            trouble_of=self.trouble,
            began=began,
            now=self._clock,
        )

    def _intervals(self) -> IntervalSource:
        """The source that answered is the run's: another one would count from elsewhere."""
        from meshtui.metrics.auto import AutoSource
        from meshtui.metrics.intervals import PrometheusIntervals, SidecarIntervals, Supplemented
        from meshtui.metrics.prometheus import PrometheusSource
        from meshtui.operations.look.refused_tokens import LoggedTokens

        source = self._source.chosen if isinstance(self._source, AutoSource) else self._source
        cluster = self._session.cluster
        counted: IntervalSource = SidecarIntervals(cluster)
        if isinstance(source, PrometheusSource):
            counted = PrometheusIntervals(source)
        return Supplemented(counted, LoggedTokens(cluster))

    # Running

    async def run(self, prepared: Sequence[Prepared], show: Show) -> tuple[State, ...]:
        """All of them side by side. Raises `Refused` where somebody else drives one of them."""
        held: list[LiveHands] = []
        try:
            for one in prepared:
                await one.hands.acquire()
                held.append(one.hands)
            return tuple(await asyncio.gather(*(self._one(one, show) for one in prepared)))
        finally:
            for hands in held:
                await hands.release()

    async def _one(self, prepared: Prepared, show: Show) -> State:
        runner = Runner(prepared.hands, prepared.first[0], show)
        self._runners.append(runner)
        keeper = asyncio.create_task(prepared.hands.keep_lease())
        try:
            return await runner.run(prepared.first)
        finally:
            prepared.hands.note(runner.progress)
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    def interrupt(self) -> None:
        """Each run goes on hold, or back, as its plan says; then `run` returns."""
        for runner in self._runners:
            runner.interrupt()


_DRY_TRIES = 30
"""Intervals after which a telemetry that has nothing new is waited for no longer."""

_WAITING = frozenset({Phase.HELD, Phase.ASKING})


def _before(
    located: Located, canary: tuple[str, str], percents: dict[tuple[str, str], float]
) -> tuple[tuple[str, float], ...]:
    return tuple(
        (label_of(located, *place), percent)
        for place, percent in percents.items()
        if place != canary
    )


def _once(cautions: Sequence[Caution]) -> tuple[Caution, ...]:
    return tuple({caution.text: caution for caution in reversed(cautions)}.values())[::-1]


def service_key(name: str, namespace: str) -> ServiceKey:
    short, _, other = name.partition(".")
    return split_host(name) or ServiceKey(other or namespace, short)
