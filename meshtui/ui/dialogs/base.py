"""What all dialogs share: Esc closes, : begins a command, R rolls back over each of them, and
a key that does nothing says so."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual import events
from textual.binding import Binding
from textual.screen import ModalScreen

from meshtui.ui.actions.registry import nothing_here
from meshtui.ui.timers import CertainTimers
from meshtui.ui.widgets.key_block import KeyBlock

T = TypeVar("T")

SCROLLING = [
    Binding(keys, f"scroll({by})", show=False)
    for keys, by in (
        ("down,j", 1),
        ("up,k", -1),
        ("pagedown,space,ctrl+f", 15),
        ("pageup,ctrl+b", -15),
        ("ctrl+d", 8),
        ("ctrl+u", -8),
        ("g,home", -10_000),
        ("G,end", 10_000),
    )
]
"""The keys of a dialog that is read: it has an `action_scroll`."""


class Dialog(CertainTimers, ModalScreen[T], Generic[T]):
    """A screen over the table. The rest of the program goes on below it."""

    AUTO_FOCUS = ""
    """Nothing has the focus by accident: a dialog that wants it there says so."""

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "close", show=False),
        Binding("colon", "command", show=False),
        Binding("R", "app.rollback", show=False),
    ]

    def mesh_arrived(self) -> None:
        """There is a newer snapshot, for a dialog that offers what the mesh has."""

    async def on_key(self, event: events.Key) -> None:
        """A key that means nothing here says so, beside those that do."""
        meant = event.key in self.active_bindings
        self.query_one(KeyBlock).add("" if meant else nothing_here(event.key))

    def action_close(self) -> None:
        self.dismiss(None)

    async def action_command(self) -> None:
        """Whoever types a command wants nothing of the dialog any more."""
        self.action_close()
        await self.app.run_action("app.command")
