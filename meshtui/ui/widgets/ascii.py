"""Signs and lines in plain ASCII, for terminals and fonts that have no others."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

SIGNS = {
    # states, each different
    "●": "o", "▲": "^", "✖": "X", "◆": "*", "◔": "%", "○": ".", "◌": "~", "✔": "+", "✓": "+",
    "■": "#", "□": ".", "•": "*",
    # folds, arrows, sorts
    "▾": "v", "▸": ">", "▼": "v", "→": ">", "←": "<", "↑": "^", "↓": "v", "‹": "<", "›": ">",
    # lines
    "├": "|", "└": "`", "│": "|", "┤": "|", "┬": "+", "─": "-", "╌": "-", "┊": ":", "┃": "|",
    "┄": ".", "━": "=", "═": "#", "┐": "+", "┘": "'",
    "▌": "|", "▊": "|", "▎": "|", "▐": "|", "█": "#", "░": ".",
    # eighths of a bar and heights of a sparkline
    "▏": ".", "▍": ":", "▋": "=", "▉": "=",
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "#",
    # words
    "…": "~", "–": "-", "—": "-", "·": "-", "×": "x", "±": "~", "≈": "~", "≠": "!", "≤": "<",
    "≥": ">", "∅": "0", "Σ": "S", "µ": "u", "α": "a", "é": "e", "ü": "u",
}  # fmt: skip
"""One character for one, so that nothing moves."""

_TABLE = str.maketrans(SIGNS)


@lru_cache(maxsize=4096)
def to_ascii(text: str) -> str:
    """`text` in as many cells; what has no sign of its own is a question mark, or two if wide."""
    known = text.translate(_TABLE)
    if known.isascii():
        return known
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in known)


class AsciiFilter(LineFilter):
    """The last thing before the terminal: every widget, border and dialog passes through."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text if text.isascii() else to_ascii(text), style, control)
            for text, style, control in segments
        ]
