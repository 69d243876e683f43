"""Reads beyond the snapshot, which the panes request when they need them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from meshtui.errors import JournalError
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.row_pods import pods_by_row, usual_rule
from meshtui.operations.change.rights import Rights
from meshtui.operations.change.time_limits import Limits
from meshtui.operations.logs.callers import WithCallers, callers_of, of_workloads
from meshtui.operations.logs.formats import formats_of
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.operations.logs.tail import tail
from meshtui.operations.look.journal import journaled, unread
from meshtui.operations.look.telemetry import Telemetry
from meshtui.operations.session import Session
from meshtui.operations.types import Journaled, LogEntry

if TYPE_CHECKING:
    from meshtui.canary.events import Order
    from meshtui.diagnosis.explain.evidence import Evidence
    from meshtui.diagnosis.logged_paths import LoggedPaths
    from meshtui.envoy.logline import LogLine
    from meshtui.journal import Entry, MadeChange
    from meshtui.mesh.calls import Calls
    from meshtui.operations.canary.detached import StartedRun
    from meshtui.operations.canary.watching import CanaryRun
    from meshtui.operations.look.analyze import Analysis
    from meshtui.operations.look.proxy_counters import Counters
    from meshtui.operations.look.proxy_sync import MeshSync
    from meshtui.operations.look.refused_config import RecentRefusals
    from meshtui.operations.look.trace import Question, Traced
    from meshtui.operations.proxies.views import Proxies
    from meshtui.operations.request.ask import Asked
    from meshtui.operations.request.follow import FollowedRequest
    from meshtui.operations.request.load_plan import LoadPlan
    from meshtui.operations.request.loading import LoadState, ReadyLoad

JOURNAL_LINES = 100
"""The newest changes that the screen shows; `meshtui journal` knows the rest."""


REQUEST_TIMEOUT_S, REQUEST_LOGS_S = 10.0, 3.0
"""How long a request of one's own waits for its answer, and is looked for in the logs."""


