"""Whose numbers the charts show, and how old they are: the right side of the title. Pure."""

from __future__ import annotations

import time

from meshtui.mesh.quantity import human_duration
from meshtui.mesh.time_series import DOTS, beat_s
from meshtui.operations.look.charts import Picture
from meshtui.ui.widgets.paint import Line, Span

_LATE_S = 10.0


def source_words(picture: Picture, now: float) -> Line:
    """Who told what is shown, and how old the newest of it is."""
    if picture.newest is None:
        return (Span("nothing seen yet", "muted"),)
    age = max(now - picture.newest, 0.0)
    age_text = human_duration(age)
    stale = age > picture.overdue_s
    newest = Span(f" STALE {age_text} ", "stale") if stale else Span(f"{age_text} ago", "muted")
    return Span(f"{_title_of(picture, now)}  ", "muted"), newest


def _title_of(picture: Picture, now: float) -> str:
    """Who remembers this; from when on it is only what was seen from here."""
    if picture.source and picture.past_end is not None:
        overdue = now - picture.past_end > _LATE_S + 2 * _beat_of(picture)
        until = time.strftime("%H:%M", time.localtime(picture.past_end))
        return f"{picture.source} to {until}, then seen" if overdue else picture.source
    since = picture.seen_since
    return f"seen for {human_duration(now - since)}" if since is not None else ""


def _beat_of(picture: Picture) -> float:
    """How often the past is asked for, in seconds."""
    columns = picture.grid
    return beat_s(columns.end - columns.begin, columns.count // DOTS)
