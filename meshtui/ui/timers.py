"""Timers that tick once, however late."""

from __future__ import annotations

from textual.message_pump import MessagePump
from textual.timer import Timer, TimerCallback


class CertainTimers(MessagePump):
    """Textual leaves out a tick that is late, even the only one that a timer has: one of a few
    milliseconds never comes on a busy machine.

    Textual itself waits for one of the app before it takes a new size: for ever, at all later
    sizes, where that one did not tick.
    """

    def set_timer(
        self,
        delay: float,
        callback: TimerCallback | None = None,
        *,
        name: str | None = None,
        pause: bool = False,
    ) -> Timer:
        timer = super().set_timer(delay, callback, name=name, pause=pause)
        timer._skip = False
        return timer
