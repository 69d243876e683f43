"""What each action of the registry does. Dialogs are imported when they are opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from meshtui.dataclass import dataclass
from meshtui.mesh.sides import CALLER, SERVER
from meshtui.ui.main.change_handlers import ChangeHandlers
from meshtui.ui.main.drafts import Drafts
from meshtui.ui.main.filters import Filter
from meshtui.ui.main.host import HasApp, Notifies, UpdatesPlace, Welcomes
from meshtui.ui.main.layout import Arrangement
from meshtui.ui.main.prompts import Prompts
from meshtui.ui.main.table_feed import TableFeed
from meshtui.ui.panes.dock import PANES
from meshtui.ui.table.order import Sort
from meshtui.ui.table.widget import MeshTable
from meshtui.ui.widgets.header import Header

SIDEWAYS = 8
"""Cells of one step to the side in a pane."""


class Host(Notifies, HasApp, UpdatesPlace, Welcomes, Protocol):
    """What is used of the screen."""

    def ask_again(self) -> None: ...
    @property
    def trace_words(self) -> str: ...
    @property
    def load_words(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Handlers:
    """One method for each action, found by its id; none of them waits for anything."""

    changes: ChangeHandlers
    _table: MeshTable
    _header: Header
    _arrangement: Arrangement
    _prompting: Prompts
    _drafting: Drafts
    _rule_choice: TableFeed
    _host: Host

    def run(self, action_id: str, key: str) -> None:
        simple = self._simple(action_id)
        if simple is not None:
            simple()
        elif action_id in PANES:
            self._arrangement.toggle(action_id)
        elif action_id.startswith("sort_"):
            self.sort(action_id.removeprefix("sort_"))
        elif action_id == "digit":
            self.changes.digit(key)

    def _simple(self, action_id: str) -> Callable[[], None] | None:
        """The screen's own, or that of the pane with the focus."""
        name = f"do_{action_id}"
        for owner in (self, self.changes, self._arrangement.focused_pane):
            found: Callable[[], None] | None = getattr(owner, name, None)
            if found is not None:
                return found
        return None

    # Panes

    def do_rules(self) -> None:
        self._rules(in_yaml=False)

    def do_yaml(self) -> None:
        self._rules(in_yaml=True)

    def _rules(self, *, in_yaml: bool) -> None:
        """The pane that has the focus and shows them so already is closed, as any pane is."""
        from meshtui.ui.panes.rules import RulesPane

        pane = self._arrangement.focused_pane
        if isinstance(pane, RulesPane) and pane.in_yaml == in_yaml:
            self._arrangement.toggle(pane.kind)
            return
        pane = self._arrangement.to_front(RulesPane.kind)
        assert isinstance(pane, RulesPane)  # noqa: S101 - of this kind
        pane.show(in_yaml=in_yaml)

    def do_request(self) -> None:
        self._prompting.open(":", self._host.trace_words)

    def do_load_words(self) -> None:
        self._prompting.open(":", self._host.load_words)

    def do_refresh(self) -> None:
        self._host.ask_again()
        self._host.announce("asking the cluster and the telemetry again")

    # Finding and sorting

    def do_filter(self) -> None:
        self._prompting.search()

    def do_command(self) -> None:
        self._prompting.open(":")

    def do_view_side(self) -> None:
        self.show_side(SERVER if self._table.side == CALLER else CALLER)

    def show_side(self, side: str) -> None:
        """Whose numbers the table has: the callers' or the servers'."""
        self._table.set_side(side)
        self._header.side = side
        self._host.place_again()
        whose = {
            CALLER: "caller's view: what the callers saw, whatever it was that answered them",
            SERVER: "server's view: what the versions themselves did; V for the caller's",
        }
        self._host.announce(whose[side])

    def sort(self, key: str) -> None:
        before = self._table.sort
        again = before.key == key and not before.reverse
        self._table.set_sort(Sort(key, reverse=again))
        self._host.announce(f"sorted by {key}{', reversed' if again else ''}")

    def do_column_before(self) -> None:
        self.sort(self._table.next_sort(-1))

    def do_column_after(self) -> None:
        self.sort(self._table.next_sort(1))

    # Moving

    def do_down(self) -> None:
        self._arrangement.scrolled.move(1)

    def do_up(self) -> None:
        self._arrangement.scrolled.move(-1)

    def do_page_down(self) -> None:
        self._arrangement.scrolled.page(1)

    def do_page_up(self) -> None:
        self._arrangement.scrolled.page(-1)

    def do_half_down(self) -> None:
        self._arrangement.scrolled.page(0.5)

    def do_half_up(self) -> None:
        self._arrangement.scrolled.page(-0.5)

    def do_top(self) -> None:
        self._arrangement.scrolled.to_top()

    def do_top_of_text(self) -> None:
        self.do_top()

    def do_end(self) -> None:
        self._arrangement.scrolled.to_end()

    def do_fold(self) -> None:
        self._table.fold(True)

    def do_unfold(self) -> None:
        self._table.fold(False)

    def do_toggle(self) -> None:
        self._table.toggle_fold()

    def do_open_service(self) -> None:
        self._table.toggle_fold()

    def do_open_version(self) -> None:
        """What its numbers mean, in words."""
        self._arrangement.to_front("signals")

    def do_all_namespaces(self) -> None:
        self._rule_choice.narrow("")

    def do_scroll_left(self) -> None:
        self._sideways(-SIDEWAYS)

    def do_scroll_right(self) -> None:
        self._sideways(SIDEWAYS)

    def _sideways(self, by: int) -> None:
        pane = self._arrangement.focused_pane
        if pane is not None:
            pane.sideways(by)

    def do_focus(self) -> None:
        self._arrangement.turn(1)

    def do_focus_back(self) -> None:
        self._arrangement.turn(-1)

    def do_zoom(self) -> None:
        self._host.announce(self._arrangement.zoom())

    def do_border_left(self) -> None:
        self._host.announce(self._arrangement.move_border(-1))

    def do_border_right(self) -> None:
        self._host.announce(self._arrangement.move_border(1))

    # The program

    def do_help(self) -> None:
        from meshtui.ui.dialogs.help import HelpDialog

        self._host.app.push_screen(HelpDialog(self._arrangement.focus))

    def do_palette(self) -> None:
        self._host.app.action_command_palette()

    def do_quit(self) -> None:
        self._host.app.run_worker(self._host.app.action_quit())

    def do_back(self) -> None:
        """In a pane one step out of it; else the draft, rule, filter, all drafts, a pane."""
        view = self._table.view
        pane = self._arrangement.focused_pane
        if pane is not None and pane.back():
            return
        if self._arrangement.zoomed:
            self._arrangement.zoom()
        elif pane is not None:
            self._arrangement.close(pane.kind)
        elif view is not None and self._drafting.drop(view.key):
            self._host.announce("draft dropped")
        elif view is not None and self._rule_choice.back(view.key):
            return
        elif self._table.filter:
            self._table.set_filter(Filter())
            self._host.announce("filter off")
        elif self._drafting.drafts:
            for key in tuple(self._drafting.drafts):
                self._drafting.drop(key)
            self._host.announce("drafts dropped")
        elif self._arrangement.open_kinds:
            self._arrangement.close_newest()
        else:
            self._host.close_welcome()
            self._host.announce("")
