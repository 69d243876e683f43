"""The line in which a filter or a command is typed."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class Prompt(Horizontal):
    """Shown in place of the status line while something is typed. `kind` is / or :."""

    class Typed(Message):
        """The text so far: a filter takes effect while it is typed."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    class Done(Message):
        """Enter was pressed."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    class Dropped(Message):
        """Esc was pressed."""

        def __init__(self, kind: str) -> None:
            super().__init__()
            self.kind = kind

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.kind = ""
        self._kind = Label("", id="prompt-kind", markup=False)
        self._typed = _Line(id="prompt-text", select_on_focus=False)

    def compose(self) -> ComposeResult:
        yield self._kind
        yield self._typed

    def open(self, kind: str, text: str = "") -> None:
        self.kind = kind
        self._kind.update(f" {kind}")
        self.display = True
        typed = self._typed
        with self.prevent(Input.Changed):
            typed.value = text
        typed.cursor_position = len(text)
        self.screen.set_focus(typed)

    def close(self) -> None:
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self.kind, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Done(self.kind, event.value))

    def drop(self) -> None:
        self.post_message(self.Dropped(self.kind))


class _Line(Input):
    """An input that Esc leaves, and Backspace too once it is empty."""

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "drop", show=False),
        Binding("backspace", "erase", show=False),
        Binding("up,down,tab,shift+tab,pageup,pagedown", "nothing", show=False),
    ]

    def action_drop(self) -> None:
        prompt = self.parent
        if isinstance(prompt, Prompt):
            prompt.drop()

    def action_erase(self) -> None:
        if self.value:
            self.action_delete_left()
        else:
            self.action_drop()

    def action_nothing(self) -> None:
        """Keys of the table mean nothing while typing."""
