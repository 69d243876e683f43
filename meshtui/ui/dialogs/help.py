"""The help: every key and every command, in groups, on one scrolled page."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from meshtui.ui.actions.registry import in_groups
from meshtui.ui.dialogs.base import SCROLLING, Dialog
from meshtui.ui.main.commands import examples
from meshtui.ui.table.cells import SIGNS
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.listing import Listing
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped

KEY_WIDTH = 12


def help_lines(width: int) -> list[Line]:
    """The page for `width` cells."""
    lines: list[Line] = []
    for group, actions in in_groups():
        lines += [(Span(group, "brand"),)]
        for action in actions:
            lines += _entry(action.shown, action.help, KEY_WIDTH, width)
        lines.append(BLANK)
    lines.append((Span("Commands, for the selected service", "brand"),))
    for example, text in examples():
        lines += _entry(f":{example}", text, 32, width)
    return [*lines, BLANK, *_signs(width)]


def _entry(key: str, text: str, key_width: int, width: int) -> list[Line]:
    first, *rest = wrapped(text, width - key_width - 2, "text")
    head = Span("  " + key + " " * max(1, key_width - cell_len(key)), "key")
    return [(head, *first), *((Span(" " * (key_width + 2)), *more) for more in rest)]


def _signs(width: int) -> list[Line]:
    words = "   ".join(f"{sign} {state}" for state, sign in SIGNS.items())
    summary = f"{words}   ? not known   – no traffic   ✖ 100% only errors"
    return [(Span("Signs", "brand"),), *wrapped(summary, width, "text", "  ")]


class HelpDialog(Dialog[None]):
    """Closed by ?, q or Esc."""

    CSS_PATH = "help.tcss"
    BINDINGS = [  # noqa: RUF012
        Binding("question_mark,f1,q,enter", "close", show=False),
        *SCROLLING,
    ]

    def __init__(self) -> None:
        super().__init__()
        self._body = Listing(id="help-body")
        self._foot = LinesBlock(id="help-foot")

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield self._body
            yield self._foot

    def on_mount(self) -> None:
        self._foot.show(
            [
                (
                    Span("j k", "key"),
                    Span(" scroll   ", "muted"),
                    Span("Esc", "key"),
                    Span(" back", "muted"),
                )
            ]
        )
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        width = self.query_one("#help").content_size.width
        self._body.fill(help_lines(max(width - 2, 30)))

    def action_scroll(self, by: int) -> None:
        self._body.move(by)
