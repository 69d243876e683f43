"""Several logs as one by the times of their lines: a bounded window, in which late ones find their
place. Pure.

A proxy writes its log a second late, all of its lines at once, and each when the request is over;
a line shows when it began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from heapq import heappop, heappush

from meshtui.operations.types import LogEntry

HELD_S = 1.5
"""Seconds for which a line that comes is held: an Envoy of Istio's writes its log once a second."""

READ_AGAIN_S = 60.0
"""The same for lines that are there already, by the kubelet's times: that costs no waiting."""

MOST_HELD = 20_000
"""Lines that are held at most; where more come the oldest goes on."""

_NANO = 1_000_000_000
_KEY = '"start_time":"'
_WHOLE = 19
"""Characters of a time to the second."""

Place = int
"""A line's time, and in its last bits the line's number among those that came: one number compares
faster than two."""

_NUMBERED = 40
"""Bits of a number."""


def time_of(entry: LogEntry) -> int:
    """When the request of a proxy's line began as it says itself, else when the kubelet took it.

    Nanoseconds since the epoch; 0 where neither is known. No line began after it was taken.
    """
    written = 0 if entry.container or entry.own else _written(entry.text)
    return min(written, entry.stamp) if written and entry.stamp else written or entry.stamp


def _written(text: str) -> int:
    if text.startswith("["):
        at = 1
    elif text.startswith("{") and _KEY in text:
        at = text.index(_KEY) + len(_KEY)
    else:
        return 0
    seconds = _seconds(text[at : at + _WHOLE])
    point, end = at + _WHOLE, text.find("Z", at, at + _WHOLE + 12)
    digits = text[point + 1 : end]
    if not seconds or end < point:
        return 0
    fraction = digits.ljust(9, "0") if digits.isascii() and digits.isdigit() else "0"
    return seconds * _NANO + int(fraction)


@lru_cache(maxsize=256)
def _seconds(text: str) -> int:
    """Remembered, as hundreds of lines are of one second. 0 for what is no time."""
    if text[10:11] != "T":
        return 0
    try:
        return max(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()), 0)
    except (ValueError, OverflowError, OSError):
        return 0


class TimeWindow:
    """Holds each line for a while, then gives it with those that began before it.

    One that comes when later ones are gone already goes on at once, marked as late. Times are
    seconds of one clock.
    """

    def __init__(self, held_s: float = HELD_S, most: int = MOST_HELD) -> None:
        self.held_s = held_s
        self._most = most
        self._number = 0
        self._given: Place = 0
        """The last that went on in its place."""

        self._held: list[tuple[Place, LogEntry]] = []
        self._came: deque[tuple[float, Place]] = deque()
        self._newest: dict[tuple[str, str, str], int] = {}
        """The time of each log's last line, for what is said of the log."""

    def __len__(self) -> int:
        return len(self._held)

    @property
    def due_at(self) -> float | None:
        """When the next line has been held for long enough; None where none is held."""
        while self._came and self._came[0][1] <= self._given:
            self._came.popleft()
        return self._came[0][0] + self.held_s if self._came else None

    def add(self, entry: LogEntry, now: float) -> LogEntry | None:
        """Holds a line; gives it where its place is past, or the oldest where there are too many.

        What meshtui says of a log stands behind the log's last line.
        """
        log = (entry.namespace, entry.pod, entry.container)
        at = self._newest.get(log, self._given >> _NUMBERED) if entry.own else time_of(entry)
        self._newest[log] = max(at, self._newest.get(log, 0))
        self._number += 1
        place = at << _NUMBERED | self._number
        if place < self._given:
            return entry if entry.own or not at else replace(entry, late=True)
        heappush(self._held, (place, entry))
        self._came.append((now, place))
        return self._next() if len(self._held) > self._most else None

    def pass_by(self, entry: LogEntry) -> LogEntry:
        """For the lines of a log that is the only one: they stay as they were written."""
        self._number += 1
        self._given = max(self._given, time_of(entry) << _NUMBERED | self._number)
        return entry

    def due(self, now: float) -> Sequence[LogEntry]:
        """Those that were held for long enough, and all that began before one of them."""
        came, held, since = self._came, self._held, now - self.held_s
        if not came or came[0][0] > since:
            return ()
        found = []
        while came and came[0][0] <= since:
            _, place = came.popleft()
            while held and held[0][0] <= place:
                found.append(self._next())
        return found

    def rest(self) -> Iterator[LogEntry]:
        """All that is held."""
        while self._held:
            yield self._next()

    def follow(self, now: float, epoch: float) -> None:
        """From now on lines come as they are written: those that are held are as old as the
        kubelet says. `epoch` is `now` in seconds since the epoch."""
        held = ((now - max(epoch - e.stamp / _NANO, 0.0), place) for place, e in self._held)
        self._came = deque(sorted(held))
        self.held_s = HELD_S

    def _next(self) -> LogEntry:
        self._given, entry = heappop(self._held)
        return entry
