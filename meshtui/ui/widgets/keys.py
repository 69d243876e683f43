"""The keys of the moment, from the action registry."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events

from meshtui.ui.action import Action
from meshtui.ui.actions import footer
from meshtui.ui.lines import LinesBlock
from meshtui.ui.paint import Line, Span, fit_line, width_of
from meshtui.ui.situation import Situation


class KeysLine(LinesBlock):
    """One line of keys; what has no room is in the help."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._situation = Situation()

    def tell(self, situation: Situation) -> None:
        self._situation = situation
        self._update()

    def on_resize(self, _: events.Resize) -> None:
        self._update()

    def _update(self) -> None:
        if self.size.width:
            self.show([keys_line(footer(self._situation), self.size.width)])


def keys_line(actions: Iterable[Action], width: int) -> Line:
    """As many whole entries as there is room for."""
    pieces: list[Span] = [Span(" ")]
    for action in actions:
        entry = (Span(action.shown, "key"), Span(f" {action.label}", "muted"), Span("  "))
        if width_of(pieces) + width_of(entry) > width:
            continue
        pieces += entry
    return fit_line(tuple(pieces), width)
