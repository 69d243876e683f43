"""Journals of which one column of one row holds what no version of meshtui wrote there."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

COLUMNS = (
    *("id", "created", "who", "host", "pid", "context", "verb", "namespace", "service"),
    *("kind", "object_namespace", "object_name", "uid", "rule", "words", "patch", "inverse"),
    *("before", "after", "spec_before", "spec_after", "resource_version", "status", "finished"),
    *("detail", "result", "undoes", "undone_by", "expires"),
)

VALUES: dict[str, Any] = {
    "null": None,
    "empty": "",
    "word": "paused",
    "zero": 0,
    "negative": -1,
    "huge": 2**63 - 1,
    "float": 1e308,
    "infinite": float("inf"),
    "blob": b"\xff\xfe\x00",
    "json-null": "null",
    "json-true": "true",
    "json-nan": "NaN",
    "json-number": "7" * 5000,
    "json-list": "[]",
    "json-numbers": "[1]",
    "json-object": "{}",
    "json-half": '{"name": ',
    "json-deep": "[" * 100_000,
    "rule-of-tomorrow": '{"name": "a", "index": 0, "protocol": "http", "form": 2}',
    "rule-below-zero": '{"name": "", "index": -1, "protocol": "http"}',
    "rule-beyond": '{"name": "", "index": 99, "protocol": "smoke"}',
    "operation-of-tomorrow": '[{"op": "merge", "path": "/spec", "value": {}}]',
    "operation-without-value": '[{"op": "replace", "path": "/spec/http/0/route"}]',
    "operation-elsewhere": '[{"op": "remove", "path": "/metadata/name"}]',
    "operation-nowhere": '[{"op": "remove", "path": "/spec/http/7/fault"}]',
    "operation-appending": '[{"op": "add", "path": "/spec/http/-", "value": 1}]',
    "operation-without-slash": '[{"op": "remove", "path": "spec"}]',
    "operation-of-no-object": '[{"op": "add", "path": "", "value": {}}]',
    "removal": '[{"op": "remove", "path": ""}]',
    "destinations-number": '{"destinations": 5}',
    "destinations-odd": '{"destinations": [{"host": 1, "weight": "x"}]}',
    "mirrors-odd": '{"mirrors": [{"host": "a"}]}',
    "fault-word": '{"fault": "x"}',
    "spec-odd": '{"http": 5, "tcp": [5], "tls": {"a": 1}}',
    "spec-odd-rules": '{"http": [5, {"route": 7, "fault": [], "mirror": 1, "mirrors": "x"}]}',
}

BY_HAND = "CAST(x'ff41' AS TEXT)"
"""A text that is no UTF-8, as a disk that fails or another tool leaves it."""


def spoil(path: Path, change_id: str, column: str, value: Any) -> None:
    """Puts `value` there, whatever the table's constraints say; `BY_HAND` is an expression."""
    with sqlite3.connect(path) as file:
        names = ", ".join(row[1] for row in file.execute("PRAGMA table_info(changes)"))
        file.execute(f"CREATE TABLE loose ({names})")
        file.execute("INSERT INTO loose SELECT * FROM changes")
        file.execute("DROP TABLE changes")
        file.execute("ALTER TABLE loose RENAME TO changes")
        what = BY_HAND if value == BY_HAND else "?"
        values = (change_id,) if value == BY_HAND else (value, change_id)
        file.execute(f"UPDATE changes SET {column} = {what} WHERE id = ?", values)
    file.close()
