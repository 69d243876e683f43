"""A question before something that moves traffic: Enter does it, Esc does not."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from meshtui.ui.dialogs.base import Dialog
from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped


class Question(Dialog[bool]):
    """Gives True where the answer is yes. Each line of `consequence` is a paragraph."""

    CSS_PATH = "question.tcss"
    BINDINGS = [Binding("enter", "yes", show=False), Binding("q,n", "close", show=False)]  # noqa: RUF012

    def __init__(self, question: str, consequence: str) -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence
        self._text = KeyBlock(id="question-text")

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield self._text

    def on_mount(self) -> None:
        self._show()

    def on_resize(self) -> None:
        self._show()

    def action_yes(self) -> None:
        self.dismiss(True)

    def _show(self) -> None:
        width = min(max(self.size.width - 8, 30), 72)
        lines = wrapped(self._question, width, "strong")
        parts = (wrapped(part, width, "text") for part in self._consequence.split("\n"))
        lines += [BLANK, *(line for part in parts for line in part), BLANK, _KEYS]
        self._text.show(lines)


_KEYS: Line = (
    Span("Enter", "key"),
    Span(" yes   ", "muted"),
    Span("Esc", "key"),
    Span(" no", "muted"),
)