class Reads:
    """What one connection can be asked for, about the mesh as it is at that moment."""

    def __init__(
        self,
        session: Session,
        mesh: Callable[[], Mesh],
        telemetry: Telemetry,
        limits: Limits,
        rights: Rights,
    ) -> None:
        self._session = session
        self._current_mesh = mesh
        self._telemetry = telemetry
        self._limits = limits
        self._rights = rights
        self._seen_canaries: dict[ServiceKey, CanaryRun] = {}

    @cached_property
    def _refusals(self) -> RecentRefusals:
        from meshtui.operations.look.refused_config import RecentRefusals

        return RecentRefusals(self._session.cluster)

    @property
    def _mesh(self) -> Mesh:
        return self._current_mesh()

    def tail(self, service: ServiceKey, start: TailFrom) -> AsyncGenerator[LogEntry, None]:
        cluster, found = self._session.cluster, self._mesh.by_key.get(service)
        if not start.callers or found is None:
            return tail(cluster, lambda: self._pods(service), start)
        callers = callers_of(self._mesh, found, self._telemetry.sample)
        theirs = partial(of_workloads, known=callers)
        both = WithCallers(
            found,
            lambda: self._pods(service),
            lambda: theirs(self._mesh),
            lambda pods: formats_of(self._mesh, pods),
        )
        return tail(cluster, both.pods, start, keep=both.keep)

    def _pods(self, service: ServiceKey) -> tuple[Pod, ...]:
        found = self._mesh.by_key.get(service)
        if found is None:
            return ()
        return pods_by_row(self._mesh, found, usual_rule(self._mesh, found))

    @property
    def proxies(self) -> Proxies:
        """Of the mesh as it is at this moment."""
        from meshtui.operations.proxies.views import LiveProxies

        sample = self._telemetry.sample
        return LiveProxies(self._session.cluster, self._mesh, sample, self._refusals.read)

    async def analyze(self) -> Analysis:
        """In a thread: a thousand services cost a third of a second."""
        from meshtui.diagnosis.analysis import analyze
        from meshtui.operations.look.analyze import limits_of, with_refused
        from meshtui.operations.look.proxy_sync import read_refusing

        mesh = self._mesh
        open_limits = (limit for found in self._limits.guarded() for limit in found.limits)
        limited = limits_of(open_limits, mesh)
        found, refused = await asyncio.gather(
            asyncio.to_thread(analyze, mesh, limited=limited),
            self._refusals.read(mesh),
        )
        refused = await read_refusing(self._session.cluster, mesh, refused)
        return with_refused(mesh, found, refused)

    async def limit_counters(self, pods: Sequence[Pod]) -> tuple[Counters, ...]:
        from meshtui.operations.look.exposure import read_counters

        return await read_counters(self._session.cluster, pods)

    async def mesh_sync(self, pods: Sequence[Pod] | None = None) -> MeshSync:
        from meshtui.operations.look.proxy_sync import read_sync

        cluster, refused = self._session.cluster, self._refusals.read
        if pods is None:
            return await read_sync(cluster, self._mesh, refused=refused)
        places = {(pod.namespace, pod.name) for pod in pods}
        return await read_sync(cluster, self._mesh, lambda *place: place in places, refused)

    async def calls(self) -> Calls:
        return await self._telemetry.calls(self._mesh)

    async def follow(self, line: LogLine) -> FollowedRequest:
        from meshtui.operations.request.follow import follow_request

        return await follow_request(self._session.cluster, self._mesh, line)

    async def paths(self, service: ServiceKey) -> LoggedPaths:
        from meshtui.operations.look.failing_paths import read_paths

        sample = self._telemetry.sample
        return await read_paths(self._session.cluster, self._mesh, service, sample)

    async def evidence(self, service: ServiceKey) -> Evidence:
        from meshtui.operations.look.evidence import read_evidence

        sample = self._telemetry.sample
        return await read_evidence(
            self._session.cluster, self._mesh, service, sample, self._refusals
        )

    def journal(self, service: ServiceKey | None = None) -> tuple[Journaled, ...]:
        journal = self._session.journal
        if journal is None:
            raise JournalError(self._session.journal_trouble)
        from meshtui.journal import Unread

        rows = journal.changes(service=service, limit=JOURNAL_LINES)
        on = {pending.change_id for pending in self._limits.pending(self._mesh)}
        return tuple(
            unread(row)
            if isinstance(row, Unread)
            else journaled(
                row, self._undo_denied(row), lapsed=not on & {p.id for p in row.parts or (row,)}
            )
            for row in rows
        )

    def _undo_denied(self, entry: Entry) -> str:
        """Why one of its objects can't be changed back."""
        reasons = (self._rights.undo_denied(part.target) for part in entry.parts or (entry,))
        return next(filter(None, reasons), "")

    def made(self, service: ServiceKey, since: float) -> tuple[MadeChange, ...]:
        """The changes to a service that took effect, the oldest first."""
        journal = self._session.journal
        if journal is None:
            raise JournalError(self._session.journal_trouble)
        return journal.made(service, since)

    async def trace(self, question: Question) -> Traced:
        from meshtui.operations.look.trace import trace_request

        sample = self._telemetry.sample
        return await trace_request(self._session.cluster, self._mesh, question, sample)

    async def request(self, question: Question) -> Asked:
        from meshtui.operations.request.ask import ask_service

        return await ask_service(
            self._session.cluster,
            self._mesh,
            question,
            self._telemetry.sample,
            timeout_s=REQUEST_TIMEOUT_S,
            wait_s=REQUEST_LOGS_S,
        )

    async def prepare_load(self, question: Question, plan: LoadPlan) -> ReadyLoad:
        from meshtui.operations.request.load import refuse_load
        from meshtui.operations.request.loading import prepare_load

        cluster, options = self._session.cluster, self._session.options
        production = options.config.production
        refuse_load(cluster.context, production=production, read_only=options.read_only)
        sample = self._telemetry.sample
        return await prepare_load(
            cluster, self._mesh, question, plan, sample, timeout_s=REQUEST_TIMEOUT_S
        )

    def load(self, ready: ReadyLoad, stop: asyncio.Event) -> AsyncGenerator[LoadState, None]:
        from meshtui.operations.request.loading import loading

        return loading(self._session.cluster, self._mesh, ready, stop)

    async def canary(self, service: ServiceKey) -> CanaryRun:
        from meshtui.operations.canary.watching import watch_run

        run = self._seen_canaries[service] = await watch_run(self._session, service)
        return run

    def unfinished_canaries(self) -> tuple[CanaryRun, ...]:
        from meshtui.operations.canary.going_on import unfinished

        return unfinished(self._session, self._seen_canaries)

    async def order_canary(self, service: ServiceKey, order: Order) -> str:
        from meshtui.operations.canary.watching import give_order

        return await give_order(self._session, service, order)

    async def start_canary(self, service: ServiceKey, words: Sequence[str]) -> StartedRun:
        from meshtui.operations.canary.detached import start_run

        started = await start_run(self._session, service, words)
        if started.driver:
            await self.canary(service)
        return started
