"""Regular expressions without google-re2: what Python's `re` and RE2 mean alike, in bounded time.

Refused is what they read differently (`{,3}`, `[[:alpha:]]`, `a++`,
look-arounds, flags, everything beyond ASCII) and what may take `re` for ever (repeated groups, many
open repetitions).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

LONGEST = 1_000
_MOST_OPEN = 2
_MOST_CHOICES = 6

_ITEM = re.compile(
    r"""(?P<item> \\[^\w\s] | \\[dwDW] | [^\\^$.|?*+()\[\]{}] | \.
              | \[ \^? (?: (?!--) [^\\\[\]^&|~] | \\[^\w\s] )+ \] )
        (?: (?P<open> [*+] | \{ \d{1,3} , (?: \d{1,3} )? \} )
          | \{ \d{1,3} \} | (?P<once> \? ) )? \??
      | \( (?: \?: )?
      | (?P<choice> \| | \) \? )
      | \) | \^ | \$""",
    re.VERBOSE | re.ASCII,
)


class Undecidable(Exception):
    """The expression cannot be decided here; the message says why."""


def full_match(pattern: str, text: str) -> bool:
    """True where the whole text matches. Raises Undecidable."""
    if len(text) > LONGEST or not text.isascii():
        raise Undecidable("without google-re2 only short texts in ASCII are decided")
    return _compiled(pattern, _MOST_OPEN).fullmatch(text) is not None


def search(pattern: str) -> Callable[[str], bool]:
    """Is it anywhere in a text? Raises Undecidable."""
    compiled = _compiled(pattern, _MOST_OPEN - 1)
    return lambda text: compiled.search(text) is not None


def places(pattern: str) -> Callable[[str], Iterable[tuple[int, int]]]:
    """Where in a text is it? Raises Undecidable."""
    compiled = _compiled(pattern, _MOST_OPEN - 1)
    return lambda text: (found.span() for found in compiled.finditer(text) if found[0])


@lru_cache(maxsize=128)
def _compiled(pattern: str, most_open: int) -> re.Pattern[str]:
    """With `\\Z` for `$`, which Python also finds before a last newline."""
    at = opened = choices = 0
    parts = []
    while at < len(pattern):
        found = _ITEM.match(pattern, at)
        if found is None or not pattern.isascii():
            raise Undecidable(
                f"without google-re2 it is not decided from {pattern[at : at + 20]!r} on"
            )
        opened += found["open"] is not None
        choices += found["once"] is not None or found["choice"] is not None
        at = found.end()
        parts.append(r"\Z" if found[0] == "$" else found[0])
    if opened > most_open or choices > _MOST_CHOICES:
        raise Undecidable("without google-re2 it may take too long")
    try:
        return re.compile("".join(parts), re.ASCII)
    except (re.error, RecursionError) as error:
        raise Undecidable(f"RE2 refuses it: {error}") from error
