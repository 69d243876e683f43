"""Careful reading of JSON that may be anything: a wrong type reads as absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

NOT_YET = "9999-12-31T23:59:59Z"
"""The stamp of an object that the server has not made yet: younger than all that there is."""

_OBJECT = (dict, Mapping)
"""What counts as an object; most are dicts, and that is quicker to ask."""


def obj(value: Any, *path: str) -> Json:
    """The object at `path` below `value`; empty where there is none."""
    for key in path:
        # None comes often, and asking whether it is a Mapping takes longest.
        if value is None:
            return {}
        value = value.get(key) if isinstance(value, _OBJECT) else None
    return value if value is not None and isinstance(value, _OBJECT) else {}


def items(value: Any, key: str) -> Sequence[Any]:
    """The list at `key`; empty where there is none."""
    found = value.get(key) if isinstance(value, _OBJECT) else None
    return found if isinstance(found, list | tuple) else ()


def objects(value: Any, key: str) -> list[Json]:
    """The objects in the list at `key`; anything else in it is left out."""
    return [item for item in items(value, key) if isinstance(item, _OBJECT)]


def text(value: Any, key: str, default: str = "") -> str:
    found = value.get(key) if isinstance(value, _OBJECT) else None
    return found if isinstance(found, str) else default


def created(raw: Any) -> str:
    """When an object was made; stamps of the API server order as text."""
    return text(obj(raw, "metadata"), "creationTimestamp") or NOT_YET


def texts(value: Any, key: str) -> tuple[str, ...]:
    return tuple(item for item in items(value, key) if isinstance(item, str))


def integer(value: Any, key: str, default: int = 0) -> int:
    found = value.get(key) if isinstance(value, _OBJECT) else None
    if isinstance(found, bool):
        return default
    if isinstance(found, int | float) and found == found and abs(found) < 1e15:
        return int(found)
    return default


def decimal(value: Any, key: str, default: float = 0.0) -> float:
    """A number of any sensible size; neither infinite nor none at all."""
    found = value.get(key) if isinstance(value, _OBJECT) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return default
    return float(found) if abs(found) < 1e15 else default


def labels(value: Any, key: str) -> Mapping[str, str]:
    """A map of strings at `key`."""
    return {k: v for k, v in obj(value, key).items() if isinstance(k, str) and isinstance(v, str)}
