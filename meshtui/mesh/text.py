"""Text that came from outside, made safe to show: the one place where this is done."""

from __future__ import annotations

import re

STAND_IN = "\u00b7"
ELLIPSIS = "\u2026"

# C0, DEL and C1 drive terminals; bidi marks reorder what is read; the rest cannot be seen,
# breaks lines, or (lone surrogates) cannot be encoded.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(text: str, limit: int | None = None) -> str:
    """`text` on one line without control characters, at most `limit` characters long.

    Escape and its like become caret notation (`^[`), a tab a space, everything else a middle
    dot, so that an attempt to drive the terminal is seen and does nothing.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + ELLIPSIS
    safe = _UNSAFE.sub(_stand_in, text)
    if limit is not None and len(safe) > limit:
        safe = safe[: max(limit - 1, 0)] + ELLIPSIS
    return safe


def _stand_in(found: re.Match[str]) -> str:
    char = found.group()
    if char == "\t":
        return " "
    if char in "\n\r" or char > "\x7f":
        return STAND_IN
    return "^" + chr(ord(char) ^ 0x40)
