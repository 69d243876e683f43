"""An entry of the journal as two or more lines. Pure."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from meshtui.mesh.quantity import human_duration, left_words
from meshtui.operations.types import Journaled
from meshtui.ui.widgets.paint import Line, Span, both_ends, fit_line, span, width_of, wrapped

REVERTED = "reverted"
_DAY_S = 86400.0
_ROLES = {"verified": "ok", "written": "warning", "failed": "muted", "recorded": "ok"}

ROOMY = 64
"""Cells of a pane that has room for the change that took another back."""


def entry_lines(entry: Journaled, now: float, width: int) -> list[Line]:
    """When, what and how it ended; who did it; what it did."""
    end = _ending(entry, now, width)
    head: Line = (
        Span(_when(entry.created, now), "muted"),
        Span("  "),
        span(entry.verb, "strong"),
        Span("  "),
        span(str(entry.service), "key"),
    )
    first = both_ends(fit_line(head, max(width - width_of(end) - 1, 8)), end, width)
    role = "text" if entry.took_effect and not entry.undone_by else "muted"
    words = (text.removeprefix(f"{entry.verb} ") for text in entry.words)
    summary = "; ".join(words) or ("not known what it did" if entry.unread else "")
    lines = [first, *wrapped(summary, width, role, "  ")]
    if entry.detail and (not entry.took_effect or entry.status.startswith(REVERTED)):
        lines += wrapped(entry.detail, width, "muted", "  ")
    return [*lines, (span(f"  {entry.who}  {entry.change_id}", "muted"),)]


def unread_words(entries: Iterable[Journaled]) -> str:
    """How many there are that this version cannot read; empty where there is none."""
    count = Counter(entry.status for entry in entries if entry.unread)
    found = {"newer version": "of a newer version", "cannot be read": "that cannot be read"}
    return ", ".join(
        f"{count[status]} {'entry' if count[status] == 1 else 'entries'} {words}"
        for status, words in found.items()
        if count[status]
    )


def _ending(entry: Journaled, now: float, width: int) -> Line:
    """How it stands: taken back, ending by itself, or how far it came."""
    if entry.unread:
        return (span(entry.status, "warning"),)
    if entry.undone_by:
        by = f" by {entry.undone_by}" if width >= ROOMY else ""
        return (span(f"undone{by}", "muted"),)
    if entry.took_effect and entry.expires is not None:
        left = entry.expires - now
        if left < 0:
            return (Span(f"OVERDUE {human_duration(-left)}", "error"),)
        return (Span(f"ends in {left_words(left)}", "warning"),)
    return (span(entry.status, _ROLES.get(entry.status, "error")),)


def _when(created: float, now: float) -> str:
    """The time of day; before that the date where it is not of these hours."""
    then = time.localtime(created)
    form = "%H:%M:%S" if abs(now - created) < _DAY_S / 2 else "%d %b %H:%M"
    return time.strftime(form, then)
