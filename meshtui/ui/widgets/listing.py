"""A scrolled list of lines that are all there: rules, a diff, the help."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.ui.widgets.lines import LinesView, lines_of
from meshtui.ui.widgets.paint import BLANK, Line, Span, both_ends, width_of


class Listing(LinesView, can_focus=False):
    """Holds its lines; `fill` repaints those that changed."""

    says_more = True
    """Whether the last line that is seen says how many are below; not where a foot does."""

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

    @property
    def below(self) -> int:
        """Lines below those that are seen, without empty ones at the end."""
        count = self.line_count()
        seen = self.scroll_offset.y + self.room
        while count > seen and not any(piece.text.strip() for piece in self.line_at(count - 1)):
            count -= 1
        return max(count - seen, 0)

    def _content(self, y: int) -> tuple[Line, str]:
        line, base = super()._content(y)
        region = self.scrollable_content_region
        if not self.says_more or y != region.height - 1 or not self.room or not self.below:
            return line, base
        words = (Span(f"↓ {self.below:,} more ", "draft"),)
        return both_ends(line, words, self.scroll_offset.x + region.width), base

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
