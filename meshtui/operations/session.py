"""A connection with all that the use cases need: the cluster, its journal, planner and applier."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from meshtui.errors import Conflict, JournalError, NotFound
from meshtui.operations.garbage import uncollected
from meshtui.operations.options import Options

if TYPE_CHECKING:
    from meshtui.changes.change import Change, Plan, Request, Target
    from meshtui.changes.outcome import Outcome
    from meshtui.journal import Entry, Journal
    from meshtui.kube.cluster import Cluster
    from meshtui.mesh.model import Mesh, ServiceKey
    from meshtui.mesh.signals import Sample
    from meshtui.operations.change.apply import Applier, Callers
    from meshtui.operations.change.compound import Compound
    from meshtui.operations.change.plan import Planner
    from meshtui.operations.one_service import Part
    from meshtui.operations.types import Progress

ROLLBACK_TRIES = 5


class Session:
    """Opened once for a command or a screen. `pause` passes the time in which nobody can be asked.

    The journal is opened, the planner and the applier are imported when they are first needed:
    what only reads waits for none of them.
    """

    def __init__(self, cluster: Cluster, options: Options) -> None:
        self.cluster = cluster
        self.options = options
        self.pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    @classmethod
    async def open(cls, options: Options) -> Session:
        """Logs in as the kubeconfig says; the server is not asked anything yet."""
        from meshtui.kube.cluster import Cluster

        cluster = await Cluster.connect(
            kubeconfig=options.kubeconfig,
            context=options.context,
            namespace=options.namespace,
            read_only=options.read_only,
            terminal=options.terminal,
        )
        return cls(cluster, options)

    @property
    def journal(self) -> Journal | None:
        """None where it cannot be opened: `journal_trouble` says why."""
        return self._opened_journal[0]

    @property
    def journal_trouble(self) -> str:
        return self._opened_journal[1]

    @cached_property
    def _opened_journal(self) -> tuple[Journal | None, str]:
        from meshtui.journal import Journal

        try:
            return Journal.for_cluster(self.cluster.server), ""
        except JournalError as error:
            return None, str(error)

    @cached_property
    def applier(self) -> Applier:
        from meshtui.operations.change.apply import Applier

        return Applier(
            self.cluster,
            self.journal,
            verify_changes=self.options.verify,
            wait_s=self.options.wait_s,
            pause=lambda seconds: self.pause(seconds),
        )

    @cached_property
    def planner(self) -> Planner:
        from meshtui.operations.change.plan import Planner

        options = self.options
        return Planner(
            self.cluster,
            self.journal,
            options.config.stable,
            limits=options.thresholds,
            plan_only=options.dry_run,
            expect=None if options.dry_run else self.applier.expect,
        )

    async def close(self) -> None:
        opened = vars(self)
        if "_opened_journal" in opened and self.journal is not None:
            self.journal.close()
        if "applier" in opened:
            self.applier.close()
        await self.cluster.close()

    async def read_mesh(self) -> Mesh:
        """The mesh as it is now, as much of the cluster as may be read.

        Raises `NotFound` where a namespace is given that is not there.
        """
        from meshtui.kube.early import EARLY
        from meshtui.kube.snapshot import read_objects
        from meshtui.mesh.parse import parse_mesh
        from meshtui.operations.namespaces import refuse_missing

        with uncollected():
            raw = await read_objects(self.cluster, None, EARLY)
            mesh = parse_mesh(
                raw.items, istio=raw.istio, problems=raw.problems, partial=raw.partial
            )
        if self.options.namespace:
            await refuse_missing(self.cluster, mesh, self.options.namespace)
        return mesh

    async def read_part(
        self, service: str, enough: Callable[[Mesh], bool], *, journaled: bool = False
    ) -> Part | None:
        """As much of the mesh as the rows of one service rest on; None where that is all of it.

        `journaled`: with what the journal's changes are held against. It is not enough where the
        sidecars themselves are asked for the telemetry: see `read_mesh`.
        """
        from meshtui.operations.namespaces import refuse_missing
        from meshtui.operations.one_service import read_part

        named = self._changed_objects() if journaled else ()
        part = await read_part(self.cluster, service, self.cluster.namespace, enough, named)
        if part is not None and self.options.namespace:
            await refuse_missing(self.cluster, part.mesh, self.options.namespace)
        return part

    async def with_callers(self, part: Part, sample: Sample | None) -> Part | None:
        """With the pods of all callers that `sample` names; None where it names none."""
        from meshtui.operations.one_service import with_callers

        return None if sample is None else await with_callers(self.cluster, part, sample)

    def _changed_objects(self) -> frozenset[str]:
        """The names of what was changed lately, or has a time limit."""
        from meshtui.operations.change.reversals import Reversals

        if self.journal is None:
            return frozenset()
        with contextlib.suppress(JournalError):
            targets = [limit.target for limit in self.journal.time_limits.all()]
            targets += [entry.target for entry in self.journal.limited()]
            targets += [entry.target for entry in Reversals(self.journal).looked_at()]
            return frozenset(target.name for target in targets)
        return frozenset()

    async def recover(self) -> tuple[str, ...]:
        """What became of interrupted changes; empty where nothing was interrupted."""
        if self.journal is None:
            return (self.journal_trouble,)
        from meshtui.operations.change.recover import recover

        with contextlib.suppress(JournalError):
            return await recover(self.cluster, self.journal)
        return ()

    async def plan(
        self, mesh: Mesh, request: Request, target: Target, sample: Sample | None
    ) -> Plan:
        return await self.planner.plan(mesh, request, target, sample)

    async def plan_again(self, mesh: Mesh, change_id: str, sample: Sample | None) -> Plan:
        """A change that somebody else reverted, once more."""
        return await self.planner.plan_again(mesh, self.readable_journal.part(change_id), sample)

    async def plan_undo(
        self,
        mesh: Mesh,
        change_id: str,
        sample: Sample | None,
        service: ServiceKey | None = None,
    ) -> Plan:
        """The way back of `change_id`, or of the last change (of `service`) that stands."""
        entry = self.entry_to_undo(change_id, service)
        return await self.planner.plan_undo(mesh, entry, sample)

    def entry_to_undo(self, change_id: str, service: ServiceKey | None = None) -> Entry:
        """That change, or the last one that stands. Raises `NotFound` where there is none."""
        if change_id:
            return self.readable_journal.get(change_id)
        found = self.readable_journal.last_undoable(service)
        if found is None:
            raise NotFound("there is no change to undo", "`meshtui journal` lists them")
        return found

    async def apply(
        self,
        plan: Plan,
        mesh: Mesh,
        sample: Sample | None,
        report: Progress,
        callers: Callers | None = None,
    ) -> Outcome:
        """Applies a plan. A rollback that meets another writer is planned anew and tried again.

        `callers`: how to find out which proxies to ask, where that is not worth waiting with the
        write and `sample` is None.
        """
        if plan.others:
            return await self._compound(sample, callers).apply(plan, mesh, sample, report)
        from meshtui.operations.types import ProgressStep

        for _ in range(ROLLBACK_TRIES - 1):
            try:
                return await self.applier.apply(plan, mesh, sample, report, callers)
            except Conflict:
                if plan.change.verb != "rollback":
                    raise
                report(ProgressStep("somebody else wrote; planning again"))
                again = await self.planner.rollback_again(mesh, plan.change, sample)
                because = plan.stable_because
                change = replace(again.change, together=plan.change.together)
                plan = replace(again, change=change, stable=plan.stable, stable_because=because)
        return await self.applier.apply(plan, mesh, sample, report, callers)

    @property
    def readable_journal(self) -> Journal:
        """Raises `JournalError` where there is none."""
        if self.journal is None:
            raise JournalError(self.journal_trouble)
        return self.journal

    def _compound(self, sample: Sample | None, callers: Callers | None) -> Compound:
        from meshtui.operations.change.compound import Compound
        from meshtui.operations.change.conflicts import explained

        left = iter(range(1, ROLLBACK_TRIES))

        async def again(mesh: Mesh, change: Change) -> Plan:
            if change.verb != "rollback" or next(left, None) is None:
                raise await explained(self.cluster, change)
            return await self.planner.rollback_again(mesh, change, sample)

        async def revert(mesh: Mesh, change_id: str) -> None:
            plan = await self.planner.plan_undo_part(
                mesh, self.readable_journal.part(change_id), sample
            )
            await self.applier.apply(plan, mesh, sample, lambda _: None)

        return Compound(self.applier, again, revert, self.pause, callers)
