"""Which columns a width has room for, and how wide each is."""

from __future__ import annotations

from dataclasses import dataclass

GAP = 2
NARROW_GAP = 1
NAME_MIN = 18
NAME_MAX = 44
MARKS_MIN = 14


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `rank` says how soon it is given up: 0 never, the highest first."""

    id: str
    title: str
    width: int
    rank: int
    right: bool = True


COLUMNS = (
    Column("sign", "", 1, 0, right=False),
    Column("name", "service", NAME_MIN, 0, right=False),
    Column("weight", "weight", 15, 0),
    Column("share", "share", 5, 2),
    Column("rps", "req/s", 6, 0),
    Column("err", "errors", 6, 0),
    Column("p50", "p50", 6, 5),
    Column("p95", "p95", 6, 4),
    Column("p99", "p99", 6, 0),
    Column("spark", "requests", 12, 3, right=False),
    Column("pods", "pods", 5, 0),
    Column("marks", "", MARKS_MIN, 1, right=False),
)

SORTED = {"name": "name", "errors": "err", "traffic": "rps", "latency": "p99", "worst": "sign"}
"""The column that shows which sort is on."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The columns in use, from left to right, and the cells between them."""

    columns: tuple[Column, ...]
    gap: int
    width: int


def grid(width: int, name_width: int) -> Grid:
    """The columns for `width` cells; `name_width` is what the longest name would like to have."""
    gap = GAP if width >= 100 else NARROW_GAP
    ranks = sorted({column.rank for column in COLUMNS}, reverse=True)
    for limit in ranks:
        chosen = [column for column in COLUMNS if column.rank <= limit]
        if _needed(chosen, gap) <= width or limit == 0:
            break
    return Grid(_stretched(chosen, width - _needed(chosen, gap), name_width), gap, width)


def _needed(columns: list[Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _stretched(columns: list[Column], spare: int, name_width: int) -> tuple[Column, ...]:
    """The name takes what it wants of the spare cells, the marks the rest."""
    wish = min(max(name_width, NAME_MIN), NAME_MAX)
    name = NAME_MIN + max(min(spare, wish - NAME_MIN), min(spare, 0))
    marks = MARKS_MIN + spare - (name - NAME_MIN)
    sizes = {"name": max(name, 4), "marks": marks}
    return tuple(Column(c.id, c.title, sizes.get(c.id, c.width), c.rank, c.right) for c in columns)
