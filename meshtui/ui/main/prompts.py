"""What is typed after `/` and `:`: filters as they are typed, commands when they are done."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from meshtui.changes.change import ClearBreaker, SetBreaker, Target
from meshtui.errors import Refused, Usage
from meshtui.mesh.view import ServiceView
from meshtui.ui.actions.registry import BY_ID
from meshtui.ui.main import commands
from meshtui.ui.main.filters import parse_filter
from meshtui.ui.table.order import Sort

if TYPE_CHECKING:
    from meshtui.ui.main.screen import MainScreen
    from meshtui.ui.panes.base import Pane
    from meshtui.ui.panes.trace import TracePane
    from meshtui.ui.panes.tracewords import Ask


class Prompting:
    """Opens the prompt and does what was typed in it."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._pane: Pane | None = None
        self._before: str = ""

    def open(self, kind: str, text: str = "") -> None:
        self._screen.status.display = False
        self._screen.prompt.open(kind, text)

    def search(self) -> None:
        """`/`: of the pane with the focus where it can be searched, else of the table."""
        pane = self._screen.arrangement.focused_pane
        text = pane.search_text if pane else None
        self._pane = pane if text is not None else None
        self._before = self._screen.table.filter.source if text is None else text
        self.open("/", self._before)

    def typed(self, kind: str, text: str) -> None:
        """A filter is seen at once; one that is not finished yet changes nothing."""
        if kind == "/":
            with suppress(Usage):
                self._search(text)

    def done(self, kind: str, text: str) -> None:
        self._close()
        if kind == "/" and self._pane is not None:
            self._screen.guarded(lambda: self._searched(text))
        elif kind == "/":
            self._screen.guarded(lambda: self._filter(text))
        else:
            self._screen.guarded(lambda: self._run(text))
        self._screen.update_keys()

    def dropped(self, kind: str) -> None:
        self._close()
        if kind == "/":
            self._search(self._before)
        self._screen.update_keys()

    def _search(self, text: str) -> None:
        if self._pane is not None:
            self._pane.search(text)
        else:
            self._screen.table.set_filter(parse_filter(text))

    def _searched(self, text: str) -> None:
        """What was seen while typing goes, too, where the whole is wrong."""
        try:
            self._search(text)
        except Usage:
            self._search(self._before)
            raise

    def _close(self) -> None:
        self._screen.prompt.close()
        self._screen.status.display = True
        self._screen.arrangement.arrange()
        self._screen.call_after_refresh(self._screen.prompt.pass_on)

    def _filter(self, text: str) -> None:
        wanted = parse_filter(text)
        self._screen.table.set_filter(wanted)
        self._screen.say(f"filter /{wanted.source} · Esc shows all" if wanted else "filter off")

    def _run(self, text: str) -> None:
        command = commands.parse_command(text)
        match command:
            case commands.Change(request, rule):
                of_host = isinstance(request, SetBreaker | ClearBreaker)
                view = self._selected("breaker" if of_host else "rollback")
                target = Target(view.key, rule) if rule else None
                self._screen.desk.ask(view, request, target)
            case commands.Adopt(stable):
                self._screen.desk.adopt(self._selected("adopt").key, stable)
            case commands.Edit(words):
                view = self._selected()
                self._screen.editing.open(view, self._screen.handlers.mesh, words)
            case commands.Undo(change_id):
                self._may("undo")
                self._screen.desk.undo(change_id)
            case commands.SortBy(key):
                self._screen.table.set_sort(Sort(key))
            case commands.ShowSide(side):
                self._screen.handlers.show_side(side)
            case commands.UseTheme(name):
                self._theme(name)
            case commands.ShowNamespace(name):
                self._screen.aimed.narrow(name)
            case commands.SwitchContext(name):
                self._switch(name)
            case commands.FilterBy(words):
                self._filter(words)
            case commands.Trace(ask):
                self._may("trace")
                self._trace(ask)
            case commands.ToPane(kind, words):
                self._may(kind)
                self._screen.arrangement.to_front(kind).command(words)
            case commands.Run(action):
                self._screen.run_action_by_id(action)
            case None:
                return

    def edit_trace(self) -> None:
        """The request that the trace pane shows, to be changed."""
        pane = self._trace_pane()
        self.open(":", f"trace {pane.words}" if pane else "trace ")

    def _trace(self, ask: Ask) -> None:
        """The pane comes to the front, if it is not there, and asks."""
        self._screen.arrangement.to_front("trace")
        pane = self._trace_pane()
        if pane is not None:
            pane.ask(ask)

    def _trace_pane(self) -> TracePane | None:
        from meshtui.ui.panes.trace import TracePane

        pane = self._screen.dock.pane("trace")
        return pane if isinstance(pane, TracePane) else None

    def _selected(self, action: str = "rollback") -> ServiceView:
        self._may(action)
        view = self._screen.table.view
        if view is None:
            raise Refused("no service is selected")
        return view

    def _may(self, action: str) -> None:
        """The same reasons against it as for the key."""
        reason = BY_ID[action].why_not(self._screen.situation())
        if reason:
            raise Refused(reason)

    def _switch(self, context: str) -> None:
        """Another cluster, unless a change to this one is under way."""
        screen, cockpit = self._screen, self._screen.cockpit
        if not context:
            screen.say(f"the context is {cockpit.context}; {', '.join(cockpit.contexts())}")
        elif screen.desk.busy:
            raise Refused("a change is being applied", "switch when it is done")
        else:
            cockpit.choose(context)
            screen.connect_elsewhere()

    def _theme(self, name: str) -> None:
        app = self._screen.app
        names = sorted(theme for theme in app.available_themes)
        if name not in names:
            own = [theme for theme in names if theme.startswith("meshtui")]
            said = f"there is no theme {name}" if name else f"the theme is {app.theme}"
            self._screen.say(f"{said}; there are {', '.join(own)} and Textual's own")
            return
        app.theme = name
