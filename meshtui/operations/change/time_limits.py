"""Changes with a time limit: they are taken back when it is over, by whoever is running."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from meshtui.changes.locate import whole_rule
from meshtui.changes.making import spec_of
from meshtui.changes.shape import rule_json
from meshtui.changes.undo import place_of
from meshtui.errors import Conflict, MeshtuiError, NotFound
from meshtui.mesh.model import Json, Mesh, Rule
from meshtui.mesh.parse_rules import parse_virtual_service
from meshtui.mesh.quantity import human_duration
from meshtui.operations.change.objects import object_of, read_raw
from meshtui.operations.types import Pending

if TYPE_CHECKING:
    from meshtui.journal import Entry
    from meshtui.operations.session import Session

LOOK_S = 1.0
RETRY_S = 15.0
NEWS_S = 10.0
"""A change may be so old before the mesh that is watched tells whether it is still on."""


class Limits:
    """Ends what is over. What can't be ended is said, and tried again every 15 seconds."""

    def __init__(
        self,
        session: Session,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._changed = changed
        self._clock = clock
        self._said: dict[str, str] = {}
        self._trouble = ""
        self._next_try: dict[str, float] = {}

    def entries(self) -> tuple[Entry, ...]:
        self._trouble = ""
        try:
            return self._session.journal.limited() if self._session.journal else ()
        except MeshtuiError as error:
            self._trouble = f"time limits are not known: {error}"
            return ()

    def pending(self, mesh: Mesh | None = None) -> tuple[Pending, ...]:
        """What will be taken back; with a mesh, only what is still on in it."""
        now = self._clock()
        return tuple(
            Pending(entry.id, entry.service, "; ".join(entry.words), (entry.expires or now) - now)
            for entry in self.entries()
            if mesh is None or now - entry.created < NEWS_S or _is_on(entry, mesh)
        )

    def notices(self) -> tuple[str, ...]:
        """One line for each change that should have ended and has not."""
        overdue = tuple(
            f"OVERDUE {human_duration(-p.left_s)}: {p.service} {p.words}"
            + (f" — {self._said[p.change_id]}" if p.change_id in self._said else "")
            for p in self.pending()
            if p.left_s < 0
        )
        return (*overdue, self._trouble) if self._trouble else overdue

    async def run(self, mesh: Callable[[], Mesh]) -> None:
        """Looks every second, for as long as it is let."""
        while True:
            await self.end_overdue(mesh())
            await asyncio.sleep(LOOK_S)

    async def end_overdue(self, mesh: Mesh) -> tuple[str, ...]:
        """Takes back what is over; a line for each that was."""
        if self._session.options.read_only:
            return ()
        now, ended = self._clock(), []
        for entry in self.entries():
            if (entry.expires or now) > now or self._next_try.get(entry.id, 0.0) > now:
                continue
            self._next_try[entry.id] = now + RETRY_S
            try:
                line = await self._end(entry, mesh)
            except MeshtuiError as error:
                self._said[entry.id], line = str(error), ""
            if line:
                ended.append(line)
            self._changed()
        return tuple(ended)

    async def _end(self, entry: Entry, mesh: Mesh) -> str:
        """Undoes the change. Where somebody already did, the limit is closed."""
        try:
            plan = await self._session.plan_undo(mesh, entry.id, None)
            if plan.change.empty:
                self._close(entry)
            else:
                await self._session.apply(plan, mesh, None, lambda _: None)
        except (Conflict, NotFound):
            if not await self._is_gone(entry):
                raise
            self._close(entry)
            return f"{entry.service} {'; '.join(entry.words)}: was taken off already"
        return f"{entry.service}: its time was over, taken back: {'; '.join(entry.words)}"

    def _close(self, entry: Entry) -> None:
        if self._session.journal is not None:
            self._session.journal.close_limit(entry.id)

    async def _is_gone(self, entry: Entry) -> bool:
        """True where nothing that the change put in is there any more."""
        try:
            raw = await read_raw(self._session.cluster, entry.target)
        except NotFound:
            return True
        return not any(_still_on(entry, rule) for rule in _candidates(entry, raw))


def _is_on(entry: Entry, mesh: Mesh) -> bool:
    """True where something that the change put in is there, or where nobody can tell."""
    item = object_of(mesh, entry.target)
    if item is None:
        return not mesh.knows("virtualservices", entry.target.namespace)
    return any(_still_on(entry, rule) for rule in _candidates(entry, item.raw))


def _candidates(entry: Entry, raw: Json) -> list[Rule]:
    """The rule that the change is about; where that is in doubt, all that it may be."""
    rules, known = list(parse_virtual_service(raw).rules), entry.rule
    place = known and place_of(known, entry.spec_after, spec_of(raw))
    if known is not None and place is not None:
        return [r for r in rules if (r.protocol, r.index) == (known.protocol, place)]
    if known is not None and any(whole_rule(operation) for operation in entry.patch):
        return [rule for rule in rules if rule.name == known.name]
    return rules


def _still_on(entry: Entry, rule: Rule) -> bool:
    """True where the rule still has, in whatever measure, something that the change put in."""
    before, after, now = map(_effects, (entry.before, entry.after, rule_json(rule)))
    put_in = {part for part, value in after.items() if before.get(part) != value}
    return any(now.get(part) not in (None, before.get(part)) for part in put_in)


def _effects(rule: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """What injects or copies in a rule's JSON: parts of its fault, percent of each mirror."""
    fault = rule.get("fault") or {}
    parts: dict[tuple[str, ...], Any] = {("fault", part): value for part, value in fault.items()}
    copies = {
        ("mirror", m["host"], m["subset"] or ""): m["percent"] for m in rule.get("mirrors") or ()
    }
    return parts | copies
