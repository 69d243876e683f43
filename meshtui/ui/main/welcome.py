"""What a newcomer is told on the first frame: what is on the screen, and the keys to begin with."""

from __future__ import annotations

from meshtui.ui.actions.registry import worded
from meshtui.ui.greeting import Greeting
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped

SHORT = 30
"""Lines of a screen below which the brief words are shown: the table needs its rows."""


class Welcome(LinesBlock):
    """Some lines below the table until Esc; not there where nothing is to be told."""

    def __init__(self, greeting: Greeting) -> None:
        """A text names actions, as in `{signals} says why`, and is shown with their keys."""
        super().__init__(id="welcome")
        self._greeting = greeting
        self.display = bool(greeting.whole)

    def close(self) -> None:
        self.display = False

    def on_resize(self) -> None:
        short = self.app.size.height < SHORT
        lines: list[Line] = [] if short else [BLANK]
        for text in map(worded, self._greeting.brief if short else self._greeting.whole):
            first, *rest = wrapped(text, max(self.size.width - 3, 20), "text")
            lines.append((Span(" · ", "key"), *first))
            lines += [(Span("   "), *line) for line in rest]
        self.show(lines)
