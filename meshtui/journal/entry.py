"""One change in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Any

from meshtui.changes.change import Operation, RuleRef, Together
from meshtui.changes.undo import Record
from meshtui.dataclass import dataclass
from meshtui.mesh.model import Ref, ServiceKey
from meshtui.mesh.quantity import number_of


class Status(StrEnum):
    """How far a change is known to have come."""

    QUEUED = "queued"
    """A part of a change of several objects whose turn has not come: it is not written."""

    INTENT = "intent"
    """About to be written; after a crash: not known whether it was."""

    WRITTEN = "written"
    """The API server took it; not (yet) seen in the proxies."""

    VERIFIED = "verified"
    """Every proxy that was asked serves it."""

    FAILED = "failed"
    """Refused or conflicting: nothing was written."""

    UNANSWERED = "unanswered"
    """Sent, and the connection broke before the answer: to be found out."""

    RECORDED = "recorded"
    """Only the journal was changed: nothing was to be written to the cluster."""

    UNKNOWN = "unknown"
    """Interrupted, and what is there now does not tell whether it was written."""

    PARTIAL = "partial"
    """Of several objects only some were changed. Never a row's own status: that of its group."""


TOOK_EFFECT = (Status.WRITTEN, Status.VERIFIED)


@dataclass(frozen=True, slots=True)
class Entry:
    """A change as the journal holds it. Times are seconds since the epoch."""

    id: str
    created: float
    who: str
    host: str
    pid: int
    context: str
    verb: str
    service: ServiceKey
    target: Ref
    rule: RuleRef | None
    words: tuple[str, ...]
    patch: tuple[Operation, ...]
    inverse: tuple[Operation, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    spec_before: Mapping[str, Any] = field(repr=False)
    spec_after: Mapping[str, Any] = field(repr=False)
    resource_version: str
    status: Status
    finished: float | None = None
    detail: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    undoes: str = ""
    undone_by: str = ""
    expires: float | None = None
    part_of: str = ""
    """The identity of the change of several objects that this is a part of."""

    begun: float | None = None
    """When this part's turn came."""

    spec_stored: Mapping[str, Any] | None = field(default=None, repr=False)
    """What the server stored of it, with its defaults; None where it did not say."""

    together: Together | None = None
    """With which changes of other clusters it was made; None where it was made alone."""

    parts: tuple[Entry, ...] = ()
    """Each object's own entry, where this one stands for a change of several."""

    @property
    def took_effect(self) -> bool:
        if self.parts:
            return any(part.took_effect for part in self.parts)
        return self.status in TOOK_EFFECT

    @property
    def reverted(self) -> str:
        """How somebody else took it back, in words; empty where nobody was seen to."""
        if self.parts:
            return "; ".join(dict.fromkeys(part.reverted for part in self.parts if part.reverted))
        mine = self.result.get("reverted")
        return mine if isinstance(mine, str) else ""

    @property
    def status_words(self) -> str:
        """How it ended; `reverted by argocd-controller at 03:12:07` where somebody took it back."""
        if self.reverted:
            return f"reverted {self.reverted.partition(': ')[0]}"
        return str(self.status)

    @property
    def stands(self) -> bool:
        """True where it took effect and was not taken back."""
        return self.took_effect and not self.undone_by

    @property
    def spec_left(self) -> Mapping[str, Any]:
        """The object's spec as the change left it."""
        return self.spec_after if self.spec_stored is None else self.spec_stored

    @property
    def record(self) -> Record:
        """What undo needs of it."""
        return Record(
            self.id, self.rule, self.inverse, self.spec_before, self.spec_after, self.spec_stored
        )


@dataclass(frozen=True, slots=True)
class MadeChange:
    """That a change was made, without the objects it is about."""

    created: float
    verb: str
    words: tuple[str, ...]
    who: str


def whole_id(change_id: str) -> str:
    """The identity of the whole change that `change_id` is, or is a part of."""
    return change_id.partition(".")[0]


def grouped(rows: Iterable[Entry | Unread]) -> tuple[Entry | Unread, ...]:
    """One row for each change, however many objects it is about; in the order they came.

    A change of which one part cannot be read cannot be read.
    """
    groups: dict[str, list[Entry | Unread]] = {}
    for row in rows:
        groups.setdefault(row.part_of or row.id, []).append(row)
    return tuple(_whole(found) for found in groups.values())


def _whole(rows: Sequence[Entry | Unread]) -> Entry | Unread:
    unread = next((row for row in rows if isinstance(row, Unread)), None)
    if unread is not None:
        return replace(unread, id=unread.part_of or unread.id, part_of="")
    return _one([row for row in rows if isinstance(row, Entry)])


def _one(rows: Sequence[Entry]) -> Entry:
    if not rows[0].part_of:
        return rows[0]
    parts = tuple(sorted(rows, key=lambda part: (len(part.id), part.id)))
    first = parts[0]
    return replace(
        first,
        id=first.part_of,
        part_of="",
        parts=parts,
        words=tuple(text for part in parts for text in part.words),
        status=status_of(parts),
        finished=max((part.finished for part in parts if part.finished), default=None),
        detail="; ".join(dict.fromkeys(part.detail for part in parts if part.detail)),
        undoes=whole_id(first.undoes),
        undone_by=_undone_by(parts),
        expires=min((part.expires for part in parts if part.expires), default=None),
    )


def status_of(parts: Iterable[Entry]) -> Status:
    """That of a change of several objects: what is not known yet first, then the least done."""
    found = {part.status for part in parts}
    for status in (Status.INTENT, Status.UNANSWERED, Status.UNKNOWN, Status.QUEUED):
        if status in found:
            return status
    if Status.FAILED in found:
        return Status.PARTIAL if found & set(TOOK_EFFECT) else Status.FAILED
    return Status.WRITTEN if Status.WRITTEN in found else Status.VERIFIED


def _undone_by(parts: Iterable[Entry]) -> str:
    """What took the last of it back; empty as long as a part of it stands."""
    done = [part for part in parts if part.took_effect]
    if any(part.stands for part in done):
        return ""
    return max((whole_id(part.undone_by) for part in done), default="")


@dataclass(frozen=True, slots=True)
class Unread:
    """A change that this version cannot read whole: what can be said of it, and in `why` what not.

    What it did counts as unknown. `created` is 0 and a text empty where that is not known either.
    """

    id: str
    why: str
    newer: bool = False
    """Whole, but in a form that only a newer version writes; else it is damaged."""

    created: float = 0.0
    who: str = ""
    host: str = ""
    verb: str = ""
    service: ServiceKey | None = None
    target: Ref | None = None
    words: tuple[str, ...] = ()
    status: str = ""
    undone_by: str = ""
    expires: float | None = None
    part_of: str = ""


def count_unread(rows: Iterable[Entry | Unread]) -> str:
    """How many of the rows cannot be read, in words; empty where all can."""
    unread = [row for row in rows if isinstance(row, Unread)]
    newer = sum(row.newer for row in unread)
    damaged = len(unread) - newer
    parts = ((newer, "of a newer version"), (damaged, "that cannot be read"))
    return " and ".join(f"{number_of(n, 'entry', 'entries')} {what}" for n, what in parts if n)
