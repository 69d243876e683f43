"""Several objects changed as one: in order, each by the proxies before what rests on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from meshtui.changes.change import Change, Plan
from meshtui.changes.outcome import Outcome, outcome_of
from meshtui.errors import Conflict, MeshtuiError, Refused
from meshtui.journal import Status, whole_id
from meshtui.kube.failures import Unanswered
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample
from meshtui.operations.change.apply import Applier, Callers, WrittenChange
from meshtui.operations.change.written_objects import mesh_after
from meshtui.operations.types import Progress, ProgressStep

UNVERIFIED_S = 5.0
"""For what nobody can look for; istiod gathers changes for 0.1 to 10 s, often 0.1."""

Pause = Callable[[float], Awaitable[None]]
Again = Callable[[Mesh, Change], Awaitable[Plan]]
"""Plans a part anew on the object as it is now; raises `Conflict` where that is not to be done."""

TakeBack = Callable[[Mesh, str], Awaitable[None]]
"""Takes one part back, by its identity."""


def waits(earlier: Change, later: Change) -> bool:
    """True where the proxies must serve the one before the other is written.

    Routes name clusters, which DestinationRules make: these come first and go last. Two objects
    of one kind do not rest on each other.
    """
    return earlier.target.kind != later.target.kind


class _TooEarly(Refused):
    """A part was not written, since the proxies do not have yet what it rests on."""


@dataclass(slots=True)
class _Progress:
    """How far a change of several objects has come; `mesh` is the one with all that is made."""

    mesh: Mesh
    ids: Sequence[str]
    open: list[tuple[WrittenChange, Mesh]] = field(default_factory=list)
    """Written, with the mesh before it, and their proxies not asked yet."""

    done: list[Outcome] = field(default_factory=list)
    started: bool = False
    """Whether the part that comes now is journaled as being written."""

    @property
    def made(self) -> int:
        """How many parts are in the cluster: the first ones."""
        return len(self.done) + len(self.open)


class Compound:
    """Applies the parts of one plan. What can't be finished says what is in and how to go on."""

    def __init__(
        self,
        applier: Applier,
        again: Again,
        revert: TakeBack,
        pause: Pause = asyncio.sleep,
        callers: Callers | None = None,
    ) -> None:
        """`callers` is asked before the proxies are, where there is no sample."""
        self._applier = applier
        self._again = again
        self._revert = revert
        self._pause = pause
        self._callers = callers

    async def apply(
        self, plan: Plan, mesh: Mesh, sample: Sample | None, report: Progress
    ) -> Outcome:
        """Raises what the part raised that could not be made; its hint says what is in by then."""
        report(ProgressStep("journal"))
        ids, warnings = self._applier.begin_parts(plan.changes)
        so_far = _Progress(mesh, ids)
        try:
            for place in range(len(ids)):
                await self._part(plan, place, so_far, sample, _numbered(report, place, len(ids)))
        except MeshtuiError as error:
            raise await self._given_up(plan, so_far, error) from error
        await self._follow(so_far, sample, report)
        outcome = outcome_of(whole_id(ids[0]), plan, so_far.done)
        return replace(outcome, warnings=(*warnings, *outcome.warnings))

    async def _part(
        self, plan: Plan, place: int, so_far: _Progress, sample: Sample | None, report: Progress
    ) -> None:
        """Writes one part, once the proxies have those before it that it rests on."""
        so_far.started = False
        changes = plan.changes
        if so_far.open and waits(changes[place - 1], changes[place]):
            await self._follow(so_far, sample, report)
            await self._refuse_too_early(plan, so_far.done[-1], report)
        awaited = place + 1 < len(changes) and waits(changes[place], changes[place + 1])
        part = plan.parts[place]
        while True:
            try:
                await self._write(part, place, so_far, sample, report, awaited=awaited)
            except Conflict:
                part = await self._again(so_far.mesh, part.change)
                report(ProgressStep("somebody else wrote; planned again"))
            else:
                return

    async def _write(
        self,
        part: Plan,
        place: int,
        so_far: _Progress,
        sample: Sample | None,
        report: Progress,
        *,
        awaited: bool,
    ) -> None:
        mesh, change_id = so_far.mesh, so_far.ids[place]
        refused = await self._applier.refused_so_far(part.change, mesh, sample, awaited=awaited)
        self._applier.start(change_id, part.change)
        so_far.started = True
        report(ProgressStep("write"))
        applied = await self._applier.write(part, change_id, refused)
        so_far.open.append((applied, mesh))
        so_far.mesh = mesh_after(mesh, part.change, applied.raw)

    async def _follow(self, so_far: _Progress, sample: Sample | None, report: Progress) -> None:
        if sample is None and self._callers is not None and so_far.open:
            sample = await self._callers()
        while so_far.open:
            applied, mesh = so_far.open[0]
            so_far.done.append(await self._applier.follow(applied, mesh, sample, report))
            so_far.open.pop(0)

    async def _refuse_too_early(self, plan: Plan, last: Outcome, report: Progress) -> None:
        """What rests on the last part waits for it; where nobody can look, for a while."""
        if last.verified is None and last.seconds < UNVERIFIED_S:
            report(ProgressStep(f"no proxy can be asked: giving them {UNVERIFIED_S:g} s"))
            await self._pause(UNVERIFIED_S - last.seconds)
        elif last.verified is False:
            raise _TooEarly(
                f"{last.plan.change.target} was written, but not every proxy has it yet",
                f"run {plan.change.verb} again in a moment",
            )

    async def _given_up(self, plan: Plan, so_far: _Progress, error: MeshtuiError) -> MeshtuiError:
        """The error, with what is in the cluster now of the whole change."""
        for applied, _ in so_far.open:
            await applied.event
        self._settle_rest(so_far, error)
        if not so_far.made:
            return error
        targets = [str(change.target) for change in plan.changes]
        made = f"{', '.join(targets[: so_far.made])} is in"
        missing = f"{', '.join(targets[so_far.made :])} is not"
        if isinstance(error, Unanswered):
            missing = f"{targets[so_far.made]} may be, too"
        whole = whole_id(so_far.ids[0])
        left = f"{made}, {missing}" + (f"; `meshtui undo {whole}` takes it back" if whole else "")
        if plan.all_or_nothing and not isinstance(error, Unanswered | _TooEarly):
            left = await self._reverted(so_far) or left
        return type(error)(error.what, "; ".join(filter(None, (left, error.hint))))

    def _settle_rest(self, so_far: _Progress, error: MeshtuiError) -> None:
        """Journals that the parts whose turn never came are not written."""
        first = so_far.made + so_far.started
        for change_id in so_far.ids[first:]:
            self._applier.settle(change_id, Status.FAILED, f"not written: {error.what}")

    async def _reverted(self, so_far: _Progress) -> str:
        """What was made before the part that failed, taken back; empty where that fails, too."""
        made = so_far.ids[: so_far.made]
        try:
            for change_id in reversed(made):
                await self._revert(so_far.mesh, change_id)
        except MeshtuiError:
            return ""
        return "what was made before it was taken back: nothing of it is left"


def _numbered(report: Progress, place: int, count: int) -> Progress:
    """The steps of one part: until the last one is written there is more to write."""
    return lambda step: report(ProgressStep(f"{place + 1} of {count} {step.text}"))
