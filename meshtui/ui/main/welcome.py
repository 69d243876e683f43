"""What a newcomer is told on the first frame: what is on the screen, and the keys to begin with."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.ui.actions.registry import worded
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped


class Welcome(LinesBlock):
    """Some lines below the table until Esc; not there where nothing is to be told."""

    def __init__(self, texts: Sequence[str]) -> None:
        """A text names actions, as in `{signals} says why`, and is shown with their keys."""
        super().__init__(id="welcome")
        self._texts = texts
        self.display = bool(texts)

    def close(self) -> None:
        self.display = False

    def on_resize(self) -> None:
        lines: list[Line] = [BLANK]
        for text in map(worded, self._texts):
            first, *rest = wrapped(text, max(self.size.width - 3, 20), "text")
            lines.append((Span(" · ", "key"), *first))
            lines += [(Span("   "), *line) for line in rest]
        self.show(lines)
