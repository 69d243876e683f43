"""A container's log: bounded, split into lines, followed by any number of readers."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable

from meshtui.lab.contract import LogLine

_NEWLINE = b"\n"


class LogBuffer:
    """Takes bytes as a process writes them; used from the event loop only.

    A reader that follows loses lines only if it falls behind by the whole buffer.
    """

    def __init__(
        self,
        max_lines: int = 20_000,
        max_bytes: int = 8 * 1024 * 1024,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._lines: deque[LogLine] = deque()
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._now = now
        self._bytes = 0
        self._written = 0
        self._partial = bytearray()
        self._closed = False
        self._changed = asyncio.Event()

    def append(self, data: bytes) -> None:
        """Add output; an unfinished line waits for its end, as long as it fits the buffer."""
        self._partial += data
        *whole, rest = self._partial.split(_NEWLINE)
        self._partial = rest
        if len(rest) > self._max_bytes:
            whole.append(rest)
            self._partial = bytearray()
        self._add(whole)

    def close(self) -> None:
        """The container ended: what was unfinished is its last line, and the followers end."""
        if self._partial:
            self._add([self._partial])
            self._partial = bytearray()
        self._closed = True
        self._wake()

    def lines(self) -> list[LogLine]:
        return list(self._lines)

    def follow(self) -> AsyncIterator[LogLine]:
        """Lines written after this call, whenever the iteration starts."""
        return self._follow(self._written)

    async def _follow(self, position: int) -> AsyncIterator[LogLine]:
        while True:
            changed = self._changed
            fresh = self._after(position)
            position = self._written
            for line in fresh:
                yield line
            if position == self._written:
                if self._closed:
                    return
                await changed.wait()

    def _after(self, position: int) -> list[LogLine]:
        dropped = self._written - len(self._lines)
        return list(itertools.islice(self._lines, max(0, position - dropped), None))

    def _add(self, texts: list[bytearray]) -> None:
        if not texts:
            return
        now = self._now()
        for text in texts:
            self._lines.append(LogLine(now, bytes(text)))
            self._bytes += len(text)
        self._written += len(texts)
        while len(self._lines) > self._max_lines or self._bytes > self._max_bytes:
            self._bytes -= len(self._lines.popleft().text)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
