"""What is on the terminal, so that only the cells that differ are written.

Textual writes the regions that widgets call dirty, each from the begin of the widget's line and
with the whole style of each piece of text. Over SSH a tick of a full table was a hundred
kilobytes, of which a few were news. Here its updates are compared with what was written before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

from meshtui.ui.terminal.looks import PLAIN, RESET, Look, look_of, of_space, step

NEAR = 4
"""Cells that stayed the same between two that did not, which are shorter to write than to skip."""

_EVEN = re.compile(r"[ -~\u00a0-\u02ff\u2010-\u2bff]*")
"""Characters that are a cell wide on each terminal, if Rich thinks so too. Where others stand, a
terminal may have placed what follows elsewhere: such a line is not repaired in the middle."""

Cell = tuple[str, Look]


class TerminalCells:
    """The cells of the terminal as they were written."""

    def __init__(self) -> None:
        self._lines: dict[int, list[Cell | None]] = {}
        self._size = Size(0, 0)

    def forget(self) -> None:
        """Something else may be on the terminal."""
        self._lines.clear()

    def changes(self, update: RenderableType | None) -> Any:
        """The same update; once it is written, only what differs of it is."""
        if isinstance(update, ChopsUpdate):
            return Changes(self, dict(_chops(update)))
        if isinstance(update, LayoutUpdate):
            if update.region.size != self._size:
                self._size = update.region.size
                self.forget()
            return Changes(self, dict(_layout(update)))
        return update

    def paint(self, x: int, y: int, strip: Strip, pen: Pen) -> None:
        """Write what differs of the strip, and remember that it is there."""
        line = self._lines.setdefault(y, [])
        end = x + strip.cell_length
        line.extend([None] * (end - len(line)))
        cells = _cells(strip, pen.colours)
        if cells is None:
            pen.write_strip(x, y, strip)
            line[x:end] = [None] * (end - x)
        elif line[x:end] != cells:
            pen.write_cells(x, y, line[x:end], cells)
            line[x:end] = cells


class Changes(CompositorUpdate):
    """An update of Textual's, written as its difference to what is on the terminal."""

    def __init__(self, shown: TerminalCells, strips: dict[tuple[int, int], Strip]) -> None:
        self._shown = shown
        self._strips = strips

    def render_segments(self, console: Console) -> str:
        pen = Pen(console)
        for (y, x), strip in self._strips.items():
            self._shown.paint(x, y, strip, pen)
        return pen.done()


class Pen:
    """Writes cells, and knows what look the terminal has."""

    def __init__(self, console: Console) -> None:
        self.colours = console._color_system or ColorSystem.TRUECOLOR
        self._console = console
        self._written: list[str] = []
        self._look = PLAIN

    def write_cells(
        self, x: int, y: int, before: Sequence[Cell | None], cells: Sequence[Cell]
    ) -> None:
        """Those of the cells from `x` on that differ from what was there before."""
        written, here = self._written, None
        for start, end in _runs(before, cells):
            gap = f"\x1b[{start - here}C" if here is not None else f"\x1b[{y + 1};{x + start + 1}H"
            written.append(gap)
            here, look = end, self._look
            for text, wanted in cells[start:end]:
                if wanted is not look:
                    codes, look = step(look, wanted, text == " ")
                    written.append(codes)
                written.append(text)
            self._look = look

    def write_strip(self, x: int, y: int, strip: Strip) -> None:
        """As Textual writes it."""
        self._reset()
        self._written += (f"\x1b[{y + 1};{x + 1}H", strip.render(self._console))

    def _reset(self) -> None:
        if self._look is not PLAIN:
            self._written.append(RESET)
            self._look = PLAIN

    def done(self) -> str:
        self._reset()
        return "".join(self._written)


def _runs(before: Sequence[Cell | None], cells: Sequence[Cell]) -> Iterator[tuple[int, int]]:
    """Where to write, as (start, end): what differs, and what is sooner written than skipped."""
    start = end = -1
    for place, (old, new) in enumerate(zip(before, cells, strict=True)):
        if old == new:
            continue
        if place == end or (
            start >= 0 and place - end <= NEAR and _look_alike(cells[end - 1 : place])
        ):
            end = place + 1
            continue
        if start >= 0:
            yield start, end
        start, end = place, place + 1
    if start >= 0:
        yield start, end


def _look_alike(cells: Sequence[Cell]) -> bool:
    return all(look is cells[0][1] for _, look in cells)


def _cells(strip: Strip, colours: ColorSystem) -> list[Cell] | None:
    """None where its characters may not be a cell each."""
    text = strip.text
    ordinary = text.isascii() and text.isprintable()
    if not ordinary and (not _EVEN.fullmatch(text) or cell_len(text) != len(text)):
        return None
    cells: list[Cell] = []
    for piece, style, _ in strip:
        if style is not None and style.link:
            return None
        cells += _piece(piece, PLAIN if style is None else _look(style, colours))
    return cells


@lru_cache(maxsize=4096)
def _piece(text: str, look: Look) -> tuple[Cell, ...]:
    space = of_space(look)
    return tuple([(char, space if char == " " else look) for char in text])


@lru_cache(maxsize=1024)
def _look(style: Style, colours: ColorSystem) -> Look:
    written = Strip.render_style(style, "-", colours)
    return look_of(written[2:].partition("m")[0] if written != "-" else "")


def _chops(update: ChopsUpdate) -> Iterator[tuple[tuple[int, int], Strip]]:
    """Every strip that a dirty span touches, with its place."""
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x < last and end > first:
                yield (y, x), strip


def _layout(update: LayoutUpdate) -> Iterator[tuple[tuple[int, int], Strip]]:
    for y, strips in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in strips:
            yield (y, x), strip
            x += strip.cell_length
