"""The JSON of a proxy's answer as it came, with what was searched for. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from meshtui.ui.paint import Line, Span, span

MOST_MATCHES = 100_000


class RawText:
    """Lines of JSON; `matches` are the numbers of those that hold the text."""

    def __init__(self, lines: Sequence[str], search: str = "") -> None:
        self._lines = lines
        self.search = search
        self._pattern = re.compile(re.escape(search), re.IGNORECASE)
        self.width = max(map(len, lines), default=0)
        wanted = search.lower()
        found = (n for n, text in enumerate(lines) if wanted in text.lower()) if wanted else ()
        self.matches = [n for n, _ in zip(found, range(MOST_MATCHES), strict=False)]

    def __len__(self) -> int:
        return len(self._lines)

    def searched(self, text: str) -> RawText:
        return self if text == self.search else RawText(self._lines, text)

    def next(self, after: int, by: int) -> int:
        """The match after (or before) a line, round the ends; -1 where there is none."""
        if not self.matches:
            return -1
        if by > 0:
            place = bisect_right(self.matches, after)
            return self.matches[place % len(self.matches)]
        return self.matches[bisect_left(self.matches, after) - 1]

    def place(self, line: int) -> int:
        """Which of the matches a line is, from 1; 0 where it is none."""
        at = bisect_left(self.matches, line)
        return at + 1 if at < len(self.matches) and self.matches[at] == line else 0

    def line(self, index: int) -> Line:
        text = self._lines[index]
        found = self._pattern.search(text) if self.search else None
        if found is not None:
            at, end = found.span()
            return span(text[:at], "text"), span(text[at:end], "stale"), span(text[end:], "text")
        key, colon, rest = text.partition(": ")
        if text.startswith("GET "):
            return (span(text, "key"),)
        return (span(key + colon, "muted"), span(rest, "text")) if colon else (Span(text, "muted"),)
