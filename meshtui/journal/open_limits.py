"""The time limits that are open: read, claimed by one of several processes, put off, closed."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable

from meshtui.changes.change import Effect
from meshtui.journal import limits
from meshtui.journal.file import JournalFile
from meshtui.journal.limits import Limit
from meshtui.journal.processes import claimed
from meshtui.mesh.model import Ref


class OpenLimits:
    """Those of one journal's file. Raises `JournalError` where the disk refuses."""

    def __init__(self, file: JournalFile, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock

    def close(self, gone: Iterable[Limit]) -> None:
        """These are about what somebody else took off; not those opened again meanwhile."""
        now = self._clock()
        with self._file.writing() as transaction:
            for limit in gone:
                transaction.execute(
                    f"UPDATE limits SET closed = ?, closed_by = ? WHERE id = ? AND opened = ? "  # noqa: S608
                    f"AND {limits.OPEN}",
                    (now, limits.SOMEBODY, limit.id, limit.opened),
                )

    def all(self) -> tuple[Limit, ...]:
        """The time limits of what is on as far as it is known here, the next to end first."""
        query = f"SELECT * FROM limits WHERE {limits.OPEN} AND ends IS NOT NULL ORDER BY ends, id"  # noqa: S608
        with self._file.reading() as connection:
            found = map(limits.limit_of, connection.execute(query).fetchall())
            return tuple(limit for limit in found if limit is not None)

    def unread(self) -> int:
        """How many limits that may be open cannot be read."""
        query = f"SELECT * FROM limits WHERE {limits.OPEN}"  # noqa: S608
        with self._file.reading() as connection:
            rows = connection.execute(query).fetchall()
        return sum(limits.limit_of(row) is None for row in rows)

    def of(self, target: Ref, effect: Effect) -> Limit | None:
        """What is known of this effect's time limit, also that it has none."""
        with self._file.reading() as connection:
            return limits.open_limit(connection, target, effect)

    def guards(self, change_id: str) -> bool:
        """True where what the change said of a time limit still holds."""
        query = f"SELECT 1 FROM limits WHERE change_id = ? AND {limits.OPEN}"  # noqa: S608
        with self._file.reading() as connection:
            return connection.execute(query, (change_id,)).fetchone() is not None

    def claim(self, change_id: str, retry_s: float) -> bool:
        """True for the one of several meshtuis that shall end this change now.

        The others wait for `retry_s` seconds, or until that one is gone.
        """
        now, me = self._clock(), f"{socket.gethostname()} {os.getpid()}"
        query = f"SELECT next_try, tried_by FROM limits WHERE change_id = ? AND {limits.OPEN}"  # noqa: S608
        with self._file.writing() as transaction:
            transaction.execute("BEGIN IMMEDIATE")
            rows = transaction.execute(query, (change_id,)).fetchall()
            if not rows or any(claimed(at, by, now) for at, by in rows):
                return False
            transaction.execute(
                "UPDATE limits SET next_try = ?, tried_by = ? WHERE change_id = ?",
                (now + retry_s, me, change_id),
            )
        return True

    def postpone(self, change_id: str, seconds: float) -> None:
        """What could not be ended is tried again then, by anyone."""
        with self._file.writing() as transaction:
            transaction.execute(
                "UPDATE limits SET next_try = ?, tried_by = '' WHERE change_id = ?",
                (self._clock() + seconds, change_id),
            )

    def replaced(self, change_id: str) -> bool:
        """True where something that the change put on is not its own affair any more."""
        query = "SELECT 1 FROM limits WHERE change_id = ? AND closed IS NOT NULL"
        with self._file.reading() as connection:
            return connection.execute(query, (change_id,)).fetchone() is not None
