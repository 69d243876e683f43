"""What each action of the registry does. Dialogs are imported when they are opened."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.mesh.sides import CALLER, SERVER
from meshtui.ui.main.change_handlers import ChangeHandlers
from meshtui.ui.main.filters import Filter
from meshtui.ui.panes.dock import PANES
from meshtui.ui.table.order import Sort

SIDEWAYS = 8
"""Cells of one step to the side in a pane."""


class Handlers(ChangeHandlers):
    """One method for each action, found by its id; none of them waits for anything."""

    def run(self, action_id: str, key: str) -> None:
        simple = self._simple(action_id)
        if simple is not None:
            simple()
        elif action_id in PANES:
            self._screen.arrangement.toggle(action_id)
        elif action_id.startswith("sort_"):
            self.sort(action_id.removeprefix("sort_"))
        elif action_id == "digit":
            self.digit(key)

    def _simple(self, action_id: str) -> Callable[[], None] | None:
        """The screen's own, or that of the pane with the focus."""
        name = f"do_{action_id}"
        own: Callable[[], None] | None = getattr(self, name, None)
        return own or getattr(self._screen.arrangement.focused_pane, name, None)

    # Panes

    def do_request(self) -> None:
        self._screen.prompting.edit_trace()

    def do_refresh(self) -> None:
        self._screen.ask_again()
        self._screen.say("asking the cluster and the telemetry again")

    # Finding and sorting

    def do_filter(self) -> None:
        self._screen.prompting.search()

    def do_command(self) -> None:
        self._screen.prompting.open(":")

    def do_view_side(self) -> None:
        self.show_side(SERVER if self._screen.table.side == CALLER else CALLER)

    def show_side(self, side: str) -> None:
        """Whose numbers the table has: the callers' or the servers'."""
        screen = self._screen
        screen.table.set_side(side)
        screen.header.side = side
        screen.place_again()
        whose = {
            CALLER: "caller's view: what the callers saw, whatever it was that answered them",
            SERVER: "server's view: what the versions themselves did; V for the caller's",
        }
        screen.say(whose[side])

    def sort(self, key: str) -> None:
        before = self._screen.table.sort
        again = before.key == key and not before.reverse
        self._screen.table.set_sort(Sort(key, reverse=again))
        self._screen.say(f"sorted by {key}{', reversed' if again else ''}")

    # Moving

    def do_down(self) -> None:
        self._screen.arrangement.scrolled.move(1)

    def do_up(self) -> None:
        self._screen.arrangement.scrolled.move(-1)

    def do_page_down(self) -> None:
        self._screen.arrangement.scrolled.page(1)

    def do_page_up(self) -> None:
        self._screen.arrangement.scrolled.page(-1)

    def do_top(self) -> None:
        self._screen.arrangement.scrolled.to_top()

    def do_end(self) -> None:
        self._screen.arrangement.scrolled.to_end()

    def do_fold(self) -> None:
        self._screen.table.fold(True)

    def do_unfold(self) -> None:
        self._screen.table.fold(False)

    def do_toggle(self) -> None:
        self._screen.table.toggle_fold()

    def do_scroll_left(self) -> None:
        self._sideways(-SIDEWAYS)

    def do_scroll_right(self) -> None:
        self._sideways(SIDEWAYS)

    def _sideways(self, by: int) -> None:
        pane = self._screen.arrangement.focused_pane
        if pane is not None:
            pane.sideways(by)

    def do_focus(self) -> None:
        self._screen.arrangement.turn(1)

    def do_focus_back(self) -> None:
        self._screen.arrangement.turn(-1)

    # The program

    def do_help(self) -> None:
        from meshtui.ui.dialogs.help import HelpDialog

        self._screen.app.push_screen(HelpDialog())

    def do_palette(self) -> None:
        self._screen.app.action_command_palette()

    def do_quit(self) -> None:
        self._screen.app.run_worker(self._screen.app.action_quit())

    def do_back(self) -> None:
        """The draft under the cursor, the pane with the focus, the filter, other drafts, panes."""
        screen = self._screen
        view = screen.table.view
        pane = screen.arrangement.focused_pane
        if view is not None and screen.drafting.drop(view.key):
            screen.say("draft dropped")
        elif pane is not None:
            if not pane.back():
                screen.arrangement.toggle(pane.kind)
        elif view is not None and screen.aimed.back(view.key):
            return
        elif screen.table.filter:
            screen.table.set_filter(Filter())
            screen.say("filter off")
        elif screen.drafting.drafts:
            for key in tuple(screen.drafting.drafts):
                screen.drafting.drop(key)
            screen.say("drafts dropped")
        elif screen.dock.open_kinds:
            screen.arrangement.close_newest()
        else:
            screen.say("")
