"""What a YAML file holds, and in which lines its keys stand.

A module of its own, for its import: most starts have no file to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from meshtui.errors import Usage


class Written(NamedTuple):
    """`lines` has the line of each key by the keys down to it, from 1; `twice` each key that stands
    in one map again, with its first line and that one."""

    raw: Any
    lines: dict[tuple[str, ...], int]
    twice: tuple[tuple[str, int, int], ...]


def parse(text: str, path: Path) -> Written:
    """Raises `Usage` where it is no YAML; `path` is named then."""
    try:
        raw = yaml.safe_load(text)
        node = yaml.compose(text, yaml.SafeLoader)
        return Written(raw, _lines(node), tuple(_twice(node)))
    except (yaml.YAMLError, RecursionError) as error:
        raise Usage(_no_yaml(path, error)) from error


DEEPEST = 4
"""Levels of keys whose lines are looked for: `contexts`, a pattern, `keys`, an action."""


def _no_yaml(path: Path, error: Exception) -> str:
    """With the line, where that is known."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if mark is None or not isinstance(error, yaml.MarkedYAMLError):
        words = "" if isinstance(error, RecursionError) else " ".join(str(error).split())
        return f"{path} is not YAML ({words or 'it is nested too deeply'})"
    return f"{path}:{mark.line + 1}: is not YAML ({' '.join((error.problem or '').split())})"


def _twice(node: yaml.Node | None, depth: int = 0) -> Iterator[tuple[str, int, int]]:
    """Each key that stands in one map again: of what YAML reads the first is lost."""
    if not isinstance(node, yaml.MappingNode) or depth >= DEEPEST:
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen:
            yield name, seen[name], line
        seen[name] = line
        yield from _twice(value, depth + 1)


def _lines(node: yaml.Node | None, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """The line of each key, from 1."""
    found: dict[tuple[str, ...], int] = {}
    if isinstance(node, yaml.MappingNode) and len(above) < DEEPEST:
        for key, value in node.value:
            path = (*above, str(key.value))
            found[path] = key.start_mark.line + 1
            found |= _lines(value, path)
    return found
