"""Text that came from outside, made safe to show: the one place where this is done."""

from __future__ import annotations

import re
from collections.abc import Sequence

STAND_IN = "\u00b7"
ELLIPSIS = "\u2026"

UNSAFE = re.compile(
    # C0, DEL and C1 drive terminals.
    "[\x00-\x1f\x7f-\x9f"
    # Bidirectional controls reorder what is read.
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    # What cannot be seen makes two names look like one: joiners, fillers, variation selectors.
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # These break lines, or (lone surrogates) cannot be encoded.
    "\u2028\u2029\ud800-\udfff]"
)
"""One character that never reaches a terminal."""


def clean(text: str, limit: int | None = None) -> str:
    """`text` on one line without control characters, at most `limit` characters long.

    Escape and its like become caret notation (`^[`), a tab a space, an end of line a middle dot,
    everything else its number (`\\u202e`): an attempt to drive the terminal is seen and does
    nothing.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + ELLIPSIS
    if text.isascii() and text.isprintable():
        return text
    safe = UNSAFE.sub(_stand_in, text)
    if limit is not None and len(safe) > limit:
        safe = safe[: max(limit - 1, 0)] + ELLIPSIS
    return safe


def _stand_in(found: re.Match[str]) -> str:
    char = found.group()
    if char == "\t":
        return " "
    if char in "\n\r":
        return STAND_IN
    if char <= "\x7f":
        return "^" + chr(ord(char) ^ 0x40)
    return char.encode("unicode-escape").decode("ascii")


def some_of(names: Sequence[str], most: int, joint: str = "and") -> str:
    """`a, b and 3 more`."""
    more = f" {joint} {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
