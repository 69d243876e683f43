"""The JSON of a proxy's answer as it came, with what was searched for. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from meshtui.ui.widgets.paint import Line, span

MOST_MATCHES = 100_000

LONGEST = 4_000
"""Characters of a line that are painted: a certificate or a filter's code is one line."""

_BEFORE = 40
"""Characters left of a match that lies beyond them."""


class RawText:
    """Lines of JSON; `matches` are the numbers of those that hold the text.

    Making the first one of many lines takes long enough for a thread; a search in it does not.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._lower = [text.lower() for text in lines]
        self.width = min(max(map(len, lines), default=0), LONGEST + _BEFORE)
        self.search = ""
        self.matches: list[int] = []

    def __len__(self) -> int:
        return len(self._lines)

    def searched(self, text: str) -> RawText:
        """The same lines; a text that goes on from the one before is looked for in its matches."""
        wanted, before = text.lower(), self.search.lower()
        if wanted == before:
            return self
        narrower = before and wanted.startswith(before) and len(self.matches) < MOST_MATCHES
        places: Iterable[int] = self.matches if narrower else range(len(self._lines))
        found = (n for n in places if wanted in self._lower[n]) if wanted else ()
        other = object.__new__(RawText)
        other._lines, other._lower, other.width = self._lines, self._lower, self.width
        other.search = text
        other.matches = [n for n, _ in zip(found, range(MOST_MATCHES), strict=False)]
        return other

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
        at, end = self._match(index)
        text = self._lines[index]
        if end > LONGEST:
            cut = max(at - _BEFORE, 0)
            text, at, end = f"…{text[cut : cut + LONGEST]}", at - cut + 1, end - cut + 1
        elif len(text) > LONGEST:
            text = f"{text[:LONGEST]}…"
        if at >= 0:
            return span(text[:at], "text"), span(text[at:end], "stale"), span(text[end:], "text")
        key, colon, rest = text.partition(": ")
        if text.startswith("GET "):
            return (span(text, "key"),)
        return (span(key + colon, "muted"), span(rest, "text")) if colon else (span(text, "muted"),)

    def _match(self, index: int) -> tuple[int, int]:
        """Where the text is found in a line, (-1, -1) where it is not.

        A letter whose lower case is two letters moves what is behind it: it is looked up there.
        """
        wanted, lower = self.search.lower(), self._lower[index]
        at = lower.find(wanted) if wanted else -1
        if at < 0:
            return -1, -1
        text = self._lines[index]
        if len(lower) == len(text):
            return at, at + len(wanted)
        text = text[:LONGEST]
        start = _before(text, at)
        return start, max(_before(text, at + len(wanted)), start)


def _before(text: str, lowered: int) -> int:
    """How many characters of a text make its first `lowered` in lower case."""
    count = 0
    for place, char in enumerate(text):
        if count >= lowered:
            return place
        count += len(char.lower())
    return len(text)
