"""Journal, write, verify, journal: the one way by which anything in the cluster is changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshtui.changes.assemble import spec_of
from meshtui.changes.change import Change, Plan
from meshtui.changes.outcome import Outcome, ProxyVerdict
from meshtui.dataclass import dataclass
from meshtui.envoy.admin_transports import EXEC
from meshtui.envoy.compare import ABSENT, OLD
from meshtui.errors import JournalError, MeshtuiError
from meshtui.journal import Journal, Status
from meshtui.mesh.model import DestinationRule, Json, Mesh, Pod
from meshtui.mesh.signals import Sample
from meshtui.operations.change.proxy_checks import gone, has_ended, question_of
from meshtui.operations.change.rejections import (
    AFTER_S,
    Counts,
    Refusals,
    count_refusals,
    with_refusals,
)
from meshtui.operations.change.verdicts import counts_of, doubts, verdict_of
from meshtui.operations.change.verify import (
    QUICK,
    SPARING,
    WAIT_S,
    Ask,
    CheckPace,
    Clients,
    client_proxies,
    verify,
)
from meshtui.operations.change.write_answers import as_found, settle_by_object
from meshtui.operations.change.written_objects import (
    mesh_before,
    object_of,
    of_the_server,
    read_raw,
    send,
    with_object,
    without_object,
)
from meshtui.operations.types import Progress, ProgressStep

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster


Callers = Callable[[], Awaitable[Sample | None]]
"""Finds out who sends traffic to whom, once a change that waits for nothing is written."""


@dataclass(frozen=True, slots=True)
class WrittenChange:
    """The answer to the write, before any proxy was asked.

    `refused` is what the proxies had refused before it, None where they are not to be asked.
    `event` is on its way to everybody else.
    """

    plan: Plan
    change_id: str
    raw: Json
    refused: Counts | None
    event: asyncio.Task[None]
    warnings: tuple[str, ...] = ()


class Applier:
    """Applies plans. Where the journal can't be written nothing is, except by a rollback."""

    def __init__(
        self,
        cluster: Cluster,
        journal: Journal | None,
        *,
        verify_changes: bool = True,
        wait_s: float = WAIT_S,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`pause` is what passes between looks at an object whose write had no answer."""
        self._cluster = cluster
        self._journal = journal
        self._verify = verify_changes
        self._wait_s = wait_s
        self._pause = pause
        self._refusals = Refusals(cluster)

    async def apply(
        self,
        plan: Plan,
        mesh: Mesh,
        sample: Sample | None,
        report: Progress,
        callers: Callers | None = None,
    ) -> Outcome:
        """Raises `Conflict`, `NotAllowed`, `Refused` or `Unreachable` where nothing was written.

        The plan has one part; see `Compound` for those that have several. `callers`: what to ask
        between write and verification where there is no sample.
        """
        if plan.change.records:
            return self._record(plan)
        if plan.change.empty:
            return Outcome("", plan, applied=False)
        refused = await self.refused_so_far(plan.change, mesh, sample)
        report(ProgressStep("journal"))
        change_id, warnings = self._begin(plan.change)
        report(ProgressStep("write"))
        applied = await self.write(plan, change_id, refused)
        if sample is None and callers is not None:
            sample = await callers()
        outcome = await self.follow(applied, mesh, sample, report)
        return replace(outcome, warnings=(*warnings, *outcome.warnings))

    def _record(self, plan: Plan) -> Outcome:
        """A change of the journal alone. Raises `JournalError`."""
        if self._journal is None:
            raise JournalError("there is no journal")
        change_id = self._journal.record(plan.change, self._cluster.context)
        return Outcome(change_id, plan, applied=False)

    async def write(self, plan: Plan, change_id: str, refused: Counts | None) -> WrittenChange:
        """Writes what the journal has under `change_id`, and journals the answer."""
        raw, warnings = await self._write(plan.change, change_id)
        event = asyncio.create_task(_publish(self._cluster, raw, plan.change, change_id))
        return WrittenChange(plan, change_id, raw, refused, event, warnings)

    async def follow(
        self, applied: WrittenChange, mesh: Mesh, sample: Sample | None, report: Progress
    ) -> Outcome:
        """Asks the proxies, where that is to be done, and journals what they say."""
        plan, change_id, refused = applied.plan, applied.change_id, applied.refused
        try:
            if refused is None:
                stored = spec_of(applied.raw)
                outcome = Outcome(change_id, plan, applied=True, spec_stored=stored)
            else:
                raw = applied.raw
                outcome = await self._verified(plan, change_id, raw, mesh, sample, report, refused)
        finally:
            await applied.event
        all_warnings = dict.fromkeys((*applied.warnings, *outcome.warnings))
        return replace(outcome, warnings=tuple(all_warnings))

    async def refused_so_far(
        self, change: Change, mesh: Mesh, sample: Sample | None, *, awaited: bool = False
    ) -> Counts | None:
        """What `write` wants to know before; None where the proxies are not to be asked.

        `awaited`: another write waits for this one, so they are asked in any case.
        """
        if not (self._verify or awaited):
            return None
        return await self._refusals.before(change, mesh, sample)

    def expect(self, change: Change, mesh: Mesh, sample: Sample | None) -> None:
        """A change is being planned: what its write would wait for is read now."""
        if self._verify:
            self._refusals.begin(change, mesh, sample)

    def close(self) -> None:
        """Nothing that was expected will be applied."""
        self._refusals.close()

    async def verify_again(
        self, outcome: Outcome, mesh: Mesh, sample: Sample | None
    ) -> Outcome | None:
        """Asks the proxies once more about a change they had not taken up; journals a yes.

        None where the object is no longer as the change left it: there is nothing to wait for.
        """
        change = outcome.plan.change
        if change.action == "delete":
            return None
        raw = await read_raw(self._cluster, change.target)
        if spec_of(raw) != (outcome.spec_stored or change.spec_after):
            return None
        change_id = outcome.change_id
        return await self._verified(outcome.plan, change_id, raw, mesh, sample, lambda _: None)

    def _begin(self, change: Change) -> tuple[str, tuple[str, ...]]:
        (change_id,), warnings = self._journaled(
            [change], lambda journal: (journal.begin(change, self._cluster.context),)
        )
        return change_id, warnings

    def begin_parts(self, changes: Sequence[Change]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Journals all parts of one change, to be written in their turn; warnings come second."""
        return self._journaled(
            changes, lambda journal: journal.begin_parts(changes, self._cluster.context)
        )

    def _journaled(
        self, changes: Sequence[Change], begin: Callable[[Journal], tuple[str, ...]]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Without a journal nothing is written, unless it is a rollback."""
        try:
            if self._journal is None:
                raise JournalError("there is no journal")
            return begin(self._journal), ()
        except JournalError as error:
            if changes[0].verb != "rollback":
                raise
            report = f"this rollback is not in the journal and can't be undone: {error}"
            return ("",) * len(changes), (report,)

    def start(self, change_id: str, change: Change) -> None:
        """Journals that a part's turn has come. Raises `JournalError`, but not for a rollback."""
        if self._journal is None or not change_id:
            return
        try:
            self._journal.start(change_id, change)
        except JournalError:
            if change.verb != "rollback":
                raise

    async def _write(self, change: Change, change_id: str) -> tuple[Json, tuple[str, ...]]:
        """The object as it is then; what the server warns of, and the journal has against it."""
        began = time.time()
        try:
            written = await send(self._cluster, change, dry_run=False)
        except MeshtuiError as error:
            found = await settle_by_object(self._cluster, change, error, began, self._pause)
            trouble = self.settle(change_id, found.status, found.words, spec_stored=found.spec)
            if found.status is not Status.WRITTEN:
                raise as_found(error, found) from error
            report = f"the answer to the write was wrong, its object has it all the same: {error}"
            return found.object, tuple(filter(None, (report, trouble)))
        stored = spec_of(written.object)
        trouble = self.settle(change_id, Status.WRITTEN, spec_stored=stored)
        return written.object, (*map(of_the_server, written.warnings), *filter(None, (trouble,)))

    def settle(
        self,
        change_id: str,
        status: Status,
        detail: str = "",
        result: dict[str, Any] | None = None,
        spec_stored: Json | None = None,
    ) -> str:
        """Journals how far it came; what the disk says against it can't stop what has happened."""
        if self._journal is None or not change_id:
            return ""
        try:
            self._journal.settle(change_id, status, detail, result, spec_stored=spec_stored)
        except JournalError as error:
            return f"how it ended is not in the journal: {error}"
        return ""

    async def _verified(
        self,
        plan: Plan,
        change_id: str,
        raw: Json,
        mesh: Mesh,
        sample: Sample | None,
        report: Progress,
        refused: Counts | None = None,
    ) -> Outcome:
        change = plan.change
        outcome = Outcome(change_id, plan, applied=True, spec_stored=spec_of(raw))
        ask, clients = _whom(self._cluster, change, raw, mesh, sample)
        if ask is None:
            warning = "what is taken away here can't be looked for in proxies: not verified"
            return replace(outcome, warnings=(warning,))
        if not clients.all:
            return replace(outcome, warnings=("no proxy was found to ask: not verified",))
        report(ProgressStep.in_sync(0, len(clients.all)))
        proxies, seconds = await verify(
            ask, clients, wait_s=self._wait_s, report=report, pace=self._pace
        )
        proxies = await self._ended(proxies, clients)
        proxies = await self._rejections(proxies, clients, refused or {})
        outcome = replace(outcome, proxies=proxies, seconds=seconds, verified=verdict_of(proxies))
        status = Status.VERIFIED if outcome.verified else Status.WRITTEN
        trouble = self.settle(change_id, status, outcome.sentence, counts_of(outcome))
        warnings = (*doubts(proxies, clients.known, clients.left_out), trouble)
        return replace(outcome, warnings=tuple(filter(None, warnings)))

    def _pace(self, pod: Pod) -> CheckPace:
        """By the way on which the proxy was asked just now."""
        from meshtui.envoy.admin import transport_to

        return SPARING if transport_to(self._cluster, pod.namespace) == EXEC else QUICK

    async def _ended(
        self, proxies: tuple[ProxyVerdict, ...], clients: Clients
    ) -> tuple[ProxyVerdict, ...]:
        """A pod that is shutting down need not take up anything any more."""
        overdue = {(p.namespace, p.pod) for p in proxies if p.state in (OLD, ABSENT)}
        pods = [pod for pod in clients.all if (pod.namespace, pod.name) in overdue]
        over = await asyncio.gather(*(has_ended(self._cluster, pod) for pod in pods))
        ended = {(p.namespace, p.name): p for p, done in zip(pods, over, strict=True) if done}
        found = (ended.get((proxy.namespace, proxy.pod)) for proxy in proxies)
        return tuple(gone(e) if e else p for e, p in zip(found, proxies, strict=True))

    async def _rejections(
        self, proxies: tuple[ProxyVerdict, ...], clients: Clients, before: Counts
    ) -> tuple[ProxyVerdict, ...]:
        """Of the proxies that still serve what was, which have refused a configuration since."""
        old = {(p.namespace, p.pod) for p in proxies if p.state == OLD} & before.keys()
        pods = [pod for pod in clients.pods if (pod.namespace, pod.name) in old]
        after = await count_refusals(self._cluster, pods, AFTER_S) if pods else {}
        return with_refusals(proxies, before, after)


def _whom(
    cluster: Cluster, change: Change, raw: Json, mesh: Mesh, sample: Sample | None
) -> tuple[Ask | None, Clients]:
    """What to ask about the change and which proxies."""
    before = mesh_before(mesh, change)
    gone = change.action == "delete"
    kind = change.target.kind
    after = without_object(mesh, change.target) if gone else with_object(mesh, raw, kind)
    holding = before if gone else after
    item = object_of(holding, change.target)
    owner = None if isinstance(item, DestinationRule) else item
    clients = client_proxies(holding, change.service, owner, sample)
    return question_of(cluster, before, after, change), clients


async def _publish(cluster: Cluster, raw: Json, change: Change, change_id: str) -> None:
    """A Kubernetes Event on the object, where that is allowed."""
    from meshtui.kube.events import record

    words = "".join(part.capitalize() for part in change.verb.split())
    note = f"{'; '.join(change.words)} (meshtui change {change_id or 'not journaled'})"
    await record(cluster, raw, action=words, reason=f"Meshtui{words}", note=note)
