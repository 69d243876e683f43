"""The contract's JSON of what the journal holds."""

from __future__ import annotations

from typing import Any

from meshtui.cli.documents.times import iso
from meshtui.journal import Entry, Unread


def journal_json(row: Entry | Unread) -> dict[str, Any]:
    """One change of `journal -o json`. `unread` says why it cannot be read, null where it can.

    What is not known of such a one is null.
    """
    if isinstance(row, Entry):
        return {**entry_json(row), "unread": None}
    known = {
        "change": row.id or None,
        "time": iso(row.created) if row.created else None,
        "who": f"{row.who}@{row.host}",
        "verb": row.verb or None,
        "service": str(row.service) if row.service else None,
        "object": str(row.target) if row.target else None,
        "words": list(row.words),
        "status": row.status or None,
        "undone_by": row.undone_by or None,
        "expires": iso(row.expires) if row.expires else None,
        "unread": row.why,
    }
    return {**dict.fromkeys(_ONLY_READ), **known}


_ONLY_READ = (
    *("finished", "context", "rule", "detail", "undoes"),
    *("before", "after", "patch", "inverse", "proxies", "reverted"),
)
"""What only a change that can be read has."""


def entry_json(entry: Entry) -> dict[str, Any]:
    """One change of `journal -o json`; of several objects each one is in `changes`, too."""
    document = _one_entry(entry)
    if entry.parts:
        document["changes"] = [_one_entry(part) for part in entry.parts]
    return document


def _one_entry(entry: Entry) -> dict[str, Any]:
    return {
        "change": entry.id,
        "time": iso(entry.created),
        "finished": iso(entry.finished) if entry.finished else None,
        "who": f"{entry.who}@{entry.host}",
        "context": entry.context,
        "verb": entry.verb,
        "service": str(entry.service),
        "object": str(entry.target),
        "rule": str(entry.rule) if entry.rule else None,
        "words": list(entry.words),
        "status": str(entry.status),
        "detail": entry.detail or None,
        "reverted": entry.reverted or None,
        "undoes": entry.undoes or None,
        "undone_by": entry.undone_by or None,
        "expires": iso(entry.expires) if entry.expires else None,
        "before": dict(entry.before),
        "after": dict(entry.after),
        "patch": list(entry.patch),
        "inverse": list(entry.inverse),
        "proxies": dict(entry.result),
    }
