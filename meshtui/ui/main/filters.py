"""The `/` filter: a text or an expression, `!` for what does not hold it, `-f` for letters in
order, `-l app=x` for labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.mesh.regex import Search, Undecidable
from meshtui.mesh.view import ServiceView

EXPRESSION = re.compile(r"[\\^$*+?()\[\]{}|]")
"""What makes a text an expression; a dot is one of names, too."""

GRAMMAR = "!text without  -f letters  -l app=x"
"""What can be typed beside a text or an expression."""

Holds = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked of a service. `text` is in lower case; `labels` must all hold.

    `holds` is asked of a service's words in place of `text` where that is more than a text.
    """

    text: str = ""
    inverse: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    source: str = ""
    holds: Holds | None = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return bool(self.text or self.labels)

    def takes(self, view: ServiceView) -> bool:
        if self.labels:
            return self._has_labels(view.service.labels, view.service.selector)
        if not self.text:
            return not self.inverse
        words = _words(view)
        found = self.holds(words) if self.holds else self.text in words
        return found is not self.inverse

    def _has_labels(self, *sources: Mapping[str, str]) -> bool:
        return all(any(source.get(k) == v for source in sources) for k, v in self.labels)


def parse_filter(source: str) -> Filter:
    """The filter that a person typed after `/`. Raises `Usage` where it makes no sense."""
    text = source.strip()
    if text == "-l" or text.startswith("-l "):
        return Filter(labels=_labels(text[2:].strip()), source=text)
    inverse = text.startswith("!")
    wanted = text[1:].strip() if inverse else text
    if wanted == "-f" or wanted.startswith("-f "):
        letters = wanted[2:].strip().lower()
        if not letters:
            raise Usage("after -f come letters, in the order in which a name has them")
        return Filter(letters, inverse, source=text, holds=_fuzzy(letters))
    return Filter(wanted.lower(), inverse, source=text, holds=_expression(wanted))


def _expression(text: str) -> Holds | None:
    """None for a text without any sign of an expression."""
    if not EXPRESSION.search(text):
        return None
    try:
        return Search(f"(?i){text}")
    except Undecidable as error:
        why = str(error).removeprefix("RE2 refuses it: ").removesuffix(f": (?i){text}")
        raise Usage(f"/{text} is no expression: {why}") from error


def _fuzzy(letters: str) -> Holds:
    """All of the letters in this order within one word."""

    def holds(words: str) -> bool:
        return any(_in_order(letters, word) for word in words.split())

    return holds


def _in_order(letters: str, word: str) -> bool:
    left = iter(word)
    return all(letter in left for letter in letters if letter != " ")


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not pairs or not all(name.strip() and sign for name, sign, _ in pairs):
        raise Usage("a label filter is written -l name=value[,name=value]")
    return tuple((name.strip(), value.lstrip("=").strip()) for name, _, value in pairs)


def _words(view: ServiceView) -> str:
    """What a substring is looked for in: names, versions, states."""
    states = {view.state, *(version.state for version in view.versions)}
    versions = (version.label for version in view.versions)
    return " ".join((str(view.key), *versions, *sorted(states))).lower()
