"""What a command prints: tables, JSON, YAML on stdout; everything else on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from meshtui.mesh.text import clean

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


def data(document: Any, form: str) -> None:
    """A document as JSON or YAML."""
    if form == "yaml":
        import yaml

        sys.stdout.write(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    else:
        sys.stdout.write(as_json(document, indent=2) + "\n")
    sys.stdout.flush()


def as_json(document: Any, indent: int | None = None) -> str:
    """JSON as it is read, but what would drive a terminal or has no UTF-8 is escaped."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return "\n".join(_NOT_PLAIN.sub(_escaped, line) for line in text.split("\n"))


def _escaped(found: re.Match[str]) -> str:
    char = found.group()
    return char if clean(char) == char else json.dumps(char)[1:-1]


def line(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> None:
    """Columns two spaces apart; those in `right` are numbers. Cells are cleaned and kept whole."""
    lines = [list(header), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in lines) for i in range(len(header))]
    numbers = set(right)
    for row in lines:
        cells = [
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line("  ".join(cells).rstrip())
