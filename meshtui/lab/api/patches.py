"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshtui.lab.api import spelling, status
from meshtui.lab.store import clone

MOST_OPERATIONS = 10_000


class PatchError(Exception):
    """A JSON Patch that is malformed or does not apply."""


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, maps merge, everything else replaces."""
    if not isinstance(patch, dict):
        return clone(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def apply_json_patch(document: Any, operations: Any) -> Any:
    """The document after all operations, or `PatchError`; `document` is left as it is."""
    if not isinstance(operations, list):
        raise PatchError("a JSON Patch is a list of operations")
    if len(operations) > MOST_OPERATIONS:
        raise status.too_many_operations(len(operations), MOST_OPERATIONS)
    result = clone(document)
    for operation in operations:
        if not isinstance(operation, dict):
            raise PatchError("an operation is an object")
        apply = _OPERATIONS.get(str(operation.get("op")))
        if apply is None:
            raise PatchError(f"unknown operation {operation.get('op')!r}")
        result = apply(result, operation)
    return spelling.plain(result)


def _pointer(operation: dict[str, Any], key: str = "path") -> list[str]:
    path = operation.get(key)
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise PatchError(f"bad {key} {path!r}")
    return [p.replace("~1", "/").replace("~0", "~") for p in path.split("/")[1:]]


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchError("the operation needs a value")
    return clone(operation["value"])


def _index(container: list[Any], step: str, limit: int) -> int:
    if not step.isascii() or not step.isdigit() or (step != "0" and step.startswith("0")):
        raise PatchError(f"{step!r} is no index")
    if int(step) > limit:
        raise PatchError(f"index {step} is out of range")
    return int(step)


def _read(document: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(document, list):
            document = document[_index(document, step, len(document) - 1)]
        elif isinstance(document, dict) and step in document:
            document = document[step]
        else:
            raise PatchError(f"nothing at {step!r}")
    return document


def _insert(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _read(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        at = len(parent) if last == "-" else _index(parent, last, len(parent))
        parent.insert(at, value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise PatchError(f"nothing can be added at {last!r}")
    return document


def _delete(document: Any, path: list[str]) -> Any:
    if not path:
        raise PatchError("the whole document cannot be removed")
    parent, last = _read(document, path[:-1]), path[-1]
    _read(parent, [last])
    del parent[int(last) if isinstance(parent, list) else last]
    return document


def _add(document: Any, operation: dict[str, Any]) -> Any:
    return _insert(document, _pointer(operation), _value(operation))


def _remove(document: Any, operation: dict[str, Any]) -> Any:
    return _delete(document, _pointer(operation))


def _replace(document: Any, operation: dict[str, Any]) -> Any:
    path = _pointer(operation)
    if not path:
        return _value(operation)
    parent, last = _read(document, path[:-1]), path[-1]
    _read(parent, [last])
    parent[int(last) if isinstance(parent, list) else last] = _value(operation)
    return document


def _move(document: Any, operation: dict[str, Any]) -> Any:
    source, target = _pointer(operation, "from"), _pointer(operation)
    if target[: len(source)] == source and target != source:
        raise PatchError("a value cannot be moved into itself")
    value = _read(document, source)
    return _insert(_delete(document, source), target, value)


def _copy(document: Any, operation: dict[str, Any]) -> Any:
    value = clone(_read(document, _pointer(operation, "from")))
    return _insert(document, _pointer(operation), value)


def _test(document: Any, operation: dict[str, Any]) -> Any:
    path, wanted = _pointer(operation), operation.get("value")
    parent = _read(document, path[:-1])
    if path and isinstance(parent, dict) and parent.get(path[-1]) is None:
        # What is not there passes for null.
        found = None
    else:
        found = _read(document, path)
    if not equal(found, wanted):
        raise PatchError("test failed")
    return document


def equal(one: Any, other: Any) -> bool:
    """As the server compares: maps and lists by their parts, scalars by their spelling."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(v, other[k]) for k, v in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return False
    return spelling.spelling(one) == spelling.spelling(other)


_OPERATIONS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
