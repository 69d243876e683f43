"""Who wrote an object last, by the managers the API server remembers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from meshtui.changes.change import Caution
from meshtui.errors import JournalError
from meshtui.mesh import read
from meshtui.mesh.model import Json, Ref
from meshtui.mesh.quantity import clock_time

if TYPE_CHECKING:
    from meshtui.journal import Journal

OURS = "meshtui"
SLACK_S = 5.0
"""How far the API server's clock and ours may be apart."""


def last_writer(raw: Json) -> tuple[str, float]:
    """Manager and time (seconds since the epoch) of the newest write; empty where unknown.

    The server notes whole seconds: of two that wrote in the same one, it is not us.
    """
    newest = max(_writes(raw), key=_newness, default={})
    return read.text(newest, "manager"), _time(newest)


def _writes(raw: Json) -> tuple[Json, ...]:
    """Those of the object itself: controllers write the status of a route all the time."""
    entries = read.objects(read.obj(raw, "metadata"), "managedFields")
    return tuple(entry for entry in entries if not read.text(entry, "subresource"))


def _newness(entry: Json) -> tuple[str, bool]:
    return read.text(entry, "time"), read.text(entry, "manager") != OURS


def managers(raw: Json) -> frozenset[str]:
    """All that wrote something of the object that still stands; empty where it does not tell."""
    return frozenset(read.text(entry, "manager") for entry in _writes(raw))


def wrote_since(raw: Json, began: float) -> bool:
    """Whether the last writer, or one since `began` (epoch seconds), is a meshtui.

    True also where the object does not tell its writers.
    """
    entries = _writes(raw)
    if not entries or last_writer(raw)[0] == OURS:
        return True
    ours = [entry for entry in entries if read.text(entry, "manager") == OURS]
    return any(_time(entry) >= began - SLACK_S for entry in ours)


def _time(entry: Json) -> float:
    """When the manager wrote, in seconds since the epoch; 0 where that is not known."""
    try:
        return datetime.fromisoformat(read.text(entry, "time")).timestamp()
    except ValueError:
        return 0.0


def other_writer(raw: Json, target: Ref, journal: Journal | None) -> tuple[Caution, ...]:
    """Says when the last write was another meshtui's: one that is not in this journal."""
    manager, at = last_writer(raw)
    if manager != OURS or journal is None:
        return ()
    try:
        entries = journal.entries(limit=1000)
    except JournalError:
        return ()
    own = (
        entry.finished or entry.created
        for entry in entries
        if entry.took_effect
        and entry.target.kind == target.kind
        and _place(entry.target) == _place(target)
    )
    if at <= max(own, default=0.0) + SLACK_S:
        return ()
    when = clock_time(at)
    text = f"another meshtui wrote this object at {when}: somebody else may be working on it"
    return (Caution("warning", text),)


def _place(ref: Ref) -> tuple[str, str]:
    return ref.namespace, ref.name
