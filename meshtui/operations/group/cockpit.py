"""Several clusters as one cockpit: one table of all, every action in the selected row's cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from meshtui.changes.change import Plan, Request, Target, Together
from meshtui.changes.outcome import Outcome
from meshtui.crash import crashed
from meshtui.errors import MeshtuiError, Unreachable
from meshtui.mesh.model import Pod, Service, ServiceKey
from meshtui.mesh.placed import cluster_of, placed, plain
from meshtui.operations.cockpit import Cockpit
from meshtui.operations.group.in_all import apart, apply_in_all, together
from meshtui.operations.group.placing import (
    PlacedViews,
    reading_of,
    sum_words,
    trouble_of,
    with_cluster,
    without_cluster,
)
from meshtui.operations.group.whole import Read, in_each, joined_analysis, joined_sync
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

RETRY_S = 5.0
"""How long after a failure a cluster is connected to again."""


class Member:
    """One cluster: its own cockpit, the last that it showed, and why it shows nothing new."""

    def __init__(self, name: str, cockpit: Cockpit) -> None:
        self.name = name
        self.cockpit = cockpit
        self.views = PlacedViews(name)
        self.snapshot: Snapshot | None = None
        self.error: MeshtuiError | None = None
        self.reached = False

    @property
    def trouble(self) -> str:
        return trouble_of(self.snapshot, str(self.error) if self.error else "")


class GroupCockpit:
    """Connects to all; one that is out of reach is tried again while the others are shown.

    `pause` passes the time until then.
    """

    def __init__(
        self,
        members: Mapping[str, Cockpit],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._members = [Member(name, cockpit) for name, cockpit in members.items()]
        self._by_name = {member.name: member for member in self._members}
        self._current = self._members[0]
        self._bell = asyncio.Event()
        self._tried = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._drafts: dict[Path, Member] = {}
        self._dropped: list[Cockpit] = []
        self._pause = pause

    # Which of them

    def look_at(self, service: ServiceKey | None) -> None:
        """The row that the cursor is on: what is asked without a service is asked there."""
        self._current = self._of(service)

    def show(self, shown: frozenset[ServiceKey], listed: frozenset[ServiceKey] | None) -> None:
        for member in self._members:
            within = None if listed is None else _within(listed, member.name)
            member.cockpit.show(_within(shown, member.name), within)

    def _of(self, service: ServiceKey | None) -> Member:
        return self._by_name.get(cluster_of(service), self._current)

    @property
    def _here(self) -> Cockpit:
        return self._current.cockpit

    @property
    def context(self) -> str:
        return self._current.name

    @property
    def namespace(self) -> str:
        return self._here.namespace

    @property
    def server(self) -> str:
        return self._here.server

    @property
    def read_only(self) -> bool:
        return self._here.read_only

    @property
    def settings(self) -> Config:
        return self._here.settings

    @property
    def history(self) -> Charting:
        return self._here.history

    # The connections

    async def connect(self) -> None:
        """Returns as soon as one is reached; raises the first one's error where none can be."""
        await self._stop()
        await self._close_dropped()
        self._tried.clear()
        for member in self._members:
            member.reached, member.error = False, None
        self._tasks = [asyncio.create_task(self._live(member)) for member in self._members]
        await self._tried.wait()
        if not any(member.reached for member in self._members):
            error = self._members[0].error
            await self._stop()
            raise error or Unreachable("no cluster can be reached")
        if not self._current.reached:
            self._current = next(member for member in self._members if member.reached)

    async def _live(self, member: Member) -> None:
        """Connects to a cluster and hands on what it shows, again and again."""
        while True:
            try:
                await member.cockpit.connect()
                member.reached, member.error = True, None
                self._tell()
                async for snapshot in member.cockpit.snapshots():
                    member.snapshot = snapshot
                    self._tell()
                member.error = Unreachable("the mesh is not read any more", "trying again")
            except MeshtuiError as error:
                member.error = error
            except Exception as error:  # noqa: BLE001 - the edge of a task: it is shown
                member.error = crashed("reading the mesh", error)
            self._tell()
            await self._pause(RETRY_S)

    def _tell(self) -> None:
        self._bell.set()
        if any(one.reached for one in self._members) or all(one.error for one in self._members):
            self._tried.set()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _close_dropped(self) -> None:
        while self._dropped:
            await self._dropped.pop().close()

    async def close(self) -> None:
        await self._stop()
        await self._close_dropped()
        for member in self._members:
            await member.cockpit.close()

    def contexts(self) -> tuple[str, ...]:
        return self._here.contexts()

    def choose(self, context: str) -> None:
        """The next `connect` goes there alone, be it one of the group or not."""
        chosen = self._by_name.get(context) or Member(context, self._here)
        if context not in self._by_name:
            chosen.cockpit.choose(context)
        kept = chosen.cockpit
        self._dropped += [one.cockpit for one in self._members if one.cockpit is not kept]
        self._members, self._current = [chosen], chosen
        self._by_name = {context: chosen}

    def read_in(self, namespace: str) -> None:
        for member in self._members:
            member.cockpit.read_in(namespace)

    def ask_again(self) -> None:
        for member in self._members:
            member.cockpit.ask_again()

    # What they show

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        while True:
            self._bell.clear()
            if any(member.snapshot for member in self._members):
                yield self._merged()
            await self._bell.wait()

    def _merged(self) -> Snapshot:
        """All views; what is of one mesh alone is that of the selected row, or of the first."""
        known = {one.name: one.snapshot for one in self._members if one.snapshot is not None}
        troubles = {one.name: one.trouble for one in self._members}
        words = sum_words(
            [reading_of(one.name, one.snapshot, one.trouble) for one in self._members]
        )
        shown = {
            name: self._placed(self._by_name[name], snapshot, words)
            for name, snapshot in known.items()
        }
        well = [name for name in shown if not troubles[name]]
        here = shown.get(self._current.name) or next(iter(shown.values()))
        lead = shown[well[0]] if well else here
        return replace(
            here,
            time=max(one.time for one in shown.values()),
            sample=lead.sample,
            cluster=lead.cluster,
            telemetry=lead.telemetry,
            views=tuple(view for one in shown.values() for view in one.views),
            notices=tuple(words for one in shown.values() for words in one.notices),
            seen={key: text for one in shown.values() for key, text in one.seen.items()},
            measured={key: found for one in shown.values() for key, found in one.measured.items()},
            clusters=shown,
            troubles=troubles,
        )

    def _placed(
        self, member: Member, snapshot: Snapshot, words: Mapping[ServiceKey, str]
    ) -> Snapshot:
        """One cluster's own, with its name wherever it stands beside the others."""
        name = member.name
        return replace(
            snapshot,
            views=member.views.of(snapshot.views, words),
            notices=tuple(f"{text} (in {name})" for text in snapshot.notices),
            seen={placed(key, name): text for key, text in snapshot.seen.items()},
            measured={placed(key, name): found for key, found in snapshot.measured.items()},
        )

    def pending(self) -> tuple[Pending, ...]:
        return tuple(
            replace(one, service=placed(one.service, member.name))
            for member in self._members
            if member.reached
            for one in member.cockpit.pending()
        )

    # Changing

    async def plan(self, request: Request, target: Target) -> Plan:
        member = self._of(target.service)
        own = replace(target, service=plain(target.service))
        return with_cluster(await member.cockpit.plan(request, own), member.name)

    async def plan_undo(self, change_id: str = "") -> Plan:
        member = self._current
        return with_cluster(await member.cockpit.plan_undo(change_id), member.name)

    def entry_to_undo(self, change_id: str = "") -> Entry:
        return self._here.entry_to_undo(change_id)

    def made_together(self, together: Together) -> Entry | None:
        return self._here.made_together(together)

    def made_in(self, change_id: str = "") -> tuple[str, ...]:
        try:
            parts = self._made_together(change_id)
        except MeshtuiError:
            return ()  # The plan says what stands against it.
        return tuple(parts) if len(parts) > 1 else ()

    async def plan_undo_in_all(self, change_id: str = "") -> Plan:
        parts = self._made_together(change_id)

        async def planned(name: str, entry: Entry) -> Plan:
            try:
                return await self._by_name[name].cockpit.plan_undo(entry.id)
            except MeshtuiError as error:
                raise type(error)(f"{name}: {error.what}", error.hint) from error

        plans = await asyncio.gather(*(planned(*part) for part in parts.items()))
        return together(dict(zip(parts, plans, strict=True)))

    def _made_together(self, change_id: str) -> dict[str, Entry]:
        """The change of the selected row's cluster in all of them."""
        from meshtui.operations.change.undo_in_clusters import parts_of

        journals = {name: one.cockpit.made_together for name, one in self._by_name.items()}
        return parts_of(self._here.entry_to_undo(change_id), journals)

    async def plan_again(self, change_id: str = "") -> Plan:
        member = self._current
        return with_cluster(await member.cockpit.plan_again(change_id), member.name)

    async def plan_edit(self, draft: EditFile) -> Plan:
        """In the cluster where it was planned first, wherever the cursor is by now."""
        member = self._drafts.setdefault(draft.path, self._current)
        return with_cluster(await member.cockpit.plan_edit(draft), member.name)

    async def plan_adoption(
        self, service: ServiceKey, stable: str = "", *, gateway_api: bool = False
    ) -> Plan:
        member = self._of(service)
        cockpit, key = member.cockpit, plain(service)
        plan = await cockpit.plan_adoption(key, stable, gateway_api=gateway_api)
        return with_cluster(plan, member.name)

    def clusters_with(self, service: ServiceKey) -> tuple[str, ...]:
        """Also one that is out of reach now: planning there says so."""
        key = plain(service)
        return tuple(
            member.name
            for member in self._members
            if member.snapshot and any(view.key == key for view in member.snapshot.views)
        )

    async def plan_in_all(self, request: Request | None, target: Target) -> Plan:
        """Raises the first cluster's error, by its name: none is to be changed without the others.

        One that was not read may have the service, too.
        """
        unread = [member for member in self._members if member.snapshot is None]
        if unread:
            why = unread[0].trouble
            raise Unreachable(f"{unread[0].name} was not read: {why}", "nothing was written")
        key = plain(target.service)
        names = self.clusters_with(key)
        plans = await asyncio.gather(
            *(self._planned(name, request, Target(key, target.rule)) for name in names)
        )
        return together(dict(zip(names, plans, strict=True)))

    async def _planned(self, name: str, request: Request | None, target: Target) -> Plan:
        try:
            return await self._by_name[name].cockpit.plan_in_all(request, target)
        except MeshtuiError as error:
            raise type(error)(f"{name}: {error.what}", error.hint) from error

    async def apply(self, plan: Plan, progress: Progress) -> Outcome:
        if len(apart(plan)) > 1:
            members = {name: member.cockpit for name, member in self._by_name.items()}
            return await apply_in_all(plan, members, progress)
        member = self._of(plan.change.service)
        outcome = await member.cockpit.apply(without_cluster(plan), progress)
        return replace(outcome, plan=with_cluster(outcome.plan, member.name))

    # Reads beyond the snapshot

    def tail(self, service: ServiceKey, start: TailFrom) -> AsyncGenerator[LogEntry, None]:
        return self._of(service).cockpit.tail(plain(service), start)

    @property
    def proxies(self) -> Proxies:
        return self._here.proxies

    async def analyze(self) -> Analysis:
        """Of every cluster: what is wrong in one that nobody looks at is wrong all the same."""
        return joined_analysis(*await in_each(self._asking(lambda one: one.analyze)))

    async def limit_counters(self, pods: Sequence[Pod]) -> tuple[Counters, ...]:
        return await self._here.limit_counters(pods)

    async def mesh_sync(self, pods: Sequence[Pod] | None = None) -> MeshSync:
        if pods is not None:
            return await self._here.mesh_sync(pods)
        return joined_sync(*await in_each(self._asking(lambda one: one.mesh_sync)))

    def _asking(
        self, what: Callable[[Cockpit], Callable[[], Awaitable[Read]]]
    ) -> dict[str, Callable[[], Awaitable[Read]] | str]:
        """By cluster how it is asked, or why it can't be."""
        return {
            one.name: what(one.cockpit)
            if one.snapshot is not None and one.reached and one.error is None
            else str(one.error or "not read yet")
            for one in self._members
        }

    async def calls(self) -> Calls:
        return await self._here.calls()

    async def follow(self, line: LogLine) -> FollowedRequest:
        return await self._here.follow(line)

    async def paths(self, service: ServiceKey) -> LoggedPaths:
        return await self._of(service).cockpit.paths(plain(service))

    async def evidence(self, service: ServiceKey) -> Evidence:
        return await self._of(service).cockpit.evidence(plain(service))

    def journal(self, service: ServiceKey | None = None) -> tuple[Journaled, ...]:
        member = self._of(service)
        rows = member.cockpit.journal(plain(service) if service else None)
        return tuple(replace(row, service=placed(row.service, member.name)) for row in rows)

    async def trace(self, question: Question) -> Traced:
        return await self._of(question.service.key).cockpit.trace(_plain_question(question))

    async def request(self, question: Question) -> Asked:
        return await self._of(question.service.key).cockpit.request(_plain_question(question))

    async def prepare_load(self, question: Question, plan: LoadPlan) -> ReadyLoad:
        member = self._of(question.service.key)
        ready = await member.cockpit.prepare_load(_plain_question(question), plan)
        return replace(ready, service=question.service)

    async def load(self, ready: ReadyLoad, stop: asyncio.Event) -> AsyncGenerator[LoadState, None]:
        own = replace(ready, service=_plain_service(ready.service))
        states = self._of(ready.service.key).cockpit.load(own, stop)
        async with aclosing(states):
            async for state in states:
                yield replace(state, ready=ready)

    async def canary(self, service: ServiceKey) -> CanaryRun:
        return await self._of(service).cockpit.canary(plain(service))

    def unfinished_canaries(self) -> tuple[CanaryRun, ...]:
        return tuple(
            replace(run, service=placed(run.service, member.name))
            for member in self._members
            if member.reached
            for run in member.cockpit.unfinished_canaries()
        )

    async def order_canary(self, service: ServiceKey, order: Order) -> str:
        return await self._of(service).cockpit.order_canary(plain(service), order)

    async def start_canary(self, service: ServiceKey, words: Sequence[str]) -> StartedRun:
        return await self._of(service).cockpit.start_canary(plain(service), words)


def _plain_question(question: Question) -> Question:
    return replace(question, service=_plain_service(question.service))


def _plain_service(service: Service) -> Service:
    return replace(service, key=plain(service.key))


def _within(services: frozenset[ServiceKey], cluster: str) -> frozenset[ServiceKey]:
    """Those of one cluster, as it knows them."""
    return frozenset(plain(key) for key in services if cluster_of(key) == cluster)
