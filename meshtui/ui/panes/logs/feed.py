"""Log lines on their way from a tail to the pane: in batches, as fast as the screen takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from textual.message import Message

from meshtui.envoy.logline import LogLine, own_line, read_line
from meshtui.errors import MeshtuiError
from meshtui.mesh.access_logging import LogFormat
from meshtui.operations.types import LogEntry
from meshtui.ui.panes.base import Pane

BATCH_S = 0.1
BUSY_S = 0.4
"""Between two batches while lines keep coming: each moves all that is shown, and that is as much
as a bad line carries."""

QUIET_S = 1.0
"""After so long without a line the next is shown at once."""

BATCH_MOST = 2_000
FULL_S = 0.01
TURN = 100
"""Lines read until others have their turn."""

QUEUE_LONG = 4


class LogBatch(Message):
    """Lines of one tail, in the order in which they came."""

    def __init__(self, tail: object, lines: tuple[LogLine, ...]) -> None:
        super().__init__()
        self.tail = tail
        self.lines = lines


class LogEnded(Message):
    """The tail stopped; `error` None: there is nothing more to come."""

    def __init__(self, tail: object, error: MeshtuiError | None) -> None:
        super().__init__()
        self.tail = tail
        self.error = error


def read(entry: LogEntry, formats: tuple[LogFormat, ...] = ()) -> LogLine:
    """The entry as a line of the store; `formats` are the mesh's own."""
    if entry.own:
        trouble = entry.error is not None
        return own_line(entry.text, entry.pod, entry.version, entry.stamp, trouble)
    place = entry.namespace, entry.pod, entry.version
    if entry.nameless:
        return LogLine(*place, entry.text, entry.stamp, nameless=True)
    whose = formats, entry.address, entry.container
    return read_line(*place, entry.text, entry.stamp, *whose, entry.late)


async def in_batches(
    name: object,
    tail: AsyncGenerator[LogEntry, None],
    to: Pane,
    formats: tuple[LogFormat, ...] = (),
) -> None:
    """Hand on lines some times a second; wait while the screen has not caught up.

    The tail is closed with it, wherever it is cancelled.
    """
    batches = _Batches(name, to)
    try:
        number = 0
        async with aclosing(tail):
            async for entry in tail:
                batches.add(read(entry, formats))
                number += 1
                if number % TURN == 0:
                    await asyncio.sleep(0)
                while batches.full:
                    batches.hand_on()
                    await asyncio.sleep(FULL_S)
    finally:
        batches.end()


class _Batches:
    """The lines that are waiting, and when they are handed on."""

    def __init__(self, name: object, to: Pane) -> None:
        self._name = name
        self._to = to
        self._lines: list[LogLine] = []
        self._handed_on = 0.0
        self._due: asyncio.TimerHandle | None = None

    @property
    def full(self) -> bool:
        return len(self._lines) >= BATCH_MOST

    def add(self, line: LogLine) -> None:
        self._lines.append(line)
        if self._due is None:
            self._later()

    def _later(self) -> None:
        loop = asyncio.get_running_loop()
        quiet = loop.time() - self._handed_on > QUIET_S
        self._due = loop.call_later(BATCH_S if quiet else BUSY_S, self._on_time)

    def _on_time(self) -> None:
        self._due = None
        self.hand_on()
        if self._lines:
            self._later()

    def hand_on(self) -> None:
        """Unless the screen has not caught up."""
        if self._lines and self._to.message_queue_size <= QUEUE_LONG:
            self._handed_on = asyncio.get_running_loop().time()
            self._post()

    def _post(self) -> None:
        self._to.post_message(LogBatch(self._name, tuple(self._lines)))
        self._lines.clear()

    def end(self) -> None:
        """What is left goes, too."""
        if self._due is not None:
            self._due.cancel()
        if self._lines:
            self._post()
