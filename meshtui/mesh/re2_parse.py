"""RE2's syntax (github.com/google/re2/wiki/Syntax), read into a tree.

Python's `re` differs in what it accepts and what it means by it (`\\d`, `$`, `{,3}`, `[[:alpha:]]`,
look-arounds, possessive repeats); here only RE2's meaning counts. What is not handled is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from meshtui.mesh.re2_chars import LAST, Chars, Range, one, perl_class, posix_class

MOST_REPEATS = 1000
_DEEPEST = 60
_HEX = "0123456789abcdefABCDEF"
_LAST_BYTE = 255
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ASSERTIONS = {"A": "begin", "z": "end", "b": "word", "B": "not word"}


class Undecidable(Exception):
    """The expression cannot be decided here; the message says why."""


@dataclass(frozen=True, slots=True)
class Group:
    """Alternatives, each a sequence of parts."""

    branches: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part `least` to `most` times; `most` None is without end."""

    part: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place between characters: begin, end, begin line, end line, word, not word."""

    kind: str


Node = Chars | Group | Repeat | Assertion


class Flags(NamedTuple):
    """What `(?ims)` switches on."""

    fold: bool = False
    lines: bool = False
    dot_all: bool = False


def parse(pattern: str) -> Group:
    """The tree of an expression; Undecidable where RE2 refuses it or this reader does."""
    parser = _Parser(pattern)
    tree = parser.group(Flags(), 0)
    if parser.rest:
        raise Undecidable("a ) without (")
    return tree


class _Parser:
    """Reads from left to right; `rest` is what is not read yet."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    @property
    def rest(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _ahead(self, text: str) -> bool:
        return self._pattern.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        found = self._ahead(text)
        self._at += len(text) if found else 0
        return found

    def _next(self) -> str:
        char = self.rest
        if not char:
            raise Undecidable("it ends too early")
        self._at += 1
        return char

    def _until(self, end: str) -> str:
        stop = self._pattern.find(end, self._at)
        if stop < 0:
            raise Undecidable(f"a {end} is missing")
        found, self._at = self._pattern[self._at : stop], stop + len(end)
        return found

    def group(self, flags: Flags, depth: int) -> Group:
        """Alternatives up to a `)` or the end; flags set inside hold until there."""
        if depth > _DEEPEST:
            raise Undecidable("its groups are nested too deeply")
        branches: list[tuple[Node, ...]] = []
        parts: list[Node] = []
        while self.rest and not self._ahead(")"):
            if self._take("|"):
                branches.append(tuple(parts))
                parts = []
                continue
            changed = self._set_flags(flags)
            if changed is not None:
                flags = changed
                continue
            parts.append(self._repeated(self._atom(flags, depth)))
        return Group((*branches, tuple(parts)))

    def _set_flags(self, flags: Flags) -> Flags | None:
        """`(?i)`: from here on. None, and nothing read, where something else stands here."""
        start = self._at
        if self._take("(?") and self.rest not in ("P", "<", ":"):
            words = self._letters()
            if self._take(")"):
                return _with(flags, words)
        self._at = start
        return None

    def _letters(self) -> str:
        start = self._at
        while self.rest and self.rest in "imsU-":
            self._at += 1
        return self._pattern[start : self._at]

    def _repeated(self, part: Node) -> Node:
        limits = self._limits()
        if limits is None:
            return part
        least, most = limits
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
            raise Undecidable("RE2 refuses its repetition")
        self._take("?")
        if self._limits() is not None:
            raise Undecidable("RE2 refuses a repetition of a repetition")
        return Repeat(part, least, most)

    def _limits(self) -> tuple[int, int | None] | None:
        for sign, limits in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return limits
        return self._counted()

    def _counted(self) -> tuple[int, int | None] | None:
        """`{2}`, `{2,}`, `{2,5}`; any other brace is a character of its own."""
        if not self._ahead("{"):
            return None
        stop = self._pattern.find("}", self._at)
        least, comma, most = self._pattern[self._at + 1 : max(stop, 0)].partition(",")
        if stop < 0 or not _number(least) or (most and not _number(most)):
            return None
        self._at = stop + 1
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def _atom(self, flags: Flags, depth: int) -> Node:
        if self._limits() is not None:
            raise Undecidable("a repetition of nothing")
        char = self._next()
        if char == "(":
            return self._parenthesis(flags, depth)
        if char == "[":
            return self._class(flags)
        if char == "\\":
            return self._escape(flags)
        if char == ".":
            return Chars(((0, LAST),)) if flags.dot_all else Chars(((10, 10),), negated=True)
        if char in "^$":
            place = "begin" if char == "^" else "end"
            return Assertion(f"{place} line" if flags.lines else place)
        return _literal(char, flags)

    def _parenthesis(self, flags: Flags, depth: int) -> Group:
        if self._take("?"):
            if self._take("P<") or self._take("<"):
                name = self._until(">")
                if not name or not all(c.isalnum() or c == "_" for c in name):
                    raise Undecidable("RE2 knows no look-behind and no such group")
            else:
                flags = _with(flags, self._letters())
                if not self._take(":"):
                    raise Undecidable("RE2 knows no look-around and no such group")
        found = self.group(flags, depth + 1)
        if not self._take(")"):
            raise Undecidable("a ) is missing")
        return found

    def _escape(self, flags: Flags) -> Node:
        letter = self.rest
        if letter and letter in _ASSERTIONS:
            self._at += 1
            return Assertion(_ASSERTIONS[letter])
        ranges = perl_class(letter) if letter else None
        if ranges is not None:
            self._at += 1
            return Chars(ranges)
        return _literal(self._escaped(), flags)

    def _escaped(self) -> str:
        """The character that stands behind a backslash."""
        char = self._next()
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "x":
            return self._hexadecimal()
        if char.isascii() and not char.isalnum():
            return char
        raise Undecidable(f"\\{char} is not decided here")

    def _hexadecimal(self) -> str:
        digits = self._until("}") if self._take("{") else self._next() + self._next()
        if not digits or len(digits) > 6 or any(digit not in _HEX for digit in digits):
            raise Undecidable(f"\\x{digits} is no character")
        if int(digits, 16) > _LAST_BYTE:
            raise Undecidable(f"\\x{digits} is beyond a byte: Envoys may differ")
        return chr(int(digits, 16))

    def _class(self, flags: Flags) -> Chars:
        negated = self._take("^")
        ranges: list[Range] = []
        while not ranges or not self._ahead("]"):
            ranges += self._class_part(flags)
        self._take("]")
        return Chars(tuple(ranges), negated, flags.fold)

    def _class_part(self, flags: Flags) -> tuple[Range, ...]:
        if self._ahead("[:") and ":]" in self._pattern[self._at :]:
            self._take("[:")
            known = posix_class(self._until(":]"))
            if known is None:
                raise Undecidable("RE2 knows no such class")
            return known
        if self._ahead("\\"):
            known = perl_class(self._pattern[self._at + 1 : self._at + 2])
            if known is not None:
                self._at += 2
                return known
        low = high = self._class_char(flags)
        if self._ahead("-") and not self._ahead("-]"):
            self._take("-")
            high = self._class_char(flags)
        if high < low:
            raise Undecidable("RE2 refuses a range that runs backwards")
        return ((ord(low), ord(high)),)

    def _class_char(self, flags: Flags) -> str:
        char = self._next()
        return _folding(self._escaped() if char == "\\" else char, flags)


def _with(flags: Flags, letters: str) -> Flags:
    """The flags after `ims-ims`; `U` changes nothing about whether a text matches."""
    on, minus, off = letters.partition("-")
    if "-" in off or (minus and not off):
        raise Undecidable("RE2 refuses its flags")
    named = {"i": "fold", "m": "lines", "s": "dot_all"}
    for part, value in ((on, True), (off, False)):
        flags = flags._replace(**{named[letter]: value for letter in part if letter in named})
    return flags


def _literal(char: str, flags: Flags) -> Chars:
    return one(_folding(char, flags), flags.fold)


def _folding(char: str, flags: Flags) -> str:
    if flags.fold and not char.isascii():
        raise Undecidable("case is ignored in letters outside of ASCII")
    return char


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 7
