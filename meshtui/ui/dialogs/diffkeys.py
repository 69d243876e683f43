"""What the diff dialog waits for, and which keys it offers there. Pure."""

from __future__ import annotations

from enum import Enum

from meshtui.changes.change import Plan
from meshtui.ui.widgets.paint import Line, Span, span

LEAVING = "a change is being applied; q again leaves all the same"


class Phase(Enum):
    """What the dialog waits for."""

    PLANNING = "planning"
    SHOWN = "shown"
    APPLYING = "applying"
    OVER = "over"
    CONFLICT = "conflict"
    FAILED = "failed"


ENTER = Span("Enter", "key")
BACK = (Span("Esc", "key"), Span(" back", "muted"))


def keys_of(
    phase: Phase,
    plan: Plan | None,
    *,
    armed: bool,
    strayed: bool,
    kept: bool,
    name_missing: bool,
) -> Line:
    """The last line of the dialog. `strayed`: a key that means nothing here was typed just now;
    `kept`: Enter was, before the plan could be read."""
    if phase is Phase.CONFLICT:
        return (ENTER, Span(" plan again   ", "text"), *BACK)
    if phase is Phase.APPLYING:
        hide = (Span("Esc", "key"), Span(" hide, it goes on", "muted"))
        return (Span("applying…   ", "draft"), *hide)
    if phase is Phase.PLANNING and kept:
        return (Span("Enter is kept for the plan   ", "draft"), *BACK)
    if phase is Phase.PLANNING or (plan is not None and plan.empty):
        return BACK
    if phase is not Phase.SHOWN or plan is None:
        return (ENTER, Span(" or ", "muted"), *BACK)
    if name_missing:
        return (span(f"type {plan.change.service.name} to go on   ", "error"), *BACK)
    if strayed:
        return (Span("no key of this dialog: Enter rests a moment   ", "warning"), *BACK)
    if kept and not armed:
        return (Span("Enter applies it in a moment   ", "draft"), *BACK)
    if not armed:
        return (Span("Enter apply   ", "off"), *BACK)
    return (ENTER, Span(" apply   ", "strong"), *BACK)


def widening(*, typing: bool) -> Line:
    """The key that takes along what is not reached; in a field letters are letters."""
    return (Span("Ctrl+E" if typing else "e", "key"), Span(" everywhere   ", "text"))


def for_all(*, typing: bool) -> Line:
    """The key that plans the same in all clusters that have the service."""
    return (Span("Ctrl+A" if typing else "a", "key"), Span(" in all clusters   ", "text"))
