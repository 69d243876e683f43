"""A scrolled list of lines that are all there: rules, a diff, the help."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.ui.widgets.lines import LinesView, lines_of
from meshtui.ui.widgets.paint import BLANK, Line, width_of


class Listing(LinesView, can_focus=False):
    """Holds its lines; `fill` repaints those that changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()

    def fill(self, lines: Sequence[Line]) -> None:
        self._lines = tuple(lines)
        self.fit_virtual_size(max((width_of(line) for line in self._lines), default=0))
        self.repaint_changed()

    def fit_into(self, most: int) -> None:
        """As high as the lines, within `most`."""
        self.styles.height = min(len(self._lines), most)

    def line_count(self) -> int:
        return len(self._lines)

    def line_at(self, index: int) -> Line:
        return self._lines[index] if index < len(self._lines) else BLANK

    def move(self, by: int) -> None:
        self.jump(y=self.scroll_offset.y + by)

    def page(self, pages: float) -> None:
        self.move(lines_of(pages, self.room))

    def sideways(self, by: int) -> None:
        self.jump(x=self.scroll_offset.x + by)

    def to_top(self) -> None:
        self.jump(y=0)

    def to_end(self) -> None:
        self.jump(y=self.line_count())
