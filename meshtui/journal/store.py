"""The journal's file: SQLite, one for each cluster, safe with several processes at once."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from meshtui.changes.change import Change, Together
from meshtui.errors import NotFound
from meshtui.journal import canaries, limits
from meshtui.journal.canaries import CanaryRow
from meshtui.journal.decode import decoded
from meshtui.journal.entry import TOOK_EFFECT, Entry, MadeChange, Status, Unread, grouped, whole_id
from meshtui.journal.file import JournalFile, journal_path
from meshtui.journal.open_limits import OpenLimits
from meshtui.journal.processes import alive
from meshtui.journal.rows import (
    columns,
    entries_of,
    insert,
    made_of,
    mark_undone,
    new_id,
    readable,
    together_text,
    unreadable,
    user_name,
)
from meshtui.mesh.model import Json, ServiceKey
from meshtui.mesh.nearest import near_names, nearest_words

_NEWEST = 200
"""Changes among which a nearest identity is looked for."""

_SINCE = "(created >= ? OR typeof(created) NOT IN ('real', 'integer'))"
"""A change whose time cannot be read may be of any time."""


class Journal:
    """Every change to one cluster. Raises `JournalError` where the disk says no.

    A row that this version cannot read keeps no other from being read: it is an `Unread`.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._file = JournalFile(path)
        self.time_limits = OpenLimits(self._file, lambda: self._clock())

    @classmethod
    def for_cluster(cls, server: str, clock: Callable[[], float] = time.time) -> Journal:
        """The journal of the cluster behind the API server's URL `server`."""
        return cls(journal_path(server), clock)

    def close(self) -> None:
        self._file.close()

    @property
    def only_read(self) -> str:
        """Why nothing can be written; empty where it can."""
        return str(self._file.refusal or "")

    def begin(self, change: Change, context: str) -> str:
        """Puts the intent on disk, durably, and gives the change its identity."""
        now = self._clock()
        row = self._new_row(change, context, now) | {"status": Status.INTENT}
        with self._file.writing() as transaction:
            change_id = self._unused_id(transaction, now)
            insert(transaction, [row | {"id": change_id}])
            limits.insert(transaction, change_id, change, row["expires"])
        return change_id

    def record(self, change: Change, context: str) -> str:
        """A change of the journal alone: of a time limit, or the way back of one."""
        now = self._clock()
        row = self._new_row(change, context, now) | {"status": Status.RECORDED, "finished": now}
        with self._file.writing() as transaction:
            change_id = self._unused_id(transaction, now)
            insert(transaction, [row | {"id": change_id}])
            limits.insert(transaction, change_id, change, row["expires"])
            limits.take_effect(transaction, change_id, now)
            mark_undone(transaction, change_id)
        return change_id

    def begin_parts(self, changes: Sequence[Change], context: str) -> tuple[str, ...]:
        """The same for changes that are made as one, in this order; each is queued at first.

        Gives each part's identity, of which `whole_id` is that of the whole.
        """
        now = self._clock()
        made = [self._new_row(change, context, now) for change in changes]
        with self._file.writing() as transaction:
            whole = self._unused_id(transaction, now)
            joint = {"part_of": whole, "status": Status.QUEUED}
            rows = [row | joint | {"id": f"{whole}.{at}"} for at, row in enumerate(made, 1)]
            insert(transaction, rows)
            for row, change in zip(rows, changes, strict=True):
                limits.insert(transaction, str(row["id"]), change, row["expires"])
        return tuple(str(row["id"]) for row in rows)

    @staticmethod
    def _unused_id(transaction: sqlite3.Connection, now: float) -> str:
        """Nobody else writes until the transaction is over."""
        transaction.execute("BEGIN IMMEDIATE")
        query = "SELECT 1 FROM changes WHERE id = ? OR part_of = ?"
        while transaction.execute(query, (change_id := new_id(now),) * 2).fetchone():
            pass
        return change_id

    def start(self, change_id: str, change: Change) -> None:
        """The turn of a part has come, in the form that is going to be written now."""
        values = {**columns(change), "id": change_id, "begun": self._clock()}
        values["status"] = Status.INTENT
        names = ", ".join(f"{name} = :{name}" for name in values)
        with self._file.writing() as transaction:
            transaction.execute(f"UPDATE changes SET {names} WHERE id = :id", values)  # noqa: S608

    def _new_row(self, change: Change, context: str, now: float) -> dict[str, Any]:
        expires = now + change.expires_s if change.expires_s else None
        made = {"created": now, "expires": expires, "context": context}
        made["together"] = together_text(change.together)
        by = {"who": user_name(), "host": socket.gethostname(), "pid": os.getpid()}
        return {**columns(change), **made, **by}

    def settle(
        self,
        change_id: str,
        status: Status,
        detail: str = "",
        result: Mapping[str, Any] | None = None,
        *,
        spec_stored: Json | None = None,
    ) -> None:
        """Writes how far the change came; once it took effect, what it undoes counts as undone.

        `spec_stored` is what the server made of it; what is known of that stays.
        """
        columns = {"status": status, "finished": self._clock(), "detail": detail}
        columns["result"] = json.dumps(result or {})
        if spec_stored is not None:
            columns["spec_stored"] = json.dumps(spec_stored)
        names = ", ".join(f"{name} = :{name}" for name in columns)
        query = f"UPDATE changes SET {names} WHERE id = :id"  # noqa: S608
        with self._file.writing() as transaction:
            transaction.execute("BEGIN IMMEDIATE")
            found = transaction.execute("SELECT status FROM changes WHERE id = ?", (change_id,))
            (known,) = found.fetchone() or ("",)
            transaction.execute(query, {**columns, "id": change_id})
            if status in TOOK_EFFECT and known not in TOOK_EFFECT:
                limits.take_effect(transaction, change_id, self._clock())
                mark_undone(transaction, change_id)

    def age_s(self, entry: Entry) -> float:
        """Seconds since it was about to be written."""
        return self._clock() - (entry.begun or entry.created)

    def save_canary(self, row: CanaryRow) -> None:
        """Puts a run's state on disk, durably."""
        with self._file.writing() as transaction:
            canaries.save(transaction, row)

    def canaries(self, service: ServiceKey | None = None) -> tuple[CanaryRow, ...]:
        """The newest run of each service, or of one; none in a file that had none yet."""
        with self._file.reading() as connection:
            try:
                return canaries.newest(connection, service)
            except sqlite3.OperationalError:
                if not self._file.refusal:
                    raise
                return ()

    @property
    def now(self) -> float:
        """By the clock that gives changes their times."""
        return self._clock()

    def reverted(self, change_id: str, how: str) -> None:
        """Somebody else took the change back: by whom, when and to what, in words."""
        with self._file.writing() as transaction:
            transaction.execute(
                "UPDATE changes SET result = json_set(result, '$.reverted', ?) WHERE id = ?",
                (how, change_id),
            )

    def get(self, change_id: str) -> Entry:
        """The whole change with this identity, or the only one that begins so.

        Raises `NotFound`, or `JournalError` where it cannot be read.
        """
        beginning = whole_id(change_id)
        rows = self._rows("SELECT * FROM changes WHERE ? IN (id, part_of)", (beginning,))
        rows = rows or self._rows(
            "SELECT * FROM changes WHERE substr(id, 1, ?) = ?", (len(beginning), beginning)
        )
        found = grouped(rows)
        if len(found) != 1 or not beginning:
            many = "more than one change begins" if found else "the journal has no change"
            raise NotFound(f"{many} with {change_id!r}", self._near(beginning, found))
        return readable(found[0])

    def _near(self, beginning: str, found: Sequence[Entry | Unread]) -> str:
        """Those that begin so, else those that are called nearly so."""
        near = [row.id for row in found] if beginning else []
        if not near:
            known = [row.part_of or row.id for row in self.listing(limit=_NEWEST)]
            near = near_names(beginning, known)
        return nearest_words(beginning, near) if near else "`meshtui journal` lists them"

    def made_together(self, together: Together) -> Entry | None:
        """What was made here as part of a change of several clusters: the last that took effect.

        Raises `JournalError` where it cannot be read.
        """
        query = "SELECT * FROM changes WHERE together = ? ORDER BY created, rowid"
        found = grouped(self._rows(query, (together_text(together),)))
        took_effect = [row for row in found if isinstance(row, Unread) or row.took_effect]
        last = (took_effect or found)[-1:]
        return readable(last[0]) if last else None

    def part(self, change_id: str) -> Entry:
        """One object's own entry, by its whole identity."""
        rows = self._rows("SELECT * FROM changes WHERE id = ?", (change_id,))
        if not rows:
            raise NotFound(f"the journal has no change {change_id!r}")
        return readable(rows[0])

    def changes(
        self,
        *,
        service: ServiceKey | None = None,
        since: float = 0.0,
        who: str = "",
        limit: int = 200,
    ) -> tuple[Entry | Unread, ...]:
        """The newest `limit` changes that fit, each whole in one row, newest first."""
        rows = self.listing(service=service, since=since, who=who, limit=limit)
        return tuple(self._all_of(row) for row in grouped(rows))

    def _all_of(self, row: Entry | Unread) -> Entry | Unread:
        """With its parts that did not fit."""
        if isinstance(row, Unread) or not row.parts:
            return row
        query = "SELECT * FROM changes WHERE part_of = ?"
        return grouped(self._rows(query, (row.id,)))[0]

    def listing(
        self,
        *,
        service: ServiceKey | None = None,
        since: float = 0.0,
        who: str = "",
        limit: int = 200,
    ) -> tuple[Entry | Unread, ...]:
        """The newest `limit` changes of one object each that fit, newest first.

        Those that cannot be read are among them.
        """
        query, values = "SELECT * FROM changes WHERE TRUE", list[Any]()
        if since > 0:
            query, values = f"{query} AND {_SINCE}", [since]
        if service is not None:
            query += " AND namespace = ? AND service = ?"
            values += [service.namespace, service.name]
        if who:
            query += " AND who LIKE ?"
            values.append(f"%{who}%")
        return self._rows(f"{query} ORDER BY created DESC, rowid DESC LIMIT ?", (*values, limit))

    def entries(
        self,
        *,
        service: ServiceKey | None = None,
        since: float = 0.0,
        who: str = "",
        limit: int = 200,
    ) -> tuple[Entry, ...]:
        """The changes of `listing` that can be read."""
        return entries_of(self.listing(service=service, since=since, who=who, limit=limit))

    def made(self, service: ServiceKey, since: float, limit: int = 200) -> tuple[MadeChange, ...]:
        """The newest that took effect, the oldest first; asked at each tick, so nothing more."""
        query = (
            "SELECT created, verb, words, who FROM changes WHERE namespace = ? AND service = ? "
            "AND created >= ? AND status IN (?, ?) ORDER BY created DESC, rowid DESC LIMIT ?"
        )
        values = (service.namespace, service.name, since, *TOOK_EFFECT, limit)
        with self._file.reading() as connection:
            rows = connection.execute(query, values).fetchall()
        return tuple(made for row in rows[::-1] if (made := made_of(row)) is not None)

    @property
    def version(self) -> tuple[int, int]:
        """Another one after each write, whoever made it; costs no look at the changes."""
        with self._file.reading() as connection:
            (others,) = connection.execute("PRAGMA data_version").fetchone()
            return others, connection.total_changes

    def last_undoable(self, service: ServiceKey | None = None) -> Entry | None:
        """The newest change that took effect, is not undone and is itself no undo.

        Raises `JournalError` where a newer one cannot be read: it may be the one that is meant.
        """
        known = ", ".join("?" for _ in Status)
        query = (
            f"SELECT * FROM changes WHERE (status IN (?, ?) OR status NOT IN ({known}) "  # noqa: S608
            "OR (status = 'recorded' AND EXISTS (SELECT 1 FROM limits "
            f"WHERE change_id = changes.id AND {limits.OPEN}))) "
            "AND undone_by = '' AND undoes = ''"
        )
        values: list[Any] = [*TOOK_EFFECT, *Status]
        if service is not None:
            query += " AND namespace = ? AND service = ?"
            values += [service.namespace, service.name]
        found = self._rows(f"{query} ORDER BY created DESC, rowid DESC LIMIT 50", values)
        if found and isinstance(found[0], Unread):
            raise unreadable(found[0], *entries_of(found)[:1])
        return self.get(entries_of(found)[0].id) if found else None

    def limited(self) -> tuple[Entry, ...]:
        """Changes that have a time limit which is open, the next to end first."""
        ids = dict.fromkeys(limit.change_id for limit in self.time_limits.all())
        rows = (self._rows("SELECT * FROM changes WHERE id = ?", (found,)) for found in ids)
        return tuple(entry for found in rows for entry in entries_of(found))

    def limited_unread(self) -> tuple[Unread, ...]:
        """Changes that cannot be read and may have left on what should end by itself."""
        rows = self._rows(
            "SELECT * FROM changes WHERE expires IS NOT NULL AND undone_by = '' AND NOT EXISTS "
            "(SELECT 1 FROM limits WHERE change_id = changes.id AND closed IS NOT NULL) "
            "ORDER BY created DESC LIMIT 1000",
            (),
        )
        return tuple(row for row in rows if isinstance(row, Unread))

    def interrupted(self) -> tuple[Entry, ...]:
        """Changes of which nobody knows whether they were written: no answer, or a process gone."""
        rows = self._rows(
            "SELECT * FROM changes WHERE status IN (?, ?, ?) ORDER BY created, rowid",
            (Status.QUEUED, Status.INTENT, Status.UNANSWERED),
        )
        now = self._clock()
        return tuple(
            e for e in entries_of(rows) if e.status is Status.UNANSWERED or not alive(e, now)
        )

    def _rows(self, query: str, values: Sequence[Any]) -> tuple[Entry | Unread, ...]:
        with self._file.reading() as connection:
            return tuple(decoded(row) for row in connection.execute(query, values))
