"""One change in the journal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from meshtui.changes.change import Operation, RuleRef
from meshtui.changes.undo import Record
from meshtui.mesh.model import Ref, ServiceKey


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

    parts: tuple[Entry, ...] = ()
    """Each object's own entry, where this one stands for a change of several."""

    @property
    def took_effect(self) -> bool:
        if self.parts:
            return any(part.took_effect for part in self.parts)
        return self.status in TOOK_EFFECT

    @property
    def stands(self) -> bool:
        """True where it took effect and was not taken back."""
        return self.took_effect and not self.undone_by

    @property
    def record(self) -> Record:
        """What undo needs of it."""
        return Record(self.id, self.rule, self.inverse, self.spec_before, self.spec_after)


@dataclass(frozen=True, slots=True)
class Made:
    """That a change was made, without the objects it is about."""

    created: float
    verb: str
    words: tuple[str, ...]
    who: str


def whole_id(change_id: str) -> str:
    """The identity of the whole change that `change_id` is, or is a part of."""
    return change_id.partition(".")[0]


def grouped(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """One entry for each change, however many objects it is about; in the order they came."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.part_of or entry.id, []).append(entry)
    return tuple(_one(found) for found in groups.values())


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


def entry_of(row: sqlite3.Row) -> Entry:
    """An entry from its row in the table `changes`."""
    rule = json.loads(row["rule"])
    return Entry(
        id=row["id"],
        created=row["created"],
        who=row["who"],
        host=row["host"],
        pid=row["pid"],
        context=row["context"],
        verb=row["verb"],
        service=ServiceKey(row["namespace"], row["service"]),
        target=Ref(row["kind"], row["object_namespace"], row["object_name"], row["uid"]),
        rule=RuleRef(**rule) if rule else None,
        words=tuple(json.loads(row["words"])),
        patch=tuple(json.loads(row["patch"])),
        inverse=tuple(json.loads(row["inverse"])),
        before=json.loads(row["before"]),
        after=json.loads(row["after"]),
        spec_before=json.loads(row["spec_before"]),
        spec_after=json.loads(row["spec_after"]),
        resource_version=row["resource_version"],
        status=Status(row["status"]),
        finished=row["finished"],
        detail=row["detail"],
        result=json.loads(row["result"]),
        undoes=row["undoes"],
        undone_by=row["undone_by"],
        expires=row["expires"],
        part_of=row["part_of"],
        begun=row["begun"],
    )
