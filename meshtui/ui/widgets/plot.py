"""Lines over time drawn with braille dots, as lines of pieces with a role. Pure.

Own drawing, because a chart here is repainted cell by cell, in the theme's roles, with gaps where
nothing is known; a chart library draws whole pictures of escape codes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from meshtui.dataclass import dataclass
from meshtui.mesh.time_series import DOTS
from meshtui.ui.widgets.paint import Line, Span

HIGH = 4
"""Dots of a cell, one above the other."""

UPRIGHT, LEVEL = "┊", "╌"

_EMPTY = 0x2800
_BITS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""Of the left and the right half of a cell, from the bottom."""

_LETTER_EVERY = 24
"""Cells between two letters beside a line, which tell it from others without colour."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line: its letter, its role, and a value for each column; None is a gap."""

    letter: str
    role: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A height worth knowing, with a word for it."""

    value: float
    word: str
    role: str


Cell = tuple[str, str]
_Dots = dict[tuple[int, int], int]


def plot(
    curves: Sequence[Curve],
    width: int,
    height: int,
    top: float,
    *,
    uprights: Iterable[int] = (),
    level: Level | None = None,
    ends: int = 0,
) -> list[Line]:
    """`height` lines of `width` cells for values from 0 to `top`; what is higher is cut off.

    `uprights` are cells marked from bottom to top; the curves lie over them, the last on top.
    `ends` more cells at the right are for the letters of the curves, each beside its curve's end.
    """
    cells: dict[tuple[int, int], Cell] = {}
    drawn = _drawn(curves, height, top)
    if level is not None and 0 < level.value <= top:
        cells |= _level(level, drawn, width, height, top)
    words = {place: cell for place, cell in cells.items() if cell[0] != LEVEL}
    cells |= {(x, y): (UPRIGHT, "mark") for x in uprights for y in range(height)} | words
    cells |= drawn
    if len(curves) > 1:
        cells |= _beside(curves, cells, height, top)
    if ends:
        cells |= _ends(curves, cells, width + ends, height, top)
    across = range(width + ends)
    return [_line([cells.get((x, y), (" ", "")) for x in across]) for y in range(height)]


def row_of(value: float, height: int, top: float) -> int:
    """The line, from above, in which a value lies."""
    return height - 1 - _dot(value, height, top) // HIGH


def _dot(value: float, height: int, top: float) -> int:
    """Dots from the bottom."""
    most = height * HIGH - 1
    return min(max(round(value / top * most), 0), most)


def _level(
    level: Level, drawn: Collection[tuple[int, int]], width: int, height: int, top: float
) -> dict[tuple[int, int], Cell]:
    """Its word stands as far to the left as no curve goes through it."""
    y = row_of(level.value, height, top)
    found = {(x, y): (LEVEL, "faint") for x in range(width)}
    word = f" {level.word} "
    places = range(1, width - len(word)) if width > 3 * len(word) else ()
    free = (x for x in places if not any((x + n, y) in drawn for n in range(len(word))))
    if (first := next(free, None)) is not None:
        found |= {(first + n, y): (char, level.role) for n, char in enumerate(word)}
    return found


def _drawn(curves: Sequence[Curve], height: int, top: float) -> dict[tuple[int, int], Cell]:
    """Dots of several curves in one cell are joined, in the look of the last."""
    joined: _Dots = {}
    owner: dict[tuple[int, int], str] = {}
    places = [_dots(curve, height, top) for curve in curves]
    for curve, dots in zip(curves, places, strict=True):
        for place, bits in dots.items():
            joined[place] = joined.get(place, 0) | bits
            owner[place] = curve.role
    return {place: (chr(_EMPTY + bits), owner[place]) for place, bits in joined.items()}


def _beside(
    curves: Sequence[Curve], drawn: Mapping[tuple[int, int], Cell], height: int, top: float
) -> dict[tuple[int, int], Cell]:
    """Letters above or below the curves, where no curve is: a letter hides nothing measured."""
    found: dict[tuple[int, int], Cell] = {}
    for number, curve in enumerate(curves):
        first = _LETTER_EVERY // 4 + int(number / len(curves) * _LETTER_EVERY)
        for x in range(first, len(curve.values) // DOTS, _LETTER_EVERY):
            value = curve.values[x * DOTS]
            y = row_of(value, height, top) if value is not None else height
            near = [(x, y - 1), (x, y + 1)] if value is not None else []
            free = (place for place in near if 0 <= place[1] < height and place not in drawn)
            if (place := next(free, None)) is not None and place not in found:
                found[place] = (curve.letter, curve.role)
    return found


def _ends(
    curves: Sequence[Curve],
    drawn: Mapping[tuple[int, int], Cell],
    width: int,
    height: int,
    top: float,
) -> dict[tuple[int, int], Cell]:
    """The letters beside the ends, where there is a cell that no curve or letter has."""
    taken = {place for place, (char, _) in drawn.items() if char not in (UPRIGHT, LEVEL)}
    found: dict[tuple[int, int], Cell] = {}
    for curve in sorted((one for one in curves if one.letter), key=lambda one: one.letter):
        known = [x for x, value in enumerate(curve.values) if value is not None]
        if not known:
            continue
        y, first = row_of(curve.values[known[-1]] or 0.0, height, top), known[-1] // DOTS + 1
        x = next((x for x in range(first, first + 3) if (x, y) not in taken), width)
        if x < width:
            found[x, y] = (curve.letter, curve.role)
            taken.add((x, y))
    return found


def _dots(curve: Curve, height: int, top: float) -> _Dots:
    """Neighbouring values are joined by an upright; nothing is drawn over a gap."""
    found: _Dots = {}
    before: int | None = None
    for column, value in enumerate(curve.values):
        if value is None:
            before = None
            continue
        now = _dot(value, height, top)
        for dot in _between(before, now):
            place = column // DOTS, height - 1 - dot // HIGH
            found[place] = found.get(place, 0) | _BITS[column % DOTS][dot % HIGH]
        before = now
    return found


def _between(before: int | None, now: int) -> Iterable[int]:
    if before is None or abs(now - before) < 2:
        return (now,)
    return range(before + 1, now + 1) if now > before else range(now, before)


def _line(cells: Iterable[Cell]) -> Line:
    """Cells of one role are one piece."""
    runs = groupby(cells, key=lambda cell: cell[1])
    return tuple(Span("".join(char for char, _ in run), role) for role, run in runs)
