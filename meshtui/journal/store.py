"""The journal's file: SQLite, one for each cluster, safe with several processes at once."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import re
import secrets
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from meshtui.changes.change import Change
from meshtui.errors import JournalError, NotFound
from meshtui.journal.entry import TOOK_EFFECT, Entry, Made, Status, entry_of, grouped, whole_id
from meshtui.mesh.model import ServiceKey
from meshtui.paths import state_dir

_FIRST_SCHEMA = """
CREATE TABLE IF NOT EXISTS changes (
  id TEXT PRIMARY KEY, created REAL NOT NULL, who TEXT NOT NULL, host TEXT NOT NULL,
  pid INTEGER NOT NULL, context TEXT NOT NULL, verb TEXT NOT NULL,
  namespace TEXT NOT NULL, service TEXT NOT NULL,
  kind TEXT NOT NULL, object_namespace TEXT NOT NULL, object_name TEXT NOT NULL,
  uid TEXT NOT NULL, rule TEXT NOT NULL, words TEXT NOT NULL,
  patch TEXT NOT NULL, inverse TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
  spec_before TEXT NOT NULL, spec_after TEXT NOT NULL, resource_version TEXT NOT NULL,
  status TEXT NOT NULL, finished REAL, detail TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '{}', undoes TEXT NOT NULL DEFAULT '',
  undone_by TEXT NOT NULL DEFAULT '', expires REAL);
