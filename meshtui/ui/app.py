"""The program on the screen: themes, the main screen, and the keys that work from everywhere.

The first paint is a line of its own: what the main screen needs is imported after it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding
from textual.content import Content
from textual.driver import Driver
from textual.events import DescendantFocus, Event, Key
from textual.filter import LineFilter, Monochrome
from textual.screen import ModalScreen, Screen
from textual.widgets import Static
from textual.worker import WorkerFailed

from meshtui.crash import crashed
from meshtui.errors import Exit, MeshtuiError
from meshtui.ui import paths
from meshtui.ui.ending import Ending, left_on, running_on
from meshtui.ui.garbage import Garbage
from meshtui.ui.greeting import NO_GREETING, Greeting
from meshtui.ui.main.keystream import KeyOrder
from meshtui.ui.terminal.cells import TerminalCells
from meshtui.ui.themes import DEFAULT, load_themes, missing_theme
from meshtui.ui.timers import CertainTimers
from meshtui.ui.widgets import roles

if TYPE_CHECKING:
    from rich.console import RenderableType

    from meshtui.operations.cockpit import Cockpit
    from meshtui.ui.dialogs.diff import DiffDialog
    from meshtui.ui.main.messages import ThemeWanted
    from meshtui.ui.main.screen import MainScreen
    from meshtui.ui.terminal.watchdog import Leaving

INTERRUPT_S = 3.0
"""How soon the second ^C follows the first."""

Clock = Callable[[], float]


class MeshtuiApp(CertainTimers, App[int]):
    """`run()` returns an exit status. `clock` gives seconds since the epoch.

    `leaving` watches the terminal already, from the start of the program. `ascii_only`: no signs
    and lines beyond ASCII; `badges`: how loud the contexts are whose names match a pattern;
    `mouse`: whether the mouse is ours, else its selection is the terminal's.
    """

    CSS_PATH = "app.tcss"
    TITLE = "meshtui"
    BINDINGS = [  # noqa: RUF012
        Binding("ctrl+r", "rollback", show=False, priority=True),
        Binding("ctrl+q", "leave", show=False, priority=True),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
        Binding("ctrl+l", "repaint", show=False),
    ]

    def __init__(
        self,
        cockpit: Cockpit,
        *,
        theme: str = "",
        theme_at: str = "",
        ascii_only: bool = False,
        badges: Mapping[str, str] = MappingProxyType({}),
        mouse: bool = False,
        clock: Clock = time.time,
        leaving: Leaving | None = None,
        problems: Iterable[str] = (),
        welcome: Greeting = NO_GREETING,
    ) -> None:
        """`problems` are told as soon as the screen is there, `welcome` below the table;
        `theme_at` is where that theme is set."""
        super().__init__()
        self.animation_level = "none"
        self.cockpit = cockpit
        self._badges = badges
        self.mouse = mouse
        if self.no_color:
            self._without_colours()
        self._ascii: list[LineFilter] = []
        if ascii_only:
            from meshtui.ui.widgets.ascii import AsciiFilter

            self._ascii.append(AsciiFilter())
        self.opened: MainScreen | None = None
        self._clock = clock
        self._keys = KeyOrder(
            lambda: self.focused or self.screen,
            self._read_key,
            self.set_timer,
            lambda: getattr(self.screen, "opening", False),
        )
        self.ending = Ending(self, lambda: self.opened, lambda: self._driver, leaving)
        self.garbage = Garbage(time.monotonic)
        self._interrupted = False
        self.failure: MeshtuiError | None = None
        self._wanted_theme = theme or DEFAULT
        self._theme_problems: tuple[str, ...] = ()
        self._problems = tuple(problems)
        self._welcome = welcome
        self._on_terminal = TerminalCells()
        self._load_themes(theme_at)

    # Themes

    def _load_themes(self, theme_at: str) -> None:
        themes = load_themes((paths.shipped_themes(), paths.user_themes()))
        for theme in themes.found:
            self.register_theme(theme)
        self._theme_problems = themes.problems
        if self.get_theme(self._wanted_theme) is None:
            problem = missing_theme(self._wanted_theme, self.available_themes, theme_at)
            self._theme_problems += (str(problem),)
            self._wanted_theme = DEFAULT
        if self.get_theme(self._wanted_theme) is not None:
            self.theme = self._wanted_theme

    def _without_colours(self) -> None:
        """NO_COLOR: greys in which what fails stands out; the sixteen of a terminal have none."""
        from meshtui.ui.widgets.greys import Greys

        self._filters = [Greys() if isinstance(one, Monochrome) else one for one in self._filters]

    def get_line_filters(self) -> Sequence[LineFilter]:
        """With plain ASCII as the last of them, where that is wanted."""
        return [*super().get_line_filters(), *self._ascii]

    def plain(self, text: str) -> str:
        """What is said outside of the screen, with no other signs than the screen may have."""
        if not self._ascii:
            return text
        from meshtui.ui.widgets.ascii import to_ascii

        return to_ascii(text)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return roles.default_variables(self.current_theme)

    # Keys

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key) and not event.is_forwarded:
            self.garbage.key()
            if self._keys.splits(event) or self._keys.waits(event):
                return
            self._keys.sent(event)
        await super().on_event(event)

    async def _on_key(self, event: Key) -> None:
        self._keys.untaken(event)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """No cursor blinks: over a slow line each blink is bytes that say nothing."""
        from textual.widgets import Input

        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False
        self._keys.focused()

    def _read_key(self, key: str, character: str | None) -> None:
        self.post_message(Key(key, character).set_sender(self))

    # What reaches the terminal

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """As Textual's, but only the cells that differ."""
        super()._display(screen, self._on_terminal.changes(renderable))

    def forget_terminal(self) -> None:
        """The terminal shows something else: the next paint writes all of what it paints."""
        self._on_terminal.forget()

    # The life of the program

    def compose(self) -> ComposeResult:
        yield Static(Content.assemble((" meshtui", "bold"), "  connecting"), id="splash")

    def get_driver_class(self) -> type[Driver]:
        """A terminal of our own where Textual would take its own for it."""
        from textual.drivers.linux_driver import LinuxDriver

        found = super().get_driver_class()
        if found is not LinuxDriver:
            return found
        from meshtui.ui.terminal.driver import TerminalDriver

        return TerminalDriver

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self._aside(context.get("exception")))
        self.app_resume_signal.subscribe(self, lambda _: self.resumed())
        # The first paint comes first: imports beside it would take half of its time.
        self.call_after_refresh(self._begin)
        self.set_interval(1.0, self._collect)

    def _collect(self) -> None:
        shown = self.opened.snapshot if self.opened is not None else None
        self.garbage.tick(loaded=shown is not None and shown.mesh.knows("pods"))

    def _begin(self) -> None:
        self.run_worker(self._open(), exit_on_error=True)

    async def _open(self) -> None:
        """The main screen, once it is imported, in a thread: keys are answered meanwhile."""
        module = await asyncio.to_thread(import_module, "meshtui.ui.main.screen")
        parts = (self.cockpit, self._clock, self._badges, self._welcome)
        self.opened = module.MainScreen(*parts, ascii_only=bool(self._ascii))
        await self.push_screen(self.main)
        for problem in (*self._theme_problems, *self._problems):
            self.main.status_later(problem)

    async def on_unmount(self) -> None:
        await self.cockpit.close()

    @property
    def main(self) -> MainScreen:
        """The main screen; there is none before the first paint."""
        if self.opened is None:
            raise RuntimeError("the main screen is not open yet")
        return self.opened

    def exit(
        self,
        result: int | None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """Whatever is still under way then cannot keep the program."""
        self.ending.begin(return_code if result is None else result)
        super().exit(result, return_code, message)

    def watch_terminal(self, terminal: int) -> Leaving:
        """What ends the program when the terminal is gone, for the driver of that terminal."""
        return self.ending.watch(terminal)

    def hang_up(self, number: int = signal.SIGHUP) -> None:
        """A signal asks the program to end, or nobody is at the screen any more."""
        self.ending.hang_up(number)

    def release_terminal(self) -> None:
        """After `run`: nothing of ours is between the process and its signals any more."""
        self.ending.release()

    # What nobody foresaw

    def crash(self, error: Exception) -> None:
        """As Textual does with what a handler raises."""
        self._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        """One line when the terminal is given back, a file with the rest; no local variables."""
        self._return_code = int(Exit.FAILED)
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
            cause = error.error if isinstance(error, WorkerFailed) else error
            self.failure = crashed("meshtui", cause)
        self.ending.crash(self._close_messages_no_wait)

    def _aside(self, error: BaseException | None) -> None:
        """Work that nobody waits for has failed: the screen goes on."""
        if isinstance(error, Exception) and self.opened is not None:
            self.opened.fail(crashed("background work", error))

    # Suspended and back

    def resumed(self) -> None:
        """After ^Z and fg: what is on the terminal and what is known are both old."""
        self.repaint()
        if self.opened is not None:
            self.opened.ask_again()

    def on_resize(self) -> None:
        """A terminal may move what is on it."""
        self.forget_terminal()

    def repaint(self) -> None:
        """All of it, whatever is thought to be there."""
        self.forget_terminal()
        for screen in self.screen_stack:
            screen.refresh(layout=True)

    def action_repaint(self) -> None:
        """Somebody else has written on the terminal."""
        self.repaint()

    def action_leave(self) -> None:
        """Leave; while a change is being applied it takes a second time."""
        if self.opened is None:
            self.exit(int(Exit.UNREACHABLE))
        elif self.main.may_leave():
            limited = left_on(self.cockpit.pending(), self._clock())
            self.ending.left_on = (*limited, *running_on(self.cockpit.unfinished_canaries()))
            self.exit(int(Exit.DONE if self.main.was_connected else Exit.UNREACHABLE))

    async def action_quit(self) -> None:
        self.action_leave()

    def action_interrupt(self) -> None:
        """^C: once says how to leave, twice leaves."""
        if self._interrupted or self.opened is None:
            self.action_leave()
            return
        from meshtui.ui.actions.registry import key_of

        self._interrupted = True
        words = f"^C again leaves, and so does {key_of('quit')}; {key_of('back')} goes back"
        self.main.announce(words)
        self.set_timer(INTERRUPT_S, lambda: self._forget_interrupt(words))

    def action_suspend_process(self) -> None:
        """^Z, unless nobody could bring it back."""
        from meshtui.ui.terminal.job import is_job

        if is_job():
            super().action_suspend_process()
        elif self.opened is not None:
            from meshtui.ui.actions.registry import key_of

            words = "there is no shell here to come back from with fg"
            self.main.announce(f"{words}; {key_of('quit')} leaves", "warning")

    def _forget_interrupt(self, words: str) -> None:
        """What was said is not so any more; what was said since stays."""
        self._interrupted = False
        if self.main.status.text == words:
            self.main.announce("")

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

    def on_theme_wanted(self, message: ThemeWanted) -> None:
        if self.get_theme(message.name or DEFAULT) is None:
            problem = missing_theme(message.name, self.available_themes)
            self.main.announce(str(problem), "warning")
        else:
            self.theme = message.name or DEFAULT

    def on_offline_screen_again(self) -> None:
        self.main.connect()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the same actions as the keys."""
        from meshtui.ui.actions import registry as actions

        for action in actions.current():
            if action.palette:
                do = partial(self.main.run_action_by_id, action.id)
                yield SystemCommand(f"{action.label}  ({action.shown})", action.help, do)
