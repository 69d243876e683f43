"""What the journal holds, as the screen shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.mesh.model import ServiceKey
from meshtui.operations.types import Journaled

if TYPE_CHECKING:
    from meshtui.journal import Entry, Unread


def journaled(entry: Entry, denied: str = "", *, lapsed: bool = False) -> Journaled:
    """The entry without the objects that only an undo needs, and why it can't be taken back.

    `lapsed`: what it did was taken off some other way, so its time limit says nothing any more.
    """
    return Journaled(
        change_id=entry.id,
        created=entry.created,
        who=entry.who,
        verb=entry.verb,
        service=entry.service,
        words=entry.words,
        status=entry.status_words,
        detail=f"now {entry.reverted.partition(': ')[2]}" if entry.reverted else entry.detail,
        undone_by=entry.undone_by,
        expires=None if lapsed else entry.expires,
        took_effect=entry.took_effect or str(entry.status) == "recorded",
        denied=denied,
    )


def unread(row: Unread) -> Journaled:
    """What can be said of a change that this version cannot read."""
    return Journaled(
        change_id=row.id,
        created=row.created,
        who=row.who,
        verb=row.verb or "?",
        service=row.service or ServiceKey("?", "?"),
        words=row.words,
        status="newer version" if row.newer else "cannot be read",
        detail=f"not known what became of it: {row.why}",
        undone_by=row.undone_by,
        took_effect=False,
        denied=f"change {row.id or '?'} cannot be taken back from here: {row.why}",
        unread=True,
    )
