"""From entries to painted lines of exactly the table's width."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from operator import is_

from rich.cells import cell_len

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.placed import cluster_of
from meshtui.mesh.sides import CALLER
from meshtui.ui.table.cells import CellContext, cell
from meshtui.ui.table.columns import NAME_MAX, SORTED, Column, ColumnGrid
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.order import Sort
from meshtui.ui.table.outline import Outline, TableLine, version_name
from meshtui.ui.widgets.paint import Line, Span, fit, fit_line, width_of

EDGE = Span(" ")
LENDERS = ("weight", "share")
"""What a service has nothing to say in, mostly; its name stands before them."""
Shown = tuple[ColumnGrid, CellContext, float]
"""The columns, what lines need beside their views, and the time of the last sample."""

SERVERS = " SERVER'S VIEW "
"""Stands over the names where the numbers are not the callers', which they mostly are."""


def row(entry: TableLine, grid: ColumnGrid, context: CellContext) -> Line:
    """The line of an entry; equal entries give equal lines, so that nothing is painted twice."""
    pieces: list[Span] = [EDGE]
    for index, column in enumerate(_lent(entry, grid, context)):
        if index:
            pieces.append(Span(" " * grid.gap))
        pieces += _aligned(cell(column, entry, context), column)
    return tuple(pieces)


def _lent(entry: TableLine, grid: ColumnGrid, context: CellContext) -> tuple[Column, ...]:
    """A name that is too long takes the cells behind it that its line leaves empty, and of the
    first that is not as much as is empty there."""
    at = next((n for n, column in enumerate(grid.columns) if column.id == "name"), 0)
    name = grid.columns[at]
    lacks = width_of(cell(replace(name, width=NAME_MAX), entry, context)) - name.width
    lent, behind = 0, at + 1
    while lent < lacks and behind < len(grid.columns) and grid.columns[behind].id in LENDERS:
        lender = grid.columns[behind]
        used = width_of(cell(lender, entry, context))
        if used:
            free = min(lacks - lent, max(lender.width - used, 0))
            wider = replace(name, width=name.width + lent + free)
            narrower = replace(lender, width=lender.width - free)
            return *grid.columns[:at], wider, narrower, *grid.columns[behind + 1 :]
        lent, behind = lent + grid.gap + lender.width, behind + 1
    wider = replace(name, width=name.width + lent)
    return *grid.columns[:at], wider, *grid.columns[behind:]


class Rows:
    """The lines of entries, each made once for as long as what it shows is the same.

    A key moves the cursor over lines of which none has changed, and to lay out a screen full of
    them takes longer than all else that the key leads to.
    """

    def __init__(self) -> None:
        self._shown: Shown | None = None
        self._made: dict[LineId, tuple[TableLine, Line]] = {}

    def of(self, entry: TableLine, shown: Shown) -> Line:
        """The line of an entry, as `row` makes it."""
        if self._shown is None or not all(map(is_, shown, self._shown)):
            self._made.clear()
            self._shown = shown
        known = self._made.get(entry.place)
        if known is None or not _is_same(known[0], entry):
            known = self._made[entry.place] = entry, row(entry, *shown[:2])
        return known[1]


def _is_same(one: TableLine, other: TableLine) -> bool:
    """By the identity of its view: to compare all in it takes as long as to lay it out."""
    return (
        one.view is other.view
        and one.version is other.version
        and (one.folded, one.last) == (other.folded, other.last)
    )


def _aligned(pieces: Line, column: Column) -> Line:
    room = column.width - width_of(pieces)
    if room <= 0:
        return fit_line(pieces, column.width)
    padding = Span(" " * room)
    return (padding, *pieces) if column.right else (*pieces, padding)


def head(grid: ColumnGrid, sort: Sort, side: str = CALLER) -> Line:
    """The titles, with an arrow at the column that the lines are sorted by."""
    arrow = "▲" if sort.reverse else "▼"
    pieces: list[Span] = [EDGE]
    for index, column in enumerate(grid.columns):
        if index:
            pieces.append(Span(" " * grid.gap))
        here = SORTED[sort.key] == column.id
        title = column.title + arrow * here
        if index and column.right and cell_len(title) == column.width + 1:
            pieces[-1], column = Span(" " * (grid.gap - 1)), replace(column, width=column.width + 1)
        if cell_len(title) > column.width:
            title = title[: column.width - 1] + arrow
        role = "head-sorted" if here else "head"
        if side != CALLER and column.id == "name":
            pieces += fit_line((Span(SERVERS, "side"), Span(arrow * here, role)), column.width)
        else:
            pieces.append(Span(fit(title, column.width, column.right), role))
    return tuple(pieces)


def wanted_name_width(lines: Outline, namespaces: bool) -> int:
    """Cells for the longest name, versions and namespaces included."""
    return max(
        (
            _name_width(
                block.view.key,
                tuple([version_name(row) for row in block.view.versions]),
                block.closed,
                namespaces,
            )
            for block in lines.blocks
        ),
        default=0,
    )


@lru_cache(maxsize=10_000)
def _name_width(
    service: ServiceKey, versions: tuple[str, ...], closed: bool, namespaces: bool
) -> int:
    """Of a service and, unless it is closed, its versions; names hardly ever change."""
    width = 2 + cell_len(service.name)
    if namespaces:
        width += 1 + cell_len(service.namespace)
    if cluster := cluster_of(service):
        width += 2 + cell_len(cluster)
    if not closed:
        return max((width, *(6 + cell_len(name) for name in versions)))
    named = len(versions) == 1 and versions[0] != service.name
    return width + 2 + cell_len(versions[0]) if named else width
