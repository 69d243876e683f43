"""Pods whose turn came late: what they count is known from the next reading on.

A pod that was read as soon as it was there has counted nothing before. Of a large mesh few pods
are read in a round, and a look costs as much as was read since the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from meshtui.metrics.scrape import PodId
from meshtui.metrics.window import Window


class ReadOnce:
    """Tell it of every pod that came, was read or was missed; it knows whose rates are to come."""

    def __init__(self) -> None:
        self._touched: set[PodId] = set()
        self._waiting: set[PodId] = set()
        self._late: set[PodId] = set()

    def touch(self, pods: Set[PodId]) -> None:
        self._touched |= pods

    def keep_only(self, pods: Set[PodId]) -> None:
        for known in (self._touched, self._waiting, self._late):
            known &= pods

    def look(self, windows: Mapping[PodId, Window]) -> Set[PodId]:
        """Those that were not read at the look before, and only once since."""
        for pod in self._touched:
            window = windows.get(pod)
            unread = window is None or window.latest is None
            known = window is not None and window.elapsed_s > 0
            late = pod in self._waiting and not known
            (self._waiting.add if unread or late else self._waiting.discard)(pod)
            (self._late.add if late and not unread else self._late.discard)(pod)
        self._touched.clear()
        return self._late
