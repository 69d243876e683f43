"""Copying the lines of the logs pane to the clipboard, and saving them to a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from textual.message import Message

from meshtui.envoy.logline import LogLine
from meshtui.errors import MeshtuiError
from meshtui.mesh.quantity import number_of
from meshtui.operations.logs.files import save_lines
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.logs.lines import LogLines
from meshtui.ui.panes.logs.text import plain, to_copy


class LogSaved(Message):
    """The lines are in a file, or why they are not."""

    def __init__(self, words: str, error: MeshtuiError | None = None) -> None:
        super().__init__()
        self.words = words
        self.error = error


class LogExport:
    """Takes what `lines` shows out of the program; the pane reports how that went."""

    def __init__(self, pane: Pane, lines: LogLines) -> None:
        self._pane = pane
        self._lines = lines

    def copy(self) -> None:
        """The line under the cursor; following, all that are shown."""
        lines = self._lines
        if lines.cursor is None:
            self.copy_shown()
        else:
            self._copy([lines.store.line(lines.cursor)])

    def copy_shown(self) -> None:
        if self._settled():
            self._copy(self._lines.store.shown())

    def _settled(self) -> bool:
        """False while the filter has not looked at every line: what is shown is not all yet."""
        settled = not self._lines.store.behind
        if not settled:
            self._pane.report("the filter is still at work: try again in a moment")
        return settled

    def _copy(self, lines: Sequence[LogLine]) -> None:
        text, taken, every = to_copy(lines)
        if not taken:
            self._pane.report("there is nothing to copy")
            return
        self._pane.app.copy_to_clipboard(text)
        size = len(text.encode("utf-8", "replace"))
        left = f"; {every - taken:,} older ones are too many for a terminal, S saves them"
        words = number_of(taken, "line")
        if len(text) < len(plain(lines[-1])):
            words = "the beginning of a long line"
        self._pane.report(f"copied {words}, {size:,} bytes{left if taken < every else ''}", "done")

    def save(self, path: str) -> None:
        if not self._settled():
            return
        name = self._pane.view.key.name if self._pane.view else "logs"
        lines = [plain(line) for line in self._lines.store.shown()]
        if not lines:
            self._pane.report("there is nothing to save")
            return
        work = partial(self._write, path, name, lines)
        self._pane.run_worker(work, thread=True, group="save", exit_on_error=False)

    def _write(self, path: str, name: str, lines: list[str]) -> None:
        try:
            made = save_lines(lines, name, self._pane.now, Path(path) if path else None)
        except MeshtuiError as error:
            self._pane.post_message(LogSaved("", error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self._pane.post_message(LogSaved("", unexpected("saving the lines", error)))
        else:
            self._pane.post_message(LogSaved(f"saved {number_of(len(lines), 'line')} in {made}"))
