"""Which columns a width has room for, and how wide each is."""

from __future__ import annotations

from dataclasses import dataclass, replace

GAP = 2
NARROW_GAP = 1
NAME_LEAST = 12
NAME_MIN = 18
NAME_MAX = 44
MARKS_MIN = 14
MARKS_SPARED = 4
"""Cells that a long name may take from the marks where there is nothing else."""

BARE_WEIGHT = 9
"""Cells of a weight column without its bar, which is the first that a narrow table gives up."""

FULL_WEIGHT = 15
BAR_RANK = 6

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


COLUMNS = (
    Column("sign", "", 1, 0, right=False),
    Column("name", "service", NAME_MIN, 0, right=False),
    Column("weight", "weight", FULL_WEIGHT, 2),
    Column("share", "share", 5, 8),
    Column("rps", "req/s", 6, 3),
    Column("err", "errors", 6, 1),
    Column("p50", "p50", 6, 11),
    Column("p95", "p95", 6, 10),
    Column("p99", "p99", 6, 4),
    Column("spark", "requests", 12, 9, right=False),
    Column("pods", "pods", 5, 5),
    Column("marks", "", MARKS_MIN, 7, right=False),
)

SORTED = {"name": "name", "errors": "err", "traffic": "rps", "latency": "p99", "worst": "sign"}
"""The column that shows which sort is on."""


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
        chosen = [_narrowed(column, limit) for column in COLUMNS if column.rank <= limit]
        if _needed(chosen, gap) <= width:
            break
    return ColumnGrid(_stretched(chosen, width - _needed(chosen, gap), name_width), gap, width)


def _narrowed(column: Column, limit: int) -> Column:
    """Without its bar, or with a name that may be cut, where that rank is given up."""
    least = {"weight": BARE_WEIGHT, "name": NAME_LEAST} if limit < BAR_RANK else {}
    return replace(column, width=least.get(column.id, column.width))


def _needed(columns: list[Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _stretched(columns: list[Column], spare: int, name_width: int) -> tuple[Column, ...]:
    """The name takes what it wants of the spare cells, then the drawings grow, then the marks.

    Without marks the bar gets back what it gave up, and the name the rest.
    """
    ids = {column.id for column in columns}
    now = {column.id: column.width for column in columns}
    wanted = min(max(name_width, NAME_MIN), NAME_MAX) - now["name"]
    name = max(min(spare + MARKS_SPARED * ("marks" in ids), wanted), min(spare, 0))
    spare -= name
    if "marks" in ids:
        growth = GROWTH if spare >= sum(GROWTH.values()) + 6 else {}
        added = {"name": name, "marks": spare - sum(growth.values()), **growth}
    else:
        bar = max(min(spare, FULL_WEIGHT - now.get("weight", FULL_WEIGHT)), 0)
        added = {"name": name + spare - bar, "weight": bar}
    return tuple(
        replace(c, width=max(c.width + added.get(c.id, 0), 4 * (c.id == "name"))) for c in columns
    )
