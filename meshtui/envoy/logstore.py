"""The last lines of a log and which of them are wanted, both kept up as lines come and go.

A line is named by its number: the first that came is 0, and numbers are never used again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable

from meshtui.envoy.logfilter import LogFilter
from meshtui.envoy.logline import LogLine
from meshtui.envoy.logmarks import PodMarks
from meshtui.envoy.logsummary import Summary

KEPT = 20_000
KEPT_CHARACTERS = 32 * 1024 * 1024
"""Lines may be a mebibyte long each."""

_TRIM = 4_096


class LogStore:
    """The last lines, by number and by length. To add one costs the same, whatever is kept.

    See `work` for the filter.
    """

    def __init__(self, retained: int = KEPT, characters: int = KEPT_CHARACTERS) -> None:
        self.capacity = retained
        self.first = 0
        """The number of the oldest line that is kept; so many were dropped."""

        self.end = 0
        """The number the next line will have."""

        self.filter = LogFilter()
        self.summary = Summary()
        self._lines: dict[int, LogLine] = {}
        self._most_characters = characters
        self._characters = 0
        self._unknown = 0
        self.nameless = 0
        """Requests of callers that came and may be about any service: none of the lines."""

        self._late = 0
        self._examined = 0
        self._shown: list[int] = []
        self._gone = 0
        """How many at the head of `_shown` are no longer kept."""

        self.marks = PodMarks()
        """Whose numbers the pods have; another log may go on with them."""

        self._seen: set[tuple[str, str]] = set()
        self._versions: dict[str, None] = {}

    @property
    def retained(self) -> int:
        return self.end - self.first

    @property
    def behind(self) -> int:
        """Lines the filter has not looked at yet."""
        return self.end - self._examined

    @property
    def late(self) -> int:
        """Lines of those kept that came too late to stand at their time."""
        return self._late

    def __len__(self) -> int:
        """Lines that are shown."""
        return len(self._shown) - self._gone

    @property
    def unknown(self) -> int:
        """Lines of those kept that look like requests and could not be read."""
        return self._unknown

    def number(self, index: int) -> int:
        """The number of the shown line at `index`."""
        return self._shown[self._gone + index]

    def index_of(self, number: int) -> int:
        """Where the line is among those shown, or the first after it."""
        return bisect_left(self._shown, number, self._gone) - self._gone

    def line(self, number: int) -> LogLine:
        return self._lines[number]

    def shown(self) -> list[LogLine]:
        """The lines that are shown, oldest first."""
        return [self.line(number) for number in self._shown[self._gone :]]

    # Pods

    @property
    def pods(self) -> int:
        """Those that were seen."""
        return len(self._seen)

    @property
    def versions(self) -> Collection[str]:
        """Those that were seen."""
        return self._versions

    # Lines come

    def add(self, lines: Iterable[LogLine], *, filter_now: bool = True) -> None:
        """New lines at the end; where the filter is up to date it stays so.

        Without `look` the filter, which may be slow, is left to `work`.
        """
        current = filter_now and not self.behind
        for line in lines:
            if line.nameless:
                self.nameless += 1
                continue
            self._push(line)
            if current:
                self._examine(self.end - 1)

    def _push(self, line: LogLine) -> None:
        self._characters += len(line.text)
        if self._characters > self._most_characters or self.end - self.first >= self.capacity:
            self._make_room()
        self._lines[self.end] = line
        self._unknown += line.unknown
        self._late += line.late
        self.end += 1
        if not line.own:
            self.marks.see(line)
            self._seen.add((line.namespace, line.pod))
            self._versions[line.version] = None

    def _make_room(self) -> None:
        while self.retained and (
            self.retained >= self.capacity or self._characters > self._most_characters
        ):
            self._drop(self.first)

    def _drop(self, number: int) -> None:
        if self._gone < len(self._shown) and self._shown[self._gone] == number:
            self.summary.remove(self._lines[number])
            self._gone += 1
            if self._gone >= _TRIM:
                del self._shown[: self._gone]
                self._gone = 0
        if self._examined <= number:
            self._examined = number + 1
        gone = self._lines.pop(number)
        self._characters -= len(gone.text)
        self._unknown -= gone.unknown
        self._late -= gone.late
        self.first = number + 1

    # The filter

    def set_filter(self, wanted: LogFilter) -> None:
        """From the oldest line on again: nothing is shown until `work` was done."""
        self.filter = wanted
        self.summary = Summary()
        self._shown.clear()
        self._gone = 0
        self._examined = self.first

    def work(self, most: int) -> bool:
        """Look at up to `most` lines; True where there are more."""
        for _ in range(min(most, self.behind)):
            self._examine(self._examined)
        return self.behind > 0

    def _examine(self, number: int) -> None:
        line = self._lines[number]
        if self.filter(line):
            self._shown.append(number)
            self.summary.add(line)
        self._examined = number + 1
