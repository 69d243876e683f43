"""The last seconds of one proxy's counters.

At two requests a second the difference between two neighbouring readings says nothing; the sum of
the last fifteen seconds does.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

from meshtui.dataclass import dataclass
from meshtui.metrics.counter_reading import Reading, growth

_ROUNDING_S = 0.5
"""Readings are never taken on the dot; a step this much too old still belongs to the window."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a proxy counted from `start` to `end`, in seconds of the source's clock."""

    start: float
    end: float
    counted: Reading


def _fell_silent(before: Reading, reading: Reading) -> bool:
    return bool(
        (before.requests and not reading.requests)
        or (before.connections and not reading.connections)
    )


class Window:
    """The steps of one proxy, oldest first, and its counters as last read."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self._last: tuple[float, Reading] | None = None
        self._steps: deque[Step] = deque()

    def add(self, now: float, reading: Reading) -> None:
        """Take in a reading. Counters have no rate before the second one."""
        if self._last is not None:
            then, before = self._last
            if now <= then:
                return
            if _fell_silent(before, reading):
                # Istio's agent answers without Envoy's part when Envoy was too slow. Taken for
                # a restart, it would make the next reading count the proxy's whole life.
                self.miss(now)
                return
            self._steps.append(Step(then, now, growth(before, reading)))
        self._last = now, reading
        self.forget(now)

    def miss(self, now: float) -> None:
        """The proxy did not answer: what it counted before stands until it is too old.

        After that a proxy that comes back is a new one: an average over its absence is no rate.
        """
        self.forget(now)
        if self._last is not None and self._last[0] < self._oldest(now):
            self._last = None

    def forget(self, now: float) -> None:
        """Drop what is too old; the newest step stays while any part of it is in the window."""
        oldest = self._oldest(now)
        while len(self._steps) > 1 and self._steps[0].start < oldest:
            self._steps.popleft()
        if self._steps and self._steps[-1].end < oldest:
            self._steps.clear()

    def _oldest(self, now: float) -> float:
        return now - self.length_s - _ROUNDING_S

    @property
    def latest(self) -> Reading | None:
        """The counters as last read, since the proxy started."""
        return self._last[1] if self._last else None

    @property
    def half(self) -> bool:
        """Read once: the next reading gives the first rate."""
        return self._last is not None and not self._steps

    @property
    def elapsed_s(self) -> float:
        """The seconds the steps speak of; 0.0 before the second reading."""
        return self._steps[-1].end - self._steps[0].start if self._steps else 0.0

    @property
    def start(self) -> float:
        """When the oldest step began; infinite before the second reading."""
        return self._steps[0].start if self._steps else math.inf

    @property
    def counted(self) -> Iterator[Reading]:
        return (step.counted for step in self._steps)
