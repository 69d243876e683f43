"""A cockpit without a cluster: plans are real, writes go to a dictionary, ticks come on demand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshtui.canary.events import Order
from meshtui.changes import patch
from meshtui.changes.adopt import adopt
from meshtui.changes.adopt_by_route import adopt_by_route
from meshtui.changes.build import build_change
from meshtui.changes.change import (
    Caution,
    Change,
    Plan,
    Promote,
    Request,
    Rollback,
    Target,
    Together,
    joined,
)
from meshtui.changes.outcome import Outcome, ProxyVerdict
from meshtui.config import Config
from meshtui.diagnosis import analysis
from meshtui.diagnosis.explain.evidence import Evidence
from meshtui.diagnosis.logged_paths import LoggedPaths
from meshtui.diagnosis.proxy_sync import ProxyAnswer, SyncFacts, proxy_rows
from meshtui.diagnosis.refused_config import RefusedConfigs
from meshtui.envoy.accesslog import AccessRecord
from meshtui.envoy.logline import LogLine
from meshtui.errors import Conflict, MeshtuiError, NotFound, Refused
from meshtui.journal import Entry
from meshtui.mesh.calls import Calls
from meshtui.mesh.decision import Decision
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.shares import Share
from meshtui.mesh.signals import Sample
from meshtui.mesh.view import ServiceView, service_views
from meshtui.operations.canary.detached import StartedRun
from meshtui.operations.canary.watching import CanaryRun, nobody_drives
from meshtui.operations.change.edit import EditFile
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.operations.look.analyze import Analysis, with_refused
from meshtui.operations.look.proxy_counters import Counters
from meshtui.operations.look.proxy_sync import MeshSync
from meshtui.operations.look.trace import ProxyTrace, Question, Traced, by_objects
from meshtui.operations.request.ask import Asked, outgoing_of
from meshtui.operations.request.follow import FollowedRequest
from meshtui.operations.request.foretold import Answerer, Sight, agrees
from meshtui.operations.request.load_plan import LoadPlan
from meshtui.operations.request.load_target import LoadTarget
from meshtui.operations.request.loading import LoadState, ReadyLoad
from meshtui.operations.request.send import Sent
from meshtui.operations.request.tools import Answer
from meshtui.operations.types import (
    FeedHealth,
    Journaled,
    LogEntry,
    Pending,
    Progress,
    ProgressStep,
    Snapshot,
)
from tests.ui import bookinfo
from tests.ui.fakehistory import FakeHistory
from tests.ui.fakeproxies import FakeProxies

NOW = 1_700_000_000.0


class Clock:
    """Seconds since the epoch, moved by the test."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeCockpit:
    """Implements `Cockpit`; what a test wants to know or break is a public attribute."""

    context = "lab"
    namespace = ""
    server = "https://127.0.0.1:6443"

    def __init__(self, *, clock: Clock | None = None, read_only: bool = False) -> None:
        self.clock = clock or Clock()
        self.read_only = read_only
        self.settings = Config()
        self.raw = bookinfo.objects()
        self.noise: random.Random | None = None
        self.rps = 40.0
        self.sync: MeshSync | MeshtuiError | None = None
        self.evidence_asked: list[ServiceKey] = []
        self.known_evidence = Evidence()
        self.findings: tuple[Caution, ...] = ()
        self.not_reached: tuple[str, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.cluster = FeedHealth("cluster", "ok", 0.5)
        self.telemetry = FeedHealth("telemetry", "ok", 2.0)
        self.connect_error: MeshtuiError | None = None
        self.plan_error: MeshtuiError | None = None
        self.apply_error: MeshtuiError | None = None
        self.proxies = FakeProxies(self)
        self.verified: bool | None = True
        self.plan_gate = asyncio.Event()
        self.plan_gate.set()
        self.analysis_error: MeshtuiError | None = None
        self.refused_configs = RefusedConfigs()
        self.analysis_gate = asyncio.Event()
        self.analysis_gate.set()
        self.analyses = 0
        self.traces: list[Question] = []
        self.trace_error: MeshtuiError | None = None
        self.requests: list[Question] = []
        self.request_error: MeshtuiError | None = None
        self.request_gate = asyncio.Event()
        self.request_gate.set()
        self.load_asks: list[tuple[Question, LoadPlan]] = []
        self.load_error: MeshtuiError | None = None
        self.loads: list[ReadyLoad] = []
        self.load_states: asyncio.Queue[LoadState | MeshtuiError] = asyncio.Queue()
        self.loads_ended: list[str] = []
        self.has_clients = True
        self.deaf: set[str] = set()
        self.lagging: dict[str, Decision] = {}
        self.apply_gate = asyncio.Event()
        self.apply_gate.set()
        self.asked: list[tuple[Request, Target]] = []
        self.applied: list[Plan] = []
        self.undos: list[str] = []
        self.standing: Entry | None = None
        self.agains: list[str] = []
        self.connects = 0
        self.closed = False
        self.asked_again = 0
        self.sample: Sample | None = None
        self.views_override: tuple[ServiceView, ...] | None = None
        self.mesh_override: Mesh | None = None
        self.logs: asyncio.Queue[LogEntry] = asyncio.Queue()
        self.tailed: list[ServiceKey] = []
        self.shown: list[tuple[frozenset[ServiceKey], frozenset[ServiceKey] | None]] = []
        self.tailed_from: list[TailFrom] = []
        self._inverse: list[Plan] = []
        self._queue: asyncio.Queue[Snapshot | MeshtuiError] = asyncio.Queue()
        self.undo_error: MeshtuiError | None = None
        self.denied: dict[str, str] = {}
        self.measured: dict[ServiceKey, tuple[Share, ...]] = {}
        self.settled: dict[ServiceKey, str] = {}
        self.journal_error: MeshtuiError | None = None
        self.entries: tuple[Journaled, ...] = ()
        self.pendings: tuple[Pending, ...] = ()
        self.refusals: dict[str, int] = {}
        self.counted: list[tuple[str, ...]] = []
        self.history = FakeHistory(self.journal)
        self.canaries: dict[ServiceKey, CanaryRun] = {}
        self.canaries_left: dict[ServiceKey, CanaryRun] = {}
        self.context_namespace = ""
        self.canary_error: MeshtuiError | None = None
        self.canary_reads: list[ServiceKey] = []
        self.orders: list[tuple[ServiceKey, Order]] = []
        self.order_error: MeshtuiError | None = None
        self.started: list[tuple[ServiceKey, tuple[str, ...]]] = []
        self.start_error: MeshtuiError | None = None
        self.paths_asked: list[ServiceKey] = []
        self.paths_error: MeshtuiError | None = None
        self.known_paths = LoggedPaths()
        self.followed: list[LogLine] = []
        self.follow_error: MeshtuiError | None = None
        self.known_follow = FollowedRequest("id")
        self.calls_asked = 0
        self.calls_error: MeshtuiError | None = None
        self.calls_override: Calls | None = None

    # Reading

    async def connect(self) -> None:
        self.connects += 1
        if self.connect_error is not None:
            raise self.connect_error

    def contexts(self) -> tuple[str, ...]:
        return ("lab", "other")

    def choose(self, context: str) -> None:
        if context not in self.contexts():
            raise NotFound(f"no context named {context}", "there are: lab, other")
        self.context = context

    def read_in(self, namespace: str) -> None:
        self.context_namespace = namespace

    def look_at(self, service: ServiceKey | None) -> None:
        self.looked_at = service

    def show(self, shown: frozenset[ServiceKey], listed: frozenset[ServiceKey] | None) -> None:
        self.shown.append((shown, listed))

    def ask_again(self) -> None:
        self.asked_again += 1

    async def close(self) -> None:
        self.closed = True

    @property
    def mesh(self) -> Mesh:
        return self.mesh_override or bookinfo.mesh_of(self.raw)

    def measure(self) -> None:
        """A new sample of the mesh as it is now."""
        self.sample = bookinfo.sample(self.mesh, self.clock.now, rps=self.rps, noise=self.noise)
        self.history.seen.record(self.sample)

    def snapshot(self) -> Snapshot:
        mesh = self.mesh
        views = self.views_override
        return Snapshot(
            self.clock.now,
            mesh,
            self.sample,
            service_views(mesh, self.sample) if views is None else views,
            self.cluster,
            self.telemetry,
            self.notices,
            self.denied,
            self.measured,
            self.settled,
        )

    def tick(self, seconds: float = 2.0) -> None:
        """Time passes, everything is measured, and a snapshot is on its way."""
        self.clock.now += seconds
        self.measure()
        self.push()

    def push(self) -> None:
        """A snapshot of what is there, with the numbers measured last."""
        self._queue.put_nowait(self.snapshot())

    def break_feed(self, error: MeshtuiError) -> None:
        self._queue.put_nowait(error)

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        if self.sample is None:
            self.measure()
        yield self.snapshot()
        while True:
            item = await self._queue.get()
            if isinstance(item, MeshtuiError):
                raise item
            yield item

    async def follow(self, line: LogLine) -> FollowedRequest:
        self.followed.append(line)
        if self.follow_error is not None:
            raise self.follow_error
        return self.known_follow

    async def paths(self, service: ServiceKey) -> LoggedPaths:
        self.paths_asked.append(service)
        if self.paths_error is not None:
            raise self.paths_error
        return self.known_paths

    async def calls(self) -> Calls:
        self.calls_asked += 1
        if self.calls_error is not None:
            raise self.calls_error
        assert self.sample is not None
        return self.calls_override or bookinfo.calls(self.sample)

    # Changing

    async def plan(self, request: Request, target: Target) -> Plan:
        self.asked.append((request, target))
        await self.plan_gate.wait()
        if self.plan_error is not None:
            raise self.plan_error
        if isinstance(request, Rollback) and not request.stable:
            request = replace(request, stable="v1", why="it carries most of the traffic")
        plan = self._planned(request, target)
        wide = isinstance(request, Rollback) and not request.everywhere
        return replace(plan, not_reached=self.not_reached if wide else ())

    def _planned(self, request: Request, target: Target) -> Plan:
        change = build_change(self.mesh, request, target)
        return Plan(change, self.findings, "moves 10 % ≈ 4 requests/s")

    async def plan_undo(self, change_id: str = "") -> Plan:
        self.undos.append(change_id)
        if self.undo_error is not None:
            raise self.undo_error
        if not change_id and self.standing is not None:
            change_id = self.standing.id
        if change_id in {entry.change_id for entry in self.entries}:
            return self._planned(Promote("v1"), Target(ServiceKey("bookinfo", "reviews")))
        if not self._inverse:
            raise Refused("there is no change to take back")
        done = self._inverse[-1].change
        vs = next(v for v in self.mesh.virtual_services if v.ref == done.target)
        return Plan(
            replace(
                done, verb="undo", patch=done.inverse, inverse=done.patch, before=done.after,
                after=done.before, resource_version=vs.resource_version,
                words=tuple(f"take back: {words}" for words in done.words),
                spec_before=done.spec_after, spec_after=done.spec_before,
            )
        )  # fmt: skip

    def made_in(self, change_id: str = "") -> tuple[str, ...]:
        return ()

    async def plan_undo_in_all(self, change_id: str = "") -> Plan:
        return await self.plan_undo(change_id)

    def entry_to_undo(self, change_id: str = "") -> Entry:
        if self.standing is None:
            raise NotFound("there is no change to undo")
        return self.standing

    def made_together(self, together: Together) -> Entry | None:
        return self.standing

    async def plan_again(self, change_id: str = "") -> Plan:
        self.agains.append(change_id)
        return self._planned(Promote("v1"), Target(ServiceKey("bookinfo", "reviews")))

    async def plan_edit(self, draft: EditFile) -> Plan:
        if self.plan_error is not None:
            raise self.plan_error
        return Plan(draft.change(self.mesh), self.findings)

    async def plan_adoption(
        self, service: ServiceKey, stable: str = "", *, gateway_api: bool = False
    ) -> Plan:
        if gateway_api:
            by_route = adopt_by_route(self.mesh, service, stable)
            return joined([Plan(change, self.findings) for change in by_route.changes])
        made = adopt(self.mesh, service, stable)
        changes = [change for change in (made.subsets, made.routes) if change is not None]
        return joined([Plan(change, self.findings) for change in changes])

    def _create(self, change: Change) -> None:
        kind = f"{change.target.kind.lower()}s"
        body = dict(change.patch[0]["value"])
        body["metadata"] = bookinfo.meta(body["metadata"]["name"])
        self.raw[kind].append(body)

    def clusters_with(self, service: ServiceKey) -> tuple[str, ...]:
        return ()

    async def plan_in_all(self, request: Request | None, target: Target) -> Plan:
        if request is None:
            return await self.plan_adoption(target.service)
        return await self.plan(request, target)

    async def apply(self, plan: Plan, progress: Progress) -> Outcome:
        self.applied.append(plan)
        for step in ("dry run", "journal", "write"):
            progress(ProgressStep(step))
            await asyncio.sleep(0)
        await self.apply_gate.wait()
        if self.apply_error is not None:
            raise self.apply_error
        for part in plan.parts:
            self._write(part)
        progress(ProgressStep.in_sync(2, 3))
        await asyncio.sleep(0)
        self.push()
        state = "in sync" if self.verified else "old"
        proxies = tuple(ProxyVerdict("bookinfo", f"client-{i}", state) for i in range(3))
        return Outcome("c1", plan, True, proxies, 0.042, self.verified)

    def _write(self, plan: Plan) -> None:
        if plan.change.action == "create":
            self._create(plan.change)
            return
        entries = self.raw["virtualservices"]
        place = next(
            i for i, o in enumerate(entries) if o["metadata"]["uid"] == plan.change.target.uid
        )
        raw = entries[place]
        if raw["metadata"]["resourceVersion"] != plan.change.resource_version:
            raise Conflict(f"{plan.change.target} was changed by kubectl-edit", "plan again")
        changed: Any = patch.apply(raw, plan.change.patch)
        version = int(raw["metadata"]["resourceVersion"]) + 1
        changed["metadata"]["resourceVersion"] = str(version)
        entries[place] = changed
        self._inverse.append(plan)

    def journal(self, service: ServiceKey | None = None) -> tuple[Journaled, ...]:
        if self.journal_error is not None:
            raise self.journal_error
        return tuple(e for e in self.entries if service is None or e.service == service)

    def pending(self) -> tuple[Pending, ...]:
        return self.pendings

    # Looking closer

    def clients(self, service: ServiceKey) -> tuple[Pod, ...]:
        gateways = [pod for pod in self.mesh.pods if pod.gateway]
        others = [pod for pod in self.mesh.pods if pod.app == "productpage"]
        return (*gateways, *others)

    async def tail(self, service: ServiceKey, start: TailFrom) -> AsyncGenerator[LogEntry, None]:
        self.tailed.append(service)
        self.tailed_from.append(start)
        if service.name == "nobody":
            raise NotFound("no such service")
        while True:
            entry = await self.logs.get()
            yield entry

    async def analyze(self) -> Analysis:
        self.analyses += 1
        await self.analysis_gate.wait()
        if self.analysis_error is not None:
            raise self.analysis_error
        return with_refused(self.mesh, analysis.analyze(self.mesh), self.refused_configs)

    async def limit_counters(self, pods: Sequence[Pod]) -> tuple[Counters, ...]:
        self.counted.append(tuple(pod.workload for pod in pods))
        return tuple(Counters(pod, dict(self.refusals)) for pod in pods)

    async def mesh_sync(self, pods: Sequence[Pod] | None = None) -> MeshSync:
        """What a test has it be; else every proxy is connected, and no istiod may be asked."""
        await asyncio.sleep(0)
        if isinstance(self.sync, MeshtuiError):
            raise self.sync
        answers = {(pod.namespace, pod.name): ProxyAnswer(True) for pod in self.mesh.pods}
        facts = SyncFacts(istiod_trouble="you may not", answers=answers)
        rows = proxy_rows(self.mesh.pods, facts, self.clock.now)
        return self.sync or MeshSync(self.clock.now, rows, trouble=facts.istiod_trouble)

    async def evidence(self, service: ServiceKey) -> Evidence:
        self.evidence_asked.append(service)
        await asyncio.sleep(0)
        return self.known_evidence

    async def canary(self, service: ServiceKey) -> CanaryRun:
        self.canary_reads.append(service)
        await asyncio.sleep(0)
        if self.canary_error is not None:
            raise self.canary_error
        return self.canaries.get(service, CanaryRun(service))

    def unfinished_canaries(self) -> tuple[CanaryRun, ...]:
        return tuple(self.canaries_left.values())

    async def order_canary(self, service: ServiceKey, order: Order) -> str:
        self.orders.append((service, order))
        await asyncio.sleep(0)
        if self.order_error is not None:
            raise self.order_error
        run = self.canaries.get(service)
        if run is None or not run.live:
            raise nobody_drives(service)
        return run.driver

    async def start_canary(self, service: ServiceKey, words: Sequence[str]) -> StartedRun:
        self.started.append((service, tuple(words)))
        await asyncio.sleep(0)
        if self.start_error is not None:
            raise self.start_error
        return StartedRun(Path("/state/canaries/x-4712.log"), "ann@desk/4712")

    async def trace(self, question: Question) -> Traced:
        """Every client's proxy does what the objects say, or what a test has it do."""
        self.traces.append(question)
        await asyncio.sleep(0)
        if self.trace_error is not None:
            raise self.trace_error
        pods = self.clients(question.service.key) if self.has_clients else (None,)
        return Traced(tuple(self.seen(question, pod) for pod in pods), known=self.has_clients)

    async def request(self, question: Question) -> Asked:
        """Answered by the first pod of the service, or what a test has it be."""
        self.requests.append(question)
        await self.request_gate.wait()
        if self.request_error is not None:
            raise self.request_error
        caller = self.clients(question.service.key)[0]
        server = next(pod for pod in self.mesh.pods if pod.app == question.service.key.name)
        name = f"outbound|9080|{server.version}|{question.service.host}"
        line = AccessRecord(
            "", code=503, details="via_upstream", duration_ms=7, upstream_cluster=name
        )
        traced = replace(self.seen(question, caller), actual=None)
        return Asked(
            caller,
            "7af323db",
            traced,
            Sent(Answer(503, (), 0.012, 75), "app", "curl"),
            Sight(line, ((server, line),)),
            Answerer(server, False),
            agrees(traced.intent, line),
        )

    async def prepare_load(self, question: Question, plan: LoadPlan) -> ReadyLoad:
        """From productpage's pod, by the objects."""
        self.load_asks.append((question, plan))
        await asyncio.sleep(0)
        if self.load_error is not None:
            raise self.load_error
        pod = self.clients(question.service.key)[-1]
        traced = by_objects(self.mesh, question, pod)
        target = LoadTarget(pod, "app", outgoing_of(question, traced, 10.0), traced)
        return ReadyLoad(question.service, target, plan)

    async def load(self, ready: ReadyLoad, stop: asyncio.Event) -> AsyncGenerator[LoadState, None]:
        """The states that a test gives it, of this load; how it ended is in `loads_ended`."""
        self.loads.append(ready)
        state, how = LoadState(ready), "closed"
        try:
            while not state.over and not stop.is_set():
                told = asyncio.ensure_future(stop.wait())
                coming = asyncio.ensure_future(self.load_states.get())
                await asyncio.wait((told, coming), return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
                if coming.done():
                    found = coming.result()
                    if isinstance(found, MeshtuiError):
                        raise found
                    state = replace(found, ready=ready)
                    yield state
                coming.cancel()
            how = "stopped" if stop.is_set() else "over"
            if stop.is_set():
                yield replace(state, over=True, stopped=True)
        finally:
            self.loads_ended.append(how)

    def seen(self, question: Question, pod: Pod | None) -> ProxyTrace:
        seen = by_objects(self.mesh, question, pod)
        if pod is None or pod.app in self.deaf:
            return replace(seen, trouble="its proxy does not answer" if pod else "")
        lag = self.lagging.get(pod.app)
        if lag is None:
            return replace(seen, actual=seen.intent, agrees=True)
        return replace(seen, actual=lag, agrees=False, differences=("v3 gets 0%, asked 20%",))

    @contextmanager
    def slow_plans(self) -> Iterator[None]:
        """Plans wait until the block is left."""
        self.plan_gate.clear()
        yield
        self.plan_gate.set()