CREATE INDEX IF NOT EXISTS changes_by_service ON changes (namespace, service, created);
CREATE INDEX IF NOT EXISTS changes_by_status ON changes (status);
"""
_PARTS = """
ALTER TABLE changes ADD COLUMN part_of TEXT NOT NULL DEFAULT '';
ALTER TABLE changes ADD COLUMN begun REAL;
ALTER TABLE changes ADD COLUMN spec_stored TEXT NOT NULL DEFAULT '';
CREATE INDEX changes_by_whole ON changes (part_of);
"""
_MIGRATIONS = (_FIRST_SCHEMA, _PARTS)
"""What makes each version of the schema from the one before it; rows of all of them stay."""

SCHEMA_VERSION = len(_MIGRATIONS)
BUSY_TIMEOUT_S = 5.0
LONGEST_WRITE_S = 120.0
"""How long an intent may still be in the making. A write takes ten seconds at most; a process
number that is in use says little by then, and that of another machine (a shared home) nothing."""


class Journal:
    """Every change to one cluster, oldest first. Raises `JournalError` where the disk says no."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        with _told(path):
            self._connection = _connect(path)

    @classmethod
    def for_cluster(cls, server: str, clock: Callable[[], float] = time.time) -> Journal:
        """The journal of the cluster behind the API server's URL `server`."""
        return cls(journal_path(server), clock)

    def close(self) -> None:
        self._connection.close()

    def begin(self, change: Change, context: str) -> str:
        """Puts the intent on disk, durably, and gives the change its identity."""
        now = self._clock()
        row = self._new_row(change, context, now) | {"id": _new_id(now), "status": Status.INTENT}
        self._insert([row])
        return str(row["id"])

    def begin_parts(self, changes: Sequence[Change], context: str) -> tuple[str, ...]:
        """The same for changes that are made as one, in this order; each is queued at first.

        Gives each part's identity, of which `whole_id` is that of the whole.
        """
        now = self._clock()
        whole = _new_id(now)
        joint = {"part_of": whole, "status": Status.QUEUED}
        rows = [
            self._new_row(change, context, now) | joint | {"id": f"{whole}.{number}"}
            for number, change in enumerate(changes, 1)
        ]
        self._insert(rows)
        return tuple(str(row["id"]) for row in rows)

    def start(self, change_id: str, change: Change) -> None:
        """The turn of a part has come, in the form that is going to be written now."""
        values = {**_columns(change), "id": change_id, "begun": self._clock()}
        values["status"] = Status.INTENT
        names = ", ".join(f"{name} = :{name}" for name in values)
        with _told(self.path), self._connection as transaction:
            transaction.execute(f"UPDATE changes SET {names} WHERE id = :id", values)  # noqa: S608

    def _new_row(self, change: Change, context: str, now: float) -> dict[str, Any]:
        expires = now + change.expires_s if change.expires_s else None
        made = {"created": now, "expires": expires, "context": context}
        by = {"who": _who(), "host": socket.gethostname(), "pid": os.getpid()}
        return {**_columns(change), **made, **by}

    def _insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """All of the rows or none."""
        names, marks = ", ".join(rows[0]), ", ".join(f":{name}" for name in rows[0])
        query = f"INSERT INTO changes ({names}) VALUES ({marks})"  # noqa: S608
        with _told(self.path), self._connection as transaction:
            transaction.executemany(query, rows)

    def settle(
        self,
        change_id: str,
        status: Status,
        detail: str = "",
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes how far the change came; once it took effect, what it undoes counts as undone."""
        with _told(self.path), self._connection as transaction:
            transaction.execute(
                "UPDATE changes SET status = ?, finished = ?, detail = ?, result = ? WHERE id = ?",
                (status, self._clock(), detail, json.dumps(result or {}), change_id),
            )
            if status in TOOK_EFFECT:
                _mark_undone(transaction, change_id)

    def close_limit(self, change_id: str) -> None:
        """The change has no time limit any more: what it did was taken back some other way."""
        with _told(self.path), self._connection as transaction:
            transaction.execute("UPDATE changes SET expires = NULL WHERE id = ?", (change_id,))

    def get(self, change_id: str) -> Entry:
        """The whole change with this identity, or the only one that begins so."""
        beginning = whole_id(change_id)
        rows = self._rows("SELECT * FROM changes WHERE ? IN (id, part_of)", (beginning,))
        rows = rows or self._rows(
            "SELECT * FROM changes WHERE substr(id, 1, ?) = ?", (len(beginning), beginning)
        )
        found = grouped(rows)
        if len(found) != 1 or not beginning:
            many = "more than one change begins" if found else "the journal has no change"
            raise NotFound(f"{many} with {change_id!r}", "`meshtui journal` lists them")
        return found[0]

    def part(self, change_id: str) -> Entry:
        """One object's own entry, by its whole identity."""
        rows = self._rows("SELECT * FROM changes WHERE id = ?", (change_id,))
        if not rows:
            raise NotFound(f"the journal has no change {change_id!r}")
        return rows[0]

    def changes(
        self,
        *,
        service: ServiceKey | None = None,
        since: float = 0.0,
        who: str = "",
        limit: int = 200,
    ) -> tuple[Entry, ...]:
        """The newest `limit` changes that fit, each whole in one entry, newest first."""
        rows = self.entries(service=service, since=since, who=who, limit=limit)
        found = grouped(rows)
        return tuple(self.get(entry.id) if entry.parts else entry for entry in found)

    def entries(
        self,
        *,
        service: ServiceKey | None = None,
        since: float = 0.0,
        who: str = "",
        limit: int = 200,
    ) -> tuple[Entry, ...]:
        """The newest `limit` changes of one object each that fit, newest first."""
        query = "SELECT * FROM changes WHERE created >= ?"
        values: list[Any] = [since]
        if service is not None:
            query += " AND namespace = ? AND service = ?"
            values += [service.namespace, service.name]
        if who:
            query += " AND who LIKE ?"
            values.append(f"%{who}%")
        return self._rows(f"{query} ORDER BY created DESC, rowid DESC LIMIT ?", (*values, limit))

    def made(self, service: ServiceKey, since: float, limit: int = 200) -> tuple[Made, ...]:
        """The newest that took effect, the oldest first; asked at each tick, so nothing more."""
        query = (
            "SELECT created, verb, words, who FROM changes WHERE namespace = ? AND service = ? "
            "AND created >= ? AND status IN (?, ?) ORDER BY created DESC, rowid DESC LIMIT ?"
        )
        values = (service.namespace, service.name, since, *TOOK_EFFECT, limit)
        with _told(self.path):
            rows = self._connection.execute(query, values).fetchall()
        return tuple(Made(at, verb, tuple(json.loads(s)), who) for at, verb, s, who in rows[::-1])

    @property
    def version(self) -> tuple[int, int]:
        """Another one after each write, whoever made it; costs no look at the changes."""
        with _told(self.path):
            (others,) = self._connection.execute("PRAGMA data_version").fetchone()
        return others, self._connection.total_changes

    def last_undoable(self, service: ServiceKey | None = None) -> Entry | None:
        """The newest whole change that took effect, is not undone and is itself no undo."""
        query = "SELECT * FROM changes WHERE status IN (?, ?) AND undone_by = '' AND undoes = ''"
        values: list[Any] = list(TOOK_EFFECT)
        if service is not None:
            query += " AND namespace = ? AND service = ?"
            values += [service.namespace, service.name]
        found = self._rows(f"{query} ORDER BY created DESC, rowid DESC LIMIT 1", values)
        return self.get(found[0].id) if found else None

    def limited(self) -> tuple[Entry, ...]:
        """Changes that stand and have a time limit, the next to end first."""
        return self._rows(
            "SELECT * FROM changes WHERE expires IS NOT NULL AND undone_by = '' "
            "AND status IN (?, ?) ORDER BY expires",
            tuple(TOOK_EFFECT),
        )

    def interrupted(self) -> tuple[Entry, ...]:
        """Changes of which nobody knows whether they were written: no answer, or a process gone."""
        rows = self._rows(
            "SELECT * FROM changes WHERE status IN (?, ?, ?) ORDER BY created, rowid",
            (Status.QUEUED, Status.INTENT, Status.UNANSWERED),
        )
        now = self._clock()
        return tuple(e for e in rows if e.status is Status.UNANSWERED or not _alive(e, now))

    def _rows(self, query: str, values: Sequence[Any]) -> tuple[Entry, ...]:
        with _told(self.path):
            return tuple(entry_of(row) for row in self._connection.execute(query, values))


def _mark_undone(transaction: sqlite3.Connection, change_id: str) -> None:
    """What this change undoes is undone; what that one had undone stands again."""
    (undone,) = transaction.execute(
        "SELECT undoes FROM changes WHERE id = ?", (change_id,)
    ).fetchone()
    if undone:
        transaction.execute("UPDATE changes SET undone_by = '' WHERE undone_by = ?", (undone,))
        transaction.execute("UPDATE changes SET undone_by = ? WHERE id = ?", (change_id, undone))


def journal_path(server: str) -> Path:
    """One file for each API server, readable by its host, told apart by the whole URL.

    A user and password in it are no part of which cluster it is, and of no file's name.
    """
    server = re.sub(r"(?<=://)[^/?#]*@", "", server)
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", re.sub(r"^\w+://", "", server)).strip("-.")[:60]
    digest = hashlib.sha256(server.rstrip("/").encode()).hexdigest()[:8]
    return state_dir() / "journal" / f"{host or 'cluster'}-{digest}.sqlite"


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    _migrate(connection, path)
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        connection.close()
        raise JournalError(f"{path} was written by a newer meshtui", "use that one")
    while version < SCHEMA_VERSION:
        script = f"{_MIGRATIONS[version]} PRAGMA user_version = {version + 1};"
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script} COMMIT;")
        except sqlite3.OperationalError:
            # Another process may have been quicker.
            connection.rollback()
            if not _is_newer(connection, version):
                raise
        (version,) = connection.execute("PRAGMA user_version").fetchone()


