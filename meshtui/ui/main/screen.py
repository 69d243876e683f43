"""The main screen: the table, what is around it, and what each message and key leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingsMap
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from meshtui.changes.change import Plan
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.placed import cluster_of, placed
from meshtui.operations.ahead import import_ahead
from meshtui.operations.types import Snapshot
from meshtui.ui.actions import registry as actions
from meshtui.ui.actions.action import Action
from meshtui.ui.actions.change_keys import DIGITS
from meshtui.ui.actions.keymap import FIXED
from meshtui.ui.actions.situation import CHARTS, PROMPTING, TABLE, Situation
from meshtui.ui.badges import badge_of
from meshtui.ui.dialogs.base import Dialog
from meshtui.ui.dialogs.diffkeys import LEAVING
from meshtui.ui.dialogs.offline import RETRY_S, OfflineScreen
from meshtui.ui.greeting import NO_GREETING, Greeting
from meshtui.ui.main import snapshot_feed as feed
from meshtui.ui.main.background import in_background
from meshtui.ui.main.change_desk import ChangeDesk
from meshtui.ui.main.change_handlers import ChangeHandlers
from meshtui.ui.main.circumstances import situation_of
from meshtui.ui.main.command_runner import CommandRunner
from meshtui.ui.main.detail import Detail, Row
from meshtui.ui.main.drafts import Drafts
from meshtui.ui.main.external_editor import ExternalEditor
from meshtui.ui.main.handlers import Handlers
from meshtui.ui.main.in_sight import InSight
from meshtui.ui.main.layout import Arrangement
from meshtui.ui.main.measured_shares import ShareReports
from meshtui.ui.main.messages import (
    ApplyFailed,
    ApplyStep,
    ChangeApplied,
    Connected,
    ConnectFailed,
    Edited,
    FeedFailed,
    SnapshotArrived,
    ThemeWanted,
)
from meshtui.ui.main.prompts import Prompts
from meshtui.ui.main.selection import Selection
from meshtui.ui.main.table_feed import TableFeed
from meshtui.ui.main.welcome import Welcome
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.dock import PaneDock
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.marks import pending_notes
from meshtui.ui.table.order import Sort
from meshtui.ui.table.widget import MeshTable
from meshtui.ui.timers import CertainTimers
from meshtui.ui.widgets.header import Header, Notices
from meshtui.ui.widgets.headline import WORST, ConnectedTo
from meshtui.ui.widgets.keys import KeysLine
from meshtui.ui.widgets.prompt import Prompt
from meshtui.ui.widgets.status import Status

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.ui.dialogs.diff import DiffDialog

DIALOGS = ("meshtui.ui.dialogs.diff", "meshtui.ui.dialogs.forms")
"""What the first paint does not wait for, and a rollback does not either."""


class MainScreen(CertainTimers, Screen[None]):
    """Owns the state that is on screen; collaborators turn keys into changes of it."""

    def __init__(
        self,
        cockpit: Cockpit,
        clock: Callable[[], float],
        badges: Mapping[str, str] = MappingProxyType({}),
        welcome: Greeting = NO_GREETING,
        *,
        ascii_only: bool = False,
    ) -> None:
        """`badges`: how loud the contexts are whose names match a pattern; `welcome`: what a
        newcomer is told."""
        super().__init__()
        self._ascii_only = ascii_only
        self._badges = badges
        self.cockpit = cockpit
        self._inherited = self._bindings
        self._keys, self._theme = cockpit.settings.keys, cockpit.settings.theme
        self._key_problems = self._use_keys()
        self.clock = clock
        self.snapshot: Snapshot | None = None
        self.was_connected = False
        self.header = Header(ConnectedTo(cockpit.context, "", cockpit.server, cockpit.read_only))
        self.notices = Notices(id="notices")
        self.table = MeshTable(id="table")
        self.detail = Detail(cockpit)
        self.welcome = Welcome(welcome)
        self.left = Vertical(self.table, self.detail, self.welcome, id="left")
        self.dock = PaneDock(cockpit)
        self.status = Status()
        self.prompt = Prompt()
        self.keys_line = KeysLine()
        self.drafting = Drafts(self.table.set_drafts)
        self.desk = ChangeDesk(cockpit, self)
        self.selection = Selection(self.table, self)
        self.arrangement = Arrangement(self.table, self.left, self.dock, self.prompt, self)
        self.rule_choice = TableFeed(self.table, self.drafting, cockpit.namespace, self)
        self.in_sight = InSight(self.table, self.rule_choice, self.desk, cockpit)
        self.editing = ExternalEditor(self.desk.edited, self)
        self.prompting = Prompts(self.prompt, self.status, self.table, self.arrangement, self)
        self.handlers = self._make_handlers()
        self.commands = self._make_commands()
        self.measuring = ShareReports(self.announce)
        self._leaving = False
        self._reply = self._refused_digit = ""
        self._notes: Mapping[ServiceKey, str] = {}

    def _make_handlers(self) -> Handlers:
        changes = ChangeHandlers(
            self.selection,
            self.table,
            self.drafting,
            self.desk,
            self.editing,
            self.rule_choice,
            self.arrangement,
            self,
        )
        return Handlers(
            changes,
            self.table,
            self.header,
            self.arrangement,
            self.prompting,
            self.drafting,
            self.rule_choice,
            self,
        )

    def _make_commands(self) -> CommandRunner:
        return CommandRunner(
            self.cockpit,
            self.desk,
            self.editing,
            self.rule_choice,
            self.table,
            self.arrangement,
            self.selection,
            self.prompting.filter,
            self.handlers.show_side,
            self.handlers.sort,
            self,
        )

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.notices
        with Horizontal(id="body"):
            yield self.left
            yield self.dock
        with Vertical(id="bottom"):
            yield self.status
            yield self.prompt
            yield self.keys_line

    def on_mount(self) -> None:
        self.prompt.completions = self.commands.completions
        self.table.focus()
        for problem in self._key_problems:
            self.status_later(problem)
        self.set_interval(1.0, self._tick)
        self.header.receive(None, self.clock())
        self.update_keys()
        self.call_after_refresh(self.connect)

    # Connecting and reading

    def connect(self) -> None:
        """Reach the cluster, in a worker; the first paint is already done."""
        self.place_again()
        in_background(self, "feed", feed.connect, self.cockpit, self)

    def connect_elsewhere(self) -> None:
        """The cockpit was told another place: nothing can be changed until it is reached."""
        self.was_connected = False
        self.dock.leave()
        self._settings_changed()
        self.drafting.prune(())
        self.rule_choice.namespace = ""
        self.connect()

    def _settings_changed(self) -> None:
        """The keys and the theme of the context are others than those of the one before."""
        settings = self.cockpit.settings
        if settings.keys != self._keys:
            self._keys = settings.keys
            for problem in self._use_keys():
                self.announce(problem, "warning")
        if settings.theme != self._theme:
            self._theme = settings.theme
            self.app.post_message(ThemeWanted(settings.theme))
        self.update_keys()

    def _use_keys(self) -> tuple[str, ...]:
        problems = actions.use(self._keys, named=self._ascii_only)
        own = BindingsMap(actions.bindings()).key_to_bindings
        self._bindings = BindingsMap.from_keys({**self._inherited.key_to_bindings, **own})
        return problems

    def on_connected(self, _: Connected) -> None:
        self.was_connected = True
        self.in_sight.forget()
        if isinstance(self.app.screen, OfflineScreen):
            self.app.pop_screen()
        self.place_again()
        self._follow()
        in_background(self, "dialogs", import_ahead, DIALOGS)

    def _follow(self) -> None:
        in_background(self, "feed", feed.follow, self.cockpit, self, self._prepare)

    def _prepare(self, snapshot: Snapshot) -> None:
        """What the snapshot's message would work out on the loop; called in a thread."""
        self.header.prepare(snapshot)
        self.rule_choice.prepare(snapshot)

    def place_again(self) -> None:
        """Where we are, in the header."""
        c = self.cockpit
        badge = badge_of(c.context, self._badges, c.settings.production)
        self.header.place = ConnectedTo(
            c.context, self.rule_choice.namespace, c.server, c.read_only, badge
        )
        self.header.receive(self.snapshot, self.clock())

    def on_connect_failed(self, message: ConnectFailed) -> None:
        if isinstance(self.app.screen, OfflineScreen):
            self.app.screen.receive(message.error)
        else:
            self.app.push_screen(OfflineScreen(message.error, self.cockpit.context))

    def on_feed_failed(self, message: FeedFailed) -> None:
        """What is on screen stays, grows old, and is read again."""
        self.fail(message.error)
        self.set_timer(RETRY_S, self._follow)

    async def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        """Keys and answers have their turn between the table and what is told beside it."""
        self.snapshot = snapshot = message.snapshot
        self.notices.receive(snapshot.notices)
        self.rule_choice.show()
        self.desk.settled(snapshot.seen)
        self.drafting.prune(snapshot.views)
        await asyncio.sleep(0)
        self.show_notes(self._notes)
        self.measuring.receive(snapshot)
        self._grow_old(self.clock())
        await asyncio.sleep(0)
        self.update_panes()
        self.update_keys()
        self.prompt.mesh_arrived()
        if isinstance(self.app.screen, Dialog):
            self.app.screen.mesh_arrived()

    def _tick(self) -> None:
        now = self.clock()
        self._grow_old(now)
        self.dock.tick(now)
        self.in_sight.tell()

    def _grow_old(self, now: float) -> None:
        """What is on screen says how old it is, each second."""
        self.header.receive(self.snapshot, now)
        if self.snapshot is not None:
            since = max(0.0, now - self.snapshot.time)
            before = self.table.stale
            clusters = self.snapshot.stale_clusters(since)
            all_old = not self.snapshot.clusters and self.snapshot.telemetry.stale(since)
            self.table.set_stale(all_old, clusters)
            if before != self.table.stale:
                self.update_detail()

    def ask_again(self) -> None:
        """All sources at once, without waiting for their next time."""
        self._grow_old(self.clock())
        self.cockpit.ask_again()
        if self.dock.open_kinds:
            self.dock.read_again()

    def on_pane_opened(self) -> None:
        self.arrangement.return_focus()

    def on_pane_reported(self, message: Pane.Reported) -> None:
        self.announce(message.text, message.level)

    def on_pane_failed(self, message: Pane.Failed) -> None:
        self.fail(message.error)

    def on_pane_prompted(self, message: Pane.Prompted) -> None:
        self.prompting.open(":", message.words)

    def on_pane_clicked(self, message: Pane.Clicked) -> None:
        self.arrangement.give_focus(message.kind)

    def on_mesh_table_clicked(self, message: MeshTable.Clicked) -> None:
        self.arrangement.give_focus(TABLE)
        if message.sort:
            self.handlers.sort(message.sort)

    def on_keys_line_clicked(self, message: KeysLine.Clicked) -> None:
        self.run(message.action, message.action.keys[0])

    def on_header_clicked(self, message: Header.Clicked) -> None:
        if message.command != WORST:
            self.run_command(message.command)
            return
        self.arrangement.give_focus(TABLE)
        self.table.set_sort(Sort("worst"))
        self.table.to_top()
        self.announce("the worst first")

    def on_pane_sought(self, message: Pane.Sought) -> None:
        here = cluster_of(self.table.view.key) if self.table.view else ""
        place = LineId(placed(message.service, here), message.version)
        self.guarded(lambda: self.arrangement.seek(place))

    def update_panes(self) -> None:
        if self.snapshot is not None:
            version = self.table.version
            label = version.label if version else ""
            own = self.snapshot.of(self.table.view.key if self.table.view else None)
            self.dock.receive(self.table.view, own, self.clock(), label)
            self.update_detail()

    def update_detail(self) -> None:
        """The selected row below the table, where that leaves room."""
        if self.snapshot is None or not self.left.display:
            return
        table = self.table
        rows = table.line_count() + len(table.pinned())
        told = self.welcome.size.height if self.welcome.display else 0
        free = self.left.size.height - rows - told
        notes = table.notes_of(table.view.key) if table.view else ()
        charted = CHARTS in self.dock.open_kinds
        row = Row(table.view, table.version, stale=table.stale, notes=notes, charted=charted)
        own = self.snapshot.of(table.view.key if table.view else None)
        self.detail.show_row(row, own, self.clock(), free)

    # The cursor, the size, the focus

    def on_mesh_table_moved(self, message: MeshTable.Moved) -> None:
        self.drafting.moved(message.place)
        self._look_at(message.place)
        self.update_panes()
        self.update_keys()

    def _look_at(self, place: LineId | None) -> None:
        """Of several clusters the row's is the one that keys and panes mean."""
        before = self.cockpit.context
        self.cockpit.look_at(place.service if place else None)
        if self.cockpit.context != before:
            self.place_again()
            self.call_after_refresh(self.dock.read_again)

    def on_resize(self, _: events.Resize) -> None:
        self.arrangement.arrange()
        self.call_after_refresh(self.update_detail)

    def on_descendant_focus(self, _: events.DescendantFocus) -> None:
        self.update_keys()

    # Keys

    def situation(self) -> Situation:
        return situation_of(self)

    def update_keys(self) -> None:
        now = self.situation()
        self.keys_line.receive(now, self.prompting.typing(now))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the open prompt, the keys that open it are letters."""
        return not (action == "press" and self.prompt.display and parameters[0] in PROMPTING)

    def action_press(self, key: str) -> None:
        action = actions.resolve(key, self.situation())
        if action is not None:
            self.run(action, key)
        else:
            self._means_nothing(key)

    def _means_nothing(self, key: str) -> None:
        self.drafting.end_number()
        self.announce(actions.elsewhere(key, self.situation()), "warning")

    def on_key(self, event: events.Key) -> None:
        """A key that means nothing anywhere says where the keys are."""
        if not self.prompt.display and event.key not in self.active_bindings:
            self._replying(lambda: self._means_nothing(event.key))

    def run_action_by_id(self, action_id: str) -> None:
        self.run(actions.named(action_id), "")

    def run(self, action: Action, key: str) -> None:
        """Do it, or say why not."""
        if action.id not in FIXED:
            self.drafting.end_number()
        self._leaving = self._leaving and action.id == "quit"
        reason = actions.why_not(action, self.situation())
        if self._refused_digit and key == "0":  # of the number that was typed, not a key itself
            reason = self._refused_digit
        self._refused_digit = reason if key in DIGITS else ""
        if reason:
            self._replying(lambda: self.announce(reason, "warning"))
            return
        if action.needs:
            self.table.keep_place()
        self._replying(lambda: self.guarded(lambda: self.handlers.run(action.id, key)))
        self.update_keys()

    def _replying(self, do: Callable[[], None]) -> None:
        """Why a key did nothing goes with the next key; what was done stays."""
        if self._reply and self.status.text == self._reply:
            self.announce("")
        before = self.status.text
        do()
        refused = self.status.level in ("warning", "error")
        self._reply = self.status.text if refused and self.status.text != before else ""

    def guarded(self, do: Callable[[], None]) -> None:
        """Refusals become a line on the screen."""
        try:
            do()
        except MeshtuiError as error:
            self.fail(error)

    # The status line

    def announce(self, text: str, level: str = "info") -> None:
        self.status.announce(text, level)

    def fail(self, error: MeshtuiError) -> None:
        self.status.fail(error)

    def close_welcome(self) -> None:
        self.welcome.close()

    def status_later(self, text: str) -> None:
        """For what is known before the screen is there."""
        self.call_after_refresh(self.announce, text, "warning")

    # Changes

    def open_dialog(self, dialog: Screen[None], closed: Callable[[], None]) -> None:
        self.app.push_screen(dialog, lambda _: closed())

    def on_edited(self, message: Edited) -> None:
        self.guarded(lambda: self.editing.finished(message))

    def apply(self, plan: Plan, dialog: DiffDialog) -> None:
        """Not exclusive: a rollback may start while another change is being verified."""
        self.desk.confirmed(plan, dialog)
        self.run_worker(self.desk.apply(plan, self), group="apply", exit_on_error=False)

    def on_apply_step(self, message: ApplyStep) -> None:
        self.desk.on_step(message)

    def on_change_applied(self, message: ChangeApplied) -> None:
        self.desk.on_applied(message.plan, message.outcome)

    def on_apply_failed(self, message: ApplyFailed) -> None:
        self.desk.on_failed(message)

    def show_notes(self, notes: Mapping[ServiceKey, str]) -> None:
        """The words of changes, and the time left of those that have a limit."""
        self._notes = notes
        found = pending_notes(self.cockpit.pending())
        for key, note in notes.items():
            found[key] = (note, *found.get(key, ()))
        self.table.set_notes(found)

    def change_made(self, key: ServiceKey) -> None:
        """A draft that has become a change is done with."""
        self.drafting.drop(key)
        self.update_keys()

    def may_leave(self) -> bool:
        """At once, except while a change is being applied: then the second time."""
        if self.desk.busy and not self._leaving:
            self._leaving = True
            names = ", ".join(sorted({plan.change.service.name for plan in self.desk.busy}))
            self.announce(f"{names}: {LEAVING}", "warning")
            return False
        return True

    # The prompt

    def run_command(self, text: str) -> None:
        self._replying(lambda: self.commands.run(text))

    @property
    def trace_words(self) -> str:
        return self.commands.trace_words

    @property
    def load_words(self) -> str:
        return self.commands.load_words

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        self.prompting.typed(message.kind, message.text)

    def on_prompt_done(self, message: Prompt.Done) -> None:
        self.prompting.done(message.kind, message.text)

    def on_prompt_dropped(self, message: Prompt.Dropped) -> None:
        self.prompting.dropped(message.kind)
