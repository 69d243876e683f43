"""From a row of the table `changes` to an entry, or to what can be said of one nobody can read.

A row may have been written by a newer version, by a hand with `sqlite3`, or by a disk that fails.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from meshtui.changes.change import Operation, RuleRef, Together
from meshtui.changes.patch import PatchError, tokens
from meshtui.journal.entry import Entry, Status, Unread
from meshtui.mesh.gateway_api import ALL_ROUTE_KINDS
from meshtui.mesh.model import Ref, ServiceKey

T = TypeVar("T")
LATEST = 253_402_300_799.0
"""The last second of the year 9999: what lies behind it is no time that can be shown."""

REPLACED = "\ufffd"
"""What stands for bytes that are no UTF-8: the text is not the one in the file."""

NOT_KNOWN = "that is not known to this version"
OPERATIONS = ("add", "remove", "replace", "test")


class Undecodable(ValueError):
    """What a column holds is not what this version knows; the message says which and how.

    `newer`: it is whole, so a newer version wrote it; else it is damaged.
    """

    def __init__(self, what: str, *, newer: bool = False) -> None:
        super().__init__(f"{what} {NOT_KNOWN}" if newer else what)
        self.newer = newer


def decoded(row: sqlite3.Row) -> Entry | Unread:
    """The change; what is known of it where a column holds what this version does not know."""
    try:
        return _entry(row)
    except Undecodable as error:
        return _unread(row, error)


def words_of(value: Any) -> tuple[str, ...]:
    """The column `words`. Raises `Undecodable`."""
    found = _json("words", value)
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise Undecodable("words: not a list of texts")
    return tuple(found)


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        id=_id(row),
        created=_time(row, "created"),
        who=_text(row, "who"),
        host=_text(row, "host"),
        pid=_pid(row),
        context=_text(row, "context"),
        verb=_text(row, "verb"),
        service=ServiceKey(_text(row, "namespace"), _text(row, "service")),
        target=_target(row),
        rule=_rule(row),
        words=words_of(_value(row, "words")),
        patch=_operations(row, "patch"),
        inverse=_operations(row, "inverse"),
        before=_rule_json(row, "before"),
        after=_rule_json(row, "after"),
        spec_before=_object(row, "spec_before"),
        spec_after=_object(row, "spec_after"),
        resource_version=_text(row, "resource_version"),
        status=_status(row),
        finished=_optional_time(row, "finished"),
        detail=_text(row, "detail"),
        result=_object(row, "result"),
        undoes=_text(row, "undoes"),
        undone_by=_text(row, "undone_by"),
        expires=_optional_time(row, "expires"),
        part_of=_text(row, "part_of"),
        begun=_optional_time(row, "begun"),
        spec_stored=_object(row, "spec_stored") if _text(row, "spec_stored") else None,
        together=_together(row),
    )


def _unread(row: sqlite3.Row, error: Undecodable) -> Unread:
    def safe(read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except Undecodable:
            return otherwise

    def text(column: str) -> str:
        return safe(lambda: _text(row, column), "")

    service = ServiceKey(text("namespace"), text("service"))
    target = Ref(text("kind"), text("object_namespace"), text("object_name"), text("uid"))
    return Unread(
        id=text("id"),
        why=str(error),
        newer=error.newer,
        created=safe(lambda: _time(row, "created"), 0.0),
        who=text("who"),
        host=text("host"),
        verb=text("verb"),
        service=service if service.namespace and service.name else None,
        target=target if target.kind and target.name else None,
        words=safe(lambda: words_of(_value(row, "words")), ()),
        status=text("status"),
        undone_by=text("undone_by"),
        expires=safe(lambda: _optional_time(row, "expires"), None),
        part_of=text("part_of"),
    )


def _value(row: sqlite3.Row, column: str) -> Any:
    try:
        return row[column]
    except IndexError as error:
        raise Undecodable(f"{column}: there is no such column") from error


def _text(row: sqlite3.Row, column: str) -> str:
    value = _value(row, column)
    if not isinstance(value, str):
        raise Undecodable(f"{column}: not a text")
    return value


def _time(row: sqlite3.Row, column: str) -> float:
    value = _value(row, column)
    if not isinstance(value, int | float) or not 0 <= value <= LATEST:
        raise Undecodable(f"{column}: not a time")
    return float(value)


def _optional_time(row: sqlite3.Row, column: str) -> float | None:
    return None if _value(row, column) is None else _time(row, column)


def _id(row: sqlite3.Row) -> str:
    """By which the change is found again."""
    found = _text(row, "id")
    if not found or REPLACED in found:
        raise Undecodable("id: not one by which a change can be found")
    return found


def _pid(row: sqlite3.Row) -> int:
    value = _value(row, "pid")
    if not isinstance(value, int) or not 0 < value < 2**31:
        raise Undecodable("pid: not the number of a process")
    return value


def _status(row: sqlite3.Row) -> Status:
    value = _text(row, "status")
    try:
        return Status(value)
    except ValueError as error:
        raise Undecodable(f"it has a status {value!r}", newer=True) from error


def _target(row: sqlite3.Row) -> Ref:
    names = ("kind", "object_namespace", "object_name", "uid")
    target = Ref(*(_text(row, name) for name in names))
    if target.kind not in ("VirtualService", "DestinationRule", "Service", *ALL_ROUTE_KINDS):
        raise Undecodable(f"it is about a {target.kind!r}", newer=True)
    return target


def _rule(row: sqlite3.Row) -> RuleRef | None:
    found = _json("rule", _value(row, "rule"))
    if found is None:
        return None
    types = {"name": str, "index": int, "protocol": str}
    if not isinstance(found, dict) or found.keys() != types.keys():
        raise Undecodable("rule: a form", newer=True)
    if not all(type(found[key]) is kind for key, kind in types.items()) or found["index"] < 0:
        raise Undecodable("rule: not a name, an index and a protocol")
    return RuleRef(**found)


def _together(row: sqlite3.Row) -> Together | None:
    """None, too, in a file that may only be read and is older than the column."""
    if "together" not in row.keys() or not _text(row, "together"):  # noqa: SIM118 - no mapping
        return None
    found = _object(row, "together")
    clusters = found.get("clusters")
    if not isinstance(found.get("id"), str) or not isinstance(clusters, list):
        raise Undecodable("together: a form", newer=True)
    if not all(isinstance(name, str) for name in clusters):
        raise Undecodable("together: not names of clusters")
    return Together(found["id"], tuple(clusters))


def _operations(row: sqlite3.Row, column: str) -> tuple[Operation, ...]:
    found = _json(column, _value(row, column))
    if not isinstance(found, list):
        raise Undecodable(f"{column}: not a list of operations")
    for operation in found:
        _check_operation(column, operation)
    return tuple(found)


def _check_operation(column: str, operation: Any) -> None:
    if not isinstance(operation, dict) or operation.get("op") not in OPERATIONS:
        raise Undecodable(f"{column}: an operation", newer=True)
    path = operation.get("path")
    if not isinstance(path, str):
        raise Undecodable(f"{column}: an operation without a path")
    if operation["op"] != "remove" and "value" not in operation:
        raise Undecodable(f"{column}: an operation without a value")
    try:
        steps = tokens(path)
    except PatchError as error:
        raise Undecodable(f"{column}: {error}") from error
    if steps and steps[0] != "spec":
        raise Undecodable(f"{column}: an operation outside of the spec")
    if not steps and operation["op"] == "add" and not _is_manifest(operation["value"]):
        raise Undecodable(f"{column}: not a whole object")


def _is_manifest(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    meta = value.get("metadata")
    named = isinstance(meta, dict) and all(
        isinstance(meta.get(key), str) for key in ("namespace", "name")
    )
    return named and isinstance(value.get("spec"), dict)


def _rule_json(row: sqlite3.Row, column: str) -> Mapping[str, Any]:
    """A rule (or a policy) as the contract shows it: the parts that are computed with are right."""
    found = _object(row, column)
    checks: Mapping[str, Callable[[Any], bool]] = {
        "destinations": _is_destination,
        "mirrors": _is_mirror,
    }
    for key, good in checks.items():
        listed = found.get(key)
        if listed is not None and not (isinstance(listed, list) and all(map(good, listed))):
            raise Undecodable(f"{column}: {key} in a form", newer=True)
    if not isinstance(found.get("fault"), dict | None):
        raise Undecodable(f"{column}: a fault in a form", newer=True)
    return found


def _is_destination(value: Any) -> bool:
    return _is_place(value) and _is_number(value.get("weight"))


def _is_mirror(value: Any) -> bool:
    return _is_place(value) and _is_number(value.get("percent"))


def _is_place(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("host"), str):
        return False
    return "subset" in value and isinstance(value["subset"], str | None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _object(row: sqlite3.Row, column: str) -> Mapping[str, Any]:
    found = _json(column, _value(row, column))
    if not isinstance(found, dict):
        raise Undecodable(f"{column}: not an object")
    return found


def _json(column: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise Undecodable(f"{column}: not a text")
    try:
        return json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"{column}: not JSON") from error


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
