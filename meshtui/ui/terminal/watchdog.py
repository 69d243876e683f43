"""The way out that always leads out: a thread that ends the program when nothing else does."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable

from meshtui import children

LIMIT_S = 2.5
"""From the first signal to the end, where no change is being written."""

LOOK_S = 0.25
"""How often the thread looks at the terminal and at the clock."""

RESTORED = (
    b"\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[<u"
    b"\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Bracketed paste, wrapping, mouse, keyboard, screen, cursor and focus reports as they were."""

FAILED = 1


def _nothing() -> None:
    """Before there is a screen, no mode has to be restored."""


class Leaving:
    """Watches the terminal behind `descriptor` from the start of the program to its end.

    A terminal that is gone is noticed with or without a signal, and with or without a reader of
    its input: while the program still starts, while an editor has it, while the event loop is
    stuck. Once `begin` was called, the process ends at the limit, whatever else it does.

    `lost` is called in the thread, once; before there is a screen the process ends there and then.
    `restore` restores the terminal and must not wait for anything. `status` is the exit status
    where the limit ends the process.
    """

    def __init__(self, descriptor: int, end: Callable[[int], object] = os._exit) -> None:
        self.lost: Callable[[], None] = self.end_now
        self.restore: Callable[[], None] = _nothing
        self.status = FAILED
        self._descriptor = descriptor
        self._end = end
        self._until = 0.0
        self._over = False
        self._thread = threading.Thread(target=self._watch, daemon=True, name="leaving")
        self._thread.start()

    # Plain assignments: a signal handler may interrupt any of them, and holds no lock.

    def begin(self) -> None:
        """From now on there is a limit. Safe in a signal handler, and more than once."""
        if not self._until:
            self._until = time.monotonic() + LIMIT_S

    def extend(self, seconds: float) -> None:
        """A change is being written: that is allowed so many seconds more, from now."""
        self._until = time.monotonic() + LIMIT_S + seconds

    def done(self) -> None:
        """The program has ended by itself."""
        self._over = True

    def end_now(self) -> None:
        """End the process, and what it has started, without waiting for anything of it."""
        try:
            children.end(children.SHORT_S)
            self.restore()
        finally:
            self._end(self.status)

    def _watch(self) -> None:
        poll, gone = select.poll(), False
        poll.register(self._descriptor, 0)
        while not self._over:
            if self._until and time.monotonic() >= self._until:
                self.end_now()
                return
            if gone:
                time.sleep(LOOK_S)
            elif _hung_up(poll):
                gone = True
                self.lost()


def _hung_up(poll: select.poll) -> bool:
    """Waits a moment for the terminal to go away."""
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(LOOK_S * 1000))


def restore_now(descriptor: int) -> None:
    """The terminal's modes as they were, if it takes them without a wait."""
    with contextlib.suppress(OSError):
        blocking = os.get_blocking(descriptor)
        os.set_blocking(descriptor, False)
        try:
            os.write(descriptor, RESTORED)
        finally:
            os.set_blocking(descriptor, blocking)
