"""Shown in place of everything while the cluster cannot be reached: what failed, what to do."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen

from meshtui.errors import MeshtuiError
from meshtui.ui.actions.registry import nothing_here
from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, wrapped

RETRY_S = 5.0


class OfflineScreen(ModalScreen[None]):
    """Tries again by itself every few seconds, and at once on r."""

    CSS_PATH = "offline.tcss"
    AUTO_FOCUS = ""
    BINDINGS = [  # noqa: RUF012
        Binding("r,enter", "again", show=False),
        Binding("q", "app.leave", show=False),
        Binding("R", "app.rollback", show=False),
    ]

    class Again(Message):
        """Try to connect again."""

    def __init__(self, error: MeshtuiError, context: str) -> None:
        super().__init__()
        self.error = error
        self._where = context
        self._note = ""
        self._text = KeyBlock(id="offline-text")

    def compose(self) -> ComposeResult:
        with Vertical(id="offline"):
            yield self._text

    def on_mount(self) -> None:
        self._show()
        self.set_interval(RETRY_S, self.action_again)

    def receive(self, error: MeshtuiError) -> None:
        self.error = error
        self._note = ""
        self._show()

    def note(self, text: str) -> None:
        """Why a key does nothing here."""
        self._note = text
        self._show()

    def on_key(self, event: events.Key) -> None:
        if event.key not in self.active_bindings:
            self.note(nothing_here(event.key))

    def action_again(self) -> None:
        self.note("trying again…")
        self.app.post_message(self.Again())

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        width = min(self.size.width - 8, 84)
        self._text.show(self._lines(max(width, 30)))

    def _lines(self, width: int) -> list[Line]:
        where = f"meshtui cannot reach {self._where}" if self._where else "meshtui is not connected"
        lines = [(span(where, "strong"),), BLANK, *wrapped(f"✖ {self.error.what}", width, "error")]
        if self.error.hint:
            lines += [BLANK, *wrapped(self.error.hint, width, "text")]
        keys: Line = (
            Span("r", "key"),
            Span(" try again   ", "muted"),
            Span("q", "key"),
            Span(" quit", "muted"),
        )
        often: Line = (Span(f"tried again every {RETRY_S:.0f} s", "muted"),)
        return [*lines, BLANK, often, (span(self._note, "warning"),), BLANK, keys]
