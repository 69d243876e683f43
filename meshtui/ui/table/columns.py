"""Which columns a width has room for, and how wide each is."""

from __future__ import annotations

from dataclasses import replace

from meshtui.dataclass import dataclass

GAP = 2
NARROW_GAP = 1
NAME_LEAST = 12
NAME_MIN = 18
NAME_MAX = 44
MARKS_MIN = 12
MARKS_SPARED = 4
"""Cells that a long name may take from the marks of a narrow table."""

MARKS_FIRST = 17
"""Cells that marks get before drawings grow: a fault, how much of it, and when it ends."""

BARE_WEIGHT = 8
"""Cells of a weight column without its bar, which a narrow table gives up next to the marks."""

FULL_WEIGHT = 12
BAR_RANK, MARKS_RANK = 7, 8

GROWTH = {"weight": 6, "spark": 8}
"""Cells that the drawings get where there is room to spare."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `rank` says how soon it is given up: 0 never, the highest first."""

    id: str
    title: str
    width: int
    rank: int
    right: bool = True
    for_marks: bool = False
    """True where it has a word for each of the marks, which have no column."""

    marks_cells: int = 0
    """Of the weights: how many cells the marks have; 0 where they have no column."""


COLUMNS = (
    Column("sign", "", 1, 0, right=False),
    Column("name", "service", NAME_MIN, 0, right=False),
    Column("weight", "weight", FULL_WEIGHT, 2),
    Column("share", "share", 5, 3),
    Column("rps", "req/s", 6, 4),
    Column("err", "errors", 6, 1),
    Column("p50", "p50", 5, 11),
    Column("p95", "p95", 5, 10),
    Column("p99", "p99", 5, 5),
    Column("spark", "requests", 12, 9, right=False),
    Column("pods", "pods", 5, 6),
    Column("marks", "", MARKS_MIN, 8, right=False),
)

REST = Column("rest", "", 0, 0, right=False)
"""Cells at the right that nothing needs."""

SORTED = {
    "worst": "sign",
    "name": "name",
    "weight": "weight",
    "share": "share",
    "traffic": "rps",
    "errors": "err",
    "p50": "p50",
    "p95": "p95",
    "latency": "p99",
    "pods": "pods",
}
"""The column that shows which sort is on, from left to right."""


@dataclass(frozen=True, slots=True)
class ColumnGrid:
    """The columns in use, from left to right, and the cells between them."""

    columns: tuple[Column, ...]
    gap: int
    width: int


def grid(width: int, name_width: int) -> ColumnGrid:
    """The columns for `width` cells; `name_width` is what the longest name would like to have."""
    gap = GAP if width >= 100 else NARROW_GAP
    ranks = {column.rank for column in COLUMNS} | {BAR_RANK}
    for limit in sorted(ranks, reverse=True):
        found = (column for column in COLUMNS if column.rank <= limit)
        chosen = [_narrowed(column, limit, name_width) for column in found]
        if _needed(chosen, gap) <= width:
            break
    return ColumnGrid(_stretched(chosen, width - _needed(chosen, gap), name_width, gap), gap, width)


def _narrowed(column: Column, limit: int, name_width: int) -> Column:
    """As wide as it must be: a name may be cut, and the bar is given up at its rank."""
    if column.id == "name":
        least = NAME_MIN if limit >= BAR_RANK else NAME_LEAST
        return replace(column, width=min(max(name_width, NAME_LEAST), least))
    if column.id == "weight":
        width = FULL_WEIGHT if limit >= BAR_RANK else BARE_WEIGHT
        return replace(column, width=width, for_marks=limit < MARKS_RANK)
    return column


def _needed(columns: list[Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _stretched(columns: list[Column], spare: int, name_width: int, gap: int) -> tuple[Column, ...]:
    """The name takes what it wants of the spare cells, then the drawings grow, then the marks.

    Without marks the bar gets back what it gave up, and the rest is left empty.
    """
    ids = {column.id for column in columns}
    now = {column.id: column.width for column in columns}
    wanted = min(max(name_width, NAME_LEAST), NAME_MAX) - now["name"]
    spared = MARKS_SPARED if "marks" in ids and gap == NARROW_GAP else 0
    name = max(min(spare + spared, wanted), min(spare, 0))
    spare -= name
    if "marks" in ids:
        growth = GROWTH if spare >= sum(GROWTH.values()) + MARKS_FIRST else {}
        added = {"name": name, "marks": spare - sum(growth.values()), **growth}
    else:
        bar = max(min(spare, FULL_WEIGHT - now.get("weight", FULL_WEIGHT)), 0)
        rest = spare - bar if spare - bar > gap else 0
        added = {"name": name + spare - bar - rest, "weight": bar}
        columns = [*columns, *([replace(REST, width=rest - gap)] if rest else [])]
    widths = {c.id: max(c.width + added.get(c.id, 0), 4 * (c.id == "name")) for c in columns}
    marks = widths.get("marks", 0)
    return tuple(
        replace(c, width=widths[c.id], marks_cells=marks if c.id == "weight" else 0)
        for c in columns
    )
