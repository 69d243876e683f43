"""Every action by each of its keys and by its name after `:`, in one program of each size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette

from meshtui.mesh.model import ServiceKey
from meshtui.ui.actions.action import Action
from meshtui.ui.actions.registry import ACTIONS, BY_ID
from meshtui.ui.actions.situation import TABLE
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.main import commands
from meshtui.ui.main.commands import Adopt, EditObject, FilterBy, Undo
from meshtui.ui.main.filters import Filter
from meshtui.ui.main.handlers import Handlers
from meshtui.ui.table.lineid import LineId
from meshtui.ui.table.order import Sort
from meshtui.verbs import VERBS
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.test_logs_pane import entry
from tests.ui.test_snapshots import back, cockpit

PALETTE = "ctrl+p"
"""Textual's own binding, which comes before every action."""

TYPED = {"digit", "backspace"}
"""Keys that write into the table: there is nothing to say after `:` but the whole weight."""

BY_VERB = {"undo": Undo, "adopt": Adopt, "edit": EditObject, "filter": FilterBy}
"""Actions whose name after `:` is a verb, which may have words, and what it is understood as."""


class Ran:
    """What was run; all of it is done but the end of the program."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.actions: list[str] = []
        real = Handlers.run

        def run(handlers: Handlers, action_id: str, key: str) -> None:
            self.actions.append(action_id)
            if action_id != "quit":
                real(handlers, action_id, key)

        understood = commands.parse_command

        def parse(*words: Any) -> commands.Command | None:
            command = understood(*words)
            names = (name for name, kind in BY_VERB.items() if type(command) is kind)
            self.actions.extend(names)
            return command

        monkeypatch.setattr(Handlers, "run", run)
        monkeypatch.setattr(commands, "parse_command", parse)

    async def in_time(self, drive: Drive, action_id: str) -> bool:
        """Whether it was run, on a machine that may have much else to do."""
        try:
            await drive.until(lambda: action_id in self.actions, 20.0)
        except AssertionError:
            return False
        return True


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ran:
    @contextmanager
    def suspend(_: MeshtuiApp) -> Iterator[None]:
        yield

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(MeshtuiApp, "suspend", suspend)
    return Ran(monkeypatch)


async def there(drive: Drive, action: Action) -> None:
    """Where the action is meant; what the one before has opened late is closed once more."""
    for _ in range(9):
        try:
            await placed(drive, action, 5.0)
        except AssertionError:
            continue
        return
    await placed(drive, action, 60.0)


async def placed(drive: Drive, action: Action, patience_s: float) -> None:
    """The part of the screen, the row, the draft."""
    await back(drive)
    main = drive.app.main
    table = main.table
    for service in ("reviews", "ratings"):
        main.rule_choice.back(ServiceKey("bookinfo", service))
    table.set_filter(Filter())
    table.set_sort(Sort("name"))
    place = TABLE if TABLE in action.where else min(action.where)
    service, version = ("ratings", "") if action.id == "adopt" else ("reviews", "v3")
    table.select(LineId(ServiceKey("bookinfo", service), ""))
    table.fold(False)
    if action.needs != "head":
        table.select(LineId(ServiceKey("bookinfo", service), version))
    if action.needs == "draft":
        await drive.press("plus")
    if place != TABLE:
        await opened(drive, place)
    wanted = (place, action.needs == "draft", main)

    def found() -> tuple[object, ...]:
        now = main.situation()
        return now.focus, now.draft, drive.app.screen

    await drive.until(lambda: found() == wanted, patience_s)


async def opened(drive: Drive, place: str) -> None:
    asked = len(drive.cockpit.tailed)
    await drive.press(BY_ID[place].keys[0])
    await drive.until(lambda: drive.app.main.dock.pane(place) is not None)
    if place == "logs":
        await drive.until(lambda: len(drive.cockpit.tailed) > asked)
        drive.cockpit.logs.put_nowait(entry(1, "v3", 503))
        await drive.until(lambda: "/reviews/1" in drive.text)


async def palette_opens(drive: Drive) -> None:
    await drive.press(PALETTE)
    await drive.until(lambda: isinstance(drive.app.screen, CommandPalette))
    await drive.press("escape")
    await drive.until(lambda: drive.app.screen is drive.app.main)


def test_only_what_is_typed_into_the_table_has_no_word() -> None:
    wordless = {action.id for action in ACTIONS if action.id not in commands.names()}
    assert wordless == TYPED
    verbs = {verb.name for verb in VERBS if verb.line}
    assert set(BY_VERB) <= verbs & set(BY_ID)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_every_action_by_key_and_by_word(size: tuple[int, int], ran: Ran) -> None:
    missed: list[str] = []
    async with driving(cockpit(), size) as drive:
        for action in ACTIONS:
            for key in action.keys:
                await there(drive, action)
                if key == PALETTE:
                    await palette_opens(drive)
                    continue
                ran.actions.clear()
                await drive.press(key)
                if not await ran.in_time(drive, action.id):
                    missed.append(f"{action.id} by {key}: {drive.status}")
            if action.id not in TYPED:
                await there(drive, action)
                ran.actions.clear()
                await drive.press(":")
                await drive.type(action.id)
                await drive.press("enter")
                if not await ran.in_time(drive, action.id):
                    missed.append(f":{action.id}: {drive.status}")
            assert drive.app.is_running and drive.app._exception is None, action.id
    assert not missed, "\n".join(missed)
