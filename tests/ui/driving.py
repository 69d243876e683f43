"""How the tests drive the screen: keys, and waiting for what they lead to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from textual import app as textual_app
from textual import pilot as textual_pilot
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation
from textual.pilot import Pilot
from textual.screen import Screen

from meshtui.ui.actions.situation import TABLE
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.dialogs.diff import DiffDialog, Phase
from tests.ui.fake import FakeCockpit


async def settled(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Wait until nothing is left to be done at once: no callback is ready, twice in a row.

    Textual waits until the process uses little processor time. On a busy machine that is up to a
    second after each key, and it was half of what these tests took.
    """
    loop = asyncio.get_running_loop()
    end, quiet = loop.time() + max_sleep, 0
    while quiet < _QUIET_TURNS and loop.time() < end:
        await asyncio.sleep(0.001 if quiet else 0)
        quiet = 0 if loop._ready else quiet + 1  # type: ignore[attr-defined]


_QUIET_TURNS = 3
textual_app.wait_for_idle = textual_pilot.wait_for_idle = settled  # type: ignore[attr-defined]

_parse = Stylesheet._parse_rules
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


def parsed_once(
    self: Stylesheet,
    css: str,
    read_from: CSSLocation,
    is_default_rules: bool = False,
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    """Each app parses the same style sheets: an eighth of what it takes to start one."""
    words = (css, read_from, is_default_rules, tie_breaker, scope)
    key = (*words, *self._variables.items())
    if key not in _parsed:
        _parsed[key] = _parse(self, *words)
    return _parsed[key]


Stylesheet._parse_rules = parsed_once  # type: ignore[method-assign]

SMALL, LARGE = (80, 24), (160, 48)
S = TypeVar("S", bound="Screen[object]")


class Drive:
    """An app under test with its cockpit and its keys."""

    def __init__(self, app: MeshtuiApp, cockpit: FakeCockpit, pilot: Pilot[int]) -> None:
        self.app = app
        self.cockpit = cockpit
        self.pilot = pilot

    async def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Wait until something is so; fail with the screen where it never is."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("it never came to pass; on screen:\n" + self.text)
            await self.pilot.pause()
            await asyncio.sleep(0.005)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(*(" " if char == " " else char for char in text))

    async def tick(self) -> None:
        """A new sample, and the screen has taken it."""
        self.cockpit.tick()
        time_of = self.cockpit.snapshot().time
        await self.until(lambda: self.snapshot_time == time_of)

    @property
    def snapshot_time(self) -> float:
        snapshot = self.app.main.snapshot
        return snapshot.time if snapshot else 0.0

    @property
    def text(self) -> str:
        """What the terminal shows."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)

    @property
    def status(self) -> str:
        return self.app.main.status.text

    @property
    def dialog(self) -> DiffDialog:
        assert isinstance(self.app.screen, DiffDialog), f"no diff is open:\n{self.text}"
        return self.app.screen

    async def armed(self) -> DiffDialog:
        """The diff dialog, once Enter means something."""
        await self.until(lambda: isinstance(self.app.screen, DiffDialog))
        dialog = self.dialog
        await self.until(lambda: dialog.armed or dialog.phase is not Phase.SHOWN)
        await self.until(lambda: dialog.phase is not Phase.PLANNING)
        if dialog.phase is Phase.SHOWN:
            await self.until(lambda: dialog.armed)
        return dialog

    async def go_to(self, service: str, version: str = "") -> None:
        """The cursor to a line, by keys alone; the table has the focus then."""
        while self.app.main.arrangement.focus != TABLE:
            await self.press("tab")
        await self.press("home")
        for _ in range(len(self.app.main.table.entries)):
            place = self.app.main.table.place
            if place and (place.service.name, place.version) == (service, version):
                return
            await self.press("j")
        raise AssertionError(f"{service} {version} is not on screen:\n{self.text}")


@asynccontextmanager
async def driving(
    cockpit: FakeCockpit | None = None, size: tuple[int, int] = LARGE, *, ready: bool = True
) -> AsyncIterator[Drive]:
    """The program on a fake cockpit, connected and with its first snapshot on screen."""
    cockpit = cockpit or FakeCockpit()
    app = MeshtuiApp(cockpit, clock=cockpit.clock)
    async with app.run_test(size=size) as pilot:
        drive = Drive(app, cockpit, pilot)
        await drive.until(lambda: app.opened is not None)
        if ready:
            await drive.until(lambda: app.main.snapshot is not None)
        yield drive
