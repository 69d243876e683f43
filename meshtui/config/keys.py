"""The keys of actions as a person sets them; which there are is known where they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from meshtui.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """What a person wants to press for an action, and where that is written."""

    keys: tuple[str, ...]
    where: str = field(default="", compare=False)


def key_choices(value: Any) -> Mapping[str, KeyChoice]:
    """Raises `ValueError` with what it has to be."""
    found = value or {}
    if not isinstance(found, dict):
        raise ValueError("a map of actions to keys")
    return {str(action): KeyChoice(_keys(keys)) for action, keys in found.items()}


def _keys(value: Any) -> tuple[str, ...]:
    """YAML reads a bare digit as a number."""
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(one, str | int) for one in found):
        raise ValueError("a map of actions to a key or a list of keys")
    return tuple(str(one) for one in found)


def located(
    choices: Mapping[str, KeyChoice], place: Callable[[str], str]
) -> Mapping[str, KeyChoice]:
    """The same, each knowing where it is written."""
    return {name: KeyChoice(one.keys, place(name)) for name, one in choices.items()}
