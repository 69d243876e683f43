"""The body of the proxies pane: fixed lines on top, then lines or a table that may be long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from meshtui.ui.widgets.item_list import Picked, PickList
from meshtui.ui.widgets.paint import BLANK, Line


class Long(Protocol):
    """Lines that are made when they are painted: there may be a hundred thousand."""

    def __len__(self) -> int: ...

    @property
    def width(self) -> int: ...

    def line(self, index: int) -> Line: ...


class ProxyBody(PickList):
    """Either has all its lines, with a cursor among them, or asks something long for each."""

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self.styles.overflow_x = "scroll"
        self._fixed: tuple[Line, ...] = ()
        self._long: Long | None = None
        self.marked = -1
        """The line that a search has found."""

    def show_lines(self, fixed: Sequence[Line], lines: Sequence[Picked]) -> None:
        self._fixed, self._long, self.marked = tuple(fixed), None, -1
        self.offer(lines)

    def show_long(self, fixed: Sequence[Line], long: Long) -> None:
        self._fixed, self._long = tuple(fixed), long
        self._owners, self.picked = (), ""
        self._lines = ()
        self.fit_virtual_size(long.width)
        self.repaint_changed()

    def mark(self, index: int) -> None:
        """The cursor to a line of something long."""
        self.marked = index
        if index >= 0:
            self.show_line(index)
        self.repaint_changed()

    def pinned(self) -> Sequence[Line]:
        return self._fixed

    def line_count(self) -> int:
        return super().line_count() if self._long is None else len(self._long)

    def line_at(self, index: int) -> Line:
        if self._long is None:
            return super().line_at(index)
        return self._long.line(index) if index < len(self._long) else BLANK

    def base_role_at(self, index: int) -> str:
        if self._long is not None:
            return "cursor" if index == self.marked else ""
        return super().base_role_at(index)
