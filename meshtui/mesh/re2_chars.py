"""Sets of characters in RE2's syntax: classes, escapes, and what ignoring case does to them."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[int, int]

LAST = 0x10FFFF
_WORD: tuple[Range, ...] = ((48, 57), (65, 90), (95, 95), (97, 122))
_PERL: dict[str, tuple[Range, ...]] = {
    "d": ((48, 57),),
    "s": ((9, 10), (12, 13), (32, 32)),
    "w": _WORD,
}
_POSIX: dict[str, tuple[Range, ...]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": ((48, 57),),
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}


@dataclass(frozen=True, slots=True)
class Chars:
    """The characters that are accepted: the ranges, or all but them."""

    ranges: tuple[Range, ...]
    negated: bool = False
    fold: bool = False
    """Letters of ASCII count in either case; other letters are refused before it comes to it."""

    def __contains__(self, char: str) -> bool:
        forms = {ord(char), ord(char.swapcase())} if self.fold and char.isascii() else {ord(char)}
        found = any(low <= code <= high for low, high in self.ranges for code in forms)
        return found is not self.negated


def one(char: str, fold: bool = False) -> Chars:
    return Chars(((ord(char), ord(char)),), fold=fold)


def is_word(char: str) -> bool:
    return any(low <= ord(char) <= high for low, high in _WORD)


def perl_class(letter: str) -> tuple[Range, ...] | None:
    """`\\d`, `\\s`, `\\w` and their opposites; ASCII only, as in RE2. None for another letter."""
    ranges = _PERL.get(letter.lower())
    return complement(ranges) if ranges and letter.isupper() else ranges


def posix_class(name: str) -> tuple[Range, ...] | None:
    """`alpha`, `^alpha` and so on, as they stand between `[:` and `:]`."""
    ranges = _POSIX.get(name.removeprefix("^"))
    return complement(ranges) if ranges and name.startswith("^") else ranges


def complement(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """What is outside of sorted ranges."""
    found, start = [], 0
    for low, high in ranges:
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    return (*found, (start, LAST)) if start <= LAST else tuple(found)
