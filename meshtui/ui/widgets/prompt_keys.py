"""The keys of the line in which a filter or a command is typed, and what it may become. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.text import ELLIPSIS
from meshtui.ui.widgets.paint import Line, Span, fit_line, span, width_of

_KEYS = {
    "/": (("Enter", "keep"), ("Esc", "back")),
    ":": (("Enter", "run"), ("Esc", "back")),
}
_BEFORE = (Span("↑", "key"), Span(" typed before  ", "muted"))
_WIDE = 100
"""Columns from which what was typed before has room beside what can be typed."""

_ROLLBACK = (Span("Ctrl+R", "key"), Span(" roll back  ", "muted"))
_DIVIDER = Span("│ ", "faint")


@dataclass(frozen=True, slots=True)
class Typing:
    """`kind` is / or :. `offers` are the whole lines that Tab may make of it; `trouble` is why
    what is there so far changes nothing; `grammar` is what else can be typed."""

    kind: str
    offers: Sequence[str] = ()
    trouble: str = ""
    grammar: str = ""
    may_roll_back: bool = True


def prompt_line(typing: Typing, width: int) -> Line:
    """What the keys do while letters are letters; behind them what is wrong or possible."""
    line: Line = (Span(" "),)
    for key, label in _KEYS[typing.kind]:
        line += (Span(key, "key"), Span(f" {label}  ", "muted"))
    line += _BEFORE if width >= _WIDE else ()
    line += (_DIVIDER, *_ROLLBACK) if typing.may_roll_back else ()
    return fit_line((*line, *_beyond(typing, width - width_of(line))), width)


def _beyond(typing: Typing, room: int) -> Line:
    if typing.trouble:
        return (_DIVIDER, span(typing.trouble, "warning"))
    if typing.kind == ":":
        return _offers(typing.offers, room)
    return (_DIVIDER, Span(typing.grammar, "muted")) if typing.grammar else ()


def _offers(lines: Sequence[str], room: int) -> Line:
    """The last words, as many whole ones as there is room for; none where not one has any."""
    words = [line.rstrip().rpartition(" ")[2] for line in lines if line != "? "]
    head: Line = (_DIVIDER, Span("Tab", "key"))
    room -= width_of(head)
    shown: Line = ()
    for place, word in enumerate(words):
        more = span(f" {word}", "text")
        rest = width_of([more]) + (2 if place + 1 < len(words) else 0)
        if width_of(shown) + rest > room:
            return (*head, *shown, Span(f" {ELLIPSIS}", "muted")) if shown else ()
        shown += (more,)
    return (*head, *shown) if shown else ()
