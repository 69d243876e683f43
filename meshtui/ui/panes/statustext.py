"""The proxies and how they stand with the control plane, as they are read. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from meshtui.diagnosis.proxy_sync import (
    BEHIND,
    IN_SYNC,
    NOT_CONNECTED,
    REFUSES,
    STATES,
    UNKNOWN,
    ProxyRow,
    counts_of,
    row_lines,
    types_words,
)
from meshtui.mesh.quantity import human_duration
from meshtui.operations.look.proxy_sync import MeshSync
from meshtui.ui.widgets.paint import BLANK, Line, Span, fit, fit_middle, span, width_of, wrapped

TITLES = ("proxy", "kind", "version", "state", "types", "sent")
GAP = 2
LEAST = (20, 7, 6, 13, 9, 5)
MOST = (60, 8, 24, 13, 40, 6)
"""Cells of each column at the least, where there is something to be cut, and at the most."""

ROOM_FOR_NAMES = 36
"""Cells of names for which other columns are given up: pods' names differ at their ends."""

GIVEN_UP = (4, 1, 5)
"""Columns in the order in which they go: what is wrong with types stands below the line, too."""

MOST_ROWS = 400
"""Proxies that have a line, the worst of them; a text shows the others."""

_ROLES = {REFUSES: "failing", NOT_CONNECTED: "failing", BEHIND: "warning", IN_SYNC: "ok"}
_MARKS = {REFUSES: "✖", NOT_CONNECTED: "✖", BEHIND: "▲", IN_SYNC: "●"}


def status_lines(found: MeshSync, text: str, width: int) -> list[Line]:
    """A line for each proxy whose line holds `text`, the worst first, below it what is wrong."""
    lines: list[Line] = []
    rows = shown_rows(found, text)
    shared = _shared(rows)
    above = (f"{number} proxies: {words}" for words, number in shared.items())
    for words in (*found.unread, *filter(None, [found.unsaid]), *above):
        lines += [*wrapped(f"▲ {words}", width, "warning"), BLANK]
    if not rows:
        return [*lines, (Span(f"no proxy with {text!r}" if text else "no proxy", "muted"),)]
    rows, more = rows[:MOST_ROWS], len(rows) - MOST_ROWS
    titles = tuple(Span(title, "head") for title in TITLES)
    cells = [_cells(row, found.time) for row in rows]
    widths = _widths([titles, *cells], width)
    lines.append(_line(titles, widths))
    for row, own in zip(rows, cells, strict=True):
        lines.append(_line(own, widths))
        role = "failing" if row.state == REFUSES else "warning"
        for words in (one for one in row_lines(row, found.time) if one not in shared):
            lines += wrapped(words, width, role if row.in_sync is not True else "muted", "  └ ")
    if more > 0:
        lines.append(
            (Span(f"… {more} more, none of them worse: / and a text shows others", "muted"),)
        )
    return lines


def _shared(rows: Sequence[ProxyRow]) -> dict[str, int]:
    """Why several are not known, where it is the same for all of these: how many they are."""
    counted = Counter(row.why for row in rows if row.state == UNKNOWN and row.why)
    return {words: number for words, number in counted.items() if number > 1}


def shown_rows(found: MeshSync, text: str) -> list[ProxyRow]:
    """Those that hold the text in name, kind, version, state or istiod; by state, then place."""
    wanted = text.lower()
    rows = [row for row in found.rows if wanted in _searched(row).lower()]
    return sorted(rows, key=lambda row: (STATES.index(row.state), row.place, row.cluster))


def _searched(row: ProxyRow) -> str:
    istiod = row.sync.istiod if row.sync else ""
    return f"{row.label} {row.kind} {row.version} {row.state} {istiod}"


def summary(found: MeshSync) -> Line:
    """`2 refuses  1 stale  9 in sync`."""
    counted = counts_of(found.rows)
    return tuple(
        Span(f"{number} {state}  ", _ROLES.get(state, "muted")) for state, number in counted.items()
    )


def _cells(row: ProxyRow, now: float) -> Line:
    role, sync = _ROLES.get(row.state, "muted"), row.sync
    ago = human_duration(now - sync.newest) if sync and sync.newest else "–"
    return (
        span(row.label, "text" if row.in_sync else role),
        span(row.kind, "muted"),
        span(row.version or "?", "text"),
        Span(f"{_MARKS.get(row.state, '○')} {row.state}", role),
        span(types_words(sync) if sync else "–", "muted" if row.in_sync else role),
        Span(ago, "muted"),
    )


def _widths(rows: Sequence[Line], width: int) -> list[int]:
    """As wide as the widest; what does not fit is taken from the types, then whole columns go,
    which are then 0 wide, then it is taken from the names."""
    widest = [max(width_of((row[at],)) for row in rows) for at in range(len(TITLES))]
    found = [min(cells, most) for cells, most in zip(widest, MOST, strict=True)]
    over = sum(found) + GAP * (len(found) - 1) - width
    cut = min(max(over, 0), max(found[4] - LEAST[4], 0))
    found[4] -= cut
    over -= cut
    for place in GIVEN_UP:
        if over > max(found[0] - ROOM_FOR_NAMES, 0):
            over -= found[place] + GAP
            found[place] = 0
    for place in (0, 2):
        cut = min(max(over, 0), max(found[place] - LEAST[place], 0))
        found[place] -= cut
        over -= cut
    return found


def _line(cells: Line, widths: Sequence[int]) -> Line:
    pieces: list[Span] = []
    for place, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
        if not wide:
            continue
        pieces += [Span(" " * GAP)] if place else []
        text = fit(cell.text, wide) if place else fit_middle(cell.text, wide)
        pieces.append(Span(text, cell.role))
    return tuple(pieces)
