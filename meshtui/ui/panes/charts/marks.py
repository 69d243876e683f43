"""The axis of time below the charts, and the changes on it. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.time_series import DOTS, RANGES, Grid
from meshtui.operations.look.charts import Mark, Picture
from meshtui.ui.panes.charts.scale import Tick, ticks
from meshtui.ui.widgets.paint import Line, Span, both_ends, fit_line, span

MOST = 9
"""Changes that have a number; older ones are marked without."""

NOW = "now"


@dataclass(frozen=True, slots=True)
class Marked:
    """The cells at which something was changed, with the number of each; "·" has none."""

    cells: Mapping[int, str]
    numbered: tuple[tuple[str, Mark], ...]


def marked(picture: Picture, cells: int) -> Marked:
    """Changes in one cell share their number."""
    at = [((picture.grid.column(mark.at) or 0) // DOTS, mark) for mark in picture.marks]
    own = sorted({cell for cell, _ in at if cell < cells})
    newest = own[-MOST:]
    names = {cell: str(newest.index(cell) + 1) if cell in newest else "·" for cell in own}
    return Marked(names, tuple((names[cell], mark) for cell, mark in at if cell in newest))


def legend(picture: Picture, marks: Marked, width: int, most: int) -> list[Line]:
    """What each number stands for; the newest where there is not room for all, and how many
    older ones there are."""
    if picture.marks_trouble and most:
        words = f"✖ changes are not known: {picture.marks_trouble}"
        return [fit_line((span(words, "warning"),), width)]
    shown = marks.numbered[-most:] if most else ()
    lines = [fit_line(_note(number, mark), width) for number, mark in shown]
    older = len(picture.marks) - len(shown)
    if lines and older:
        lines[0] = both_ends(_note(*shown[0]), (Span(f"{older} older", "muted"),), width)
    return lines


def _note(number: str, mark: Mark) -> Line:
    """`1 19:03:10 mirror none → v2 25 %  by root`: words may begin with the verb."""
    rest = mark.words.removeprefix(f"{mark.verb} ")
    return (
        Span(f"{number} ", "key"),
        Span(time.strftime("%H:%M:%S ", time.localtime(mark.at)), "muted"),
        span(f"{mark.verb} ", "strong"),
        span(rest, "text"),
        span(f"  by {mark.who}", "muted"),
    )


def axis_lines(grid: Grid, marks: Marked, cells: int, indent: int) -> list[Line]:
    """A line with a tick at each time and a number at each change, and the times below it."""
    found = ticks(grid, cells)
    line = ["─"] * cells
    for tick in found:
        line[tick.cell] = "┬"
    pieces = [Span(" " * (indent - 1) + "└", "faint")]
    pieces += [
        Span(marks.cells[x], "key") if x in marks.cells else Span(char, "faint")
        for x, char in enumerate(line)
    ]
    return [_merged(pieces), (Span(" " * indent), Span(_times(grid, found, cells), "muted"))]


def _merged(pieces: Sequence[Span]) -> Line:
    merged: list[Span] = []
    for piece in pieces:
        if merged and merged[-1].role == piece.role:
            merged[-1] = Span(merged[-1].text + piece.text, piece.role)
        else:
            merged.append(piece)
    return tuple(merged)


def _times(grid: Grid, found: Sequence[Tick], cells: int) -> str:
    """The time of each tick below it, where it does not run into a neighbour."""
    text = [" "] * cells
    _put(text, cells - len(NOW), NOW)
    _put(text, 0, f"-{_range_name(grid)}")
    for tick in found:
        _put(text, tick.cell - len(tick.words) // 2, tick.words)
    return "".join(text)


def _put(text: list[str], start: int, words: str) -> None:
    before, after = max(start - 1, 0), start + len(words) + 1
    if start >= 0 and start + len(words) <= len(text) and not "".join(text[before:after]).strip():
        text[start : start + len(words)] = words


def _range_name(grid: Grid) -> str:
    """Of a range of the pane its name; a detail may look back for less."""
    length = grid.end - grid.begin
    if length < min(RANGES.values()) - grid.step_s:
        return f"{length / 60:.0f}m"
    return min(RANGES, key=lambda name: abs(RANGES[name] - length))
