"""What each action of the registry does. Dialogs are imported when they are opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from meshtui.changes.change import ClearFault, ClearMirror, Promote, Request, Rollback
from meshtui.errors import Refused
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.drafting import draft_of
from meshtui.ui.filters import Filter
from meshtui.ui.table.order import Sort

if TYPE_CHECKING:
    from meshtui.ui.dialogs.form import FormDialog
    from meshtui.ui.screen import MainScreen

SIDEWAYS = 8
"""Cells of one step to the side in a pane."""


class Handlers:
    """One method for each action, found by its id; none of them waits for anything."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen

    def run(self, action_id: str, key: str) -> None:
        simple: Callable[[], None] | None = getattr(self, f"do_{action_id}", None)
        if simple is not None:
            simple()
        elif action_id.startswith("sort_"):
            self.sort(action_id.removeprefix("sort_"))
        elif action_id == "digit":
            self.digit(key)

    def knows(self, action_id: str) -> bool:
        """For the test that every action of the registry does something."""
        special = action_id.startswith("sort_") or action_id == "digit"
        return special or hasattr(self, f"do_{action_id}")

    @property
    def view(self) -> ServiceView:
        view = self._screen.table.view
        if view is None:
            raise Refused("no service is selected")
        return view

    @property
    def version(self) -> VersionView:
        version = self._screen.table.version
        if version is None:
            raise Refused("choose a version first: the cursor is on a service")
        return version

    # Drafts

    def _step(self, by: float) -> None:
        self._screen.say(self._screen.drafting.step(self.view, self.version, by))

    def do_heavier(self) -> None:
        self._step(5)

    def do_lighter(self) -> None:
        self._step(-5)

    def do_one_more(self) -> None:
        self._step(1)

    def do_one_less(self) -> None:
        self._step(-1)

    def digit(self, key: str) -> None:
        if key:
            self._screen.say(self._screen.drafting.digit(self.view, self.version, key))

    def do_backspace(self) -> None:
        words = self._screen.drafting.backspace(self.view, self._screen.table.version)
        self._screen.say(words)

    def do_diff(self) -> None:
        draft = draft_of(self._screen.drafting.drafts, self.view)
        self._screen.desk.ask(self.view, draft.request, draft.target)

    # Changes

    def do_promote(self) -> None:
        self._screen.desk.ask(self.view, Promote(self.version.label))

    def do_rollback(self) -> None:
        self._screen.desk.ask(self.view, Rollback())

    def do_undo(self) -> None:
        self._screen.desk.undo()

    def do_undo_entry(self) -> None:
        pane = self._screen.arrangement.focused_pane
        picked = pane.picked if pane else ""
        if not picked:
            raise Refused("the journal shows no change to take back")
        self._screen.desk.undo(picked)

    def do_mirror(self) -> None:
        from meshtui.ui.dialogs.forms import mirror_form

        view, rule = self.view, self.view.rule
        if rule is not None and rule.mirrors:
            self._screen.desk.ask(view, ClearMirror())
        else:
            self._form(mirror_form(view, self._screen.table.version), view)

    def do_fault(self) -> None:
        from meshtui.ui.dialogs.forms import fault_form

        view, rule = self.view, self.view.rule
        if rule is not None and rule.fault is not None:
            self._screen.desk.ask(view, ClearFault())
        else:
            self._form(fault_form(view), view)

    def _form(self, form: FormDialog, view: ServiceView) -> None:
        """The service is the one that was selected when the form opened."""

        def filled(request: Request | None) -> None:
            if request is not None:
                self._screen.guarded(lambda: self._screen.desk.ask(view, request))

        self._screen.app.push_screen(form, filled)

    def do_clear(self) -> None:
        self._screen.desk.clear(self.view)

    # Panes

    def do_logs(self) -> None:
        self._screen.arrangement.toggle("logs")

    def do_proxies(self) -> None:
        self._screen.arrangement.toggle("proxies")

    def do_rules(self) -> None:
        self._screen.arrangement.toggle("rules")

    def do_analysis(self) -> None:
        self._screen.arrangement.toggle("analysis")

    def do_journal(self) -> None:
        self._screen.arrangement.toggle("journal")

    def do_everyones(self) -> None:
        pane = self._screen.dock.pane("journal")
        if pane is not None:
            pane.toggle_raw()

    def do_trace(self) -> None:
        self._screen.arrangement.toggle("trace")

    def do_request(self) -> None:
        self._screen.prompting.edit_trace()

    def do_pause(self) -> None:
        pane = self._screen.dock.pane("logs")
        if pane is not None:
            pane.toggle_follow()

    def do_next_proxy(self) -> None:
        self._turn(1)

    def do_previous_proxy(self) -> None:
        self._turn(-1)

    def _turn(self, by: int) -> None:
        pane = self._screen.dock.pane("proxies")
        if pane is not None:
            pane.turn(by)

    def do_raw(self) -> None:
        pane = self._screen.arrangement.focused_pane
        if pane is not None:
            pane.toggle_raw()

    def do_refresh(self) -> None:
        if self._screen.dock.open_kinds:
            self._screen.dock.read_again()
        else:
            self._screen.say("no pane is open; the table is read by itself")

    # Finding and sorting

    def do_filter(self) -> None:
        self._screen.prompting.open("/", self._screen.table.filter.source)

    def do_command(self) -> None:
        self._screen.prompting.open(":")

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
        """The draft under the cursor, then the pane with the focus, the filter, other drafts."""
        screen = self._screen
        view = screen.table.view
        pane = screen.arrangement.focused_pane
        if view is not None and screen.drafting.drop(view.key):
            screen.say("draft dropped")
        elif pane is not None:
            screen.arrangement.toggle(pane.kind)
        elif screen.table.filter:
            screen.table.set_filter(Filter())
            screen.say("filter off")
        elif screen.drafting.drafts:
            for key in tuple(screen.drafting.drafts):
                screen.drafting.drop(key)
            screen.say("drafts dropped")
        else:
            screen.say("")
