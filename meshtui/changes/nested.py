"""Setting one leaf of a nested object by the smallest JSON Patch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshtui.changes.change import Operation
from meshtui.changes.patch import apply, exists, pointer, value_at


def set_leaves(
    document: Any, base: tuple[str | int, ...], leaves: Mapping[tuple[str, ...], Any]
) -> tuple[Operation, ...]:
    """Operations that set each leaf below `base`; parents that are missing are made."""
    operations: list[Operation] = []
    for path, value in leaves.items():
        operation = _set(document, (*base, *path), value)
        if operation is not None:
            operations.append(operation)
            document = apply(document, [operation])
    return tuple(operations)


def _set(document: Any, steps: tuple[str | int, ...], value: Any) -> Operation | None:
    path = pointer(*steps)
    if exists(document, path):
        if value_at(document, path) == value:
            return None
        return {"op": "replace", "path": path, "value": value}
    depth = len(steps) - 1
    while not _is_object(document, steps[:depth]):
        depth -= 1
    for step in reversed(steps[depth + 1 :]):
        value = {step: value}
    return {"op": "add", "path": pointer(*steps[: depth + 1]), "value": value}


def _is_object(document: Any, steps: tuple[str | int, ...]) -> bool:
    path = pointer(*steps)
    return exists(document, path) and isinstance(value_at(document, path), dict)


def remove_all(
    document: Any, base: tuple[str | int, ...], keys: Iterable[str]
) -> tuple[Operation, ...]:
    """Operations that take away those of `keys` that are below `base`."""
    paths = (pointer(*base, key) for key in keys)
    return tuple({"op": "remove", "path": path} for path in paths if exists(document, path))
