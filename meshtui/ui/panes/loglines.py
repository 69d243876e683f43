"""The list of log lines: bounded, followed or paused, painted only where it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

from meshtui.operations.types import LogEntry
from meshtui.ui.lines import LinesView
from meshtui.ui.paint import Line, Span, fit, span
from meshtui.ui.panes.access import log_line
from meshtui.ui.roles import LINE_ROLES

KEPT = 20_000
SLACK = 2_000
PREFIX = 7
LONGEST = 2_000


class LogLines(LinesView, can_focus=False):
    """Lines of several pods, each with a letter and a colour for its pod."""

    def __init__(self) -> None:
        super().__init__(classes="pane-body")
        self.following = True
        self.missed = 0
        self.raw = False
        self._entries: list[LogEntry] = []
        self._pods: dict[str, int] = {}

    @property
    def pods(self) -> int:
        return len(self._pods)

    def clear(self) -> None:
        self._entries.clear()
        self._pods.clear()
        self.following, self.missed = True, 0
        self.fit_virtual_size(LONGEST)
        self.to_end()

    def add(self, entries: Sequence[LogEntry]) -> None:
        """New lines at the end. While paused the view stands still, also when old ones go."""
        self._entries.extend(entries)
        for entry in entries:
            self._pods.setdefault(entry.pod, len(self._pods))
        dropped = self._trim()
        self.fit_virtual_size(LONGEST)
        if self.following:
            self.to_end()
        else:
            self.missed += len(entries)
            if dropped:
                self.jump(y=self.scroll_offset.y - dropped)
        self.repaint_changed()

    def _trim(self) -> int:
        if len(self._entries) < KEPT + SLACK:
            return 0
        dropped = len(self._entries) - KEPT
        del self._entries[:dropped]
        return dropped

    def line_count(self) -> int:
        return len(self._entries)

    def line_at(self, index: int) -> Line:
        entry = self._entries[index]
        return log_line(entry, self.prefix(entry), raw=self.raw)

    def prefix(self, entry: LogEntry) -> Span:
        """`v3 a`: the version, and a letter for the pod."""
        number = self._pods.get(entry.pod, 0)
        letter = ascii_lowercase[number % 26]
        version = span(entry.version or "?").text
        role = LINE_ROLES[number % len(LINE_ROLES)]
        return Span(f"{fit(version, PREFIX - 3)} {letter} ", role)

    def toggle_raw(self) -> None:
        self.raw = not self.raw
        self.repaint_changed()

    # Following

    def pause(self) -> None:
        self.following = False

    def follow(self) -> None:
        self.following, self.missed = True, 0
        self.to_end()

    def on_resize(self) -> None:
        if self.following:
            self.to_end()

    def move(self, by: int) -> None:
        """Going up pauses; arriving at the end follows again."""
        if by < 0:
            self.pause()
        target = self.scroll_offset.y + by
        self.jump(y=target)
        if by > 0 and target >= self.line_count() - self.room:
            self.follow()

    def to_top(self) -> None:
        self.pause()
        self.jump(y=0)

    def to_end(self) -> None:
        end = max(0, self.line_count() - self.room)
        self.jump(y=end)

    def sideways(self, by: int) -> None:
        self.jump(x=self.scroll_offset.x + by)
