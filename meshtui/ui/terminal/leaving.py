"""The way out that always leads out: a thread that ends the program when nothing else does."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

LIMIT_S = 2.5
"""From the first signal to the end, where no change is being applied."""

RESTORED = (
    b"\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[<u"
    b"\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Bracketed paste, wrapping, mouse, keyboard, screen, cursor and focus reports as they were."""


class Leaving:
    """`last_resort` restores the terminal and must not wait for anything."""

    def __init__(
        self, last_resort: Callable[[], None], end: Callable[[int], object] = os._exit
    ) -> None:
        self._last_resort = last_resort
        self._end = end
        self._until = 0.0
        self._over = threading.Event()

    def begin(self) -> None:
        """From now on there is a limit. Safe in a signal handler, and more than once."""
        if not self._until:
            self._until = time.monotonic() + LIMIT_S
            threading.Thread(target=self._watch, daemon=True, name="leaving").start()

    def extend(self, seconds: float) -> None:
        """A change is being finished: that is allowed so many seconds more."""
        self._until += seconds

    def done(self) -> None:
        """The program has ended by itself."""
        self._over.set()

    def _watch(self) -> None:
        while (left := self._until - time.monotonic()) > 0:
            if self._over.wait(left):
                return
        self._last_resort()
        self._end(1)


def restore_now(descriptor: int) -> None:
    """The terminal's modes as they were, if it takes them without a wait."""
    with contextlib.suppress(OSError):
        blocking = os.get_blocking(descriptor)
        os.set_blocking(descriptor, False)
        try:
            os.write(descriptor, RESTORED)
        finally:
            os.set_blocking(descriptor, blocking)
