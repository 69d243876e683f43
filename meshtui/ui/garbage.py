"""When Python looks for cycles of objects: while nobody presses a key.

It stops everything meanwhile. At a thousand services a mesh is half a million objects, and to look
at all of them takes half a second, in the midst of a key where it comes when Python likes. Most of
them stay for as long as the screen: once they are known they are looked at no more.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

YOUNG, MIDDLE, NEVER = 5_000, 2, 1_000_000
"""How many objects are new before they are looked at, how many times before those are that stayed,
and likewise all: only here."""

IDLE_S = 1.5
"""So long after a key nobody is likely to press one in the next moment."""

EVERY_S, AT_LATEST_S = 60.0, 600.0


class Garbage:
    """Python's collector from `begin` on; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = self._settled = False
        self._key_at = self._looked_at = clock()

    def begin(self) -> None:
        """From now on all objects are looked at in `tick` alone."""
        gc.set_threshold(YOUNG, MIDDLE, NEVER)
        self._begun = True

    def key(self) -> None:
        """Somebody is at the screen."""
        self._key_at = self._clock()

    def tick(self, *, loaded: bool) -> None:
        """Looks at all objects where it is time; `loaded`: the mesh is read.

        What is there at the first look after that is taken for what stays. Of a mesh that is
        replaced later a few megabytes stay with it, once.
        """
        now = self._clock()
        first = loaded and not self._settled
        since = now - self._looked_at
        idle = now - self._key_at >= IDLE_S
        due = first or since >= EVERY_S
        if not self._begun or not due or not (idle or since >= AT_LATEST_S):
            return
        gc.collect()
        if first:
            gc.freeze()
            self._settled = True
        self._looked_at = self._clock()