def _is_newer(connection: sqlite3.Connection, version: int) -> bool:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(found > version)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """SQLite's and the disk's refusals as one line with a way out."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        hint = "free some space or set XDG_STATE_HOME to a place that can be written"
        raise JournalError(f"the journal {path} cannot be used ({error})", hint) from error


def _columns(change: Change) -> dict[str, Any]:
    return {
        "verb": change.verb,
        "namespace": change.service.namespace,
        "service": change.service.name,
        "kind": change.target.kind,
        "object_namespace": change.target.namespace,
        "object_name": change.target.name,
        "uid": change.target.uid,
        "rule": json.dumps(asdict(change.rule) if change.rule else None),
        "words": json.dumps(change.words),
        "patch": json.dumps(change.patch),
        "inverse": json.dumps(change.inverse),
        "before": json.dumps(change.before),
        "after": json.dumps(change.after),
        "spec_before": json.dumps(change.spec_before),
        "spec_after": json.dumps(change.spec_after),
        "resource_version": change.resource_version,
        "undoes": change.undoes,
    }


def _new_id(now: float) -> str:
    """Readable, in order of time, and unlike any other: day, time, four random digits.

    Until 0.1 the year was missing; such ids stay what they are.
    """
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(2)}"


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def _alive(entry: Entry, now: float) -> bool:
    """True where the process that wrote the intent may still be at it."""
    if now - (entry.begun or entry.created) >= LONGEST_WRITE_S:
        return False
    if entry.host != socket.gethostname():
        return True
    try:
        os.kill(entry.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
