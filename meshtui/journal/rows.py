"""The rows of the journal's table of changes: what is written in them, and what they say."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from meshtui.changes.change import Change, Together
from meshtui.errors import JournalError
from meshtui.journal.decode import Undecodable, words_of
from meshtui.journal.entry import Entry, MadeChange, Unread


def insert(transaction: sqlite3.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    names, marks = ", ".join(rows[0]), ", ".join(f":{name}" for name in rows[0])
    transaction.executemany(f"INSERT INTO changes ({names}) VALUES ({marks})", rows)  # noqa: S608


def entries_of(rows: Sequence[Entry | Unread]) -> tuple[Entry, ...]:
    return tuple(row for row in rows if isinstance(row, Entry))


def readable(row: Entry | Unread) -> Entry:
    if isinstance(row, Unread):
        raise unreadable(row)
    return row


def unreadable(row: Unread, *others: Entry) -> JournalError:
    """`others`: what could be meant instead."""
    hint = "".join(
        f"`meshtui undo {other.id}` takes back the last one that can" for other in others
    )
    return JournalError(
        f"change {row.id or '?'} cannot be read ({row.why})",
        hint or "use the meshtui that wrote it",
    )


def made_of(row: sqlite3.Row) -> MadeChange | None:
    """None where a column is not what this version knows."""
    at, verb, words, who = row
    try:
        summary = words_of(words)
    except Undecodable:
        return None
    known = isinstance(at, int | float) and isinstance(verb, str) and isinstance(who, str)
    return MadeChange(at, verb, summary, who) if known else None


def mark_undone(transaction: sqlite3.Connection, change_id: str) -> None:
    """What this change undoes is undone; what that one had undone stands again."""
    (undone,) = transaction.execute(
        "SELECT undoes FROM changes WHERE id = ?", (change_id,)
    ).fetchone()
    if undone:
        transaction.execute("UPDATE changes SET undone_by = '' WHERE undone_by = ?", (undone,))
        transaction.execute(
            "UPDATE changes SET undone_by = :by WHERE id = :undone OR (:undone IN (SELECT id FROM "
            "changes WHERE status = 'recorded') AND EXISTS (SELECT 1 FROM changes WHERE id = :by "
            "AND status != 'recorded') AND id IN (SELECT maker FROM limits "
            "WHERE change_id = :undone AND maker != ''))",
            {"by": change_id, "undone": undone},
        )


def columns(change: Change) -> dict[str, Any]:
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


def together_text(together: Together | None) -> str:
    """What the column of that name holds, the same in the journals of all its clusters."""
    return json.dumps(asdict(together)) if together else ""


def new_id(now: float) -> str:
    """Readable, in order of time, and unlike any other: day, time, four random digits.

    Until 0.1 the year was missing; such ids stay what they are.
    """
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(2)}"


def user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
