"""A list of things of several lines each, with a cursor that goes from thing to thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.message import Message

from meshtui.ui.widgets.listing import Listing
from meshtui.ui.widgets.paint import Line


class Picked(NamedTuple):
    """A line and the identity of what it belongs to; empty for lines that cannot be picked."""

    line: Line
    owner: str = ""


class PickList(Listing):
    """The cursor stays on what it is on, wherever that moves to; else it is on the first."""

    class Clicked(Message):
        """A thing was picked by the mouse, at a cell of its line."""

        def __init__(self, x: int) -> None:
            super().__init__()
            self.x = x

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._owners: tuple[str, ...] = ()
        self.picked = ""
        self.lit = False
        """True while the pane around it has the focus."""

    def offer(self, lines: Sequence[Picked]) -> None:
        """Show these lines."""
        self._owners = tuple(picked.owner for picked in lines)
        if self.picked not in self._owners:
            self.picked = next(filter(None, self._owners), "")
        self.fill([picked.line for picked in lines])

    @property
    def _stops(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, self._owners)))

    def move(self, by: int) -> None:
        """To the next thing; past the ends the lines scroll, so that all can be read."""
        stops = self._stops
        place = stops.index(self.picked) + by if self.picked in stops else -1
        if 0 <= place < len(stops):
            self.pick(stops[place])
        else:
            super().move(by)

    def pick(self, owner: str) -> None:
        """The cursor to a thing, with all of its lines in view where there is room."""
        self.picked = owner
        mine = [index for index, other in enumerate(self._owners) if other == owner]
        self.show_line(mine[-1])
        self.show_line(mine[0])
        self.repaint_changed()

    def click_line(self, index: int, x: int, *, again: bool) -> None:
        """The second time is Enter."""
        if not self._owners[index]:
            return
        self.pick(self._owners[index])
        self.post_message(self.Clicked(x))
        if again:
            self.app.simulate_key("enter")

    def to_top(self) -> None:
        self._to_end_of(0)
        super().to_top()

    def to_end(self) -> None:
        self._to_end_of(-1)
        super().to_end()

    def _to_end_of(self, place: int) -> None:
        if self._stops:
            self.pick(self._stops[place])

    def light(self, lit: bool) -> None:
        self.lit = lit
        self.repaint_changed()

    def base_role_at(self, index: int) -> str:
        if not self.picked or self._owners[index] != self.picked:
            return ""
        return "cursor" if self.lit else "cursor-blurred"
