"""The runs of the canary autopilot: what a process needs to go on where another one ended."""

from __future__ import annotations

import sqlite3

from meshtui.dataclass import dataclass
from meshtui.mesh.model import ServiceKey

TABLE = """
CREATE TABLE canaries (
  id TEXT PRIMARY KEY, namespace TEXT NOT NULL, service TEXT NOT NULL,
  began REAL NOT NULL, updated REAL NOT NULL, who TEXT NOT NULL,
  over INTEGER NOT NULL, sentence TEXT NOT NULL, state TEXT NOT NULL);
CREATE INDEX canaries_by_service ON canaries (namespace, service, began);
"""


@dataclass(frozen=True, slots=True)
class CanaryRow:
    """A run as it was last written down. Times are seconds since the epoch."""

    id: str
    service: ServiceKey
    began: float
    updated: float
    who: str
    over: bool
    sentence: str
    state: str


def save(connection: sqlite3.Connection, row: CanaryRow) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO canaries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            row.service.namespace,
            row.service.name,
            row.began,
            row.updated,
            row.who,
            int(row.over),
            row.sentence,
            row.state,
        ),
    )


def newest(connection: sqlite3.Connection, service: ServiceKey | None) -> tuple[CanaryRow, ...]:
    """The newest run of each service, or of one."""
    rows = connection.execute("SELECT * FROM canaries ORDER BY began, id").fetchall()
    found = {(row["namespace"], row["service"]): _row(row) for row in rows}
    wanted = (row for row in found.values() if service is None or row.service == service)
    return tuple(sorted(wanted, key=lambda row: row.service))


def _row(row: sqlite3.Row) -> CanaryRow:
    return CanaryRow(
        row["id"],
        ServiceKey(row["namespace"], row["service"]),
        float(row["began"]),
        float(row["updated"]),
        row["who"],
        bool(row["over"]),
        row["sentence"],
        row["state"],
    )
