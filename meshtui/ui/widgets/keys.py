"""The keys of the moment, from the action registry."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events

from meshtui.ui.actions.action import ANYWHERE, CHANGE, FIND, LOOK, Action
from meshtui.ui.actions.registry import footer
from meshtui.ui.actions.situation import Situation
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import Line, Span, fit_line, width_of

DIVIDER = Span("│ ", "faint")


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
    """As many whole entries as there is room for, the first ones before all others; in groups.

    What may not be done is in brackets, dimmed.
    """
    room = width - 1
    sections: dict[int, list[Line]] = {}
    for action in actions:
        entry = _entry(action, bool(action.forbidden(now)))
        section = _section(action)
        needed = width_of(entry) + (0 if section in sections else width_of([DIVIDER]))
        if needed <= room:
            sections.setdefault(section, []).append(entry)
            room -= needed
    pieces: list[Span] = [Span(" ")]
    for number in sorted(sections):
        pieces += [DIVIDER] if len(pieces) > 1 else []
        pieces += [piece for entry in sections[number] for piece in entry]
    return fit_line(tuple(pieces), width)


def _section(action: Action) -> int:
    """The program and the focus, what works only here, changes, panes, finding."""
    if action.where != ANYWHERE:
        return 1
    return {CHANGE: 2, LOOK: 3, FIND: 4}.get(action.group, 0)


def _entry(action: Action, forbidden: bool) -> Line:
    if forbidden:
        return (Span(f"({action.shown} {action.label})", "off"), Span("  "))
    return (Span(action.shown, "key"), Span(f" {action.label}", "muted"), Span("  "))
