"""Changes that somebody else reverts: watched as long as a meshtui is open, and at its start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from meshtui.changes.assemble import spec_of
from meshtui.changes.change import Caution
from meshtui.changes.reverted import how_to_pause, stands, what_now
from meshtui.dataclass import dataclass
from meshtui.errors import JournalError
from meshtui.mesh.model import Json, Mesh
from meshtui.operations.change.writers import last_writer
from meshtui.operations.change.written_objects import object_of

if TYPE_CHECKING:
    from meshtui.journal import Entry, Journal

WATCH_S = 86_400.0
"""A change is watched for a day; after that what is there is the mesh's own business."""

LOUD_S = 3600.0
LOOK_S = 1.0
SETTLED_S = 2.0
"""The watch of the objects may be behind the answer to our own write by so much."""


@dataclass(frozen=True, slots=True)
class Reversal:
    """A change that does not stand any more. `at` is in seconds since the epoch, 0 if unknown."""

    entry: Entry
    by: str
    at: float
    words: str
    pause: str = ""

    @property
    def line(self) -> str:
        return f"REVERTED {self.what}; U applies it again{self._pause}"

    @property
    def what(self) -> str:
        return f"{self.entry.service} {self.entry.verb} {self.entry.id}, {self.how}"

    @property
    def how(self) -> str:
        """`by argocd-controller at 03:12:07: v1 100 → 50 %`."""
        return f"by {self.by}{_at(self.at)}: {self.words}"

    @property
    def _pause(self) -> str:
        return f"; {self.pause}" if self.pause else ""


def _at(seconds: float) -> str:
    return f" at {datetime.fromtimestamp(seconds).strftime('%H:%M:%S')}" if seconds else ""


class Reversals:
    """Holds the newest changes against the mesh; journals what became of them."""

    def __init__(
        self,
        journal: Journal | None,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.found: tuple[Reversal, ...] = ()
        """The changes that are reverted now, the newest first."""

        self._journal = journal
        self._changed = changed
        self._clock = clock
        self._looked: tuple[object, object] = (None, None)

    async def run(self, mesh: Callable[[], Mesh]) -> None:
        """Looks every second, where the mesh or the journal is another one."""
        while True:
            self.detect(mesh())
            await asyncio.sleep(LOOK_S)

    def detect(self, mesh: Mesh) -> tuple[Reversal, ...]:
        """What is reverted in this mesh. A journal that can't be read knows of no change."""
        if self._journal is None:
            return ()
        try:
            seen, version = self._looked
            if seen is mesh and version == self._journal.version:
                return self.found
            found = tuple(self._reversals(mesh))
            if not self._all_settled(found):
                return self.found
            for one in found:
                if not one.entry.reverted:
                    self._journal.reverted(one.entry.id, one.how)
            self._looked = mesh, self._journal.version
        except JournalError:
            return self.found
        if [one.how for one in found] != [one.how for one in self.found]:
            self.found = found
            self._changed()
        return found

    def notices(self) -> tuple[str, ...]:
        """A line for each, as long as it is news."""
        now = self._clock()
        return tuple(one.line for one in self.found if now - (one.at or now) < LOUD_S)

    def cautions(self, change_id: str) -> tuple[Caution, ...]:
        """How to keep the one who reverted it from doing so again."""
        pauses = (one.pause for one in self.found if one.entry.id == change_id)
        return tuple(Caution("warning", f"it may be reverted again; {p}") for p in pauses if p)

    def _all_settled(self, found: tuple[Reversal, ...]) -> bool:
        """False right after an own write, which the watch may not have brought yet."""
        now = self._clock()
        return all(now - (one.entry.finished or one.entry.created) > SETTLED_S for one in found)

    def looked_at(self) -> tuple[Entry, ...]:
        """The changes that are held against the mesh, as far as they can be read."""
        if self._journal is None:
            return ()
        return self._journal.entries(since=self._clock() - WATCH_S, limit=50)

    def _reversals(self, mesh: Mesh) -> Iterator[Reversal]:
        for entry, raw in _watched(self.looked_at(), mesh):
            spec = spec_of(raw)
            if stands(entry.record, spec):
                continue
            by, at = _writer(raw, entry)
            words = what_now(entry.record, entry.after, spec)
            yield Reversal(entry, by, at, words, how_to_pause(raw, by))


def _watched(entries: tuple[Entry, ...], mesh: Mesh) -> Iterator[tuple[Entry, Json]]:
    """Changes that stand by the journal and were not overtaken by a later one of its own.

    An object that is gone, or was made anew, is another matter.
    """
    newest: dict[object, Entry] = {}
    for entry in entries:
        if not entry.took_effect or any(o["path"] == "" for o in entry.patch):
            continue
        place = (entry.target.kind, entry.target.namespace, entry.target.name)
        latest = newest.setdefault(place, entry)
        item = object_of(mesh, entry.target)
        if item is None or item.ref.uid != entry.target.uid or entry.undone_by:
            continue
        if stands(entry.record, latest.spec_after):
            yield entry, item.raw


def _writer(raw: Json, entry: Entry) -> tuple[str, float]:
    """Who wrote last, where that was after our own write."""
    manager, at = last_writer(raw)
    if not manager or at < entry.created - SETTLED_S:
        return "somebody who left no name", 0.0
    return ("another meshtui" if manager == "meshtui" else manager), at
