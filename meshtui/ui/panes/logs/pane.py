"""The access logs of the selected service's proxies: followed, filtered, summed up, opened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.timer import Timer

from meshtui.envoy.logfilter import GRAMMAR, LogFilter, parse_filter, toggled
from meshtui.envoy.logline import LogLine, own_line
from meshtui.envoy.logstore import LogStore
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.row_pods import pods_behind
from meshtui.operations.logs.formats import formats_of, not_logged
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.operations.types import Snapshot
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.logs.commands import (
    Copy,
    Highlight,
    Mark,
    Save,
    WithCallerLines,
    WithPrograms,
    next_start,
    parse_log_command,
    whose,
)
from meshtui.ui.panes.logs.export import LogExport, LogSaved
from meshtui.ui.panes.logs.feed import LogBatch, LogEnded, in_batches
from meshtui.ui.panes.logs.lines import LogLines
from meshtui.ui.panes.logs.marks import marks_of
from meshtui.ui.panes.logs.text import count_words, start_words, state_words, summary_lines
from meshtui.ui.widgets.lines import LinesBlock, LinesView, lines_of
from meshtui.ui.widgets.paint import Line

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

SLICE_S = 0.02
"""Seconds a filter works before the screen has its turn."""

SLICE_LINES = 10
HIGH = 12
HIGH_FILTERED = 6
"""Lines of the pane from which the summary has two: fewer where a filter asks for them."""


class LogsPane(Pane):
    """Follows the service under the cursor, once the cursor has come to rest."""

    kind = "logs"
    SETTLE_S: ClassVar[float] = 0.2

    def __init__(self, cockpit: Cockpit) -> None:
        self.log_lines = LogLines()
        self.foot = LinesBlock(classes="pane-foot")
        super().__init__(cockpit)
        self.exporting = LogExport(self, self.log_lines)
        self.start = TailFrom()
        self._mesh: Mesh | None = None
        self._key: ServiceKey | None = None
        self._place = ""
        self._tail: object = None
        self._ended: MeshtuiError | None = None
        self._settling: Timer | None = None
        self._filtering: Timer | None = None

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield self.foot

    def make_body(self) -> LinesView:
        return self.log_lines

    @property
    def store(self) -> LogStore:
        return self.log_lines.store

    # Reading

    def update_body(self, snapshot: Snapshot) -> None:
        self._mesh = snapshot.mesh
        key = self.view.key if self.view else None
        if (key, self.cockpit.context) == (self._key, self._place):
            return
        first = self._key is None
        self._key, self._place = key, self.cockpit.context
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(0.01 if first else self.SETTLE_S, self.read_again)

    def read_again(self) -> None:
        """Start over with the service that is selected now; the filter stays."""
        self._ended = None
        self._tail = tail = object()
        store = LogStore()
        store.marks = marks_of(self.cockpit)
        store.set_filter(self.store.filter)
        self.log_lines.begin(store)
        if self._key is None:
            self.workers.cancel_group(self, "tail")
        else:
            in_background(self, "tail", self._pump, self._key, self.start, tail)
        self.update_title()

    async def _pump(self, key: ServiceKey, start: TailFrom, tail: object) -> None:
        pods = self._pods(key)
        formats = formats_of(self._mesh, pods) if self._mesh else ()
        if self._mesh and (silent := not_logged(self._mesh, pods)):
            line = own_line(f"meshtui: {silent}", trouble=True)
            self.post_message(LogBatch(tail, (line,)))
        try:
            await in_batches(tail, self.cockpit.tail(key, start), self, formats)
        except MeshtuiError as error:
            self.post_message(LogEnded(tail, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(LogEnded(tail, unexpected("reading the logs", error)))
        else:
            self.post_message(LogEnded(tail, None))

    def _pods(self, key: ServiceKey) -> tuple[Pod, ...]:
        service = self._mesh.by_key.get(key) if self._mesh else None
        return pods_behind(self._mesh, service) if self._mesh and service else ()

    def on_log_batch(self, message: LogBatch) -> None:
        if message.tail is self._tail:
            self.add(*message.lines)

    def on_log_ended(self, message: LogEnded) -> None:
        if message.tail is self._tail:
            self._ended = message.error or MeshtuiError("the logs have ended")
            self.update_title()

    def add(self, *lines: LogLine) -> None:
        self.log_lines.add(lines)
        if self.store.behind:
            self._filter_on()
        else:
            self.update_title()

    # What is said around the lines

    def title_words(self) -> tuple[Line, Line]:
        lines = self.log_lines
        return count_words(self.store, lines.highlight), state_words(
            lines.following, lines.missed, self._ended
        )

    def update_title(self) -> None:
        super().update_title()
        if self.is_mounted and self.size.width:
            high = self.size.height >= (HIGH_FILTERED if self.store.filter else HIGH)
            width = self.size.width - 2
            callers = self.start.callers
            self.foot.show(summary_lines(self.store, width, high, callers))

    # The filter

    @property
    def search_text(self) -> str | None:
        return self.store.filter.source

    @property
    def search_grammar(self) -> str:
        return GRAMMAR

    def search(self, text: str) -> None:
        self.choose(parse_filter(text))

    def back(self) -> bool:
        """Esc takes the filter off before it closes the pane."""
        filtered = bool(self.store.filter)
        self.choose(LogFilter())
        return filtered

    def choose(self, wanted: LogFilter) -> None:
        """Apply a filter to what is there and to what comes, a slice at a time."""
        if wanted.source == self.store.filter.source:
            return
        self.store.set_filter(wanted)
        self._filter_on()

    def do_only_5xx(self) -> None:
        """Beside the terms that there are; again without it."""
        self.search(toggled(self.store.filter.source, "5xx"))

    def _filter_on(self) -> None:
        """While it works the lines on screen stay as they are, for a moment."""
        if self._filtering is not None:
            self._filtering.stop()
            self._filtering = None
        end = time.monotonic() + SLICE_S
        while self.store.work(SLICE_LINES):
            if time.monotonic() > end:
                self._filtering = self.set_timer(0.001, self._filter_on)
                break
        else:
            self.log_lines.refit()
        self.update_title()

    def command(self, words: Sequence[str]) -> None:
        match parse_log_command(words):
            case LogFilter() as wanted:
                self.choose(wanted)
            case TailFrom() as start:
                self._begin_at(whose(start, self.start))
            case WithCallerLines(None):
                self.do_callers()
            case WithCallerLines(LogFilter() as wanted):
                self.choose(wanted)
                if not self.start.callers:
                    self.do_callers()
            case WithPrograms(containers):
                self._with_programs(containers)
            case Highlight(pattern):
                self._highlight(pattern)
            case Save(path):
                self.exporting.save(path)
            case Mark(text):
                self._mark(text)
            case Copy():
                self.exporting.copy_shown()

    # Moving

    def move(self, by: int) -> None:
        self.log_lines.move(by)
        self.update_title()

    def page(self, pages: float) -> None:
        self.move(lines_of(pages, self.log_lines.room))

    def to_top(self) -> None:
        self.log_lines.to_top()
        self.update_title()

    def to_end(self) -> None:
        self.log_lines.follow()
        self.update_title()

    def sideways(self, by: int) -> None:
        self.log_lines.sideways(by)

    def on_focus(self) -> None:
        self.log_lines.light(True)

    def on_blur(self) -> None:
        self.log_lines.light(False)

    # How the lines are shown

    def do_pause(self) -> None:
        lines = self.log_lines
        if lines.following:
            lines.pause()
        else:
            lines.follow()
        self.update_title()

    def do_wrap(self) -> None:
        self.log_lines.set_line_style(wrap=not self.log_lines.line_style.wrap)

    def do_as_written(self) -> None:
        self.log_lines.set_line_style(raw=not self.log_lines.line_style.raw)

    def do_times(self) -> None:
        line_style = self.log_lines.line_style
        if line_style.raw:
            self.log_lines.set_line_style(stamps=not line_style.stamps)
        else:
            self.log_lines.set_line_style(clock=not line_style.clock)

    def do_further_back(self) -> None:
        self._begin_at(next_start(self.start))

    def do_callers(self) -> None:
        self._begin_at(replace(self.start, callers=not self.start.callers))

    def do_programs(self) -> None:
        self._with_programs(())

    def _with_programs(self, containers: tuple[str, ...]) -> None:
        every = not containers and not (self.start.programs or self.start.containers)
        self._begin_at(replace(self.start, programs=every, containers=containers))

    def do_highlight(self) -> None:
        self.post_message(self.Prompted(f"logs highlight {self.log_lines.highlight}"))

    def _highlight(self, pattern: str) -> None:
        self.log_lines.set_highlight(pattern)
        self.update_title()
        self.report(f"logs: {pattern} is marked" if pattern else "logs: nothing is marked")

    def _begin_at(self, start: TailFrom) -> None:
        self.start = start
        self.read_again()
        self.report(f"logs: {start_words(start)}")

    # Finding

    def do_error_before(self) -> None:
        self._find(up=True)

    def do_error_after(self) -> None:
        self._find(up=False)

    def _find(self, up: bool) -> None:
        place = self.log_lines.find(up)
        if place is None:
            self.report(f"no error {'above' if up else 'below'} this line")
            return
        self.log_lines.jump_to(place)
        self.update_title()

    def on_log_lines_clicked(self) -> None:
        self.update_title()

    def do_open_line(self) -> None:
        from meshtui.ui.dialogs.logline import LogLineDialog

        line = self._line_of_cursor()
        if line is not None:
            self.app.push_screen(LogLineDialog(line, self._step))

    def do_follow_request(self) -> None:
        from meshtui.ui.dialogs.followed import FollowedDialog

        line = self._line_of_cursor()
        if line is not None:
            self.app.push_screen(FollowedDialog(self.cockpit, line))

    def _line_of_cursor(self) -> LogLine | None:
        """Following: the line that has just come; the view stands still meanwhile."""
        lines = self.log_lines
        lines.pause()
        self.update_title()
        if lines.cursor is None:
            self.report("there is no line yet")
            return None
        return lines.store.line(lines.cursor)

    def _step(self, by: int) -> LogLine | None:
        """The line before or after, to where the cursor goes; None past the ends."""
        lines = self.log_lines
        if lines.cursor is None:
            return None
        place = lines.store.index_of(lines.cursor) + by
        if not 0 <= place < len(lines.store):
            return None
        lines.go_to(place)
        return lines.store.line(lines.store.number(place))

    # Marking, copying, saving

    def do_mark(self) -> None:
        self._mark("")

    def _mark(self, text: str) -> None:
        """In UTC, as the lines are."""
        now = time.strftime("%H:%M:%SZ", time.gmtime(self.now))
        self.add(own_line(f"mark {now} {text}".rstrip() + " " + "─" * 40))

    def do_copy(self) -> None:
        self.exporting.copy()

    def do_save(self) -> None:
        self.exporting.save("")

    def on_log_saved(self, message: LogSaved) -> None:
        if message.error is not None:
            self.report_failure(message.error)
        else:
            self.report(message.words, "done")
