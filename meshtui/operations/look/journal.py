"""What the journal holds, as the screen shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.operations.types import Journaled

if TYPE_CHECKING:
    from meshtui.journal import Entry


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
        status=str(entry.status),
        detail=entry.detail,
        undone_by=entry.undone_by,
        expires=None if lapsed else entry.expires,
        took_effect=entry.took_effect,
        denied=denied,
    )
