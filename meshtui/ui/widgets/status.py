"""The status line: the last message, instead of toasts."""

from __future__ import annotations

from meshtui.errors import MeshtuiError
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import Span, span

_SIGNS = {"info": "", "done": "✔ ", "doubt": "? ", "warning": "▲ ", "error": "✖ "}
_ROLES = {"info": "text", "done": "ok", "doubt": "text", "warning": "warning", "error": "error"}


class Status(LinesBlock):
    """One line that stays until there is something newer to say."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self.text = ""
        self.level = "info"
        self.lines = ((),)

    def announce(self, text: str, level: str = "info") -> None:
        self.text = text
        self.level = level
        role = _ROLES[level]
        self.show([(Span(" "), Span(_SIGNS[level], role), span(text, role))])

    def fail(self, error: MeshtuiError) -> None:
        """What failed, and quieter what to do about it."""
        self.text = str(error)
        self.level = "error"
        pieces = [Span(" "), Span("✖ ", "error"), span(error.what, "error")]
        if error.hint:
            pieces += [Span("  "), span(error.hint, "muted")]
        self.show([tuple(pieces)])
