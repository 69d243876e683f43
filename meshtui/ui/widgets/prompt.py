"""The line in which a filter or a command is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

Completions = Callable[[str], Sequence[str]]


def _none(_: str) -> Sequence[str]:
    return ()


MOST = 50
"""Filters and commands that are remembered, of each kind."""


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
        self.completions: Completions = _none
        """What a command may become by its last word."""

        self._typed_before: dict[str, tuple[str, ...]] = {}
        self._kind = Label("", id="prompt-kind", markup=False)
        self._typed = Line(id="prompt-text")

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
        if kind == "/":  # what is typed now takes the place of the last; an arrow key keeps it
            typed.action_select_all()
        complete = self.completions if kind == ":" else _none
        typed.begin(complete, self._typed_before.get(kind, ()))
        self.screen.set_focus(typed)

    def close(self) -> None:
        self.display = False

    def mesh_arrived(self) -> None:
        """What there is, is known by now."""
        if self.display:
            self._typed.complete_now()

    def pass_on(self) -> None:
        """The keys that came behind the one that ended the typing are for what comes next."""
        self._typed.pass_on()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self.kind, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        before = [text for text in self._typed_before.get(self.kind, ()) if text != event.value]
        self._typed_before[self.kind] = (*before, *([event.value] if event.value else []))[-MOST:]
        self.post_message(self.Done(self.kind, event.value))

    def on_line_left(self, event: Line.Left) -> None:
        event.stop()
        self.post_message(self.Dropped(self.kind))


class Line(Input):
    """An input that Enter and Esc leave, and Backspace too once it is empty.

    On a slow line keys come in bursts: Enter and Esc end the typing at once, and what comes behind
    them is kept for later. As bindings they would be noticed only after it.
    """

    class Left(Message):
        """Nothing of what was typed is wanted."""

    BINDINGS = [  # noqa: RUF012
        Binding("backspace", "erase", show=False),
        Binding("up", "remember(-1)", show=False),
        Binding("down", "remember(1)", show=False),
        Binding("tab", "complete", show=False),
        Binding("shift+tab,pageup,pagedown", "nothing", show=False),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id, select_on_focus=False)
        self._ended = self._passing = False
        self._ahead: list[events.Key] = []
        self._completions: Completions = _none
        self._turned: Sequence[str] = ()
        self._cold: str | None = None
        """The text at a Tab that nothing was known for."""

        self._before: Sequence[str] = ()
        self._at = 0
        self._draft = ""

    def begin(self, completions: Completions, before: Sequence[str]) -> None:
        """`before`: what was typed before, the last last."""
        self._ended = self._passing = False
        self._ahead.clear()
        self._completions, self._turned, self._cold = completions, (), None
        self._before, self._at = before, len(before)

    def pass_on(self) -> None:
        """Called when the focus is elsewhere: what is still on its way here goes there, too."""
        self._passing = self._ended
        for key in self._ahead:
            again = events.Key(key.key, key.character).set_sender(self.app)
            self.app.post_message(again)
        self._ahead.clear()

    async def _on_key(self, event: events.Key) -> None:
        if not self._ended and event.key not in ("enter", "escape"):
            return
        event.stop()
        event.prevent_default()
        if self._ended:
            self._ahead.append(event)
            if self._passing:
                self.pass_on()
        elif event.key == "enter":
            self._ended = True
            await self.action_submit()
        else:
            self.action_drop()

    def action_drop(self) -> None:
        """By a message, which does not overtake those of what was typed before."""
        self._ended = True
        self.post_message(self.Left())

    def action_erase(self) -> None:
        if self.value:
            self.action_delete_left()
        else:
            self.action_drop()

    def action_remember(self, by: int) -> None:
        """What was typed before; beyond the last of it what is being typed."""
        if self._at == len(self._before):
            self._draft = self.value
        self._at = min(max(self._at + by, 0), len(self._before))
        self._put(self._before[self._at] if self._at < len(self._before) else self._draft)

    def action_complete(self) -> None:
        """The last word as far as it can only be one; again: one after the other of what it may
        be."""
        if self.value in self._turned:
            place = self._turned.index(self.value) + 1
            self._put(self._turned[place % len(self._turned)])
            return
        found = self._completions(self.value)
        self._cold = None if found else self.value
        columns = takewhile(lambda letters: len(set(letters)) == 1, zip(*found, strict=False))
        common = "".join(letters[0] for letters in columns)
        if len(common) > len(self.value):
            self._put(common)
        elif len(found) > 1:
            self._turned = found
            self._put(found[0])

    def complete_now(self) -> None:
        """What a Tab asked for when it was not known yet, unless something else was typed since."""
        if self._cold is not None and self._cold == self.value:
            self.action_complete()

    def _put(self, text: str) -> None:
        self.value = text
        self.cursor_position = len(text)

    def action_nothing(self) -> None:
        """Keys of the table mean nothing while typing."""
