"""How log lines and what they come to are read at a glance: texts with their roles. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from meshtui.envoy.logline import LOOKED_AT, LoggedRequest
from meshtui.envoy.logsummary import Summary
from meshtui.mesh.codes import failed
from meshtui.mesh.regex import Search

Piece = tuple[str, str]
"""Text as it came, and what it is for."""

MOST_CODES = 8
MOST_FLAGS = 8
MOST_FAILING = 3
MOST_PATHS = 4

_CLOCK = slice(11, 23)
"""Hours to milliseconds in an ISO 8601 time."""

_OWN_TIME = re.compile(r"[\[\"]?\d{4}[-/]\d\d[-/]\d\d[T ]", re.ASCII)

_LONGEST_WORD = 80
"""Characters of a method, and of all flags, that are shown."""


def request_pieces(request: LoggedRequest, clock: bool) -> tuple[Piece, ...]:
    """When, what came of it, how long it took, which way it went, and what was asked."""
    flags = ",".join(request.flags)[:_LONGEST_WORD] or "-"
    duration = "-" if request.duration_ms is None else f"{request.duration_ms}ms"
    why = f"  {request.details[:LOOKED_AT]}" if request.flags and request.details else ""
    code, role = f"{request.code:>3}", code_role(request.code)
    asked = f"{request.method[:_LONGEST_WORD]} {request.path[:LOOKED_AT]}"
    if request.tcp:
        code, role = "tcp", "failing" if request.failed else "ok"
        asked = f"connection to {request.to[:LOOKED_AT] or '?'}"
    return (
        (f"{request.time[_CLOCK]} " if clock else "", "muted"),
        (code, role),
        (f" {flags:<3}", "warning" if request.flags else "muted"),
        (f"{duration:>7} ", "muted"),
        ("← " if request.inbound else "→ ", "muted"),
        (asked, "text"),
        (why, "muted"),
    )


def begins_with_time(text: str) -> bool:
    """Whether a line that is no request says itself when it was written."""
    return _OWN_TIME.match(text) is not None


def code_role(code: int) -> str:
    if failed(code):
        return "failing"
    return "degraded" if code >= 400 else "ok"


def code_pieces(summary: Summary) -> Iterable[Piece]:
    """How many requests ended how: errors first."""
    for code in sorted(summary.codes, key=lambda code: (code != 0, -code))[:MOST_CODES]:
        yield str(code), code_role(code)
        yield f" ×{summary.codes[code]:,}  ", "muted"
    if summary.connections:
        yield "tcp", "text"
        yield f" ×{summary.connections:,}  ", "muted"


def flag_pieces(summary: Summary) -> Iterable[Piece]:
    ranked = sorted(summary.flags.items(), key=lambda item: (-item[1], item[0]))
    if ranked:
        yield "│ ", "faint"
    for flag, count in ranked[:MOST_FLAGS]:
        yield flag, "warning"
        yield f" ×{count:,}  ", "muted"


SLOWEST = "slowest by mean  "


def path_pieces(summary: Summary) -> Iterable[Piece]:
    """The paths that failed most often, and those that took longest."""
    failing = summary.failing(MOST_FAILING)
    if failing:
        yield "failing  ", "muted"
    for path, code, count in failing:
        yield f"{path or '/'} ", "text"
        yield f"{code}", "failing"
        yield f" ×{count:,}  ", "muted"
    if failing:
        yield "│ ", "faint"
    slow = summary.slowest(MOST_PATHS)
    if slow:
        yield SLOWEST, "muted"
    for path, count, mean in slow:
        yield f"{path or '/'} ", "text"
        yield f"{duration(mean)}", "draft"
        yield f" ×{count:,}  ", "muted"


def duration(milliseconds: float) -> str:
    """As short as it may be read: `12ms`, `1.5s`."""
    return f"{milliseconds:.0f}ms" if milliseconds < 1_000 else f"{milliseconds / 1e3:.3g}s"


def highlighted(pieces: Iterable[Piece], search: Search | None) -> Iterator[Piece]:
    """The pieces cut where an expression is found in their whole text, with the role `match`."""
    found = [piece for piece in pieces if piece[0]]
    spans = search.spans("".join(text for text, _ in found)[:LOOKED_AT]) if search else []
    if not spans:
        yield from found
        return
    at = 0
    for text, role in found:
        cuts = sorted({0, len(text), *(edge - at for span in spans for edge in span)})
        inner = [cut for cut in cuts if 0 <= cut <= len(text)]
        for begin, end in pairwise(inner):
            hit = any(first <= at + begin < last for first, last in spans)
            yield text[begin:end], "match" if hit else role
        at += len(text)


def late_words(late: int) -> str:
    """Of lines that a proxy wrote when others of their time were there already: slow requests."""
    if not late:
        return ""
    lines, it = ("line", "its") if late == 1 else ("lines", "their")
    return f"{late:,} {lines} came too late to stand at {it} time"


def unread_words(unknown: int, nameless: int) -> list[str]:
    """What of the lines that came is not among those that are shown and counted, and why."""
    found = []
    if unknown:
        lines = "line is" if unknown == 1 else "lines are"
        found.append(f"{unknown:,} {lines} in a format that is not known")
    if nameless:
        lines = "line of a caller" if nameless == 1 else "lines of callers"
        found.append(f"{nameless:,} {lines} left out, with no service's name")
    return found
