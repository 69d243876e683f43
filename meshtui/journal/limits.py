"""Time limits as facts of their own: what each guards, when it ends, and what closed it.

A limit is opened when its change took effect. It is closed by whatever ends or replaces the fault
or the mirror that it guards, and opened again where that is taken back. A row without an end says
that there is none: it took the place of one that had.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from meshtui.changes.change import Change, Effect
from meshtui.changes.effects import effects_of
from meshtui.dataclass import dataclass
from meshtui.journal.decode import LATEST
from meshtui.mesh.gateway_api import ROUTE_KINDS
from meshtui.mesh.model import Json, Ref

TABLE = """
CREATE TABLE limits (
  id INTEGER PRIMARY KEY, change_id TEXT NOT NULL, maker TEXT NOT NULL DEFAULT '',
  kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL,
  protocol TEXT NOT NULL, rule TEXT NOT NULL, number INTEGER NOT NULL,
  effect TEXT NOT NULL, mirror_to TEXT NOT NULL, was TEXT NOT NULL, left_as TEXT NOT NULL,
  ends REAL, opened REAL, closed REAL, closed_by TEXT NOT NULL DEFAULT '',
  next_try REAL NOT NULL DEFAULT 0, tried_by TEXT NOT NULL DEFAULT '');
CREATE INDEX limits_open ON limits (namespace, name) WHERE closed IS NULL;
CREATE INDEX limits_by_change ON limits (change_id);
"""
OPEN = "opened IS NOT NULL AND closed IS NULL"
SOMEBODY = "somebody else"


@dataclass(frozen=True, slots=True)
class Limit:
    """`was` is what the effect was before the change, None where it was not on, `left` what after.

    Times are seconds since the epoch; `ends` is None where there is no limit.
    """

    id: int
    change_id: str
    maker: str
    """The change that put the effect on, as far as it is known."""

    target: Ref
    effect: Effect
    was: Any
    left: Any
    ends: float | None
    opened: float


def limit_of(row: sqlite3.Row) -> Limit | None:
    """None where a column holds what this version does not know."""
    texts = [row[key] for key in ("change_id", "maker", "kind", "namespace", "name", "uid")]
    texts += [row[key] for key in ("protocol", "rule", "effect", "mirror_to", "was", "left_as")]
    times = [row["opened"] or 0.0, *([] if row["ends"] is None else [row["ends"]])]
    if not all(isinstance(text, str) for text in texts):
        return None
    if not all(isinstance(at, int | float) and 0 <= at <= LATEST for at in times):
        return None
    try:
        was, left, (_, _) = (json.loads(row[key]) for key in ("was", "left_as", "rule"))
    except (ValueError, TypeError, RecursionError):
        return None
    if row["kind"] not in ("VirtualService", *ROUTE_KINDS) or not isinstance(row["id"], int):
        return None
    if row["effect"] not in ("delay", "abort", "mirror") or not isinstance(row["number"], int):
        return None
    target = Ref(row["kind"], row["namespace"], row["name"], row["uid"])
    effect = Effect(*(row[key] for key in ("protocol", "rule", "number", "effect", "mirror_to")))
    facts = row["id"], row["change_id"], row["maker"], target, effect, was, left
    return Limit(*facts, row["ends"], row["opened"] or 0.0)


def insert(
    transaction: sqlite3.Connection, change_id: str, change: Change, ends: float | None
) -> None:
    """The limits of a change that is going to be made, not open yet."""
    namespace = change.target.namespace
    before = effects_of(change.spec_before, namespace)
    after = effects_of(change.spec_after, namespace)
    for effect in change.guards:
        was, maker = before[effect].value if effect in before else None, change_id
        if change.records:
            known = open_limit(transaction, change.target, effect)
            was, maker = (known.was, known.maker) if known else (None, "")
        states = (json.dumps(was), json.dumps(after[effect].value))
        values = (change_id, maker, *_of(change.target), *_key(effect), *states, ends)
        transaction.execute(
            "INSERT INTO limits (change_id, maker, kind, namespace, name, uid, protocol, rule, "
            "number, effect, mirror_to, was, left_as, ends) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )


def open_limit(connection: sqlite3.Connection, target: Ref, effect: Effect) -> Limit | None:
    """The one that guards this effect now; one without an end counts."""
    row = connection.execute(
        f"SELECT * FROM limits WHERE {OPEN} AND kind = ? AND namespace = ? AND name = ? "  # noqa: S608
        "AND uid = ? AND protocol = ? AND rule = ? AND number = ? AND effect = ? "
        "AND mirror_to = ? ORDER BY id DESC LIMIT 1",
        (*_of(target), *_key(effect)),
    ).fetchone()
    return limit_of(row) if row else None


def take_effect(transaction: sqlite3.Connection, change_id: str, now: float) -> None:
    """Closes what the change ended or replaced, opens its own, and again what it brings back."""
    row = transaction.execute(
        "SELECT rowid, kind, object_namespace, object_name, spec_before, spec_after, undoes "
        "FROM changes WHERE id = ?",
        (change_id,),
    ).fetchone()
    before, after = (
        _effects(row[key], row["object_namespace"]) for key in ("spec_before", "spec_after")
    )
    own = {limit.effect for limit in _limits(transaction, "change_id = ?", (change_id,))}
    place = (row["kind"], row["object_namespace"], row["object_name"])
    earlier = (
        f"{OPEN} AND kind = ? AND namespace = ? AND name = ? AND change_id != ? AND "  # noqa: S608
        "COALESCE((SELECT rowid FROM changes WHERE id = limits.change_id), 0) < ?"
    )
    ended = [
        limit.id
        for limit in _limits(transaction, earlier, (*place, change_id, row["rowid"]))
        if limit.effect in own
        or limit.change_id == row["undoes"]
        or limit.effect not in after
        or after[limit.effect] != before.get(limit.effect)
    ]
    close(transaction, ended, change_id, now)
    transaction.execute(
        "UPDATE limits SET opened = ?, closed = NULL, closed_by = '' "
        "WHERE change_id = ? AND opened IS NULL",
        (now, change_id),
    )
    if row["undoes"]:
        for limit in _brought_back(transaction, row["undoes"], after):
            if limit.effect in after:
                transaction.execute(
                    "UPDATE limits SET opened = ?, closed = NULL, closed_by = '', next_try = 0 "
                    "WHERE id = ?",
                    (now, limit.id),
                )


def _brought_back(
    transaction: sqlite3.Connection, undone: str, after: Mapping[Effect, Any]
) -> Iterator[Limit]:
    """The limits of what was on before the change that is undone.

    A change of a time limit alone takes back the change that put the effect on: what that one
    replaced is on again, too.
    """
    yield from _limits(transaction, "closed_by = ?", (undone,))
    own = _limits(transaction, "change_id = ?", (undone,))
    for maker in dict.fromkeys(limit.maker for limit in own if limit.maker not in ("", undone)):
        for limit in _limits(transaction, "closed_by = ?", (maker,)):
            if after.get(limit.effect) == limit.left:
                yield limit


def close(transaction: sqlite3.Connection, ids: Iterable[int], by: str, now: float) -> None:
    transaction.executemany(
        f"UPDATE limits SET closed = ?, closed_by = ? WHERE id = ? AND {OPEN}",  # noqa: S608
        [(now, by, limit_id) for limit_id in ids],
    )


def _limits(
    connection: sqlite3.Connection, condition: str, values: Sequence[Any]
) -> tuple[Limit, ...]:
    query = f"SELECT * FROM limits WHERE {condition}"  # noqa: S608
    found = (limit_of(row) for row in connection.execute(query, values).fetchall())
    return tuple(limit for limit in found if limit is not None)


def _effects(column: Any, namespace: str) -> Mapping[Effect, Any]:
    """Of a spec in the journal; of one that cannot be read: none."""
    try:
        spec: Json = json.loads(column)
    except (ValueError, TypeError, RecursionError):
        return {}
    found = effects_of(spec if isinstance(spec, dict) else {}, namespace)
    return {effect: placed.value for effect, placed in found.items()}


def _of(target: Ref) -> tuple[str, str, str, str]:
    return target.kind, target.namespace, target.name, target.uid


def _key(effect: Effect) -> tuple[str, str, int, str, str]:
    return effect.protocol, effect.rule, effect.number, effect.kind, effect.to


def from_changes(connection: sqlite3.Connection) -> None:
    """The limits of changes that were made before there were limits of their own."""
    rows = connection.execute(
        "SELECT id, kind, object_namespace, object_name, uid, spec_before, spec_after, expires, "
        "finished, created FROM changes WHERE expires IS NOT NULL AND undone_by = '' "
        "AND status IN ('written', 'verified') ORDER BY created, rowid"
    ).fetchall()
    for row in rows:
        namespace = row["object_namespace"]
        before, after = (_effects(row[k], namespace) for k in ("spec_before", "spec_after"))
        target = (row["kind"], namespace, row["object_name"], row["uid"])
        for effect, left in after.items():
            was = before.get(effect)
            if was == left:
                continue
            states = (json.dumps(was), json.dumps(left))
            times = (row["expires"], row["finished"] or row["created"])
            values = (row["id"], row["id"], *target, *_key(effect), *states, *times)
            connection.execute(
                "INSERT INTO limits (change_id, maker, kind, namespace, name, uid, protocol, rule, "
                "number, effect, mirror_to, was, left_as, ends, opened) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
