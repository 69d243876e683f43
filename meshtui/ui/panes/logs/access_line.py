"""An access-log line as it is read at a glance: when, what came of it, what was asked. Pure."""

from __future__ import annotations

from string import ascii_lowercase

from rich.cells import cell_len, set_cell_size

from meshtui.dataclass import dataclass
from meshtui.envoy.logline import LOOKED_AT, LogLine, iso_stamp
from meshtui.envoy.logmarks import PodMarks
from meshtui.envoy.logstore import LogStore
from meshtui.envoy.logview import Piece, begins_with_time, highlighted, request_pieces
from meshtui.mesh.regex import Search
from meshtui.mesh.text import ELLIPSIS, clean
from meshtui.ui.widgets.paint import Line, Span, fit, span, width_of
from meshtui.ui.widgets.roles import LINE_ROLES

_CLOCK = slice(11, 23)
"""Hours to milliseconds in an ISO 8601 time."""

_RULE = Span("─── ", "faint")
LONGEST_VERSION = 8
"""Cells of the longest name of a version before lines; a longer one is cut."""

MOST_ROWS = 15
"""Rows that one wrapped line takes; opened it is seen whole."""


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How lines are shown: as they came or readable, with their times, wrapped."""

    raw: bool = False
    clock: bool = True
    stamps: bool = False
    """The kubelet's times before lines as they came."""

    wrap: bool = False


def log_line(
    line: LogLine, prefix: Line, style: LineStyle, highlight: Search | None = None
) -> Line:
    """The prefix, then the line; one that is no access log stands as it came."""
    if line.own:
        sign, role = (Span("▲ ", "warning"), "warning") if line.trouble else (_RULE, "unknown")
        return sign, span(line.text, role)
    body = highlighted(_body(line, style), highlight)
    return *prefix, *_times(line, style), *(span(*piece) for piece in body)


def _times(line: LogLine, style: LineStyle) -> Line:
    """When the kubelet took what does not say when it was written, or stands as it was."""
    if style.raw:
        return (Span(stamp_words(line.stamp), "muted"),) if style.stamps else ()
    of_program = line.container and style.clock and not begins_with_time(line.text)
    return (Span(stamp_words(line.stamp), "muted"),) if of_program else ()


def _body(line: LogLine, style: LineStyle) -> tuple[Piece, ...]:
    if line.container:
        return (f"{line.container}: ", "mark"), (line.text[:LOOKED_AT], "text")
    if style.raw:
        return ((line.text[:LOOKED_AT], "text"),)
    if line.request is None:
        return ((line.text[:LOOKED_AT], "muted"),)
    return request_pieces(line.request, style.clock)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """`v3 b `: the version and a letter for the pod in their colours; two where there are many.

    As wide as the versions that were seen; which number is whose, the store says.
    """

    width: int = 1
    letters: int = 1

    @classmethod
    def for_(cls, store: LogStore) -> Prefixes:
        widest = max((cell_len(clean(name)) for name in store.versions), default=1)
        width = max(1, min(widest, LONGEST_VERSION))
        return cls(width, 1 if store.marks.pods <= len(ascii_lowercase) else 2)

    def of(self, line: LogLine, marks: PodMarks) -> Line:
        number = marks.pod_number(line)
        high, low = divmod(number, len(ascii_lowercase))
        letters = ascii_lowercase[high % 26] + ascii_lowercase[low]
        name = fit(span(line.version or "?").text, self.width)
        return (
            Span(f"{name} ", _colour(marks.version_number(line))),
            Span(f"{letters[-self.letters :]} ", _colour(number)),
        )


def _colour(number: int) -> str:
    return LINE_ROLES[number % len(LINE_ROLES)]


def stamp_words(stamp: int) -> str:
    """To the millisecond, in UTC as the lines themselves have it; empty where there is none."""
    found = iso_stamp(stamp)[_CLOCK]
    return f"{found} " if found else ""


def wrapped_line(pieces: Line, width: int, indent: int) -> list[Line]:
    """The line in rows of at most `width` cells, those after the first indented."""
    indent = indent if width - indent >= 20 else 0
    rows: list[list[Span]] = [[]]
    full = room = max(width, 1)
    for text, role in pieces:
        rest = text
        while rest:
            taken = _fitting(rest, room) or (rest[0] if room == full else "")
            if taken:
                rows[-1].append(Span(taken, role))
                rest = rest[len(taken) :]
                room -= cell_len(taken)
            if rest:
                rows.append([Span(" " * indent)] if indent else [])
                full = room = max(width - indent, 1)
    if len(rows) > MOST_ROWS:
        rows = [*rows[: MOST_ROWS - 1], [Span(" " * indent), Span(f"{ELLIPSIS} more", "muted")]]
    return [tuple(row) for row in rows]


def _fitting(text: str, room: int) -> str:
    """As much of the beginning as fits, no half of a wide character."""
    if room <= 0:
        return ""
    head = text[:room]
    if head.isascii():
        return head
    taken = set_cell_size(head, min(room, cell_len(head)))
    return taken if head.startswith(taken) else taken[:-1]


def prefix_width(pieces: Line) -> int:
    return width_of(pieces[:2])
