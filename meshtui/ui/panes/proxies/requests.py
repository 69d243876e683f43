"""The proxies pane's questions: in workers, each ended by a message that says what it was about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from textual.message import Message
from textual.widget import Widget

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Pod
from meshtui.operations.proxies.matrix import Row
from meshtui.operations.proxies.proxy_reads import ProxyReads
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.proxies.raw import RawText
from meshtui.ui.panes.proxies.state import Question
from meshtui.ui.panes.proxies.table import Table, table_of

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.operations.proxies.matrix import Matrix

P = ParamSpec("P")

MANY = 200
"""Rows whose table is worth a thread."""


class RowCame(Message):
    """What one client's proxy does about the rules."""

    def __init__(self, question: Question, row: Row) -> None:
        super().__init__()
        self.question = question
        self.row = row


class ReadingCame(Message):
    """A view of one proxy, and its table."""

    def __init__(self, question: Question, reading: ProxyReads, table: Table) -> None:
        super().__init__()
        self.question = question
        self.reading = reading
        self.table = table


class RawCame(Message):
    """A reading's JSON in lines."""

    def __init__(self, reading: ProxyReads, text: RawText) -> None:
        super().__init__()
        self.reading = reading
        self.text = text


class Saved(Message):
    """The dump is on disk."""

    def __init__(self, path: Path, size: int) -> None:
        super().__init__()
        self.path = path
        self.size = size


class AskFailed(Message):
    """A question, or with None something that is done only once, has failed."""

    def __init__(self, question: Question | None, error: MeshtuiError) -> None:
        super().__init__()
        self.question = question
        self.error = error


class Asking:
    """One question at a time; a new one takes the place of the old."""

    def __init__(self, cockpit: Cockpit, to: Widget) -> None:
        self._cockpit = cockpit
        self._to = to

    def rows(self, question: Question, matrix: Matrix) -> None:
        self._begin("ask", question, self._rows, question, matrix)

    async def _rows(self, question: Question, matrix: Matrix) -> None:
        await self._cockpit.proxies.rows(matrix, lambda row: self._post(RowCame(question, row)))

    def view(self, question: Question, pod: Pod) -> None:
        self._begin("ask", question, self._view, question, pod)

    async def _view(self, question: Question, pod: Pod) -> None:
        reading = await self._cockpit.proxies.read(question.view, pod, question.service)
        self._post(ReadingCame(question, reading, await _table(reading)))

    def raw(self, reading: ProxyReads) -> None:
        self._begin("raw", None, self._raw, reading)

    async def _raw(self, reading: ProxyReads) -> None:
        lines = await self._cockpit.proxies.raw(reading)
        self._post(RawCame(reading, await asyncio.to_thread(RawText, lines)))

    def dump(self, pod: Pod) -> None:
        self._begin("dump", None, self._dump, pod)

    async def _dump(self, pod: Pod) -> None:
        self._post(Saved(*await self._cockpit.proxies.dump(pod)))

    def stop(self) -> None:
        """Nothing is wanted any more of what was asked."""
        self._to.workers.cancel_group(self._to, "ask")

    def _post(self, message: Message) -> None:
        self._to.post_message(message)

    def _begin(
        self,
        group: str,
        question: Question | None,
        work: Callable[P, Coroutine[Any, Any, None]],
        *words: P.args,
        **more: P.kwargs,
    ) -> None:
        async def run() -> None:
            try:
                await work(*words, **more)
            except MeshtuiError as error:
                self._post(AskFailed(question, error))
            except Exception as error:  # noqa: BLE001 - the edge of a worker
                self._post(AskFailed(question, unexpected("asking the proxy", error)))

        in_background(self._to, group, run)


async def _table(reading: ProxyReads) -> Table:
    size = len(reading.routes) + len(reading.clusters) + len(reading.endpoints)
    if size < MANY:
        return table_of(reading)
    return await asyncio.to_thread(table_of, reading)
