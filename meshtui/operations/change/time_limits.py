"""Faults and mirrors with a time limit: taken off when it is over, by whoever is running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from meshtui.changes.assemble import rule_change, spec_of
from meshtui.changes.effects import find_effect, restored
from meshtui.changes.locate import Located
from meshtui.dataclass import dataclass
from meshtui.errors import Conflict, MeshtuiError, NotFound
from meshtui.mesh.gateway_api import ROUTE_KINDS
from meshtui.mesh.model import DestinationRule, Json, Mesh, Ref
from meshtui.mesh.quantity import human_duration
from meshtui.mesh.routing import service_of
from meshtui.operations.change.written_objects import object_of, read_raw, with_object
from meshtui.operations.types import Pending

if TYPE_CHECKING:
    from meshtui.journal import Entry, Limit
    from meshtui.operations.session import Session

LOOK_S = 1.0
RETRY_S = 15.0
TRIES = 3
"""An end that meets another writer is tried so often at once."""

WRITING_S = 120.0
"""How long a meshtui that is at it may take before another one tries."""

NEWS_S = 10.0
"""A change may be so old before the mesh that is watched tells whether it is still on."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A change and those of its faults and mirrors that have its time limit."""

    entry: Entry
    limits: tuple[Limit, ...]

    @property
    def ends(self) -> float:
        return min(limit.ends for limit in self.limits if limit.ends is not None)

    @property
    def words(self) -> str:
        return "; ".join(self.entry.words)


