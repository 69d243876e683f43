"""JSON as the standard library reads it, several times as fast where it is ordinary.

What comes from a cluster is up to 100 MB, and most of it is never looked at. msgspec reads what is
plain JSON; whatever it refuses (a NaN, a lone surrogate, a number beyond a double) is read again by
`json`, so that what is accepted, and the value of it, is what `json` says.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec


def decode(text: bytes | str) -> Any:
    """The value. Raises ValueError for what is not JSON, RecursionError for what is too deep."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError):
        return json.loads(text)


def indented(text: str, indent: int) -> str:
    """JSON laid out as `json` does it, with its values as they are; empty for what msgspec takes
    for none (a NaN, a lone surrogate).
    """
    try:
        return msgspec.json.format(text, indent=indent)
    except (msgspec.MsgspecError, ValueError):
        return ""


Piece = msgspec.Raw
"""A part of a text that is JSON by itself; `bytes` gives it."""

Record = msgspec.Struct
"""An object with these fields, quickly made and read, where there are many. With `gc=False`
Python looks for no cycles among them: they must have none."""


class Decoder:
    """Reads objects of one shape and leaves out every key that the shape does not name.

    The shape is a type as msgspec takes it, of `TypedDict`, `Record`, `list`, `Any`, and `Piece`
    for what is to stay text. The first of several is taken that fits; where the text is of another
    shape (a list where an object is due), everything is read. `texts_as_numbers`: `"1.5"` is read
    where a number is due.
    """

    def __init__(self, *shapes: Any, texts_as_numbers: bool = False) -> None:
        strict = not texts_as_numbers
        self._decoders = [msgspec.json.Decoder(shape, strict=strict) for shape in shapes]

    def __call__(self, text: bytes | str) -> Any:
        """The value, with at least what the shape names. Raises as `decode` does."""
        for decoder in self._decoders:
            with suppress(msgspec.MsgspecError, ValueError):
                return decoder.decode(text)
        return decode(text)
