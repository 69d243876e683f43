"""An object written by hand in YAML, read as Kubernetes reads it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import yaml

from meshtui.changes.json_copy import plain
from meshtui.changes.kube_yaml import KubernetesLoader
from meshtui.mesh.model import Json

LARGEST = 200_000
"""Values in an object, every alias counted with all that is behind it. A server takes 3 MiB."""


class Unreadable(ValueError):
    """The text is no object that JSON can hold; the message says where and why."""


def parse_manifest(text: str) -> Json:
    """The object in `text`. An anchor's value is copied to each of its aliases.

    Raises Unreadable.
    """
    try:
        found: Any = yaml.load(text, _JsonLoader)  # noqa: S506 - a SafeLoader
        _refuse_expansion(found)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"not YAML: {' '.join(str(error).split())}") from error
    wrong = _not_json(found)
    if wrong:
        raise Unreadable(f"JSON has no {wrong}")
    if not isinstance(found, dict):
        raise Unreadable("this is no object")
    copied: Json = plain(found)
    return copied


class _JsonLoader(KubernetesLoader):
    """A key is given once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1 and key != "<<"), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice!r} is there twice", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


def _refuse_expansion(value: Any) -> None:
    """Raises ValueError where an alias is inside its own anchor, or where aliases multiply."""
    sizes: dict[int, int | None] = {}

    def size(part: Any) -> int:
        if not isinstance(part, dict | list):
            return 1
        known = sizes.get(id(part), 0)
        if known is None:
            raise ValueError("an alias stands inside the value that it repeats")
        if not known:
            sizes[id(part)] = None
            inner = part.values() if isinstance(part, dict) else part
            known = sizes[id(part)] = 1 + sum(map(size, inner))
        return known

    if size(value) > LARGEST:
        raise ValueError(f"its aliases make more than {LARGEST:,} values of it")


def _not_json(value: Any) -> str:
    """What in the value JSON can't hold; empty where it can hold all of it."""
    if isinstance(value, dict):
        wrong = next((repr(key) for key in value if not isinstance(key, str)), "")
        return f"key {wrong}" if wrong else _first(map(_not_json, value.values()))
    if isinstance(value, list):
        return _first(map(_not_json, value))
    if isinstance(value, float) and not math.isfinite(value):
        return f"number {value}"
    known = value is None or isinstance(value, str | int | float)
    return "" if known else f"value {value!r}"


def _first(found: Iterable[str]) -> str:
    return next(filter(None, found), "")
