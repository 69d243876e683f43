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
    "■": "#", "□": ".", "•": "i",
    # folds, arrows, sorts
    "▾": "-", "▸": ">", "▼": "v", "→": ">", "←": "<", "↑": "^", "↓": "v", "‹": "<", "›": ">",
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
"""One character for one, so that nothing moves: 5 % ± 2 is 5 %+/-2."""

_LEVELS = (0x09, 0x12, 0x24, 0xC0)
"""The dots of a braille cell in each of its four levels, from above."""

_HEIGHTS = {(0,): "'", (0, 1): "'", (1,): "-", (1, 2): "-", (2,): ".", (2, 3): ".", (3,): "_"}


def _of_dots(bits: int) -> str:
    """What a line of a chart is in one cell: its height, or that it goes up or down here."""
    levels = tuple(n for n, dots in enumerate(_LEVELS) if bits & dots)
    return _HEIGHTS.get(levels, ":" if levels else " ")


DOTS = {chr(0x2800 + bits): _of_dots(bits) for bits in range(256)}

_TABLE = str.maketrans(SIGNS | DOTS)


@lru_cache(maxsize=4096)
def to_ascii(text: str) -> str:
    """`text` in as many cells; what has no sign of its own is a question mark, or two if wide."""
    known = text.replace(" ± ", "+/-").translate(_TABLE)
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
