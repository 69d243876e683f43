"""The access logs of the selected service's proxies, all pods, followed or paused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message
from textual.timer import Timer

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import ServiceKey
from meshtui.operations.types import LogEntry, Snapshot
from meshtui.ui.feed import unexpected
from meshtui.ui.lines import LinesView
from meshtui.ui.paint import Line, Span, span
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.loglines import LogLines

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

BATCH_S = 0.1
BATCH_MOST = 1_000
QUEUE_LONG = 4


class LogBatch(Message):
    """Lines of one service, in the order in which they came."""

    def __init__(self, key: ServiceKey, entries: tuple[LogEntry, ...]) -> None:
        super().__init__()
        self.key = key
        self.entries = entries


class LogEnded(Message):
    """The tail stopped; `error` None: there is nothing more to come."""

    def __init__(self, key: ServiceKey, error: MeshtuiError | None) -> None:
        super().__init__()
        self.key = key
        self.error = error


class LogsPane(Pane):
    """Follows the service under the cursor, once the cursor has come to rest."""

    kind = "logs"
    SETTLE_S: ClassVar[float] = 0.2

    def __init__(self, cockpit: Cockpit) -> None:
        self.log_lines = LogLines()
        super().__init__(cockpit)
        self._key: ServiceKey | None = None
        self._ended: MeshtuiError | None = None
        self._settling: Timer | None = None

    def make_body(self) -> LinesView:
        return self.log_lines

    def update_body(self, _: Snapshot) -> None:
        key = self.view.key if self.view else None
        if key == self._key:
            return
        first = self._key is None
        self._key = key
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(0.01 if first else self.SETTLE_S, self.read_again)

    def read_again(self) -> None:
        """Start over with the service that is selected now."""
        self._ended = None
        self.log_lines.clear()
        if self._key is not None:
            tail = self.cockpit.tail(self._key)
            self.run_worker(
                self._pump(self._key, tail), group="tail", exclusive=True, exit_on_error=False
            )
        self.update_title()

    async def _pump(self, key: ServiceKey, tail: AsyncIterator[LogEntry]) -> None:
        try:
            await _in_batches(key, tail, self)
        except MeshtuiError as error:
            self.post_message(LogEnded(key, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(LogEnded(key, unexpected("reading the logs", error)))
        else:
            self.post_message(LogEnded(key, None))

    def on_log_batch(self, message: LogBatch) -> None:
        if message.key == self._key:
            self.log_lines.add(message.entries)
            self.update_title()

    def on_log_ended(self, message: LogEnded) -> None:
        if message.key == self._key:
            self._ended = message.error or MeshtuiError("the logs have ended")
            self.update_title()

    def title_words(self) -> tuple[Line, Line]:
        lines = self.log_lines
        left: Line = (Span(f"{lines.pods} pods  ", "muted"),) if lines.pods else ()
        if self._ended is not None:
            return left, (span(f"✖ {self._ended}", "error"), Span(" r", "key"))
        if lines.following:
            return left, (Span("● following", "ok"),)
        return left, (Span(f"PAUSED  {lines.missed} new  ", "draft"), Span("Space", "key"))

    # Keys

    def do_pause(self) -> None:
        lines = self.log_lines
        if lines.following:
            lines.pause()
        else:
            lines.follow()
        self.update_title()

    def move(self, by: int) -> None:
        self.log_lines.move(by)
        self.update_title()

    def page(self, direction: int) -> None:
        self.move(direction * max(self.log_lines.room - 1, 1))

    def to_top(self) -> None:
        self.log_lines.to_top()
        self.update_title()

    def to_end(self) -> None:
        self.log_lines.follow()
        self.update_title()

    def sideways(self, by: int) -> None:
        self.log_lines.sideways(by)

    def do_raw(self) -> None:
        self.log_lines.toggle_raw()


async def _in_batches(key: ServiceKey, tail: AsyncIterator[LogEntry], to: Pane) -> None:
    """Hand on lines some times a second; wait while the screen has not caught up."""
    batch: list[LogEntry] = []
    loop = asyncio.get_running_loop()

    def hand_on() -> None:
        if to.message_queue_size > QUEUE_LONG:
            loop.call_later(BATCH_S, hand_on)
        elif batch:
            to.post_message(LogBatch(key, tuple(batch)))
            batch.clear()

    try:
        async for entry in tail:
            if not batch:
                loop.call_later(BATCH_S, hand_on)
            batch.append(entry)
            while len(batch) >= BATCH_MOST:  # noqa: ASYNC110 - the screen says when
                await asyncio.sleep(BATCH_S)
    finally:
        if batch:
            to.post_message(LogBatch(key, tuple(batch)))
            batch.clear()
