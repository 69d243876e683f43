"""What the actions do that change the mesh. Dialogs are imported when they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.changes.change import ClearFault, ClearMirror, Promote, Request, Rollback
from meshtui.errors import Refused
from meshtui.mesh.model import Mesh
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.actions.situation import JOURNAL
from meshtui.ui.main.drafts import draft_of
from meshtui.ui.main.rule_selection import place_of

if TYPE_CHECKING:
    from meshtui.ui.dialogs.form import FormDialog
    from meshtui.ui.main.screen import MainScreen


class ChangeHandlers:
    """Each of them ends in a draft, a form or a dialog; none waits for anything."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen

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

    @property
    def mesh(self) -> Mesh:
        snapshot = self._screen.snapshot
        if snapshot is None:
            raise Refused("not connected yet")
        return snapshot.mesh

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

    def do_next_step(self) -> None:
        self._screen.say(self._screen.drafting.next_step(self.view, self.version))

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
        if self._screen.arrangement.focus == JOURNAL:
            self.do_undo_entry()
        else:
            self._screen.desk.undo()

    def do_again(self) -> None:
        self._screen.desk.again()

    def do_aim(self) -> None:
        pane = self._screen.arrangement.focused_pane
        picked = pane.picked if pane else ""
        route = next((r for r in self.view.routes if place_of(r) == picked), None)
        if route is None:
            raise Refused("there is no rule under the cursor", "w shows the rules in words")
        if route.rule.protocol != "http" or not route.rule.destinations:
            raise Refused(f"rule {route.rule.title} sends nothing anywhere that could be changed")
        self._screen.aimed.take(self.view, route)

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

    def do_timeout(self) -> None:
        from meshtui.ui.dialogs.forms import timeout_form

        self._form(timeout_form(self.view), self.view)

    def do_breaker(self) -> None:
        from meshtui.ui.dialogs.forms import breaker_form

        view = self.view
        self._form(breaker_form(view, self.mesh, self._screen.table.version), view)

    def do_edit(self) -> None:
        self._screen.editing.open(self.view, self.mesh)

    def do_adopt(self) -> None:
        self._screen.desk.adopt(self.view.key)
