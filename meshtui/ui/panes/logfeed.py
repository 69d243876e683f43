"""Log lines on their way from a tail to the pane: in batches, as fast as the screen takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from textual.message import Message

from meshtui.errors import MeshtuiError
from meshtui.operations.types import LogEntry
from meshtui.ui.panes.base import Pane

BATCH_S = 0.1
BUSY_S = 0.3
"""Between two batches where each fills the screen anew: a bad line carries no more."""

BUSY_FROM = 30
BATCH_MOST = 2_000
QUEUE_LONG = 4


class LogBatch(Message):
    """Lines of one tail, in the order in which they came."""

    def __init__(self, tail: object, entries: tuple[LogEntry, ...]) -> None:
        super().__init__()
        self.tail = tail
        self.entries = entries


class LogEnded(Message):
    """The tail stopped; `error` None: there is nothing more to come."""

    def __init__(self, tail: object, error: MeshtuiError | None) -> None:
        super().__init__()
        self.tail = tail
        self.error = error


async def in_batches(name: object, tail: AsyncIterator[LogEntry], to: Pane) -> None:
    """Hand on lines some times a second; wait while the screen has not caught up."""
    batch: list[LogEntry] = []
    loop = asyncio.get_running_loop()
    pause = BATCH_S

    def hand_on() -> None:
        nonlocal pause
        if to.message_queue_size > QUEUE_LONG:
            loop.call_later(pause, hand_on)
        elif batch:
            pause = BUSY_S if len(batch) >= BUSY_FROM else BATCH_S
            to.post_message(LogBatch(name, tuple(batch)))
            batch.clear()

    try:
        async for entry in tail:
            if not batch:
                loop.call_later(pause, hand_on)
            batch.append(entry)
            while len(batch) >= BATCH_MOST:  # noqa: ASYNC110 - the screen says when
                await asyncio.sleep(BATCH_S)
    finally:
        if batch:
            to.post_message(LogBatch(name, tuple(batch)))
            batch.clear()
