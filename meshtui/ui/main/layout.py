"""What is beside what: table and panes side by side where there is room, else one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from meshtui.ui.actions.situation import TABLE
from meshtui.ui.main.host import Defers, Sized, UpdatesKeys, UpdatesPanes
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.dock import PaneDock
from meshtui.ui.table.widget import MeshTable
from meshtui.ui.widgets.prompt import Prompt

WIDE = 120
"""Columns from which a pane fits beside the table."""


class Scrolled(Protocol):
    """What the moving keys move."""

    def move(self, by: int) -> None: ...
    def page(self, direction: int) -> None: ...
    def to_top(self) -> None: ...
    def to_end(self) -> None: ...


class Host(Sized, Defers, UpdatesKeys, UpdatesPanes, Protocol):
    """What is used of the screen."""


class Arrangement:
    """Which pane is open, which has the focus, and what is displayed."""

    def __init__(self, table: MeshTable, dock: PaneDock, prompt: Prompt, host: Host) -> None:
        self._table = table
        self._dock = dock
        self._prompt = prompt
        self._host = host
        self.focus = TABLE

    @property
    def wide(self) -> bool:
        return self._host.size.width >= WIDE

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
        """Open a pane, or close it. On a narrow screen a pane behind another comes to the front."""
        dock = self._dock
        hidden = not self.wide and self.focus != kind
        if dock.pane(kind) is None:
            dock.open(kind)
            if not self.wide:
                self.focus = kind
        elif hidden:
            self.focus = kind
        else:
            dock.close(kind)
            if self.focus == kind:
                self.focus = TABLE
        self.arrange()

    def close_newest(self) -> None:
        """Close the pane that was opened last, wherever the focus is."""
        self._dock.close(self._dock.open_kinds[-1])
        self.arrange()

    def to_front(self, kind: str) -> Pane:
        """Open the pane where it is not; in front of the others where only one is shown."""
        pane = self._dock.pane(kind)
        if pane is None or (not self.wide and self.focus != kind):
            self.toggle(kind)
        found = self._dock.pane(kind)
        assert found is not None  # noqa: S101 - it has just been opened
        return found

    def turn(self, by: int) -> None:
        """The focus to the next of table and panes; from the table to the one opened last."""
        stops = (TABLE, *reversed(self._dock.open_kinds))
        place = stops.index(self.focus) if self.focus in stops else 0
        self.focus = stops[(place + by) % len(stops)]
        self.arrange()

    def arrange(self) -> None:
        """Display what belongs on this width, and give the focus to what should have it."""
        dock = self._dock
        narrow = not self.wide
        self._host.set_class(narrow, "-narrow")
        in_pane = self.focus != TABLE
        self._table.display = not (narrow and in_pane)
        dock.set_class(bool(dock.open_kinds) and (self.wide or in_pane), "-open")
        for pane in dock.panes:
            pane.display = self.wide or pane.kind == self.focus
        self._host.call_after_refresh(self._give_focus)

    def _give_focus(self) -> None:
        wanted = self.focused_pane or self._table
        if not self._prompt.display and wanted.is_mounted and not wanted.has_focus:
            wanted.focus()
        self._host.update_panes()
        self._host.update_keys()
