"""What a command has to print of one cluster of several: kept until all of them have answered."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import field
from typing import TYPE_CHECKING, Any

from meshtui.dataclass import dataclass

if TYPE_CHECKING:
    import asyncio


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """As `output.table` was asked for it."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int]
    spare: tuple[str, ...]
    whole: tuple[str, ...]


@dataclass(slots=True)
class Page:
    """Of the cluster `name`. `logging_in`: one of them may speak with the person at a time."""

    name: str
    logging_in: asyncio.Lock
    tables: list[PrintedTable] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    documents: list[Any] = field(default_factory=list)

    def note(self, text: str) -> str:
        """A note that says which cluster it is about."""
        return f"meshtui: {self.name}: {text.removeprefix('meshtui: ')}"

    def add_table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        right: frozenset[int],
        spare: tuple[str, ...],
        whole: tuple[str, ...],
    ) -> None:
        kept = tuple(tuple(row) for row in rows)
        self.tables.append(PrintedTable(tuple(header), kept, right, spare, whole))


CURRENT: ContextVar[Page | None] = ContextVar("page", default=None)
"""Of the task that prints; None where it prints at once, for its one cluster."""


def page() -> Page | None:
    return CURRENT.get()


def in_context(arguments: argparse.Namespace, context: str) -> argparse.Namespace:
    """The same arguments for one of the clusters."""
    return argparse.Namespace(**{**vars(arguments), "context": context})
