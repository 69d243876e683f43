"""What the keys and the words after `:logs` do in the logs pane, beside moving and filtering."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.message import Message

from meshtui.envoy.logfilter import LogFilter
from meshtui.envoy.logline import LogLine, own_line
from meshtui.errors import MeshtuiError
from meshtui.operations.logs.files import save_lines
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.ui.main.feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.logs.commands import Callers, Copy, Mark, Save, next_start, parse_log_command
from meshtui.ui.panes.logs.lines import LogLines
from meshtui.ui.panes.logs.text import plain, start_words, to_copy

if TYPE_CHECKING:
    from meshtui.ui.app import MeshtuiApp


class LogSaved(Message):
    """The lines are in a file, or why they are not."""

    def __init__(self, words: str, error: MeshtuiError | None = None) -> None:
        super().__init__()
        self.words = words
        self.error = error


class LogDeeds(Pane):
    """The half of the pane that does things with its lines."""

    log_lines: LogLines
    start: TailFrom

    def add(self, *lines: LogLine) -> None:
        raise NotImplementedError

    def choose(self, wanted: LogFilter) -> None:
        raise NotImplementedError

    def command(self, words: Sequence[str]) -> None:
        match parse_log_command(words):
            case LogFilter() as wanted:
                self.choose(wanted)
            case TailFrom() as start:
                self._begin_at(replace(start, callers=self.start.callers))
            case Callers():
                self.do_callers()
            case Save(path):
                self._save(path)
            case Mark(text):
                self._mark(text)
            case Copy():
                self._copy_shown()

    def _say(self, text: str, level: str = "info") -> None:
        cast("MeshtuiApp", self.app).main.say(text, level)

    # How the lines are shown

    def do_pause(self) -> None:
        lines = self.log_lines
        if lines.following:
            lines.pause()
        else:
            lines.follow()
        self.update_title()

    def do_wrap(self) -> None:
        self.log_lines.set_look(wrap=not self.log_lines.look.wrap)

    def do_as_written(self) -> None:
        self.log_lines.set_look(raw=not self.log_lines.look.raw)

    def do_times(self) -> None:
        look = self.log_lines.look
        if look.raw:
            self.log_lines.set_look(stamps=not look.stamps)
        else:
            self.log_lines.set_look(clock=not look.clock)

    def do_further_back(self) -> None:
        self._begin_at(next_start(self.start))

    def do_callers(self) -> None:
        self._begin_at(replace(self.start, callers=not self.start.callers))

    def _begin_at(self, start: TailFrom) -> None:
        self.start = start
        self.read_again()
        self._say(f"logs: {start_words(start)}")

    # Finding

    def do_error_before(self) -> None:
        self._find(up=True)

    def do_error_after(self) -> None:
        self._find(up=False)

    def _find(self, up: bool) -> None:
        place = self.log_lines.find(up)
        if place is None:
            self._say(f"no error {'above' if up else 'below'} this line")
            return
        self.log_lines.jump_to(place)
        self.update_title()

    def do_open_line(self) -> None:
        """Following: the line that has just come; the view stands still meanwhile."""
        from meshtui.ui.dialogs.logline import LogLineDialog

        lines = self.log_lines
        lines.pause()
        self.update_title()
        if lines.cursor is None:
            self._say("there is no line yet")
            return
        self.app.push_screen(LogLineDialog(lines.store.line(lines.cursor), self._step))

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
        """The line under the cursor; following, all that are shown."""
        lines = self.log_lines
        if lines.cursor is None:
            self._copy_shown()
        else:
            self._copy([lines.store.line(lines.cursor)])

    def _copy_shown(self) -> None:
        if self._settled():
            self._copy(self.log_lines.store.shown())

    def _settled(self) -> bool:
        """False while the filter has not looked at every line: what is shown is not all yet."""
        settled = not self.log_lines.store.behind
        if not settled:
            self._say("the filter is still at work: try again in a moment")
        return settled

    def _copy(self, lines: Sequence[LogLine]) -> None:
        text, taken, every = to_copy(lines)
        if not taken:
            self._say("there is nothing to copy")
            return
        self.app.copy_to_clipboard(text)
        size = len(text.encode("utf-8", "replace"))
        left = f"; {every - taken:,} older ones are too many for a terminal, S saves them"
        words = "1 line" if taken == 1 else f"{taken:,} lines"
        if len(text) < len(plain(lines[-1])):
            words = "the beginning of a long line"
        self._say(f"copied {words}, {size:,} bytes{left if taken < every else ''}", "done")

    def do_save(self) -> None:
        self._save("")

    def _save(self, path: str) -> None:
        if not self._settled():
            return
        name = self.view.key.name if self.view else "logs"
        lines = [plain(line) for line in self.log_lines.store.shown()]
        if not lines:
            self._say("there is nothing to save")
            return
        work = partial(self._write, path, name, lines)
        self.run_worker(work, thread=True, group="save", exit_on_error=False)

    def _write(self, path: str, name: str, lines: list[str]) -> None:
        try:
            made = save_lines(lines, name, self.now, Path(path) if path else None)
        except MeshtuiError as error:
            self.post_message(LogSaved("", error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(LogSaved("", unexpected("saving the lines", error)))
        else:
            self.post_message(LogSaved(f"saved {len(lines):,} lines in {made}"))

    def on_log_saved(self, message: LogSaved) -> None:
        if message.error is not None:
            cast("MeshtuiApp", self.app).main.fail(message.error)
        else:
            self._say(message.words, "done")
