"""One log line in its fields, over the log; the lines before and after by a key."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from meshtui.envoy.logline import LogLine
from meshtui.ui.dialogs.base import SCROLLING, Dialog
from meshtui.ui.panes.logs.fields import field_lines
from meshtui.ui.panes.logs.text import to_copy
from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.listing import Listing
from meshtui.ui.widgets.paint import Line, Span

ROUND = 5
"""Lines around the fields: the foot and what is left free."""

Step = Callable[[int], LogLine | None]


class LogLineDialog(Dialog[None]):
    """Closed by Enter, q or Esc."""

    CSS_PATH = "logline.tcss"
    BINDINGS = [  # noqa: RUF012
        Binding("enter,q", "close", show=False),
        Binding("c", "copy", show=False),
        Binding("left,left_square_bracket", "step(-1)", show=False),
        Binding("right,right_square_bracket", "step(1)", show=False),
        *SCROLLING,
    ]

    def __init__(self, line: LogLine, step: Step) -> None:
        super().__init__()
        self._line = line
        self._step = step
        self._body = Listing(id="logline-body")
        self._foot = KeyBlock(id="logline-foot")

    def compose(self) -> ComposeResult:
        with Vertical(id="logline"):
            yield self._body
            yield self._foot

    def on_mount(self) -> None:
        self._show_keys()
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        width = self.query_one("#logline").content_size.width
        self._body.fill(field_lines(self._line, max(width - 2, 30)))
        self._body.fit_into(max(self.size.height - ROUND, 4))

    def _show_keys(self, words: str = "") -> None:
        notice = (Span(words, "ok"),) if words else ()
        self._foot.show([(*_KEYS, *notice)])

    def action_scroll(self, by: int) -> None:
        self._body.move(by)

    def action_step(self, by: int) -> None:
        found = self._step(by)
        self._show_keys("" if found else f"no line {'before' if by < 0 else 'after'} this one")
        if found is not None:
            self._line = found
            self._fill()
            self._body.to_top()

    def action_copy(self) -> None:
        text, _, _ = to_copy([self._line])
        self.app.copy_to_clipboard(text)
        self._show_keys(f"copied {len(text.encode('utf-8', 'replace')):,} bytes")


_KEYS: Line = tuple(
    Span(text, role)
    for keys, words in (("← →", "other line"), ("j k", "scroll"), ("c", "copy"), ("Esc", "back"))
    for text, role in ((keys, "key"), (f" {words}   ", "muted"))
)
