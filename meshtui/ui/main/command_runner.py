"""What each command of the `:` line does on the screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from meshtui.changes.change import ClearBreaker, SetBreaker, Target
from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, NotFound, Refused, Usage
from meshtui.mesh.nearest import nearest_words
from meshtui.mesh.quantity import number_of
from meshtui.mesh.view import ServiceView
from meshtui.ui.actions.registry import key_of, named, why_not
from meshtui.ui.actions.situation import TABLE, Situation
from meshtui.ui.main import commands
from meshtui.ui.main.change_desk import ChangeDesk
from meshtui.ui.main.choices import ALL, choose_context, choose_namespace, choose_theme
from meshtui.ui.main.external_editor import ExternalEditor
from meshtui.ui.main.filters import parse_filter
from meshtui.ui.main.host import HasApp, Notifies
from meshtui.ui.main.layout import Arrangement
from meshtui.ui.main.selection import Selection
from meshtui.ui.main.table_feed import TableFeed
from meshtui.ui.table.widget import MeshTable
from meshtui.ui.themes import missing_theme

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.ui.panes.load import LoadPane
    from meshtui.ui.panes.trace import TracePane
    from meshtui.ui.panes.trace_request import TraceRequest


_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A label in the sense of RFC 1123."""


class Host(Notifies, HasApp, Protocol):
    """What is used of the screen."""

    def situation(self) -> Situation: ...
    def run_command(self, text: str) -> None: ...
    def run_action_by_id(self, action_id: str) -> None: ...
    def connect_elsewhere(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CommandRunner:
    """Has every command done by the part of the screen that it is about."""

    _cockpit: Cockpit
    _desk: ChangeDesk
    _editing: ExternalEditor
    _rule_choice: TableFeed
    _table: MeshTable
    _arrangement: Arrangement
    _selection: Selection
    _filter: Callable[[str], None]
    _show_side: Callable[[str], None]
    _sort: Callable[[str], None]
    _host: Host
    _been: list[str] = field(default_factory=list)
    """The contexts that were connected to, the last one first."""

    def run(self, text: str) -> None:
        """Raises `MeshtuiError` where the command is wrong or not allowed."""
        command = commands.parse_command(text, self._cockpit.settings.usual)
        match command:
            case commands.ChangeService(request, rule):
                of_host = isinstance(request, SetBreaker | ClearBreaker)
                view = self._selected("breaker" if of_host else "rollback")
                target = Target(view.key, rule) if rule else None
                self._desk.ask(view, request, target)
            case commands.Adopt(stable, by_route):
                self._desk.adopt(self._selected("adopt").key, stable, gateway_api=by_route)
            case commands.EditObject(words):
                view = self._selected()
                self._editing.open(view, self._selection.mesh, words)
            case commands.Undo(change_id):
                self._may("undo")
                self._desk.undo(change_id)
            case commands.SortBy(key):
                self._sort("latency" if key == "p99" else key)
            case commands.ShowSide(side):
                self._show_side(side)
            case commands.UseTheme(name):
                self._theme(name)
            case commands.ShowNamespace(name):
                self._namespace(name)
            case commands.SwitchContext(name):
                self._switch(name)
            case commands.FilterBy(words, to_table):
                if to_table:
                    self._refuse_unknown(words)
                    self._arrangement.give_focus(TABLE)
                self._filter(words)
                if to_table and not words:
                    self._tell_services()
            case commands.Trace(ask):
                self._may("trace")
                self._trace(ask)
            case commands.Load(ask):
                service = self._selected("load").service
                self._load_pane().ask(ask, service)
            case commands.ToPane(kind, words):
                self._may(kind)
                self._arrangement.to_front(kind).command(words)
            case commands.Run(action):
                self._host.run_action_by_id(action)
            case None:
                return

    def completions(self, line: str) -> tuple[str, ...]:
        """What the line may become at Tab."""
        from meshtui.ui.main.completing import Offered, completions, names_a_context

        view = self._table.view
        contexts: tuple[str, ...] = ()
        with suppress(MeshtuiError):  # where nothing is connected yet
            contexts = self._cockpit.contexts() if names_a_context(line) else ()
        there = Offered(
            tuple(sorted({one.key.name for one in self._rule_choice.services})),
            tuple(version.label for version in view.versions if version.version) if view else (),
            tuple(dict.fromkeys((*self._rule_choice.recent, *self._rule_choice.namespaces))),
            contexts,
            tuple(sorted(self._host.app.available_themes)),
        )
        return completions(line, there)

    @property
    def trace_words(self) -> str:
        """The command for the request that the trace pane shows."""
        pane = self._trace_pane()
        return f"trace {pane.words}" if pane else "trace "

    def _trace(self, ask: TraceRequest) -> None:
        """The pane comes to the front, if it is not there, and asks."""
        self._arrangement.to_front("trace")
        pane = self._trace_pane()
        if pane is not None:
            pane.ask(ask)

    @property
    def load_words(self) -> str:
        """The command for the load that was made last. Raises where none may be begun."""
        traced, pane = self._trace_pane(), self._load_pane()
        pane.refuse()
        return f"load {pane.words(traced.asked if traced else None)}"

    def _load_pane(self) -> LoadPane:
        from meshtui.ui.panes.load import LoadPane

        pane = self._arrangement.to_front("load")
        assert isinstance(pane, LoadPane)  # noqa: S101 - it is opened by its kind
        return pane

    def _trace_pane(self) -> TracePane | None:
        from meshtui.ui.panes.trace import TracePane

        pane = self._arrangement.pane("trace")
        return pane if isinstance(pane, TracePane) else None

    def _selected(self, action: str = "rollback") -> ServiceView:
        self._may(action)
        return self._selection.view

    def _may(self, action: str) -> None:
        """The same reasons against it as for the key."""
        reason = why_not(named(action), self._host.situation())
        if reason:
            raise Refused(reason)
        if named(action).needs:
            self._table.keep_place()

    def _switch(self, context: str) -> None:
        """Another cluster, unless a change to this one is under way."""
        cockpit = self._cockpit
        if not context:
            there, now = cockpit.contexts(), cockpit.context
            choose_context(self._host.app, there, self._been, now, self._chosen("ctx"))
        else:
            self._refuse_busy()
            before = cockpit.context
            cockpit.choose(context)
            self._been[:] = dict.fromkeys((context, before, *self._been))
            self._host.connect_elsewhere()

    def _theme(self, name: str) -> None:
        app = self._host.app
        if not name:
            choose_theme(app, self._theme_chosen)
        elif name not in app.available_themes:
            raise missing_theme(name, app.available_themes)
        else:
            app.theme = name

    def _theme_chosen(self, name: str) -> None:
        self._host.announce(f"theme {name}; `theme: {name}` in config.yaml keeps it")

    def _tell_services(self) -> None:
        """Whoever asked for the list of services has it in front of them."""
        there = len(self._rule_choice.services)
        where = self._rule_choice.namespace
        whose = f"of namespace {where}" if where else "of all namespaces"
        counted = number_of(there, "service")
        self._host.announce(f"the table has all {counted} {whose}; {key_of('filter')} narrows it")

    def _refuse_unknown(self, text: str) -> None:
        """Of a service that is called by a name: an empty table would not say what there is."""
        there = self._rule_choice.services
        if text and there and not any(map(parse_filter(text).takes, there)):
            names = (view.key.name for view in there)
            raise NotFound(f"no service {text}", nearest_words(text, names))

    def _namespace(self, name: str) -> None:
        """All of them, one, or the one that is picked from the list."""
        feed = self._rule_choice
        if name not in (ALL, "") and name not in feed.namespaces and feed.in_parts:
            self._read_in(name)
        elif name:
            feed.narrow("" if name == ALL else name)
        else:
            chosen = self._chosen("ns")
            app, there = self._host.app, self._there
            choose_namespace(app, there, feed.recent, feed.namespace, chosen, lambda: feed.in_parts)

    def _there(self) -> set[str] | None:
        """The namespaces to pick from; None as long as none was read."""
        feed = self._rule_choice
        if feed.reading:
            return None
        return {*feed.namespaces, *(feed.recent if feed.in_parts else ())}

    def _read_in(self, namespace: str) -> None:
        """Which namespaces there are is not known to whoever may read only some: it is tried."""
        if not _NAMESPACE.fullmatch(namespace):
            raise Usage(f"{namespace} is no name of a namespace", "as in :ns shop-2")
        self._refuse_busy()
        if self._cockpit.namespace not in self._rule_choice.recent:
            self._rule_choice.begin_in(self._cockpit.namespace)
        self._cockpit.read_in(namespace)
        self._host.connect_elsewhere()
        self._rule_choice.begin_in(namespace)

    def _refuse_busy(self) -> None:
        if self._desk.busy:
            raise Refused("a change is being applied", "switch when it is done")

    def _chosen(self, verb: str) -> Callable[[str], None]:
        """As if it had been typed."""
        return lambda name: self._host.run_command(f"{verb} {name}")
