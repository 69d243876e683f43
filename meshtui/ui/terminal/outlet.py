"""Where the screen's bytes go: written beside the event loop, which never waits for a terminal.

Textual's own writer thread dies of the first error, and its queue of thirty then blocks the
program for ever; and it blocks it as long as nobody reads, as on an SSH connection that is
neither alive nor closed. Time limits and changes must go on meanwhile.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable

MOST = 2**20
"""Characters that wait for a terminal that does not read; more of them are dropped."""


class Outlet:
    """A terminal as a place to write to. `lost` is called once, in a thread, where it is gone.

    `overrun` is True when something was dropped: what is on the terminal is no whole picture.
    """

    def __init__(self, descriptor: int, lost: Callable[[], None]) -> None:
        self.overrun = False
        self._descriptor = descriptor
        self._lost = lost
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._closed = self._dead = self._busy = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True, name="terminal-output")
        self._thread.start()

    def write(self, text: str) -> None:
        """Never waits and never raises."""
        data = text.encode("utf-8", "replace")
        with self._news:
            if self._dead or self._closed:
                return
            if self._size + len(data) > MOST:
                self.overrun = True
                return
            self._waiting.append(data)
            self._size += len(data)
            self._news.notify_all()

    @property
    def idle(self) -> bool:
        """Whether everything was taken by the terminal."""
        with self._news:
            return not self._waiting and not self._busy

    def close(self, wait_s: float) -> bool:
        """Write what is left, for at most so many seconds; False where it was not all written."""
        end = time.monotonic() + wait_s
        with self._news:
            self._closed = True
            self._news.notify_all()
        self._thread.join(max(0.0, end - time.monotonic()))
        return not self._thread.is_alive() and not self._dead

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._waiting and not self._closed:
                    self._news.wait()
                if not self._waiting:
                    return
                data = b"".join(self._waiting)
                self._waiting.clear()
                self._size, self._busy = 0, True
            if not self._put(data):
                return

    def _put(self, data: bytes) -> bool:
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            with self._news:
                self._dead = True
                self._waiting.clear()
            self._lost()
            return False
        finally:
            with self._news:
                self._busy = False
        return True
