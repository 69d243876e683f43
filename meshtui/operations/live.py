"""The cockpit on a real cluster: what the screen's `Cockpit` asks for, done."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from meshtui.changes.change import Plan, Request, Target, Together
from meshtui.changes.checks import moves_weight
from meshtui.changes.outcome import Outcome
from meshtui.crash import crashed
from meshtui.errors import JournalError, Refused, Unreachable
from meshtui.mesh.courses import Named, by_telemetry, course_names, services_beside
from meshtui.mesh.measured_views import MeasuredViews
from meshtui.mesh.model import Mesh, Pod, Ref, ServiceKey
from meshtui.mesh.shares import Share, shares_of
from meshtui.mesh.signals import Sample
from meshtui.mesh.structure import Structure
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceView
from meshtui.metrics.sample_history import SampleHistory
from meshtui.operations.ahead import import_ahead
from meshtui.operations.canary.offers import Offers
from meshtui.operations.change.reversals import Reversals
from meshtui.operations.change.rights import Rights
from meshtui.operations.change.time_limits import Limits
from meshtui.operations.change.unverified import UnverifiedChanges
from meshtui.operations.look.charts import ChartHistory
from meshtui.operations.look.events import Events
from meshtui.operations.look.telemetry import Telemetry
from meshtui.operations.mesh_feed import MeshFeed, News
from meshtui.operations.options import Options
from meshtui.operations.reads import Reads
from meshtui.operations.session import Session
from meshtui.operations.types import Journaled, LogEntry, Pending, Progress, Snapshot

if TYPE_CHECKING:
    from meshtui.canary.events import Order
    from meshtui.config import Config
    from meshtui.diagnosis.explain.evidence import Evidence
    from meshtui.diagnosis.logged_paths import LoggedPaths
    from meshtui.envoy.logline import LogLine
    from meshtui.journal import Entry, MadeChange
    from meshtui.mesh.calls import Calls
    from meshtui.operations.canary.detached import StartedRun
    from meshtui.operations.canary.watching import CanaryRun
    from meshtui.operations.change.edit import EditFile
    from meshtui.operations.logs.pod_tail import TailFrom
    from meshtui.operations.look.analyze import Analysis
    from meshtui.operations.look.proxy_counters import Counters
    from meshtui.operations.look.proxy_sync import MeshSync
    from meshtui.operations.look.trace import Question, Traced
    from meshtui.operations.proxies.views import Proxies
    from meshtui.operations.request.ask import Asked
    from meshtui.operations.request.follow import FollowedRequest
    from meshtui.operations.request.load_plan import LoadPlan
    from meshtui.operations.request.loading import LoadState, ReadyLoad

AHEAD = ("meshtui.envoy.proxy",)
"""What a rollback does not wait for when its key comes."""

T = TypeVar("T")

SETTLE_S = 0.05
"""How long to gather changes of the cluster before they make a new snapshot."""


class LiveCockpit:
    """One connection for as long as the screen is open. Nothing is asked before `connect`."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.time) -> None:
        self.context = options.context or ""
        self.namespace = options.namespace or ""
        self.server = ""
        self.read_only = options.read_only
        self._options = options
        self._clock = clock
        self._bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._notices: tuple[str, ...] = ()
        self._mesh = Mesh()
        self._services: tuple[ServiceView, ...] = ()
        self._views: tuple[ServiceView, ...] = ()
        self._structure = Structure()
        self._measured = MeasuredViews()
        self._thread: ThreadPoolExecutor | None = None
        self._following = asyncio.Lock()
        self._session: Session | None = None
        self._reads: Reads | None = None
        self._last: tuple[tuple[int, int], Ref | None] | None = None
        self._shifted: dict[ServiceKey, float] = {}
        self._loads: Counter[ServiceKey] = Counter()
        self._looked_at: tuple[frozenset[ServiceKey], frozenset[ServiceKey] | None] | None = None
        self._seen = SampleHistory()
        self._events = Events()
        self._history: ChartHistory | None = None

    async def connect(self) -> None:
        from meshtui.metrics.choose import source_for
        from meshtui.operations.look.refused_tokens import LoggedTokens

        await self.close()
        session = await Session.open(self._options)
        try:
            await session.cluster.get("/version", timeout=5.0)
            options = self._options
            source = source_for(
                session.cluster, options.prometheus, options.access, LoggedTokens(session.cluster)
            )
        except BaseException:
            await session.close()
            raise
        self._session, self._last = session, None
        self.context, self.server = session.cluster.context, session.cluster.server
        self.namespace = session.cluster.namespace
        self._feed = MeshFeed(session.cluster, self._bell.set)
        self._source = source
        self._telemetry = Telemetry(source, self._options.config.tick_s, self._bell.set)
        overdue_s = self._telemetry.limit_s
        chart = self._seen, source, self._made, self._thresholds, overdue_s
        self._history = ChartHistory(*chart, self._named, self._beside_of)
        self._limits = Limits(session, self._bell.set)
        self._rights = Rights(session.cluster, self._bell.set)
        self._reads = Reads(
            session, lambda: self._mesh, self._telemetry, self._limits, self._rights
        )
        self._reversals = Reversals(session.journal, self._bell.set, self._clock)
        self._offers = Offers(session)
        self._unverified = UnverifiedChanges(session.applier, self._bell.set)
        await self._feed.start()
        self._tasks = [
            self._forever(self._watch),
            self._forever(lambda: import_ahead(AHEAD)),
            self._forever(lambda: self._telemetry.run(lambda: self._mesh)),
            self._forever(self._recover),
            self._forever(lambda: self._limits.run(lambda: self._mesh)),
            self._forever(lambda: self._reversals.run(lambda: self._mesh)),
            self._forever(lambda: self._rights.run(lambda: self._mesh)),
            self._forever(
                lambda: self._unverified.run(lambda: (self._mesh, self._telemetry.current))
            ),
        ]

    @property
    def _opened(self) -> Session:
        if self._session is None:
            raise _not_connected()
        return self._session

    @property
    def _reading(self) -> Reads:
        if self._reads is None:
            raise _not_connected()
        return self._reads

    @property
    def settings(self) -> Config:
        return self._options.config

    def contexts(self) -> tuple[str, ...]:
        from meshtui.kube.kubeconfig import contexts

        return tuple(context.name for context in contexts(self._options.kubeconfig)[0])

    def choose(self, context: str) -> None:
        from meshtui.kube.kubeconfig import choose_context, read_kubeconfig

        choose_context(read_kubeconfig(self._options.kubeconfig), context)
        self._begin_anew(self._options.chosen(context))

    def read_in(self, namespace: str) -> None:
        self._begin_anew(replace(self._options, namespace=namespace))

    def _begin_anew(self, options: Options) -> None:
        """What was read and seen is of another place."""
        self._options = options
        self.read_only = self._options.read_only
        self._shifted.clear()
        self._looked_at = None
        self._seen = SampleHistory()
        self._events.forget()
        self._notices = ()
        self._mesh, self._services, self._views = Mesh(), (), ()
        self._structure, self._measured = Structure(), MeasuredViews()

    def look_at(self, service: ServiceKey | None) -> None:
        """There is one cluster."""

    def show(self, shown: frozenset[ServiceKey], listed: frozenset[ServiceKey] | None) -> None:
        self._looked_at = shown, listed
        self._tell_source()

    def _tell_source(self) -> None:
        """What goes on is measured as often as what is looked at: loads, canaries, and shifts whose
        share is to be told."""
        from meshtui.metrics.source import ShownSource

        if self._looked_at is None or self._session is None:
            return
        if isinstance(self._source, ShownSource):
            shown, listed = self._looked_at
            since = self._telemetry.sample.since if self._telemetry.sample else 0.0
            shifted = {key for key, at in self._shifted.items() if at > since}
            canaries = {run.service for run in self.unfinished_canaries()}
            self._source.show(shown.union(shifted, canaries, self._loads), listed)

    def clusters_with(self, service: ServiceKey) -> tuple[str, ...]:
        return ()

    async def plan_in_all(self, request: Request | None, target: Target) -> Plan:
        if request is None:
            return await self.plan_adoption(target.service)
        return await self.plan(request, target)

    def _forever(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        async def run() -> None:
            await self._feed.ready()
            await self._read_feed()
            await work()

        async def reported() -> None:
            try:
                await run()
            except Exception as error:  # noqa: BLE001 - the edge of a task: it is shown
                failure = str(crashed("background work", error))
                self._notices = tuple(dict.fromkeys((failure, *self._notices)))
                self._bell.set()

        return asyncio.create_task(reported())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._session is not None:
            await self._feed.stop()
            await self._source.close()
            session, self._session, self._reads = self._session, None, None
            await session.close()
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None

    def ask_again(self) -> None:
        if self._session is not None:
            self._feed.ask()
            self._telemetry.ask()

    async def _watch(self) -> None:
        while True:
            self._tell_source()
            if await self._feed.changed(self._options.config.tick_s):
                await asyncio.sleep(SETTLE_S)
                await self._read_feed()
            self._bell.set()

    async def _recover(self) -> None:
        interrupted = await self._opened.recover()
        self._notices = tuple(interrupted)
        self._bell.set()
        await self._offers.refresh()
        self._bell.set()

    async def _read_feed(self) -> None:
        """Takes what the feed knows into the mesh, where that is something new."""
        async with self._following:
            feed = self._feed
            while (news := feed.news()) is not None:
                read = partial(_read, feed, self._structure, self._events, news, self._clock())
                self._mesh, self._services = await self._beside(read)
                feed.note(news)

    async def _beside(self, work: Callable[[], T]) -> T:
        """Long work beside the loop, in one thread: keys are answered while it goes on."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "mesh")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """At once, then whenever something is new; at least once each tick, for the ages.

        Services and rules are shown before the pods are read.
        """
        await self._feed.rules_ready()
        await self._read_feed()
        while True:
            self._bell.clear()
            yield await self._snapshot()
            await self._bell.wait()

    def _named(self, service: ServiceKey) -> Named:
        view = next((view for view in self._views if view.key == service), None)
        return course_names(view) if view else by_telemetry

    def _beside_of(self, service: ServiceKey) -> frozenset[ServiceKey]:
        view = next((view for view in self._views if view.key == service), None)
        return services_beside(view) if view else frozenset()

    @property
    def history(self) -> ChartHistory:
        if self._history is None:
            raise _not_connected()
        return self._history

    @property
    def _thresholds(self) -> Thresholds:
        return self._options.thresholds

    async def _snapshot(self) -> Snapshot:
        sample, mesh, services = self._telemetry.current, self._mesh, self._services
        show, limits, seen = self._measured.of, self._thresholds, self._seen

        def measured() -> tuple[ServiceView, ...]:
            found = show(services, sample, limits)
            seen.record(sample, found)
            return found

        views = self._views = await self._beside(measured)
        return Snapshot(
            time=self._clock(),
            mesh=mesh,
            sample=sample,
            views=views,
            cluster=self._feed.health(self.context),
            telemetry=self._telemetry.health,
            notices=(
                *self._limits.notices(mesh),
                *self._reversals.notices(),
                *self._notices,
                *self._offers.notices(),
                *self._not_istio(),
            ),
            denied=self._denied(),
            seen=dict(self._unverified.seen),
            measured=self._shares(sample, views),
            thresholds=limits,
        )

    def _denied(self) -> Mapping[str, str]:
        """What the person may not change, and why the last change can't be taken back."""
        target = self._last_target()
        reason = self._rights.undo_denied(target) if target else ""
        return {**self._rights.denied, "undo": reason} if reason else self._rights.denied

    def _last_target(self) -> Ref | None:
        """The object of the last change, looked for when the journal was written to."""
        journal = self._opened.journal
        if journal is None:
            return None
        try:
            version = journal.version
            if self._last is None or self._last[0] != version:
                last = journal.last_undoable()
                self._last = version, last.target if last else None
        except JournalError:
            return None
        return self._last[1]

    def _shares(
        self, sample: Sample | None, views: tuple[ServiceView, ...]
    ) -> Mapping[ServiceKey, tuple[Share, ...]]:
        """Of the services shifted from here whose whole window lies after the change."""
        if sample is None:
            return {}
        due = {key for key, at in self._shifted.items() if at <= sample.since}
        return {view.key: shares_of(view) for view in views if view.key in due}

    def _not_istio(self) -> tuple[str, ...]:
        if self._mesh.istio:
            return self._mesh.problems[:3]
        return ("this cluster does not serve Istio's resources: there are no rules to show",)

    async def plan(self, request: Request, target: Target) -> Plan:
        return await self._opened.plan(self._mesh, request, target, self._telemetry.current)

    async def plan_undo(self, change_id: str = "") -> Plan:
        return await self._opened.plan_undo(self._mesh, change_id, self._telemetry.current)

    def made_in(self, change_id: str = "") -> tuple[str, ...]:
        return ()

    async def plan_undo_in_all(self, change_id: str = "") -> Plan:
        return await self.plan_undo(change_id)

    def entry_to_undo(self, change_id: str = "") -> Entry:
        return self._opened.entry_to_undo(change_id)

    def made_together(self, together: Together) -> Entry | None:
        return self._opened.readable_journal.made_together(together)

    async def plan_again(self, change_id: str = "") -> Plan:
        if not change_id:
            if not self._reversals.found:
                raise Refused("no change of the last day was reverted by somebody else")
            change_id = self._reversals.found[0].entry.id
        plan = await self._opened.plan_again(self._mesh, change_id, self._telemetry.current)
        return replace(plan, findings=(*plan.findings, *self._reversals.cautions(change_id)))

    async def plan_edit(self, draft: EditFile) -> Plan:
        change = await asyncio.to_thread(draft.change, self._mesh)
        return await self._opened.planner.checked(self._mesh, change, self._telemetry.current)

    async def plan_adoption(
        self, service: ServiceKey, stable: str = "", *, gateway_api: bool = False
    ) -> Plan:
        from meshtui.operations.change.adopt import plan_adoption

        return await plan_adoption(
            self._opened,
            self._mesh,
            service,
            stable,
            gateway_api=gateway_api,
            sample=self._telemetry.current,
        )

    async def apply(self, plan: Plan, progress: Progress) -> Outcome:
        outcome = await self._opened.apply(plan, self._mesh, self._telemetry.current, progress)
        self._unverified.note(outcome)
        if outcome.applied and any(map(moves_weight, plan.changes)):
            self._shifted[plan.change.service] = self._clock()
        self._bell.set()
        return outcome

    def pending(self) -> tuple[Pending, ...]:
        return self._limits.pending(self._mesh) if self._session else ()

    # Reads beyond the snapshot

    def tail(self, service: ServiceKey, start: TailFrom) -> AsyncGenerator[LogEntry, None]:
        return self._reading.tail(service, start)

    @property
    def proxies(self) -> Proxies:
        return self._reading.proxies

    async def analyze(self) -> Analysis:
        return await self._reading.analyze()

    async def limit_counters(self, pods: Sequence[Pod]) -> tuple[Counters, ...]:
        return await self._reading.limit_counters(pods)

    async def mesh_sync(self, pods: Sequence[Pod] | None = None) -> MeshSync:
        return await self._reading.mesh_sync(pods)

    async def calls(self) -> Calls:
        return await self._reading.calls()

    async def follow(self, line: LogLine) -> FollowedRequest:
        return await self._reading.follow(line)

    async def paths(self, service: ServiceKey) -> LoggedPaths:
        return await self._reading.paths(service)

    async def evidence(self, service: ServiceKey) -> Evidence:
        return await self._reading.evidence(service)

    def journal(self, service: ServiceKey | None = None) -> tuple[Journaled, ...]:
        return self._reading.journal(service)

    def _made(self, service: ServiceKey, since: float) -> tuple[MadeChange, ...]:
        found = (*self._reading.made(service, since), *self._events.of(service, since))
        return tuple(sorted(found, key=lambda change: change.created))

    async def trace(self, question: Question) -> Traced:
        return await self._reading.trace(question)

    async def request(self, question: Question) -> Asked:
        return await self._reading.request(question)

    async def prepare_load(self, question: Question, plan: LoadPlan) -> ReadyLoad:
        return await self._reading.prepare_load(question, plan)

    async def load(self, ready: ReadyLoad, stop: asyncio.Event) -> AsyncGenerator[LoadState, None]:
        key = ready.service.key
        self._loads[key] += 1
        self._tell_source()
        try:
            async with aclosing(self._reading.load(ready, stop)) as states:
                async for state in states:
                    yield state
        finally:
            self._loads -= Counter((key,))

    async def canary(self, service: ServiceKey) -> CanaryRun:
        return await self._reading.canary(service)

    def unfinished_canaries(self) -> tuple[CanaryRun, ...]:
        return self._reads.unfinished_canaries() if self._reads else ()

    async def order_canary(self, service: ServiceKey, order: Order) -> str:
        return await self._reading.order_canary(service, order)

    async def start_canary(self, service: ServiceKey, words: Sequence[str]) -> StartedRun:
        return await self._reading.start_canary(service, words)


def _read(
    feed: MeshFeed, structure: Structure, events: Events, news: News, now: float
) -> tuple[Mesh, tuple[ServiceView, ...]]:
    mesh = feed.parse(news)
    services = structure.follow(mesh)
    events.record(mesh, now)
    return mesh, services


def _not_connected() -> Unreachable:
    return Unreachable("not connected to a cluster yet", "wait, or check the kubeconfig")
