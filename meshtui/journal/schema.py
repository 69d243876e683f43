"""The tables of the journal's file, and how an older file becomes a present one.

SQLite's `user_version` says which steps a file has been through. Steps 1 to 999 only add: a
table, or a column that may be left out. A file that has more of them than this version knows is
read and written as far as this version goes. A step that changes what older columns mean begins
the next thousand: a file of such a generation is read, and never written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from meshtui.journal import canaries, limits

GENERATION = 1000

FIRST = """
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

_TOGETHER = "ALTER TABLE changes ADD COLUMN together TEXT NOT NULL DEFAULT ''"


def _script(text: str) -> Callable[[sqlite3.Connection], None]:
    def run(connection: sqlite3.Connection) -> None:
        for statement in text.split(";"):
            if statement.strip():
                connection.execute(statement)

    return run


def _limits(connection: sqlite3.Connection) -> None:
    _script(limits.TABLE)(connection)
    limits.from_changes(connection)


STEPS: Sequence[Callable[[sqlite3.Connection], None]] = (
    _script(FIRST),
    _script(_PARTS),
    _limits,
    _script(canaries.TABLE),
    _script(_TOGETHER),
)
"""The steps in order; step n brings a file from version n - 1 to n. Only append to it."""


def version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def breaking(version: int) -> bool:
    """True where a file of this version may only be read."""
    return version >= GENERATION


def migrate(connection: sqlite3.Connection) -> None:
    """Runs the steps that the file lacks, all or none, once whoever else migrates."""
    if version_of(connection) >= len(STEPS):
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for step in STEPS[version_of(connection) :]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
