"""JSON Patch (RFC 6902): applying it, and the patch that takes it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshtui.changes.change import Operation
from meshtui.changes.json_copy import plain

APPEND = "-"


class PatchError(ValueError):
    """The patch does not fit the document: a path that is not there, or a failed test."""


def tokens(pointer: str) -> list[str]:
    """The steps of a JSON pointer (RFC 6901)."""
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise PatchError(f"not a JSON pointer: {pointer!r}")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def pointer(*steps: str | int) -> str:
    """A JSON pointer from its steps."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def value_at(document: Any, path: str) -> Any:
    """The value at `path`; `PatchError` where there is none."""
    for token in tokens(path):
        document = _child(document, token, path)
    return document


def exists(document: Any, path: str) -> bool:
    try:
        value_at(document, path)
    except PatchError:
        return False
    return True


def _child(container: Any, token: str, path: str) -> Any:
    if isinstance(container, Mapping) and token in container:
        return container[token]
    if isinstance(container, Sequence) and not isinstance(container, str):
        return container[_index(container, token, path)]
    raise PatchError(f"nothing at {path}")


def _index(container: Sequence[Any], token: str, path: str, *, inserting: bool = False) -> int:
    if inserting and token == APPEND:
        return len(container)
    limit = len(container) + (1 if inserting else 0)
    if not token.isdigit() or int(token) >= limit:
        raise PatchError(f"nothing at {path}")
    return int(token)


def apply(document: Any, operations: Iterable[Operation]) -> Any:
    """A new document with the operations applied; the given one stays as it is.

    An object that stands in two places of the document or of a value counts as two.
    """
    return _run(document, operations)[0]


def invert(document: Any, operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The patch that turns `apply(document, operations)` back into `document`."""
    return _run(document, operations)[1]


def _run(document: Any, operations: Iterable[Operation]) -> tuple[Any, tuple[Operation, ...]]:
    result = plain(document)
    undo = [_step(result, operation) for operation in operations]
    return result, tuple(step for step in reversed(undo) if step["op"] != "test")


def _step(document: Any, operation: Operation) -> Operation:
    """Applies one operation in place and gives the one that takes it back."""
    path = operation["path"]
    *parents, last = tokens(path)
    parent = value_at(document, pointer(*parents))
    match operation["op"]:
        case "add":
            return _add(parent, parents, last, path, plain(operation["value"]))
        case "replace":
            return _replace(parent, last, path, plain(operation["value"]))
        case "remove":
            return _remove(parent, last, path)
        case "test":
            if value_at(document, path) != operation["value"]:
                raise PatchError(f"{path} is not {operation['value']!r}")
            return operation
    raise PatchError(f"unknown operation {operation['op']!r}")


def _add(parent: Any, parents: list[str], last: str, path: str, value: Any) -> Operation:
    if isinstance(parent, list):
        index = _index(parent, last, path, inserting=True)
        parent.insert(index, value)
        return {"op": "remove", "path": pointer(*parents, index)}
    if not isinstance(parent, dict):
        raise PatchError(f"nothing can be added at {path}")
    if last in parent:
        old = parent[last]
        parent[last] = value
        return {"op": "replace", "path": path, "value": old}
    parent[last] = value
    return {"op": "remove", "path": path}


def _replace(parent: Any, last: str, path: str, value: Any) -> Operation:
    old = _child(parent, last, path)
    parent[_index(parent, last, path) if isinstance(parent, list) else last] = value
    return {"op": "replace", "path": path, "value": old}


def _remove(parent: Any, last: str, path: str) -> Operation:
    old = _child(parent, last, path)
    if isinstance(parent, list):
        del parent[_index(parent, last, path)]
    else:
        del parent[last]
    return {"op": "add", "path": path, "value": old}
