"""Does a text match a regular expression as Envoy's RE2 has it: whole, and in linear time.

Envoy calls `RE2::FullMatch`. The expressions come out of a cluster: Python's own engine would let
`(a+)+b` hang the program, so the text is run through all ways of the expression at once (Thompson).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from meshtui.mesh.re2_chars import Chars, is_word
from meshtui.mesh.re2_parse import Assertion, Group, Node, Repeat, Undecidable, parse

__all__ = ["Undecidable", "full_match"]

_LARGEST = 20_000
_LONGEST = 2_000_000
"""Places times characters: about a second of work."""


@dataclass(frozen=True, slots=True)
class Split:
    """Go on in several places."""

    to: tuple[int, ...]


MATCH = Split(())
Step = Chars | Assertion | Split


@dataclass(slots=True)
class _Program:
    """Steps; one that takes a character or checks a place goes on at the next."""

    steps: list[Step] = field(default_factory=list)

    def add(self, step: Step) -> int:
        if len(self.steps) >= _LARGEST:
            raise Undecidable("it is too large to be decided here")
        self.steps.append(step)
        return len(self.steps) - 1

    def node(self, node: Node) -> None:
        match node:
            case Group():
                self._group(node)
            case Repeat():
                self._repeat(node)
            case _:
                self.add(node)

    def _group(self, group: Group) -> None:
        start = self.add(MATCH)
        begins, ends = [], []
        for branch in group.branches:
            begins.append(len(self.steps))
            for part in branch:
                self.node(part)
            ends.append(self.add(MATCH))
        self.steps[start] = Split(tuple(begins))
        for end in ends:
            self.steps[end] = Split((len(self.steps),))

    def _repeat(self, repeat: Repeat) -> None:
        for _ in range(repeat.least):
            self.node(repeat.part)
        if repeat.most is None:
            start = self.add(MATCH)
            self.node(repeat.part)
            self.add(Split((start,)))
            self.steps[start] = Split((start + 1, len(self.steps)))
            return
        skips = []
        for _ in range(repeat.most - repeat.least):
            skips.append(self.add(MATCH))
            self.node(repeat.part)
        for skip in skips:
            self.steps[skip] = Split((skip + 1, len(self.steps)))


@lru_cache(maxsize=512)
def program(pattern: str) -> tuple[Step, ...]:
    """The steps of an expression; behind the last one is the match. Raises Undecidable."""
    made = _Program()
    made.node(parse(pattern))
    return tuple(made.steps)


def full_match(pattern: str, text: str) -> bool:
    """True where the whole text matches. Undecidable where RE2 refuses the expression, or where
    it uses what is not handled here.

    Envoy 1.40 compares bytes: `.` is half of an é. RE2 by itself compares characters. Where that
    makes a difference nothing is said.
    """
    bytewise = _matches(_bytes(pattern), _bytes(text))
    plain = pattern.isascii() and text.isascii()
    if not plain and _matches(pattern, text) is not bytewise:
        raise Undecidable("bytes or letters outside of ASCII: Envoys may differ")
    return bytewise


def _bytes(text: str) -> str:
    """A character for each byte of UTF-8."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _matches(pattern: str, text: str) -> bool:
    steps = program(pattern)
    if len(steps) * len(text) > _LONGEST:
        raise Undecidable("it is too large to be decided here")
    if not text.isascii() and any(isinstance(step, Chars) and step.fold for step in steps):
        raise Undecidable("case is ignored in letters outside of ASCII")
    places = _reach(steps, {0}, text, 0)
    for at, char in enumerate(text):
        after = {place + 1 for place in places if _takes(steps, place, char)}
        places = _reach(steps, after, text, at + 1)
        if not places:
            return False
    return len(steps) in places


def _takes(steps: tuple[Step, ...], place: int, char: str) -> bool:
    step = steps[place] if place < len(steps) else None
    return isinstance(step, Chars) and char in step


def _reach(steps: tuple[Step, ...], begins: set[int], text: str, at: int) -> set[int]:
    """All places that are reached from here without another character."""
    seen: set[int] = set()
    todo = list(begins)
    while todo:
        place = todo.pop()
        if place in seen:
            continue
        seen.add(place)
        step = steps[place] if place < len(steps) else None
        if isinstance(step, Split):
            todo += step.to
        elif isinstance(step, Assertion) and _holds(step.kind, text, at):
            todo.append(place + 1)
    return seen


def _holds(kind: str, text: str, at: int) -> bool:
    match kind:
        case "begin":
            return at == 0
        case "end":
            return at == len(text)
        case "begin line":
            return at == 0 or text[at - 1] == "\n"
        case "end line":
            return at == len(text) or text[at] == "\n"
    before = at > 0 and is_word(text[at - 1])
    after = at < len(text) and is_word(text[at])
    return (before is not after) is (kind == "word")