class Limits:
    """Ends what is over. What can't be ended is said, and tried again every 15 seconds."""

    def __init__(
        self,
        session: Session,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._session = session
        self._changed = changed
        self._now = clock
        self._errors: dict[str, str] = {}
        self._trouble = ""

    def _clock(self) -> float:
        if self._now is not None:
            return self._now()
        return self._session.journal.now if self._session.journal else 0.0

    def guarded(self) -> tuple[Guarded, ...]:
        """What has a time limit that nothing has closed yet, the next to end first."""
        self._trouble = ""
        journal = self._session.journal
        if journal is None:
            return ()
        try:
            limits = journal.time_limits.all()
            entries = journal.limited() if limits else ()
        except MeshtuiError as error:
            self._trouble = f"time limits are not known: {error}"
            return ()
        return tuple(
            Guarded(entry, tuple(limit for limit in limits if limit.change_id == entry.id))
            for entry in entries
        )

    def pending(self, mesh: Mesh | None = None) -> tuple[Pending, ...]:
        """What will be taken back; with a mesh, only what is still on in it."""
        now = self._clock()
        return tuple(
            Pending(found.entry.id, found.entry.service, found.words, found.ends - now)
            for found in self.guarded()
            if mesh is None or any(_may_be_on(limit, mesh, now) for limit in found.limits)
        )

    def notices(self, mesh: Mesh | None = None) -> tuple[str, ...]:
        """One line for each change that should have ended and has not, as far as is known."""
        overdue = [
            f"OVERDUE {human_duration(-p.left_s)}: {p.service} {p.words}"
            + (f" — {self._errors[p.change_id]}" if p.change_id in self._errors else "")
            for p in self.pending(mesh)
            if p.left_s < 0
        ]
        return (*overdue, *self.unread(), *filter(None, (self._trouble,)))

    def unread(self) -> tuple[str, ...]:
        """What a change that cannot be read may have left on."""
        journal = self._session.journal
        try:
            rows = journal.limited_unread() if journal else ()
            count = journal.time_limits.unread() if journal else 0
        except MeshtuiError:
            return ()
        now = self._clock()
        summary = (
            f"{count} time limits cannot be read: look for faults and mirrors that were left on"
        )
        return (
            *((summary,) if count else ()),
            *(
                f"OVERDUE, it may be: {row.verb or 'change'} {row.service or '?'} {row.id or '?'} "
                f"cannot be read ({row.why}) and had a time limit: look whether it is still on"
                for row in rows
                if row.expires is None or row.expires < now
            ),
        )

    async def run(self, mesh: Callable[[], Mesh]) -> None:
        """Looks every second, for as long as it is let."""
        while True:
            await self.close_what_is_gone(mesh())
            await self.end_overdue(mesh())
            await asyncio.sleep(LOOK_S)

    async def close_what_is_gone(self, mesh: Mesh | None = None) -> None:
        """Closes the limits of what somebody else took off.

        With a mesh, only what is not on there is looked for in the cluster.
        """
        if self._session.options.read_only:
            return
        now = self._clock()
        limits = [limit for found in self.guarded() for limit in found.limits]
        asked = [limit for limit in limits if mesh is None or not _may_be_on(limit, mesh, now)]
        for target in dict.fromkeys(limit.target for limit in asked):
            mine = [limit for limit in asked if limit.target == target]
            try:
                await self._close_gone(target, mine)
            except MeshtuiError as error:
                self._errors.update({limit.change_id: str(error) for limit in mine})

    async def _close_gone(self, target: Ref, limits: Iterable[Limit]) -> None:
        raw = await self._read(target)
        gone = [limit for limit in limits if not _on(limit, raw)]
        if gone and self._session.journal is not None:
            self._session.journal.time_limits.close(gone)
            self._changed()

    async def _read(self, target: Ref) -> Json:
        """The object; nothing where it is gone, or where another one has its name."""
        try:
            raw = await read_raw(self._session.cluster, target)
        except NotFound:
            return {}
        uid = (raw.get("metadata") or {}).get("uid", "")
        return raw if not target.uid or uid == target.uid else {}

    async def end_overdue(self, mesh: Mesh) -> tuple[str, ...]:
        """Takes back what is over; a line for each that was."""
        if self._session.options.read_only:
            return ()
        now, ended = self._clock(), []
        for found in self.guarded():
            if found.ends > now:
                continue
            try:
                line = await self._claim_and_end(found, mesh)
            except MeshtuiError as error:
                self._errors[found.entry.id], line = str(error), ""
            if line:
                ended.append(line)
            self._changed()
        return tuple(ended)

    async def _claim_and_end(self, found: Guarded, mesh: Mesh) -> str:
        """Of several meshtuis one does it; the others try when that one could not."""
        journal = self._session.journal
        if journal is None or not journal.time_limits.claim(found.entry.id, WRITING_S):
            return ""
        try:
            return await self._end_despite_others(found, mesh)
        except MeshtuiError:
            journal.time_limits.postpone(found.entry.id, RETRY_S)
            raise

    async def _end_despite_others(self, found: Guarded, mesh: Mesh) -> str:
        """Somebody who writes the same object meanwhile, as another meshtui that ends another
        limit of it, does not leave this one on until the next try."""
        for _ in range(TRIES - 1):
            try:
                return await self._end(found, mesh)
            except Conflict:
                continue
        return await self._end(found, mesh)

    async def _end(self, found: Guarded, mesh: Mesh) -> str:
        """Takes off what is still on. Where somebody already did, the limit is closed."""
        raw = await self._read(found.entry.target)
        gone = [limit for limit in found.limits if not _on(limit, raw)]
        if gone and self._session.journal is not None:
            self._session.journal.time_limits.close(gone)
        left = tuple(limit for limit in found.limits if limit not in gone)
        if not left:
            return f"{found.entry.service} {found.words}: was taken off already"
        if not gone and await self._undone(found, mesh):
            return f"{found.entry.service}: its time was over, taken back: {found.words}"
        await self._remove_effect(found.entry, left, raw, mesh)
        return f"{found.entry.service}: its time was over, taken off: {found.words}"

    async def _undone(self, found: Guarded, mesh: Mesh) -> bool:
        """The exact way back, where all that the change put on has its limit still."""
        entry = found.entry
        if not entry.patch or {limit.maker for limit in found.limits} != {entry.id}:
            return False
        journal = self._session.journal
        if journal is None or journal.time_limits.replaced(entry.id):
            return False
        try:
            plan = await self._session.plan_undo(mesh, entry.id, None)
        except Conflict:
            return False
        if plan.empty:
            return False
        await self._session.apply(plan, mesh, None, lambda _: None)
        return True

    async def _remove_effect(
        self, entry: Entry, limits: tuple[Limit, ...], raw: Json, mesh: Mesh
    ) -> None:
        """Only the faults and mirrors themselves, in a rule that is another one by now."""
        mesh = with_object(mesh, raw, entry.target.kind)
        owner = object_of(mesh, entry.target)
        spec, namespace = spec_of(raw), entry.target.namespace
        if owner is None or isinstance(owner, DestinationRule):
            raise Conflict(f"change {entry.id} can't be taken back", "its object is gone")
        for limit in limits:
            (placed, *others) = find_effect(limit.effect, spec, namespace)
            if others or placed.value != limit.left:
                raise Conflict(
                    f"change {entry.id} can't be taken back, somebody else touched the same place",
                    f"{limit.effect.kind}: we left {limit.left}, now {placed.value}",
                )
        wanted = {limit.effect: limit.was for limit in limits}
        operations, _ = restored(spec, namespace, wanted)
        if not operations:
            raise Conflict(f"change {entry.id} can't be taken back", "its rule is another one now")
        (place, *_) = find_effect(limits[0].effect, spec, namespace)
        rule = next(r for r in owner.rules if (r.place, r.index) == (place.protocol, place.index))
        key = entry.service
        service = service_of(mesh, key)
        located = Located(mesh, service, owner, rule)
        change = rule_change(located, "undo", operations, undoes=entry.id)
        plan = await self._session.planner.checked(mesh, change, None)
        await self._session.apply(plan, mesh, None, lambda _: None)


def _may_be_on(limit: Limit, mesh: Mesh, now: float) -> bool:
    """True where the mesh has it, is too old to tell, or where nobody can."""
    if now - limit.opened < NEWS_S:
        return True
    item = object_of(mesh, limit.target)
    if item is None:
        kind = limit.target.kind
        plural = f"{kind.lower()}s" if kind in ROUTE_KINDS else "virtualservices"
        return not mesh.knows(plural, limit.target.namespace)
    return _on(limit, item.raw)


def _on(limit: Limit, raw: Json) -> bool:
    """True where the object has, in whatever measure, what the change put in."""
    found = find_effect(limit.effect, spec_of(raw), limit.target.namespace)
    return any(placed.value != limit.was for placed in found)
