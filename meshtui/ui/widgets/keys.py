"""The keys of the moment, from the action registry."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events

from meshtui.ui.actions.action import Action
from meshtui.ui.actions.registry import footer
from meshtui.ui.actions.situation import Situation
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import Line, Span, fit_line, width_of


class KeysLine(LinesBlock):
    """One line of keys; what has no room is in the help."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._situation = Situation()

    def receive(self, situation: Situation) -> None:
        self._situation = situation
        self._update()

    def on_resize(self, _: events.Resize) -> None:
        self._update()

    def _update(self) -> None:
        if self.size.width:
            now = self._situation
            self.show([keys_line(footer(now), now, self.size.width)])


def keys_line(actions: Iterable[Action], now: Situation, width: int) -> Line:
    """As many whole entries as there is room for; what may not be done is in brackets, dimmed."""
    pieces: list[Span] = [Span(" ")]
    for action in actions:
        entry = _entry(action, bool(action.forbidden(now)))
        if width_of(pieces) + width_of(entry) > width:
            continue
        pieces += entry
    return fit_line(tuple(pieces), width)


def _entry(action: Action, forbidden: bool) -> Line:
    if forbidden:
        return (Span(f"({action.shown} {action.label})", "faint"), Span("  "))
    return (Span(action.shown, "key"), Span(f" {action.label}", "muted"), Span("  "))
