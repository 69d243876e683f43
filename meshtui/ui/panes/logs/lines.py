"""The list of log lines: followed or paused with a cursor, laid out only where it is seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from textual import events
from textual.cache import LRUCache
from textual.message import Message

from meshtui.envoy.logfilter import expression
from meshtui.envoy.logline import LogLine
from meshtui.envoy.logstore import LogStore
from meshtui.mesh.regex import Search
from meshtui.ui.panes.logs.access_line import (
    LineStyle,
    Prefixes,
    log_line,
    prefix_width,
    wrapped_line,
)
from meshtui.ui.widgets.lines import LinesView
from meshtui.ui.widgets.paint import BLANK, Line

LONGEST = 2_000
"""Cells to which a line that is not wrapped can be followed to the side."""

_LAID_OUT = 1_000

Row = tuple[Line, str]


class LogLines(LinesView, can_focus=False):
    """Shows a store. The place, and the cursor while it is paused, are numbers of lines, so that
    both stay with their line whatever comes, goes or is filtered."""

    class Clicked(Message):
        """The cursor was put on a line by the mouse."""

    def __init__(self) -> None:
        super().__init__(classes="pane-body")
        self.store = LogStore()
        self.line_style = LineStyle()
        self.following = True
        self.lit = False
        """True while the pane around it has the focus."""

        self._top = 0
        self._cursor = 0
        self._paused_at = 0
        self._prefixes = Prefixes()
        self.highlight = ""
        """The expression that is marked in the lines."""

        self._search: Search | None = None
        self._rows: list[Row] = []
        self._laid_out: LRUCache[tuple[int, int, LineStyle, Prefixes], list[Line]] = LRUCache(
            _LAID_OUT
        )

    # What is shown

    def begin(self, store: LogStore) -> None:
        """Another log, followed."""
        self.store = store
        self._laid_out.clear()
        self.follow()

    def add(self, lines: Iterable[LogLine]) -> None:
        """New lines at the end. While paused the view stands still, also when old ones go.

        Where there is a filter its work on them is left to do.
        """
        self.store.add(lines, filter_now=not self.store.filter)
        self.fill()

    def refit(self) -> None:
        """Another filter: the cursor stays in view, or goes to the next line that is shown."""
        if self.following:
            self.fill()
        else:
            self._reveal()

    def set_line_style(self, **changes: bool) -> None:
        self.line_style = replace(self.line_style, **changes)
        self.jump(x=0)
        self.refit()

    def set_highlight(self, pattern: str) -> None:
        """Raises `Usage` where it is no regular expression."""
        self._search = expression(pattern) if pattern else None
        self.highlight = pattern
        self._laid_out.clear()
        self.refit()

    @property
    def missed(self) -> int:
        """Lines that are shown and came since the pause."""
        return 0 if self.following else len(self.store) - self.store.index_of(self._paused_at)

    @property
    def cursor(self) -> int | None:
        """The number of the line under the cursor; None while following or where nothing is."""
        if self.following or not len(self.store):
            return None
        return self.store.number(self._cursor_index)

    @property
    def _cursor_index(self) -> int:
        return max(0, min(self.store.index_of(self._cursor), len(self.store) - 1))

    def line_count(self) -> int:
        return len(self.store)

    def line_at(self, index: int) -> Line:
        line = self.store.line(self.store.number(index))
        prefix = self._prefixes.of(line, self.store.marks)
        return log_line(line, prefix, self.line_style, self._search)

    def _lay_out(self, index: int) -> list[Line]:
        """The rows of one line."""
        width = self.scrollable_content_region.width
        key = (self.store.number(index), width, self.line_style, self._prefixes)
        rows = self._laid_out.get(key)
        if rows is None:
            line = self.line_at(index)
            rows = wrapped_line(line, width, prefix_width(line)) if self.line_style.wrap else [line]
            self._laid_out[key] = rows
        return rows

    def fill(self) -> None:
        """Lay out what is seen, and paint what differs from what was."""
        if not self.is_mounted or not self.room:
            return
        self._prefixes = Prefixes.for_(self.store)
        count, top = len(self.store), self._top_index
        spare = self.room - 1 if self.line_style.wrap and count else 0
        self.virtual_size = self.virtual_size.with_height(count + spare).with_width(self._wide)
        rows = self._from_end() if self.following else self._from_top(top)
        self._rows = rows
        self.jump(y=top)
        self.repaint_changed()

    @property
    def _wide(self) -> int:
        return self.size.width if self.line_style.wrap else LONGEST

    @property
    def _top_index(self) -> int:
        """No line is left empty below the last one while there are others above."""
        lowest = self._first_that_ends_at(len(self.store) - 1)
        return lowest if self.following else min(self.store.index_of(self._top), lowest)

    def _first_that_ends_at(self, last: int) -> int:
        """The line to begin with, so that the line `last` is at the bottom."""
        room, index = self.room, last
        while index >= 0 and room > 0:
            room -= len(self._lay_out(index))
            index -= 1
        if room < 0 and index + 1 < last:
            index += 1
        return max(0, index + 1)

    def _from_end(self) -> list[Row]:
        """A line that does not fit whole is cut at the top."""
        rows: list[Row] = []
        index = len(self.store) - 1
        while index >= 0 and len(rows) < self.room:
            rows[:0] = [(line, "") for line in self._lay_out(index)]
            index -= 1
        return rows[-self.room :]

    def _from_top(self, index: int) -> list[Row]:
        rows: list[Row] = []
        cursor, ground = self._cursor_index, "cursor" if self.lit else "cursor-blurred"
        while index < len(self.store) and len(rows) < self.room:
            role = ground if index == cursor else ""
            rows += [(line, role) for line in self._lay_out(index)]
            index += 1
        return rows[: self.room]

    def _content(self, y: int) -> Row:
        return self._rows[y] if y < len(self._rows) else (BLANK, "")

    # Following and moving

    def pause(self) -> None:
        if self.following and len(self.store):
            self._top = self.store.number(self._top_index)
            self._cursor = self.store.number(len(self.store) - 1)
            self._paused_at = self.store.end
            self.following = False
            self._reveal()

    def follow(self) -> None:
        self.following = True
        self.fill()

    def move(self, by: int) -> None:
        """Going up pauses; going down past the last line follows again."""
        if self.following and by < 0:
            self.pause()
        if not self.following:
            self.go_to(self._cursor_index + by)

    def go_to(self, index: int) -> None:
        """The cursor to the line shown at `index`."""
        if index >= len(self.store):
            self.follow()
        else:
            self.pause()
            self._cursor = self.store.number(max(0, index))
            self._reveal()

    def on_click(self, event: events.Click) -> None:
        """The cursor to a line; the second time is Enter."""
        index = self._index_at(event.y)
        if index is None:
            return
        self.go_to(index)
        self.post_message(self.Clicked())
        if event.chain > 1:
            self.app.simulate_key("enter")

    def _index_at(self, y: int) -> int | None:
        """Which line has a row of the screen; while following the last one is at the bottom."""
        if not 0 <= y < len(self._rows):
            return None
        step = -1 if self.following else 1
        index = len(self.store) - 1 if self.following else self._top_index
        left = len(self._rows) - 1 - y if self.following else y
        while left >= (high := len(self._lay_out(index))):
            left, index = left - high, index + step
        return index

    def jump_to(self, index: int) -> None:
        """The same, with some lines above and below where it was out of sight."""
        top = self._top_index
        if not top <= index < top + self.room:
            self.pause()
            self._top = self.store.number(max(0, index - self.room // 3))
        self.go_to(index)

    def _reveal(self) -> None:
        """Scroll as little as needed to see the cursor's line."""
        if not len(self.store):
            self.fill()
            return
        index, top = self._cursor_index, self._top_index
        lowest = self._first_that_ends_at(index)
        if not lowest <= top <= index:
            self._top = self.store.number(min(index, max(top, lowest)))
        self.fill()

    def to_top(self) -> None:
        self.pause()
        if len(self.store):
            self.go_to(0)

    def sideways(self, by: int) -> None:
        if not self.line_style.wrap:
            self.jump(x=self.scroll_offset.x + by)

    def light(self, lit: bool) -> None:
        self.lit = lit
        self.fill()

    def on_resize(self) -> None:
        self.refit()

    def find(self, up: bool) -> int | None:
        """The nearest line of an error from the cursor on: its place among those shown."""
        store = self.store
        start = len(store) if self.following else self._cursor_index
        places = range(start - 1, -1, -1) if up else range(start + 1, len(store))
        return next((place for place in places if _failed(store.line(store.number(place)))), None)


def _failed(line: LogLine) -> bool:
    request = line.request
    return request is not None and request.failed
