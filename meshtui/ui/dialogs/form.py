"""A small form: labelled fields one below the other, Enter to go on, Esc to leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError
from meshtui.mesh.text import clean
from meshtui.ui.dialogs.base import Dialog
from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import BLANK, Line, Span, span, wrapped

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `hint` says what may be written; one of `choices`, where given, is chosen.

    `text` fields take any letter; the others leave R to the emergency.
    """

    id: str
    label: str
    value: str = ""
    hint: str = ""
    choices: tuple[str, ...] = ()
    text: bool = False


class FormDialog(Dialog[T], Generic[T]):
    """Asks for the values of a request; `read` makes it of them or says what is wrong.

    The keys between fields go first, so that what is typed after them is in the next field.
    """

    CSS_PATH = "form.tcss"
    BINDINGS = [  # noqa: RUF012
        Binding("down,tab", "app.focus_next", show=False, priority=True),
        Binding("up,shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("enter", "submit", show=False),
    ]

    def __init__(
        self,
        title: str,
        fields: tuple[Field, ...],
        read: Callable[[Mapping[str, str]], T],
        note: str = "",
        refill: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda _: {},
        hints: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda _: {},
    ) -> None:
        """`note` is a line below the title: why the fields are filled as they are.

        `refill` has the values that fields begin with, told what is chosen in the others, and
        `hints` those hints that this changes.
        """
        super().__init__()
        self._note = note
        self._heading = title
        self._fields = fields
        self._read = read
        self._refill = refill
        self._hints = hints
        self._filled = {field.id: clean(field.value) for field in fields}
        self._error: MeshtuiError | None = None
        self.opening = True
        """Until a field has the focus: what is typed meanwhile is for that field."""

        self._title = LinesBlock(id="form-title")
        self._foot = KeyBlock(id="form-foot")
        self._entries = {field.id: _entry(field) for field in fields}
        self._told = {
            field.id: Label(clean(field.hint), classes="field-hint", markup=False)
            for field in fields
        }

    def compose(self) -> ComposeResult:
        with Vertical(id="form"):
            yield self._title
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Label(field.label, classes="field-label", markup=False)
                    yield self._entries[field.id]
                    yield self._told[field.id]
            yield self._foot

    def on_mount(self) -> None:
        title: Line = (span(self._heading, "strong"),)
        width = min(WIDEST, self.app.size.width) - FRAME
        note = wrapped(self._note, width, "muted") if self._note else []
        self._title.show([title, *note, BLANK])
        self._show_foot()
        self._entries[self._fields[0].id].focus()

    def on_descendant_focus(self) -> None:
        self.opening = False

    def on_choice_turned(self) -> None:
        """Fields in which nothing was typed begin anew; what was typed stays."""
        for name, hint in self._hints(self.values()).items():
            self._told[name].update(clean(hint))
        for name, value in self._refill(self.values()).items():
            if self._entries[name].value == self._filled[name]:
                self._entries[name].value = self._filled[name] = clean(value)

    def values(self) -> dict[str, str]:
        return {name: entry.value.strip() for name, entry in self._entries.items()}

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_submit()

    def action_submit(self) -> None:
        try:
            request = self._read(self.values())
        except MeshtuiError as error:
            self._error = error
            self._show_foot()
        else:
            self.dismiss(request)

    def _show_foot(self) -> None:
        lines: list[Line] = [BLANK]
        if self._error is not None:
            lines += [*_error_lines(self._error, self._foot.size.width or WIDTH), BLANK]
        keys = (("Enter", " show the diff   "), ("Tab", " next field   "), ("Esc", " back"))
        lines.append(
            tuple(s for key, text in keys for s in (Span(key, "key"), Span(text, "muted")))
        )
        self._foot.show(lines)


WIDTH = 60
"""Cells for an error before the form has been laid out."""

WIDEST, FRAME = 78, 5
"""Cells of the form, and of those its border and padding, as `form.tcss` has them."""


def _error_lines(error: MeshtuiError, width: int) -> list[Line]:
    """What is wrong, then what to do: broken at spaces, for either may be long."""
    first, *rest = wrapped(error.what, width - 2, "error")
    lines: list[Line] = [(Span("✖ ", "error"), *first)]
    lines += [(Span("  "), *line) for line in rest]
    return [*lines, *(wrapped(error.hint, width, "muted", "  ") if error.hint else ())]


class Choice(LinesBlock, can_focus=True):
    """One of a few values, gone through with Left, Right and Space.

    It takes them itself, as an input does its letters: as bindings they would be acted on behind
    a Tab that was typed after them.
    """

    TURNS: ClassVar = {"right": 1, "space": 1, "left": -1}

    class Turned(Message):
        """Another one was chosen."""

    def __init__(self, choices: tuple[str, ...], value: str, *, id: str, classes: str) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._choices = choices
        self._at = choices.index(value) if value in choices else 0

    def on_mount(self) -> None:
        super().on_mount()
        self._show()

    @property
    def value(self) -> str:
        return self._choices[self._at]

    @value.setter
    def value(self, value: str) -> None:
        self._at = self._choices.index(value)
        self._show()

    async def _on_key(self, event: events.Key) -> None:
        by = self.TURNS.get(event.key)
        if by is not None:
            event.stop()
            event.prevent_default()
            self._turn(by)

    def _turn(self, by: int) -> None:
        self._at = (self._at + by) % len(self._choices)
        self._show()
        self.post_message(self.Turned())

    def _show(self) -> None:
        self.show([(Span("‹ ", "key"), span(self.value, "strong"), Span(" ›", "key"))])


class FormInput(Input):
    """A field in which no R can be meant: it leaves the key to the emergency."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return character != "R" and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.character == "R":
            event.prevent_default()


def _entry(field: Field) -> Input | Choice:
    name = f"field-{field.id}"
    if field.choices:
        return Choice(field.choices, field.value, id=name, classes="field-text")
    kind = Input if field.text else FormInput
    return kind(clean(field.value), id=name, classes="field-text")
