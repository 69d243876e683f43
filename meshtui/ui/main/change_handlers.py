"""What the actions do that change the mesh. Dialogs are imported when they are opened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from meshtui.changes.change import ClearFault, ClearMirror, Promote, Request, Rollback
from meshtui.dataclass import dataclass
from meshtui.errors import Refused
from meshtui.mesh.view import ServiceView
from meshtui.ui.actions.registry import key_of
from meshtui.ui.actions.situation import JOURNAL
from meshtui.ui.main.change_desk import ChangeDesk
from meshtui.ui.main.drafts import Drafts, draft_of
from meshtui.ui.main.external_editor import ExternalEditor
from meshtui.ui.main.faults import fault_to_clear
from meshtui.ui.main.host import Guards, HasApp, HasCockpit, Notifies
from meshtui.ui.main.layout import Arrangement
from meshtui.ui.main.rule_selection import place_of
from meshtui.ui.main.selection import Selection
from meshtui.ui.main.table_feed import TableFeed
from meshtui.ui.table.widget import MeshTable

if TYPE_CHECKING:
    from meshtui.ui.dialogs.form import FormDialog


class Host(Notifies, Guards, HasApp, HasCockpit, Protocol):
    """What is used of the screen."""


@dataclass(frozen=True, slots=True)
class ChangeHandlers:
    """Each of them ends in a draft, a form or a dialog; none waits for anything."""

    _selection: Selection
    _table: MeshTable
    _drafting: Drafts
    _desk: ChangeDesk
    _editing: ExternalEditor
    _rule_choice: TableFeed
    _arrangement: Arrangement
    _host: Host

    @property
    def _view(self) -> ServiceView:
        return self._selection.view

    # Drafts

    def _step(self, by: float) -> None:
        self._host.announce(self._drafting.step(self._view, self._selection.version, by))

    def do_heavier(self) -> None:
        self._step(5)

    def do_lighter(self) -> None:
        self._step(-5)

    def do_one_more(self) -> None:
        self._step(1)

    def do_one_less(self) -> None:
        self._step(-1)

    def do_next_step(self) -> None:
        ladder = self._host.cockpit.settings.ladder
        words = self._drafting.next_step(self._view, self._selection.version, ladder)
        self._host.announce(words)

    def digit(self, key: str) -> None:
        if key:
            self._host.announce(self._drafting.digit(self._view, self._selection.version, key))

    def do_backspace(self) -> None:
        words = self._drafting.backspace(self._view, self._table.version)
        self._host.announce(words)

    def do_diff(self) -> None:
        draft = draft_of(self._drafting.drafts, self._view)
        self._desk.ask(self._view, draft.request, draft.target)

    # Changes

    def do_promote(self) -> None:
        self._desk.ask(self._view, Promote(self._selection.version.label))

    def do_rollback(self) -> None:
        self._desk.ask(self._view, Rollback())

    def do_undo(self) -> None:
        if self._arrangement.focus == JOURNAL:
            self.do_undo_entry()
        else:
            self._desk.undo()

    def do_again(self) -> None:
        self._desk.again()

    def do_select_rule(self) -> None:
        pane = self._arrangement.focused_pane
        picked = pane.picked if pane else ""
        route = next((r for r in self._view.routes if place_of(r) == picked), None)
        if route is None:
            raise Refused(
                "there is no rule under the cursor", f"{key_of('raw')} shows the rules in words"
            )
        if not route.rule.destinations:
            raise Refused(f"rule {route.rule.title} sends nothing anywhere that could be changed")
        self._rule_choice.select_rule(self._view, route)

    def do_undo_entry(self) -> None:
        pane = self._arrangement.focused_pane
        picked = pane.picked if pane else ""
        if not picked:
            raise Refused("the journal shows no change to take back")
        self._desk.undo(picked)

    def do_mirror(self) -> None:
        from meshtui.ui.dialogs.forms import mirror_form

        view, rule = self._view, self._view.rule
        if rule is not None and rule.mirrors:
            self._desk.ask(view, ClearMirror())
        else:
            limit = self._host.cockpit.settings.mirror_for
            self._form(mirror_form(view, self._table.version, limit), view)

    def do_fault(self) -> None:
        from meshtui.ui.dialogs.forms import fault_form

        view = self._view
        on = fault_to_clear(view)
        if on is not None:
            self._desk.ask(view, ClearFault(), on)
        else:
            self._form(fault_form(view, self._host.cockpit.settings.fault_for), view)

    def _form(self, form: FormDialog[Request], view: ServiceView) -> None:
        """The service is the one that was selected when the form opened."""

        def filled(request: Request | None) -> None:
            if request is not None:
                self._host.guarded(lambda: self._desk.ask(view, request))

        self._host.app.push_screen(form, filled)

    def do_clear(self) -> None:
        self._desk.clear(self._view)

    def do_timeout(self) -> None:
        from meshtui.ui.dialogs.forms import timeout_form

        self._form(timeout_form(self._view), self._view)

    def do_breaker(self) -> None:
        from meshtui.ui.dialogs.forms import breaker_form

        view = self._view
        self._form(breaker_form(view, self._selection.mesh, self._table.version), view)

    def do_edit(self) -> None:
        self._editing.open(self._view, self._selection.mesh)

    def do_adopt(self) -> None:
        """Rules that are there are added to as they are; for new ones there is a choice."""
        from meshtui.changes.adopt_kind import ruling, usual_kind
        from meshtui.ui.dialogs.forms import Adopting, adopt_form

        view, mesh = self._view, self._selection.mesh
        owner = ruling(mesh, view.service)
        if owner is not None:
            self._desk.adopt(view.key, gateway_api=owner.ref.kind != "VirtualService")
            return

        def filled(chosen: Adopting | None) -> None:
            if chosen is not None:
                stable, by_route = chosen.stable, chosen.gateway_api
                adopt = partial(self._desk.adopt, view.key, stable, gateway_api=by_route)
                self._host.guarded(adopt)

        self._host.app.push_screen(adopt_form(view, usual_kind(mesh, view.service)), filled)
