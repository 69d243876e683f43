"""How the program ends: asked to, hung up on, or by a mistake of its own; never in the middle.

A change that is being written is written first, and an editor is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import App
from textual.driver import Driver

from meshtui import children
from meshtui.errors import Exit
from meshtui.mesh.text import clean
from meshtui.ui.main.hangup import VERIFY_S, WRITE_S, until_idle
from meshtui.ui.terminal.watchdog import Leaving

if TYPE_CHECKING:
    from meshtui.operations.canary.watching import CanaryRun
    from meshtui.operations.types import Pending
    from meshtui.ui.main.screen import MainScreen
    from meshtui.ui.terminal.driver import TerminalDriver

APPLYING = "a change is being applied; ^C leaves at once"


def left_on(pending: Sequence[Pending], now: float) -> tuple[str, ...]:
    """What has a time limit goes on when the screen is left, and who ends it then."""
    lines = []
    for one in pending:
        at = time.strftime("%H:%M", time.localtime(now + one.left_s))
        when = f"until {at}" if one.left_s >= 0 else f"OVERDUE since {at}"
        lines.append(f"still on, {when}: {one.service} {clean(one.words, MOST)}")
    keep = "no screen is open any more to end it in time: `meshtui keep` does, or the next screen"
    return (*lines, keep) if lines else ()


def running_on(canaries: Sequence[CanaryRun]) -> tuple[str, ...]:
    """A canary is no part of the screen: who drives it, and what steers it from a shell."""
    return tuple(f"{_place(run)}, {_steering(run)}" for run in canaries)


def _place(run: CanaryRun) -> str:
    progress = run.progress
    if progress is None:
        return f"a canary of {run.service} is unfinished"
    version, step = clean(progress.version, MOST), progress.ladder[progress.index]
    return f"a canary of {run.service} to {version} is unfinished at {step}"


def _steering(run: CanaryRun) -> str:
    if run.live:
        return (
            f"and goes on, driven by {run.driver}: `meshtui canary status {run.service}` shows it, "
            "`canary hold` and `canary abort` steer it"
        )
    return (
        f"and nobody here drives it: `meshtui canary resume {run.service}` goes on, "
        "`canary abort` takes it back"
    )


MOST = 120
"""Characters of a change's own words."""


class Ending:
    """The ways out of `app`. `leaving` is what watches its terminal so far."""

    def __init__(
        self,
        app: App[int],
        opened: Callable[[], MainScreen | None],
        driver: Callable[[], Driver | None],
        leaving: Leaving | None,
    ) -> None:
        self._app = app
        self._opened = opened
        self._driver = driver
        self._leaving = leaving
        self.parting: tuple[str, ...] = ()
        """What a person should know once the terminal is given back."""

        self.left_on: tuple[str, ...] = ()
        """The same of faults and mirrors that go on in the cluster."""

        self._hung_up = False
        self._crashing: asyncio.Task[None] | None = None

    def watch(self, terminal: int) -> Leaving:
        """What ends the program when `terminal` is gone."""
        if self._leaving is None:
            self._leaving = Leaving(terminal)
        return self._leaving

    def begin(self, status: int) -> None:
        """The program is to end with `status`: from now on it has little time for that."""
        if self._leaving is not None:
            self._leaving.status = status
            self._leaving.begin()

    def hang_up(self, number: int) -> None:
        """Nobody is at the screen any more: finish what is being written, and leave."""
        if not self._hung_up:
            self._hung_up = True
            work = self._leave_when_idle(number)
            self._app.run_worker(work, group="hang-up", exit_on_error=False)
        elif number == signal.SIGINT:
            self._app.exit(int(Exit.DONE))

    async def _leave_when_idle(self, number: int) -> None:
        await self._close_editor()
        await self._finish(number)
        self._app.exit(int(Exit.DONE))

    async def _close_editor(self) -> None:
        """It has the terminal, and would keep it; what was typed stays on disk."""
        self.parting = children.last_words()
        opened, driver = self._opened(), self._terminal
        if self.parting and opened is not None:
            self._app.workers.cancel_group(opened, "edit")
            kindly = await asyncio.to_thread(children.end, children.KINDLY_S)
            if driver is not None and not kindly:
                driver.restore()

    async def _finish(self, number: int) -> None:
        """Every write of the running changes, and what the proxies say to them for a while."""
        opened = self._opened()
        if opened is None or not opened.desk.busy:
            return
        self._give_back(number, writing=opened.desk.writing)
        await until_idle(lambda: opened.desk.writing, WRITE_S)
        if self._leaving is not None:
            self._leaving.extend(0.0)
        await until_idle(lambda: opened.desk.busy, VERIFY_S)

    def _give_back(self, number: int, *, writing: bool) -> None:
        """The terminal at once, though the program goes on for a while."""
        if self._leaving is not None and writing:
            self._leaving.extend(WRITE_S)
        driver = self._terminal
        if driver is not None:
            driver.give_back()
            if number != signal.SIGHUP and sys.__stderr__ is not None:
                with contextlib.suppress(OSError):
                    sys.__stderr__.write(f"meshtui: {APPLYING}\n")
                    sys.__stderr__.flush()

    def crash(self, close: Callable[[], None]) -> None:
        """`close` ends the program; it is called once what is being written is written."""
        if self._crashing is not None:
            return
        self.begin(int(Exit.FAILED))
        opened = self._opened()
        if opened is not None and opened.desk.busy and not self._hung_up:
            self._hung_up = True
            self._crashing = asyncio.create_task(self._close_when_idle(close))
        else:
            close()

    async def _close_when_idle(self, close: Callable[[], None]) -> None:
        await self._finish(signal.SIGHUP)
        close()

    def release(self) -> None:
        """After `run`: signals mean what they meant before.

        Where nobody is at the terminal any more, what is still to be cleaned up has its limit.
        """
        driver = self._terminal
        if driver is not None:
            driver.release()
        if self._leaving is not None and not self._hung_up:
            self._leaving.done()

    @property
    def _terminal(self) -> TerminalDriver | None:
        from meshtui.ui.terminal.driver import TerminalDriver

        driver = self._driver()
        return driver if isinstance(driver, TerminalDriver) else None
