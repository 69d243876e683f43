"""How a cell looks, and the shortest sequence from one look to the next.

Textual writes colours and attributes of each piece of text anew and resets them behind it: five
sixths of what a tick of the table sends over the line.
"""

from __future__ import annotations

from functools import lru_cache

RESET = "\x1b[0m"

_TEXT_ONLY = frozenset({"1", "2", "3"})
"""Bold, dim and italic: nothing of them is seen of a space."""

_LONGER = {"38": {"5": 3, "2": 5}, "48": {"5": 3, "2": 5}}
"""Codes that have arguments: how many codes they are together, by the first of them."""


class Look:
    """Attributes and colours, as the codes of SGR; an empty colour is the terminal's own.

    `look_of` makes one of each, so that a full screen of them is compared by identity.
    """

    __slots__ = ("attributes", "colour", "ground")

    def __init__(self, attributes: frozenset[str], colour: str, ground: str) -> None:
        self.attributes = attributes
        self.colour = colour
        self.ground = ground


@lru_cache(maxsize=4096)
def look_of(codes: str) -> Look:
    """The look that these codes give to a terminal that was reset."""
    attributes, colour, ground = set(), "", ""
    left = codes.split(";") if codes else []
    while left:
        length = _LONGER.get(left[0], {}).get("".join(left[1:2]), 1)
        code, left = ";".join(left[:length]), left[length:]
        kind = int(left_most) if (left_most := code.partition(";")[0]).isdecimal() else 0
        if 30 <= kind <= 39 or 90 <= kind <= 97:
            colour = code
        elif 40 <= kind <= 49 or 100 <= kind <= 107:
            ground = code
        else:
            attributes.add(code)
    return Look(frozenset(attributes), colour, ground)


PLAIN = look_of("")


@lru_cache(maxsize=1024)
def of_space(look: Look) -> Look:
    """What is seen of a space that looks so."""
    if look.attributes - _TEXT_ONLY:
        return look
    return look_of(look.ground)


@lru_cache(maxsize=4096)
def step(before: Look, after: Look, space: bool = False) -> tuple[str, Look]:
    """What to write before a cell, and the look that the terminal has then."""
    if before is after or (space and of_space(before) is of_space(after)):
        return "", before
    codes = [] if before.attributes <= after.attributes else ["0"]
    known = PLAIN if codes else before
    codes += sorted(after.attributes - known.attributes)
    if after.colour != known.colour:
        codes.append(after.colour or "39")
    if after.ground != known.ground:
        codes.append(after.ground or "49")
    return (f"\x1b[{';'.join(codes)}m" if codes else ""), after
