"""An access-log line as it is read at a glance: when, what came of it, what was asked. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from string import ascii_lowercase

from rich.cells import cell_len, set_cell_size

from meshtui.dataclass import dataclass
from meshtui.envoy.logline import LOOKED_AT, LoggedRequest, LogLine
from meshtui.envoy.logstore import LogStore
from meshtui.mesh.text import ELLIPSIS, clean
from meshtui.ui.widgets.paint import Line, Span, fit, span, width_of
from meshtui.ui.widgets.roles import LINE_ROLES

_CLOCK = slice(11, 23)
"""Hours to milliseconds in an ISO 8601 time."""

_RULE = Span("─── ", "faint")
LONGEST_VERSION = 8
"""Cells of the longest name of a version before lines; a longer one is cut."""

_LONGEST_WORD = 80
"""Characters of a method, and of all flags, that are shown."""

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


def log_line(line: LogLine, prefix: Span, style: LineStyle) -> Line:
    """The prefix, then the line; one that is no access log stands as it came."""
    if line.own:
        sign, role = (Span("▲ ", "warning"), "warning") if line.trouble else (_RULE, "unknown")
        return sign, span(line.text, role)
    if style.raw:
        time = (Span(stamp_words(line.stamp), "muted"),) if style.stamps else ()
        return prefix, *time, span(line.text[:LOOKED_AT], "text")
    if line.request is None:
        return prefix, span(line.text[:LOOKED_AT], "muted")
    return prefix, *_request(line.request, style.clock)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """`v3 b `: the version in its colour, and a letter for the pod; two where there are many.

    As wide as the versions that were seen; which number is whose, the store says.
    """

    width: int = 1
    letters: int = 1

    @classmethod
    def for_(cls, store: LogStore) -> Prefixes:
        widest = max((cell_len(clean(name)) for name in store.versions), default=1)
        width = max(1, min(widest, LONGEST_VERSION))
        return cls(width, 1 if store.pods <= len(ascii_lowercase) else 2)

    def of(self, line: LogLine, store: LogStore) -> Span:
        high, low = divmod(store.pod_number(line), len(ascii_lowercase))
        letters = ascii_lowercase[high % 26] + ascii_lowercase[low]
        name = fit(span(line.version or "?").text, self.width)
        role = LINE_ROLES[store.version_number(line) % len(LINE_ROLES)]
        return Span(f"{name} {letters[-self.letters :]} ", role)


def stamp_words(stamp: int) -> str:
    """To the millisecond, in UTC as the lines themselves have it; empty where there is none."""
    if not stamp:
        return ""
    seconds, rest = divmod(stamp, 10**9)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")
    return f"{whole}.{rest // 10**6:03d} "


def _request(request: LoggedRequest, clock: bool) -> Line:
    flags = ",".join(request.flags)[:_LONGEST_WORD] or "-"
    duration = "-" if request.duration_ms is None else f"{request.duration_ms}ms"
    why = f"  {request.details[:LOOKED_AT]}" if request.flags and request.details else ""
    code, role = f"{request.code:>3}", code_role(request.code)
    asked = f"{request.method[:_LONGEST_WORD]} {request.path[:LOOKED_AT]}"
    if request.tcp:
        code, role = "tcp", "failing" if request.failed else "ok"
        asked = f"connection to {request.to[:LOOKED_AT] or '?'}"
    return (
        span(f"{request.time[_CLOCK]} " if clock else "", "muted"),
        span(code, role),
        span(f" {flags:<3}", "warning" if request.flags else "muted"),
        span(f"{duration:>7} ", "muted"),
        Span("← " if request.inbound else "→ ", "faint"),
        span(asked, "text"),
        span(why, "muted"),
    )


def code_role(code: int) -> str:
    if code >= 500 or code == 0:
        return "failing"
    return "degraded" if code >= 400 else "ok"


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
    return width_of(pieces[:1])
