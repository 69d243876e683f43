"""What is beside what: table and panes side by side where there is room, else one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from textual.widget import Widget

from meshtui.errors import Refused
from meshtui.ui.actions.registry import key_of
from meshtui.ui.actions.situation import TABLE
from meshtui.ui.main.host import Defers, Sized, UpdatesKeys, UpdatesPanes
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.dock import PaneDock
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.widget import MeshTable
from meshtui.ui.widgets.prompt import Prompt

WIDE = 120
"""Columns from which a pane fits beside the table."""

PANE_LINES = 11
"""Lines that a pane needs below another one; with fewer they are tabs of one place."""

CHROME = 4
"""Lines above and below table and panes: header, status, keys."""

DOCK_PERCENT, LEAST_PERCENT, MOST_PERCENT, STEP_PERCENT = 46, 26, 74, 4
"""The part of a wide screen's width that the panes have, and how the border moves."""


class Scrolled(Protocol):
    """What the moving keys move."""

    def move(self, by: int) -> None: ...
    def page(self, pages: float) -> None: ...
    def to_top(self) -> None: ...
    def to_end(self) -> None: ...


class Host(Sized, Defers, UpdatesKeys, UpdatesPanes, Protocol):
    """What is used of the screen."""


class Arrangement:
    """Which pane is open, which has the focus, and what is displayed."""

    def __init__(
        self, table: MeshTable, left: Widget, dock: PaneDock, prompt: Prompt, host: Host
    ) -> None:
        """`left`: the table and what is below it."""
        self._table = table
        self._left = left
        self._dock = dock
        self._prompt = prompt
        self._host = host
        self._percent = DOCK_PERCENT
        self._front = ""
        self.focus = TABLE
        self.zoomed = False
        """True where what has the focus fills a wide screen alone."""

    @property
    def wide(self) -> bool:
        return self._host.size.width >= WIDE

    @property
    def alone(self) -> bool:
        """True where there is one thing at a time."""
        return self.zoomed or not self.wide

    @property
    def focused_pane(self) -> Pane | None:
        return None if self.focus == TABLE else self._dock.pane(self.focus)

    @property
    def open_kinds(self) -> Sequence[str]:
        """The panes that are open, the newest last."""
        return self._dock.open_kinds

    def pane(self, kind: str) -> Pane | None:
        """The pane of this kind, where it is open."""
        return self._dock.pane(kind)

    @property
    def scrolled(self) -> Scrolled:
        return self.focused_pane or self._table

    def toggle(self, kind: str) -> None:
        """Open a pane, which takes the focus; the focus to one that is open; or close it."""
        if self.focus == kind:
            self.close(kind)
            return
        if self._dock.pane(kind) is None:
            self._dock.open(kind)
        self.give_focus(kind)

    def close(self, kind: str) -> None:
        """Close a pane; the focus is the table's then, where it was the pane's."""
        self._dock.close(kind)
        if self.focus == kind:
            self.focus, self.zoomed = TABLE, False
        self.arrange()

    def close_newest(self) -> None:
        """Close the pane that was opened last, wherever the focus is."""
        self.close(self._dock.open_kinds[-1])

    def to_front(self, kind: str) -> Pane:
        """The pane with the focus, opened where it is not."""
        if self.focus != kind:
            self.toggle(kind)
        found = self._dock.pane(kind)
        assert found is not None  # noqa: S101 - it has just been opened
        return found

    def seek(self, place: LineId) -> None:
        """The focus to the table and its cursor to a line, or to that of the line's service.

        Raises `Refused` where the table has neither.
        """
        service = LineId(place.service)
        found = next((one for one in (place, service) if self._table.has(one)), None)
        if found is None:
            raise Refused(
                f"{place.service} is not in the table",
                f"{key_of('all_namespaces')}: all namespaces; {key_of('back')}: no filter",
            )
        self._table.select(found)
        self.give_focus(TABLE)

    def turn(self, by: int) -> None:
        """The focus to the next of table and panes; from the table to the one opened last."""
        if not self._dock.open_kinds:
            raise Refused("no pane is open beside the table", f"{_opening()} … open one")
        stops = (TABLE, *reversed(self._dock.open_kinds))
        place = stops.index(self.focus) if self.focus in stops else 0
        self.give_focus(stops[(place + by) % len(stops)])

    def give_focus(self, place: str) -> None:
        """The focus to the table or to a pane that is open."""
        self.focus = place
        self.arrange()

    def zoom(self) -> str:
        """What has the focus to the whole screen, or back beside the others; says which."""
        if not self.wide:
            raise Refused(
                f"below {WIDE} columns each pane has the whole screen",
                f"{key_of('focus')}: the next",
            )
        if not self._dock.open_kinds:
            raise Refused("the table has the whole screen", f"{_opening()} … open a pane beside it")
        self.zoomed = not self.zoomed
        self.arrange()
        return (
            f"{self.focus} alone; {key_of('zoom')} again: beside the others" if self.zoomed else ""
        )

    def move_border(self, by: int) -> str:
        """The border between table and panes by some steps to the right; says where it is."""
        if self.alone or not self._dock.open_kinds:
            raise Refused("there is no border to move", "it is between the table and an open pane")
        wanted = self._percent - by * STEP_PERCENT
        self._percent = min(max(wanted, LEAST_PERCENT), MOST_PERCENT)
        self.arrange()
        return f"panes: {self._percent} % of the width"

    def arrange(self) -> None:
        """Display what belongs on this width, and give the focus to what should have it."""
        dock, alone = self._dock, self.alone
        self._host.set_class(not self.wide, "-narrow")
        in_pane = self.focus != TABLE
        self._table.display = self._left.display = not (alone and in_pane)
        dock.set_class(bool(dock.open_kinds) and (in_pane or not alone), "-open")
        dock.styles.width = "1fr" if alone else f"{self._percent}%"
        self._show_panes()
        self._host.call_after_refresh(self.return_focus)

    def _show_panes(self) -> None:
        """All of them one below the other where there is room, else one, and the others' names."""
        dock, kinds = self._dock, self._dock.open_kinds
        if self.focus in kinds:
            self._front = self.focus
        elif self._front not in kinds:
            self._front = kinds[-1] if kinds else ""
        room = (self._host.size.height - CHROME) // max(len(kinds), 1)
        stacked = not self.alone and (len(kinds) < 2 or room >= PANE_LINES)
        for pane in dock.panes:
            pane.display = stacked or pane.kind == self._front
        dock.show_tabs(() if stacked or len(kinds) < 2 else kinds, self._front)

    def return_focus(self) -> None:
        """To what should have it, once that can: a pane only after it was opened."""
        wanted = self.focused_pane or self._table
        if not self._prompt.display and wanted.is_mounted and not wanted.has_focus:
            wanted.focus()
        self._host.update_panes()
        self._host.update_keys()


def _opening() -> str:
    return ", ".join(map(key_of, ("logs", "proxies", "signals")))
