"""One change in the journal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from meshtui.changes.change import Operation, RuleRef
from meshtui.changes.undo import Record
from meshtui.mesh.model import Ref, ServiceKey


class Status(StrEnum):
    """How far a change is known to have come."""

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

    @property
    def took_effect(self) -> bool:
        return self.status in TOOK_EFFECT

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
    )
