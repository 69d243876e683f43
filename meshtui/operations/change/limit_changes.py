"""Another time limit for what is on already: a change of the journal, and its way back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.changes.change import Change
from meshtui.errors import Refused
from meshtui.mesh.quantity import human_duration

if TYPE_CHECKING:
    from meshtui.journal import Entry, Journal


def limit_change(journal: Journal, change: Change) -> Change:
    """`change`, whose effects are on already, as one of the journal.

    As it is where the limit is that one already. What is on and not known to the journal has none.
    """
    known = [journal.time_limits.of(change.target, effect) for effect in change.guards]
    ends = {limit.ends if limit else None for limit in known}
    if change.expires_s is None and ends == {None}:
        return change
    before = ", ".join(sorted(_left(end, journal.now) for end in ends))
    after = human_duration(change.expires_s) if change.expires_s else "none"
    what = " and ".join(dict.fromkeys(effect.kind for effect in change.guards))
    return replace(change, records=True, words=(f"time limit of the {what}: {before} → {after}",))


def _left(end: float | None, now: float) -> str:
    if end is None:
        return "none"
    return f"{human_duration(end - now)} left" if end > now else "over"


def undo_limit(journal: Journal, entry: Entry) -> Change:
    """The way back of a change of the journal. Raises `Refused` where it has no effect any more."""
    if entry.undone_by:
        raise Refused(f"change {entry.id} was taken back already, by {entry.undone_by}")
    if not (entry.undoes or journal.time_limits.guards(entry.id)):
        raise Refused(
            f"the time limit of change {entry.id} says nothing any more",
            "what it is about was taken off or changed since",
        )
    return Change(
        verb="undo",
        service=entry.service,
        target=entry.target,
        resource_version=entry.resource_version,
        rule=entry.rule,
        patch=(),
        inverse=(),
        before=entry.before,
        after=entry.after,
        words=tuple(f"takes back: {text}" for text in entry.words),
        spec_before=entry.spec_before,
        spec_after=entry.spec_after,
        undoes=entry.id,
        records=True,
    )
