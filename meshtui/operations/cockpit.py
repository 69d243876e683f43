"""The use cases behind the screen: one object that reads, plans, applies and takes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TYPE_CHECKING, Protocol

from meshtui.changes.change import Plan, Request, Target, Together
from meshtui.changes.outcome import Outcome
from meshtui.mesh.model import Pod, ServiceKey
from meshtui.operations.types import Journaled, LogEntry, Pending, Progress, Snapshot

if TYPE_CHECKING:
    from meshtui.canary.events import Order
    from meshtui.config import Config
    from meshtui.diagnosis.explain.evidence import Evidence
    from meshtui.diagnosis.logged_paths import LoggedPaths
    from meshtui.envoy.logline import LogLine
    from meshtui.journal import Entry
    from meshtui.mesh.calls import Calls
    from meshtui.operations.canary.detached import StartedRun
    from meshtui.operations.canary.watching import CanaryRun
    from meshtui.operations.change.edit import EditFile
    from meshtui.operations.logs.pod_tail import TailFrom
    from meshtui.operations.look.analyze import Analysis
    from meshtui.operations.look.charts import Charting
    from meshtui.operations.look.proxy_counters import Counters
    from meshtui.operations.look.proxy_sync import MeshSync
    from meshtui.operations.look.trace import Question, Traced
    from meshtui.operations.proxies.views import Proxies
    from meshtui.operations.request.ask import Asked
    from meshtui.operations.request.follow import FollowedRequest
    from meshtui.operations.request.load_plan import LoadPlan
    from meshtui.operations.request.loading import LoadState, ReadyLoad

"""Called with each step of applying, in a few words."""


class Cockpit(Protocol):
    """What the screen may ask for. Every method that fails raises a `MeshtuiError`."""

    @property
    def context(self) -> str: ...

    @property
    def namespace(self) -> str: ...

    @property
    def server(self) -> str: ...

    @property
    def read_only(self) -> bool: ...

    @property
    def settings(self) -> Config:
        """What is set for the context that is chosen."""
        ...

    @property
    def history(self) -> Charting:
        """What the charts ask for; raises where nothing is connected yet."""
        ...

    async def connect(self) -> None:
        """Reach the cluster; raises at once where it can't be (no kubeconfig, no such context)."""
        ...

    def contexts(self) -> tuple[str, ...]:
        """The contexts of the kubeconfig, by name."""
        ...

    def choose(self, context: str) -> None:
        """The next `connect` goes there. Raises `Usage` where there is no such context."""
        ...

    def read_in(self, namespace: str) -> None:
        """The next `connect` reads this namespace, where the whole cluster may not be read."""
        ...

    def look_at(self, service: ServiceKey | None) -> None:
        """The row that the cursor is on: of several clusters it says which one is meant."""
        ...

    def show(self, shown: frozenset[ServiceKey], listed: frozenset[ServiceKey] | None) -> None:
        """The services whose numbers are on screen: in a large mesh these are read first.

        `listed` are all that a filter lets through, None where there is none. Never raises.
        """
        ...

    def snapshots(self) -> AsyncIterator[Snapshot]:
        """A snapshot at once, at each tick and soon after each change in the cluster."""
        ...

    def ask_again(self) -> None:
        """Ask every source now, without waiting for its next time. Never raises."""
        ...

    async def close(self) -> None: ...

    async def plan(self, request: Request, target: Target) -> Plan: ...

    async def plan_undo(self, change_id: str = "") -> Plan:
        """The way back of a change, the last one by default."""
        ...

    def made_in(self, change_id: str = "") -> tuple[str, ...]:
        """The clusters in which a change stands that was made in several; else none."""
        ...

    async def plan_undo_in_all(self, change_id: str = "") -> Plan:
        """The way back of a change in all clusters of `made_in`."""
        ...

    def entry_to_undo(self, change_id: str = "") -> Entry:
        """What `plan_undo` takes back. Raises `NotFound` where there is none."""
        ...

    def made_together(self, together: Together) -> Entry | None:
        """What was made here as part of a change of several clusters."""
        ...

    async def plan_again(self, change_id: str = "") -> Plan:
        """A change that somebody else reverted once more, the newest of them by default."""
        ...

    async def plan_edit(self, draft: EditFile) -> Plan:
        """The change from the object as it was opened to what the person left in the editor."""
        ...

    async def plan_adoption(
        self, service: ServiceKey, stable: str = "", *, gateway_api: bool = False
    ) -> Plan:
        """The rules of a service that has none, and what they name, as one change."""
        ...

    def clusters_with(self, service: ServiceKey) -> tuple[str, ...]:
        """The clusters of a group that have the service; none where there is one cluster."""
        ...

    async def plan_in_all(self, request: Request | None, target: Target) -> Plan:
        """The same in all clusters that have the service; None for its adoption."""
        ...

    async def apply(self, plan: Plan, progress: Progress) -> Outcome: ...

    def tail(self, service: ServiceKey, start: TailFrom) -> AsyncGenerator[LogEntry, None]:
        """Access-log lines of all the service's pods and, first, those there are from `start`."""
        ...

    @property
    def proxies(self) -> Proxies:
        """What the mesh's proxies do. Raises `Unreachable` before `connect`."""
        ...

    async def analyze(self) -> Analysis:
        """What is wrong with the mesh as it is written, and what could not be judged."""
        ...

    async def limit_counters(self, pods: Sequence[Pod]) -> tuple[Counters, ...]:
        """What the pods' proxies refused for rate limits since they started."""
        ...

    async def mesh_sync(self, pods: Sequence[Pod] | None = None) -> MeshSync:
        """How the proxies of these pods, or all of the mesh, stand with the control plane."""
        ...

    async def calls(self) -> Calls:
        """Who calls whom, in the window of the last sample."""
        ...

    async def follow(self, line: LogLine) -> FollowedRequest:
        """The request of a log's line through the logs of the pods on its way."""
        ...

    async def paths(self, service: ServiceKey) -> LoggedPaths:
        """The paths in the last lines of the logs around a service, and which of them fail."""
        ...

    async def evidence(self, service: ServiceKey) -> Evidence:
        """What logs and istiod say of a service's errors; what can't be read is told in it."""
        ...

    def journal(self, service: ServiceKey | None = None) -> tuple[Journaled, ...]:
        """The changes to this cluster, or to one service, newest first."""
        ...

    async def trace(self, question: Question) -> Traced:
        """Which rule takes a request, by the objects and in each caller's proxy."""
        ...

    async def request(self, question: Question) -> Asked:
        """One real request, from a pod that calls the service; only of a method that is safe."""
        ...

    async def prepare_load(self, question: Question, plan: LoadPlan) -> ReadyLoad:
        """Whom a load would hit, and from where; nothing is sent. Refused in production."""
        ...

    def load(self, ready: ReadyLoad, stop: asyncio.Event) -> AsyncGenerator[LoadState, None]:
        """Makes it: what comes of it each second. It stops where `stop` is set, or closed."""
        ...

    async def canary(self, service: ServiceKey) -> CanaryRun:
        """The newest canary of a service: where it is, and who drives it."""
        ...

    async def order_canary(self, service: ServiceKey, order: Order) -> str:
        """Gives it to whoever drives the canary, and gives their name once they have it."""
        ...

    async def start_canary(self, service: ServiceKey, words: Sequence[str]) -> StartedRun:
        """`meshtui canary WORDS` in a process of its own, which goes on without the screen.

        Raises `Refused` with its last line where it ended at once.
        """
        ...

    def unfinished_canaries(self) -> tuple[CanaryRun, ...]:
        """Those that are not over, as far as this machine knows; nobody is asked."""
        ...

    def pending(self) -> tuple[Pending, ...]:
        """Changes with a time limit, the next to end first."""
        ...
