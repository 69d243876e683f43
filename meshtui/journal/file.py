"""The journal's file on disk: where it is, how it is opened, and in one line why it cannot be."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from meshtui.errors import JournalError
from meshtui.journal.schema import breaking, migrate, version_of
from meshtui.paths import state_dir

BUSY_TIMEOUT_S = 5.0
HINT = "free some space or set XDG_STATE_HOME to a place that can be written"


def journal_path(server: str) -> Path:
    """One file for each API server, readable by its host, told apart by the whole URL.

    A user and password in it are no part of which cluster it is, and of no file's name.
    """
    server = re.sub(r"(?<=://)[^/?#]*@", "", server)
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", re.sub(r"^\w+://", "", server)).strip("-.")[:60]
    digest = hashlib.sha256(server.rstrip("/").encode()).hexdigest()[:8]
    return state_dir() / "journal" / f"{host or 'cluster'}-{digest}.sqlite"


@contextlib.contextmanager
def failures(path: Path) -> Iterator[None]:
    """SQLite's and the disk's refusals as one line with a way out."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"the journal {path} cannot be used ({error})", HINT) from error


class JournalFile:
    """The open file: `refusal` is why it can only be read, None where it can be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection, self.refusal = connect(path)

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, all or nothing."""
        if self.refusal is not None:
            raise self.refusal
        with failures(self.path), self._connection:
            yield self._connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for queries alone."""
        with failures(self.path):
            yield self._connection


def connect(path: Path) -> tuple[sqlite3.Connection, JournalError | None]:
    """The file opened, and why it can only be read.

    A disk that cannot be written may still hold what was done: it is opened to be read where it
    is there at all. Raises `JournalError` where it is not, or is no journal.
    """
    try:
        with failures(path):
            return _writable(path)
    except JournalError as error:
        found = _readable(path)
        if found is None:
            raise
        return found, error


def _writable(path: Path) -> tuple[sqlite3.Connection, JournalError | None]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    connection = _prepared(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False))
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
        if not breaking(version_of(connection)):
            return connection, None
    except BaseException:
        connection.close()
        raise
    connection.execute("PRAGMA query_only = ON")
    newer = f"{path} was written by a newer meshtui in a form that this one can only read"
    return connection, JournalError(newer, "use that one to change anything")


def _readable(path: Path) -> sqlite3.Connection | None:
    """None where nothing can be read either.

    Without a write-ahead log beside it nothing is missing from the file, so no lock is needed.
    """
    logged = path.with_name(f"{path.name}-wal").exists()
    for options in ("mode=ro", *(() if logged else ("mode=ro&immutable=1",))):
        uri = f"file:{quote(str(path))}?{options}"
        try:
            connection = _prepared(
                sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
            )
        except sqlite3.Error:
            continue
        try:
            connection.execute("SELECT id FROM changes LIMIT 1").fetchall()
        except sqlite3.Error:
            connection.close()
            continue
        return connection
    return None


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Rows by name; text that is no UTF-8 in one row must not keep the others from being read."""
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection
