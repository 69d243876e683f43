"""The cockpit, imported when it connects: the first paint waits for none of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from meshtui.errors import Unreachable

if TYPE_CHECKING:
    from meshtui.canary.events import Order
    from meshtui.changes.change import Plan, Request, Target, Together
    from meshtui.changes.outcome import Outcome
    from meshtui.config import Config
    from meshtui.diagnosis.explain.evidence import Evidence
    from meshtui.diagnosis.logged_paths import LoggedPaths
    from meshtui.envoy.logline import LogLine
    from meshtui.journal import Entry
    from meshtui.mesh.calls import Calls
    from meshtui.mesh.model import Pod, ServiceKey
    from meshtui.operations.canary.detached import StartedRun
    from meshtui.operations.canary.watching import CanaryRun
    from meshtui.operations.change.edit import EditFile
    from meshtui.operations.cockpit import Cockpit
    from meshtui.operations.logs.pod_tail import TailFrom
    from meshtui.operations.look.analyze import Analysis
    from meshtui.operations.look.charts import Charting
    from meshtui.operations.look.proxy_counters import Counters
    from meshtui.operations.look.proxy_sync import MeshSync
    from meshtui.operations.look.trace import Question, Traced
    from meshtui.operations.options import Options
    from meshtui.operations.proxies.views import Proxies
    from meshtui.operations.request.ask import Asked
    from meshtui.operations.request.follow import FollowedRequest
    from meshtui.operations.request.load_plan import LoadPlan
    from meshtui.operations.request.loading import LoadState, ReadyLoad
    from meshtui.operations.types import Journaled, LogEntry, Pending, Progress, Snapshot


def _import_live(several: bool) -> Callable[[Sequence[Options]], Cockpit]:
    from meshtui.operations.live import LiveCockpit

    if not several:
        return lambda options: LiveCockpit(options[0])
    from meshtui.operations.group.cockpit import GroupCockpit

    return lambda options: GroupCockpit({one.context or "": LiveCockpit(one) for one in options})


class DeferredCockpit:
    """Delegates to the live cockpit, which the first `connect` imports; raises before it.

    `others`: with the options of the other clusters that are shown beside it.
    """

    def __init__(self, options: Options, others: Sequence[Options] = ()) -> None:
        self._options = options
        self._others = tuple(others)
        self._live: Cockpit | None = None
        self._left: list[Cockpit] = []
        """Those that others were chosen instead of; closed with the next connection."""

    @property
    def _connected(self) -> Cockpit:
        if self._live is None:
            raise Unreachable("not connected to a cluster yet", "wait, or check the kubeconfig")
        return self._live

    @property
    def context(self) -> str:
        return self._live.context if self._live else self._options.context or ""

    @property
    def namespace(self) -> str:
        return self._live.namespace if self._live else self._options.namespace or ""

    @property
    def server(self) -> str:
        return self._live.server if self._live else ""

    @property
    def read_only(self) -> bool:
        return self._live.read_only if self._live else self._options.read_only

    @property
    def settings(self) -> Config:
        return self._live.settings if self._live else self._options.config

    # The connection

    async def connect(self) -> None:
        while self._left:
            await self._left.pop().close()
        if self._live is None:
            live = await asyncio.to_thread(_import_live, bool(self._others))
            self._live = live((self._options, *self._others))
        await self._live.connect()

    def contexts(self) -> tuple[str, ...]:
        """Also before anything is connected: whoever chose the wrong one need not wait for it."""
        from meshtui.kube.kubeconfig import contexts

        if self._live is not None:
            known = self._live.contexts()
        else:
            known = tuple(one.name for one in contexts(self._options.kubeconfig)[0])
        return (*known, *(name for name in self._options.config.groups if name not in known))

    def read_in(self, namespace: str) -> None:
        self._connected.read_in(namespace)

    def choose(self, context: str) -> None:
        """Of a group, or of a list of contexts, all of them beside each other."""
        from meshtui.kube.context_group import members_of
        from meshtui.kube.kubeconfig import choose_context, read_kubeconfig

        known = read_kubeconfig(self._options.kubeconfig)
        members = members_of(context, known, self._options.config.groups)
        if self._live is None and not members:
            choose_context(known, context)
            self._options, self._others = self._options.chosen(context), ()
            return
        if not members:
            self._connected.choose(context)
            return
        self._left += [self._live] if self._live else []
        self._options, *others = [self._options.chosen(name) for name in members]
        self._others = tuple(others)
        self._live = _import_live(True)((self._options, *self._others))

    def look_at(self, service: ServiceKey | None) -> None:
        if self._live is not None:
            self._live.look_at(service)

    def show(self, shown: frozenset[ServiceKey], listed: frozenset[ServiceKey] | None) -> None:
        if self._live is not None:
            self._live.show(shown, listed)

    def ask_again(self) -> None:
        if self._live is not None:
            self._live.ask_again()

    async def close(self) -> None:
        while self._left:
            await self._left.pop().close()
        if self._live is not None:
            await self._live.close()

    # Reading

    def snapshots(self) -> AsyncIterator[Snapshot]:
        return self._connected.snapshots()

    @property
    def history(self) -> Charting:
        return self._connected.history

    @property
    def proxies(self) -> Proxies:
        return self._connected.proxies

    def tail(self, service: ServiceKey, start: TailFrom) -> AsyncGenerator[LogEntry, None]:
        return self._connected.tail(service, start)

    async def analyze(self) -> Analysis:
        return await self._connected.analyze()

    async def limit_counters(self, pods: Sequence[Pod]) -> tuple[Counters, ...]:
        return await self._connected.limit_counters(pods)

    async def mesh_sync(self, pods: Sequence[Pod] | None = None) -> MeshSync:
        return await self._connected.mesh_sync(pods)

    async def calls(self) -> Calls:
        return await self._connected.calls()

    async def follow(self, line: LogLine) -> FollowedRequest:
        return await self._connected.follow(line)

    async def paths(self, service: ServiceKey) -> LoggedPaths:
        return await self._connected.paths(service)

    async def evidence(self, service: ServiceKey) -> Evidence:
        return await self._connected.evidence(service)

    def journal(self, service: ServiceKey | None = None) -> tuple[Journaled, ...]:
        return self._connected.journal(service)

    async def trace(self, question: Question) -> Traced:
        return await self._connected.trace(question)

    async def request(self, question: Question) -> Asked:
        return await self._connected.request(question)

    async def prepare_load(self, question: Question, plan: LoadPlan) -> ReadyLoad:
        return await self._connected.prepare_load(question, plan)

    def load(self, ready: ReadyLoad, stop: asyncio.Event) -> AsyncGenerator[LoadState, None]:
        return self._connected.load(ready, stop)

    async def canary(self, service: ServiceKey) -> CanaryRun:
        return await self._connected.canary(service)

    def unfinished_canaries(self) -> tuple[CanaryRun, ...]:
        return self._live.unfinished_canaries() if self._live else ()

    async def order_canary(self, service: ServiceKey, order: Order) -> str:
        return await self._connected.order_canary(service, order)

    async def start_canary(self, service: ServiceKey, words: Sequence[str]) -> StartedRun:
        return await self._connected.start_canary(service, words)

    def pending(self) -> tuple[Pending, ...]:
        return self._live.pending() if self._live else ()

    # Changing

    async def plan(self, request: Request, target: Target) -> Plan:
        return await self._connected.plan(request, target)

    async def plan_undo(self, change_id: str = "") -> Plan:
        return await self._connected.plan_undo(change_id)

    def made_in(self, change_id: str = "") -> tuple[str, ...]:
        return self._connected.made_in(change_id)

    async def plan_undo_in_all(self, change_id: str = "") -> Plan:
        return await self._connected.plan_undo_in_all(change_id)

    def entry_to_undo(self, change_id: str = "") -> Entry:
        return self._connected.entry_to_undo(change_id)

    def made_together(self, together: Together) -> Entry | None:
        return self._connected.made_together(together)

    async def plan_again(self, change_id: str = "") -> Plan:
        return await self._connected.plan_again(change_id)

    async def plan_edit(self, draft: EditFile) -> Plan:
        return await self._connected.plan_edit(draft)

    async def plan_adoption(
        self, service: ServiceKey, stable: str = "", *, gateway_api: bool = False
    ) -> Plan:
        return await self._connected.plan_adoption(service, stable, gateway_api=gateway_api)

    def clusters_with(self, service: ServiceKey) -> tuple[str, ...]:
        return self._connected.clusters_with(service)

    async def plan_in_all(self, request: Request | None, target: Target) -> Plan:
        return await self._connected.plan_in_all(request, target)

    async def apply(self, plan: Plan, progress: Progress) -> Outcome:
        return await self._connected.apply(plan, progress)
