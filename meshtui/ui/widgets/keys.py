"""The keys of the moment, from the action registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from textual import events
from textual.message import Message

from meshtui.ui.actions.action import ANYWHERE, CHANGE, FIND, LOOK, Action
from meshtui.ui.actions.registry import footer
from meshtui.ui.actions.situation import LOGS, TABLE, Situation
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import Line, Span, fit_line, width_of
from meshtui.ui.widgets.prompt_keys import Typing, prompt_line

DIVIDER = Span("│ ", "faint")
NO_DIVIDER = Span("")
GAP = Span("  ")
"""Behind each entry. The last one needs none, and the first section no divider."""


ALWAYS = ("help", "back", "rollback")
"""Have room before all others, whatever has the focus: how to find a key, the way back, and the one
that ends an outage."""

OF_THE_TABLE = ("quit", "filter", "command")
"""What a newcomer to the table must find."""

OWN = 2
"""Of the keys of a pane alone so many have room next."""

SPARED = ("quit", "focus")
NARROW = 100
"""Columns below which not all keys that a night on call needs have room."""


class KeysLine(LinesBlock):
    """One line of keys; what has no room is in the help."""

    class Clicked(Message):
        """The key of an action was clicked."""

        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._situation = Situation()
        self._typing: Typing | None = None

    def on_click(self, event: events.Click) -> None:
        """What may not be done says why, as its key does."""
        end, action = 0, None
        if self._typing is not None:
            return
        offered = footer(self._situation)
        for piece in self.lines[0] if self.lines else ():
            end += cell_len(piece.text)
            if piece.role in ("key", "off"):
                action = next((a for a in offered if piece.text in (a.shown, _barred(a))), None)
            elif piece.role != "muted":
                action = None
            if event.x < end:
                break
        if action is not None and event.x < end:
            self.post_message(self.Clicked(action))

    def receive(self, situation: Situation, typing: Typing | None = None) -> None:
        """While something is typed the keys are those of its line: all others are letters."""
        self._situation, self._typing = situation, typing
        self._update()

    def on_resize(self, _: events.Resize) -> None:
        self._update()

    def _update(self) -> None:
        if not self.size.width:
            return
        now, width = self._situation, self.size.width
        typing = self._typing
        self.show([prompt_line(typing, width) if typing else keys_line(footer(now), now, width)])


def keys_line(actions: Iterable[Action], now: Situation, width: int) -> Line:
    """As many whole entries as there is room for; in groups.

    What may not be done is in brackets, dimmed. The next step of the search for a cause has room
    before what else there is, if need be without signs between the groups. In a narrow pane how to
    leave the program and the way to the next pane go first: the way back is there, and the table's
    keys say these.
    """
    wanted = list(actions)
    if width < NARROW and now.focus != TABLE:
        wanted.sort(key=lambda action: action.id in SPARED)
    order = dict(enumerate(wanted))
    first = _first(order, now)
    found: dict[int, dict[int, Line]] = {}
    for divider in (DIVIDER, NO_DIVIDER):
        found = _fitting(order, first, now, width, divider)
        shown = {place for entries in found.values() for place in entries}
        if shown >= set(first):
            return _line(found, width, divider)
    return _line(found, width, NO_DIVIDER)


def _first(order: Mapping[int, Action], now: Situation) -> list[int]:
    """The places of those that have room before all others."""
    first = [place for place, action in order.items() if action.id in ALWAYS]
    own = [place for place, action in order.items() if action.where == frozenset({now.focus})]
    more = {_next_step(now), *(OF_THE_TABLE if now.focus == TABLE and not now.draft else ())}
    return [*first, *own[:OWN], *(place for place, action in order.items() if action.id in more)]


def _next_step(now: Situation) -> str:
    """The action that leads on from here to the cause; empty where the keys of its own do."""
    if now.focus == TABLE:
        return "" if now.version or not now.service else "signals"
    return "" if now.focus == LOGS else "logs"


def _fitting(
    order: Mapping[int, Action], first: Sequence[int], now: Situation, width: int, divider: Span
) -> dict[int, dict[int, Line]]:
    """The entries by section and place."""
    room = width - 2 + width_of([GAP, divider])
    sections: dict[int, dict[int, Line]] = {}
    for place in dict.fromkeys((*first, *order)):
        action = order[place]
        entry = _entry(action, bool(action.forbidden(now)))
        section = _section(action)
        needed = width_of(entry) + (0 if section in sections else width_of([divider]))
        if needed <= room:
            sections.setdefault(section, {})[place] = entry
            room -= needed
    return sections


def _line(sections: Mapping[int, Mapping[int, Line]], width: int, divider: Span) -> Line:
    pieces: list[Span] = [Span(" ")]
    for number in sorted(sections):
        pieces += [divider] if len(pieces) > 1 and divider.text else []
        pieces += [piece for _, entry in sorted(sections[number].items()) for piece in entry]
    return fit_line(tuple(pieces[:-1] if pieces[-1] is GAP else pieces), width)


def _section(action: Action) -> int:
    """The program and the focus, what works only here, changes, panes, finding."""
    if action.where != ANYWHERE:
        return 1
    return {CHANGE: 2, LOOK: 3, FIND: 4}.get(action.group, 0)


def _barred(action: Action) -> str:
    """What may not be done now."""
    return f"({action.shown} {action.label})"


def _entry(action: Action, forbidden: bool) -> Line:
    if forbidden:
        return (Span(_barred(action), "off"), GAP)
    return (Span(action.shown, "key"), Span(f" {action.label}", "muted"), GAP)
