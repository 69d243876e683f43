"""Lines that name keys: where there is a mouse, a click on a key's words is the key."""

from __future__ import annotations

from collections.abc import Container, Sequence

from rich.cells import cell_len
from textual import events
from textual.keys import _character_to_key

from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import Line, Span

NAMES = {
    "Enter": "enter",
    "Esc": "escape",
    "Tab": "tab",
    "Space": "space",
    "PgDn": "pagedown",
    "PgUp": "pageup",
    "↑": "up",
    "↓": "down",
    "←": "left",
    "→": "right",
    "Left": "left",
    "Right": "right",
    "Up": "up",
    "Down": "down",
    "‹": "left",
    "›": "right",
}
"""Textual's names of keys by what people see."""


def key_named(shown: str) -> str:
    """The first key of what is shown: `Enter`, `Ctrl+E`, `] →`; empty where it is none."""
    word = shown.split(" ")[0]
    if word.startswith("Ctrl+"):
        return word.lower()
    if word in NAMES:
        return NAMES[word]
    return _character_to_key(word) if len(word) == 1 else ""


def key_at(line: Line, x: int) -> str:
    """The key whose name, or whose words behind it, stand at a cell; empty where none do."""
    end, key = 0, ""
    for piece in line:
        end += cell_len(piece.text)
        if piece.role == "key":
            key = key_named(piece.text)
        elif not piece.text.strip():
            key = ""
        if x < end:
            return key
    return ""


class KeyBlock(LinesBlock):
    """A block whose keys can be clicked; `only` these, where other words look like keys."""

    only: Container[str] | None = None

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._plain: tuple[Line, ...] = ()

    def show(self, lines: Sequence[Line]) -> None:
        self._plain = tuple(lines)
        super().show(lines)

    def add(self, words: str) -> None:
        """Words behind the last key, until the block is shown anew; without words, as it was."""
        super().show([*self._plain[:-1], _with(self._plain[-1], words)] if words else self._plain)

    def on_click(self, event: events.Click) -> None:
        line = self.lines[event.y] if event.y < len(self.lines) else ()
        key = key_at(line, event.x)
        if key and (self.only is None or key in self.only):
            event.stop()
            self.app.simulate_key(key)


def _with(line: Line, words: str) -> Line:
    """What stands behind the words of the last key gives way."""
    last = max((at for at, piece in enumerate(line) if piece.role == "key"), default=-2)
    keys = line[: last + 2]
    gap = "" if not keys or keys[-1].text.endswith("  ") else "   "
    return (*keys, Span(gap + words, "warning"))
