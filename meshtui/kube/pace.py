"""How patient a feed is, and where it gets its time and its chance from."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from meshtui.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """All times are seconds. Tests put their own clock, sleep and chance in."""

    silence_s: float = 90.0
    """A watch that says nothing for so long is dropped. Servers send a bookmark every minute."""

    watch_s: int = 290
    """How long the server is asked to keep a watch; up to a quarter less, so that not all of
    them end together."""

    again_s: float = 60.0
    """When to look again for what was forbidden or missing."""

    poll_s: float = 10.0
    """How often a list is read where watching is not allowed."""

    steady_s: float = 5.0
    """A watch that lasted so long had worked; one that ended sooner had not."""

    first_retry_s: float = 0.5
    longest_retry_s: float = 30.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    def backoff(self, failures: int) -> float:
        """How long to wait after so many failures in a row: full jitter, doubling up to a limit.

        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        limit = self.first_retry_s * 2.0 ** min(failures - 1, 16)
        return self.chance() * min(limit, self.longest_retry_s)

    def watch_seconds(self) -> int:
        return max(1, round(self.watch_s * (1 - self.chance() / 4)))
