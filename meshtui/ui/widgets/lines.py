"""Widgets that paint lines and repaint only what changed: a fixed block, a scrolled list."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from textual import events
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.theme import Theme
from textual.widget import Widget

from meshtui.ui.widgets import roles
from meshtui.ui.widgets.paint import BLANK, Line, fit_line, strip_of

COPIED_MOST = 65_536
"""Bytes of a copy; terminals and multiplexers take no more in one go."""

WHEEL = 3
"""Lines by which one step of a mouse's wheel moves."""

CACHED = 400
"""Strips kept by a scrolled list: some screens full in each direction. Each is a hundred objects,
and most are of numbers that do not come back."""


def lines_of(pages: float, room: int) -> int:
    """How far so many pages go where there is room for so many lines: one line at least."""
    by = max(round(abs(pages) * (room - 1)), 1)
    return by if pages > 0 else -by


class Styled(Widget):
    """A widget whose text is styled by role, from the theme in use."""

    _styles_of_roles: roles.Styles | None = None
    _ground: Style | None = None

    @property
    def by_role(self) -> roles.Styles:
        if self._styles_of_roles is None:
            self._styles_of_roles = roles.styles(self.app.theme_variables)
        return self._styles_of_roles

    def ground(self, base: str = "") -> Style:
        """The widget's own style, with the ground of `base` over it."""
        if self._ground is None:
            self._ground = self.rich_style
        return self._ground + self.by_role[base] if base else self._ground

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ground = None
        self.forget_strips()

    def follow_theme(self) -> None:
        """Called once mounted: a new theme means new styles and one full repaint."""
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

    def _theme_changed(self, _: Theme) -> None:
        self._styles_of_roles = None
        self._ground = None
        self.forget_strips()
        self.refresh()

    def forget_strips(self) -> None:
        """Drop what was rendered with other styles."""


class LinesBlock(Styled):
    """A few fixed lines. Only those that differ from what was shown are repainted."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.lines: tuple[Line, ...] = ()

    def on_mount(self) -> None:
        self.follow_theme()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; the block is as high as there are."""
        before, self.lines = self.lines, tuple(lines)
        if len(before) != len(self.lines):
            self.styles.height = len(self.lines)
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self.lines, strict=True)):
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        pieces = self.lines[y] if y < len(self.lines) else BLANK
        return strip_of(fit_line(pieces, self.size.width), self.by_role, self.ground())


class LinesView(Styled, ScrollView, inherit_bindings=False):
    """A scrolled list of lines with fixed ones on top. The lines are asked for when painted.

    A subclass says how many there are and what stands in each; `repaint_changed` compares what is
    on screen with what should be, so that the cost of a tick is that of the visible changes.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        self._strips: LRUCache[tuple[Line, int, int, str], Strip] = LRUCache(CACHED)
        self._painted: dict[int, tuple[Line, str]] = {}
        super().__init__(id=id, classes=classes)

    def on_mount(self) -> None:
        self.follow_theme()

    def pinned(self) -> Sequence[Line]:
        """Lines that stay on top."""
        return ()

    def line_count(self) -> int:
        return 0

    def line_at(self, index: int) -> Line:
        return BLANK

    def base_role_at(self, index: int) -> str:
        """The ground of a whole line: the cursor's, for example."""
        return ""

    def forget_strips(self) -> None:
        self._strips.clear()
        self._painted.clear()

    @property
    def room(self) -> int:
        """Lines that can be seen below the fixed ones."""
        return max(0, self.scrollable_content_region.height - len(self.pinned()))

    def fit_virtual_size(self, width: int = 0) -> None:
        """Tell the scroll bars how long the list is."""
        size = Size(width or self.size.width, self.line_count() + len(self.pinned()))
        if size != self.virtual_size:
            self.virtual_size = size

    def repaint_changed(self) -> None:
        """Refresh the visible lines whose content is not what was painted."""
        for y in range(self.size.height):
            if self._painted.get(y) != self._content(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def _content(self, y: int) -> tuple[Line, str]:
        fixed = self.pinned()
        if y < len(fixed):
            return fixed[y], ""
        index = y - len(fixed) + self.scroll_offset.y
        if index >= self.line_count():
            return BLANK, ""
        return self.line_at(index), self.base_role_at(index)

    def render_line(self, y: int) -> Strip:
        pieces, base = self._painted[y] = self._content(y)
        left = 0 if y < len(self.pinned()) else self.scroll_offset.x
        key = (pieces, self.size.width, left, base)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._render_strip(pieces, left, base)
        return strip

    def _render_strip(self, pieces: Line, left: int, base: str) -> Strip:
        width = self.scrollable_content_region.width
        ground = self.ground(base)
        if not left:
            return strip_of(fit_line(pieces, width), self.by_role, ground)
        return strip_of(pieces, self.by_role, ground).crop_extend(left, left + width, ground)

    # The mouse, where there is one

    def on_click(self, event: events.Click) -> None:
        index = event.y - len(self.pinned()) + self.scroll_offset.y
        if event.y < len(self.pinned()):
            self.click_head(event.x)
        elif index < self.line_count():
            self.click_line(index, event.x + self.scroll_offset.x, again=event.chain > 1)

    def click_head(self, x: int) -> None:
        """On one of the lines on top."""

    def click_line(self, index: int, x: int, *, again: bool) -> None:
        """On a line; `again`: the second time in a row."""

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -WHEEL)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        """As the keys move it: what has a cursor takes that along."""
        event.stop()
        event.prevent_default()
        self.move(by)

    def move(self, by: int) -> None:
        """By so many lines, or things."""

    def jump(self, x: int | None = None, y: int | None = None) -> None:
        """Scroll at once, also before the scroll bars know that they are needed."""
        self.scroll_to(x, y, animate=False, immediate=True, force=True)

    def show_line(self, index: int) -> None:
        """Scroll as little as needed to see the line."""
        top, room = self.scroll_offset.y, self.room
        if index < top:
            self.jump(y=index)
        elif room and index >= top + room:
            self.jump(y=index - room + 1)
