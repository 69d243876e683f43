"""What the lines that are shown come to: codes, flags and slow paths, kept up line by line."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any, NamedTuple

from meshtui.envoy.logline import LogLine
from meshtui.mesh.codes import failed

LONGEST_PATH = 120
"""Characters by which paths are told apart."""


class SlowPath(NamedTuple):
    """A path with how many requests took how long on average."""

    path: str
    requests: int
    mean_ms: float


class FailedPath(NamedTuple):
    """A path with how many of its requests ended with one failing code."""

    path: str
    code: int
    requests: int


class Summary:
    """Lines come at one end and go at the other; each costs the same, however many there are."""

    def __init__(self) -> None:
        self.requests = 0
        self.connections = 0
        """Of TCP, which have neither code nor path."""

        self.codes: Counter[int] = Counter()
        self.flags: Counter[str] = Counter()
        self._paths: dict[str, tuple[int, int]] = {}
        self._failed: Counter[tuple[str, int]] = Counter()

    def add(self, line: LogLine) -> None:
        self._count(line, 1)

    def remove(self, line: LogLine) -> None:
        self._count(line, -1)

    def _count(self, line: LogLine, by: int) -> None:
        request = line.request
        if request is None:
            return
        for flag in request.flags:
            _change(self.flags, flag, by)
        if request.tcp:
            self.connections += by
            return
        self.requests += by
        code, path = request.code, path_of(request.path)
        _change(self.codes, code, by)
        if failed(code):
            _change(self._failed, (path, code), by)
        if request.duration_ms is not None:
            count, total = self._paths.get(path, (0, 0))
            if count + by:
                self._paths[path] = (count + by, total + by * request.duration_ms)
            else:
                self._paths.pop(path, None)

    def slowest(self, most: int) -> list[SlowPath]:
        """The slowest first; costs as much as there are paths."""
        found = (SlowPath(path, n, total / n) for path, (n, total) in self._paths.items())
        return heapq.nlargest(most, found, key=lambda slow: (slow.mean_ms, slow.path))

    def failing(self, most: int) -> list[FailedPath]:
        """What failed most often first; costs as much as there are such paths."""
        found = (FailedPath(path, code, n) for (path, code), n in self._failed.items())
        return heapq.nsmallest(most, found, key=lambda one: (-one.requests, one.path, one.code))


def path_of(path: str) -> str:
    """Without the query, so that one page is one path."""
    return path[: LONGEST_PATH + 1].partition("?")[0][:LONGEST_PATH]


def _change(counter: dict[Any, int], key: Any, by: int) -> None:
    count = counter.get(key, 0) + by
    if count:
        counter[key] = count
    else:
        counter.pop(key, None)
