"""Copies of JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """A copy made of dicts and lists of its own.

    A value that stands in two places becomes two, as it would on the way through JSON: what is
    written into one place then changes no other. `copy.deepcopy` keeps such values shared.
    """
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
