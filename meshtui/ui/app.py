"""The program on the screen: themes, the main screen, and the keys that work from everywhere.

The first paint is a line of its own: what the main screen needs is imported after it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from meshtui.errors import Exit
from meshtui.ui import paths
from meshtui.ui.main.hangup import on_hang_up, until_idle
from meshtui.ui.main.keystream import KeyStream
from meshtui.ui.themes import DEFAULT, load_themes
from meshtui.ui.widgets import roles

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.ui.dialogs.diff import DiffDialog
    from meshtui.ui.main.screen import MainScreen

Clock = Callable[[], float]


class MeshtuiApp(KeyStream):
    """`run()` returns an exit status. `clock` gives seconds since the epoch."""

    CSS_PATH = "app.tcss"
    TITLE = "meshtui"
    BINDINGS = [  # noqa: RUF012
        Binding("ctrl+r", "rollback", show=False, priority=True),
        Binding("ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(
        self,
        cockpit: Cockpit,
        *,
        theme: str = "",
        clock: Clock = time.time,
    ) -> None:
        super().__init__()
        self.cockpit = cockpit
        self.opened: MainScreen | None = None
        self._clock = clock
        self._hung_up = False
        self._wanted_theme = theme or DEFAULT
        self._theme_problems: tuple[str, ...] = ()
        self._load_themes()

    # Themes

    def _load_themes(self) -> None:
        themes = load_themes((paths.shipped_themes(), paths.user_themes()))
        for theme in themes.found:
            self.register_theme(theme)
        self._theme_problems = themes.problems
        if self.get_theme(self._wanted_theme) is None:
            self._theme_problems += (f"there is no theme {self._wanted_theme}",)
            self._wanted_theme = DEFAULT
        if self.get_theme(self._wanted_theme) is not None:
            self.theme = self._wanted_theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return roles.default_variables(self.current_theme)

    # The life of the program

    def compose(self) -> ComposeResult:
        yield Static(Content.assemble((" meshtui", "bold"), "  connecting…"), id="splash")

    def on_mount(self) -> None:
        on_hang_up(self.hang_up)
        self.run_worker(self._open(), exit_on_error=True)

    async def _open(self) -> None:
        """The main screen, once it is imported; the thread leaves the first paint its time."""
        module = await asyncio.to_thread(import_module, "meshtui.ui.main.screen")
        self.opened = module.MainScreen(self.cockpit, self._clock)
        await self.push_screen(self.main)
        for problem in self._theme_problems:
            self.main.status_later(problem)

    async def on_unmount(self) -> None:
        await self.cockpit.close()

    @property
    def main(self) -> MainScreen:
        """The main screen; there is none before the first paint."""
        if self.opened is None:
            raise RuntimeError("the main screen is not open yet")
        return self.opened

    def hang_up(self) -> None:
        """Nobody is at the screen any more: finish what is being applied, and leave."""
        if not self._hung_up:
            self._hung_up = True
            self.run_worker(self._leave_when_idle(), group="hang-up", exit_on_error=False)

    async def _leave_when_idle(self) -> None:
        await until_idle(lambda: self.opened is not None and self.opened.desk.busy)
        self.exit(int(Exit.DONE))

    def action_leave(self) -> None:
        """Leave; while a change is being applied it takes a second time."""
        if self.opened is None:
            self.exit(int(Exit.UNREACHABLE))
        elif self.main.may_leave():
            self.exit(int(Exit.DONE if self.main.was_connected else Exit.UNREACHABLE))

    async def action_quit(self) -> None:
        self.action_leave()

    def action_help_quit(self) -> None:
        if self.opened is not None:
            self.main.say("q quits, Esc goes back")

    def action_rollback(self) -> None:
        """From every state of the program: what is open makes room."""
        from meshtui.ui.dialogs.offline import OfflineScreen

        if self.opened is None:
            return
        if isinstance(self.screen, OfflineScreen):
            self.screen.note("not connected: nothing can be rolled back now")
            return
        while isinstance(self.screen, ModalScreen):
            self.pop_screen()
        self.main.run_action_by_id("rollback")

    def action_command(self) -> None:
        """A dialog makes room for the command that is being typed."""
        self.main.run_action_by_id("command")

    # What dialogs ask for

    def on_diff_dialog_confirmed(self, message: DiffDialog.Confirmed) -> None:
        self.main.apply(message.plan, message.dialog)

    def on_offline_screen_again(self) -> None:
        self.main.connect()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the same actions as the keys."""
        from meshtui.ui.actions import registry as actions

        for action in actions.ACTIONS:
            if action.palette:
                do = partial(self.main.run_action_by_id, action.id)
                yield SystemCommand(f"{action.label}  ({action.shown})", action.help, do)
