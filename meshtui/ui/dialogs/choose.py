"""A list to pick from: typing narrows it, the arrows move, Enter takes what is under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input

from meshtui.ui.dialogs.base import Dialog
from meshtui.ui.widgets.item_list import Picked, PickList
from meshtui.ui.widgets.key_block import KeyBlock
from meshtui.ui.widgets.lines import LinesBlock
from meshtui.ui.widgets.paint import BLANK, Line, Span, span

ROUND = 8
"""Lines of the dialog beside those of its list."""

PREVIEW_PART = 4
"""Of how many lines of the screen the list takes one where what it previews is to be seen."""


class Choice(NamedTuple):
    """What can be picked, and a word about it."""

    value: str
    note: str = ""


Source = Callable[[], Sequence[Choice] | None]
"""What there is now; None where it is not read yet."""


class ChooseDialog(Dialog[str]):
    """Gives the value that was picked, None where nothing was.

    A source is asked again when the mesh has changed, and as long as it has nothing that is said.
    `moved` is called with each value that the cursor comes to: it may show what picking it means.
    `open_ended`: there may be more than is known, so that what is typed can be picked, too.
    """

    CSS_PATH = "choose.tcss"
    BINDINGS = [  # noqa: RUF012
        Binding("down,ctrl+n", "move(1)", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice] | Source,
        at: str = "",
        moved: Callable[[str], None] | None = None,
        open_ended: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._heading = title
        self._source = choices if callable(choices) else None
        self._choices: Sequence[Choice] | None = None if callable(choices) else tuple(choices)
        self._moved = moved
        self._open_ended = open_ended
        self.set_class(moved is not None, "preview")
        self._title = LinesBlock(id="choose-title")
        self._typed = Input(id="choose-typed", placeholder="type to narrow the list")
        self._list = PickList(id="choose-list")
        self._list.picked = at
        self._list.lit = True
        self._foot = KeyBlock(id="choose-foot")

    def compose(self) -> ComposeResult:
        with Vertical(id="choose"):
            yield self._title
            yield self._typed
            yield self._list
            yield self._foot

    def on_mount(self) -> None:
        self._title.show([(span(self._heading, "strong"),), BLANK])
        self._foot.show([BLANK, _KEYS])
        self._typed.focus()
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def mesh_arrived(self) -> None:
        """Only until it has something: a list does not change under the cursor."""
        if self._choices is None:
            self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        if self._choices is None and self._source is not None:
            self._choices = self._source()
        words, there = self._typed.value.lower().split(), self._choices or ()
        found = [c for c in there if all(word in c.value.lower() for word in words)]
        found += self._as_typed(choice.value for choice in found)
        why, role = ("nothing matches", "warning") if there else ("reading…", "muted")
        none = Picked((Span(f"  {why}", role),))
        width = max((len(choice.value) for choice in found), default=0)
        before = self._list.picked
        self._list.offer([Picked(_line(choice, width), choice.value) for choice in found] or [none])
        height = self.size.height
        self._list.fit_into(max(height // PREVIEW_PART if self._moved else height - ROUND, 3))
        if self._list.picked != before:
            self._tell()

    def _as_typed(self, known: Iterable[str]) -> list[Choice]:
        typed = self._typed.value.strip()
        new = typed and typed not in known and self._open_ended()
        return [Choice(typed, "as typed: not in the list")] if new else []

    def _tell(self) -> None:
        if self._moved is not None and self._list.picked:
            self._moved(self._list.picked)

    def action_move(self, by: int) -> None:
        step = 1 if by > 0 else -1
        for _ in range(abs(by)):
            self._list.move(step)
        self._tell()

    def on_pick_list_clicked(self) -> None:
        self._tell()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._list.picked:
            self.dismiss(self._list.picked)


def _line(choice: Choice, width: int) -> Line:
    return span(f" {choice.value:<{width}}  ", "text"), span(choice.note, "muted")


_KEYS: Line = tuple(
    Span(text, role)
    for keys, words in (("↑ ↓", "move"), ("Enter", "take it"), ("Esc", "back"))
    for text, role in ((keys, "key"), (f" {words}   ", "muted"))
)
