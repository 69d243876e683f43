"""Is a regular expression found in a text: RE2's syntax, in time linear in the text.

Python's own engine may take for ever on a text that somebody made for it (`.*a.*b.*c`), and holds
every other thread up meanwhile. Here the places of the expression that are alive at once are one
state, and the states are made when they are first reached (Thompson, and a lazy automaton).
"""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.mesh.re2 import Split, Step, Undecidable, program
from meshtui.mesh.re2_chars import Chars, is_word
from meshtui.mesh.re2_parse import Assertion

__all__ = ["Search", "Undecidable"]

MOST_STEPS = 400
"""Of an expression: bounds what a character costs where its state is new."""

MOST_STATES = 2_000
MOST_WAYS = 200_000
"""States, and ways from one to another, that are kept; beyond, all are made again."""

_START, _LINE, _WORD, _OTHER, _END = "start", "line", "word", "other", "end"


class _State(dict[str, "_State"]):
    """Where the next character leads. `places` are those before what takes no character."""

    __slots__ = ("before", "owner", "places")

    def __init__(self, owner: Search, places: frozenset[int], before: str) -> None:
        super().__init__()
        self.owner = owner
        self.places = places
        self.before = before

    def __missing__(self, char: str) -> _State:
        found = self[char] = self.owner.after(self, char)
        return found


class Search:
    """An expression that is looked for anywhere in a text. Raises Undecidable, with the reason."""

    def __init__(self, pattern: str) -> None:
        self._steps: tuple[Step, ...] = program(pattern)
        if len(self._steps) > MOST_STEPS:
            raise Undecidable("it is too large")
        self._states: dict[tuple[frozenset[int], str], _State] = {}
        self._ways = 0
        self._found = _State(self, frozenset(), _OTHER)
        self._start = self._state(frozenset({0}), _START)

    def __call__(self, text: str) -> bool:
        state = self._start
        for char in text:
            state = state[char]
        return state is self._found or self._matches(state, _END)

    def after(self, state: _State, char: str) -> _State:
        """The state behind one more character; once found it stays so."""
        self._ways += 1
        if self._ways > MOST_WAYS:
            self._forget()
        kind = _kind(char)
        places = self._reach(state, kind)
        if state is self._found or len(self._steps) in places:
            return self._found
        taken = {place + 1 for place in places if self._takes(place, char)}
        return self._state(frozenset({0, *taken}), kind)

    def _state(self, places: frozenset[int], before: str) -> _State:
        key = (places, before)
        if key not in self._states:
            if len(self._states) >= MOST_STATES:
                self._forget()
            self._states[key] = _State(self, places, before)
        return self._states[key]

    def _forget(self) -> None:
        self._ways = 0
        for state in (*self._states.values(), self._found):
            state.clear()
        self._states = {(self._start.places, _START): self._start}

    def _matches(self, state: _State, following: str) -> bool:
        return len(self._steps) in self._reach(state, following)

    def _takes(self, place: int, char: str) -> bool:
        step = self._steps[place]
        return isinstance(step, Chars) and char in step

    def _reach(self, state: _State, following: str) -> set[int]:
        """All places reached without another character, `following` being the kind of the next."""
        seen: set[int] = set()
        todo = list(state.places)
        while todo:
            place = todo.pop()
            if place not in seen:
                seen.add(place)
                todo += self._onward(place, state.before, following)
        return seen

    def _onward(self, place: int, before: str, following: str) -> Iterable[int]:
        step = self._steps[place] if place < len(self._steps) else None
        if isinstance(step, Split):
            return step.to
        if isinstance(step, Assertion) and _holds(step.kind, before, following):
            return (place + 1,)
        return ()


def _kind(char: str) -> str:
    if char == "\n":
        return _LINE
    return _WORD if is_word(char) else _OTHER


def _holds(assertion: str, before: str, following: str) -> bool:
    match assertion:
        case "begin":
            return before == _START
        case "end":
            return following == _END
        case "begin line":
            return before in (_START, _LINE)
        case "end line":
            return following in (_END, _LINE)
    edge = (before == _WORD) is not (following == _WORD)
    return edge is (assertion == "word")
