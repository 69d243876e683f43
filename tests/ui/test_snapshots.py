"""Every screen, pane and dialog in a dark and a light theme, as it was last looked at."""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from typing import NamedTuple

import pytest
from textual.screen import ModalScreen

from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.envoy.hops import Hop, LoggedHop
from meshtui.errors import Unreachable
from meshtui.operations.request.follow import FollowedRequest
from meshtui.operations.types import LogEntry
from meshtui.ui import dialogs
from meshtui.ui.actions.registry import BY_ID
from meshtui.ui.dialogs.base import Dialog
from meshtui.ui.main.screen import MainScreen
from meshtui.ui.panes.dock import PANES
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit
from tests.ui.snapshots import FOLDER, check
from tests.ui.test_canary_pane import driven
from tests.ui.test_journal_pane import ENTRIES
from tests.ui.test_load_pane import state as load_state
from tests.ui.test_logs_pane import entry

SIZES = (SMALL, LARGE)


class Case(NamedTuple):
    """Something to look at: its name, the class of screen that it is, and how to get there."""

    name: str
    screen: str
    open: Callable[[Drive], Awaitable[None]]
    service: tuple[str, str] = ("reviews", "v3")


async def nothing(_: Drive) -> None:
    """The table by itself."""


def keys(*pressed: str) -> Callable[[Drive], Awaitable[None]]:
    async def open_it(drive: Drive) -> None:
        await drive.press(*pressed)

    return open_it


def typed(words: str) -> Callable[[Drive], Awaitable[None]]:
    async def open_it(drive: Drive) -> None:
        await drive.press(":")
        await drive.type(words)

    return open_it


async def command(drive: Drive, words: str) -> None:
    await typed(words)(drive)
    await drive.press("enter")


async def diff(drive: Drive) -> None:
    await drive.press("plus", "enter")
    await drive.armed()


async def danger(drive: Drive) -> None:
    await command(drive, "fault abort 503 100%")
    await drive.armed()


async def logs(drive: Drive) -> None:
    before = len(drive.cockpit.tailed)
    await drive.press("l")
    await drive.until(lambda: len(drive.cockpit.tailed) > before)
    program = LogEntry("bookinfo", "reviews-v1-x", "v1", "Traceback: x", 10**18, container="app")
    for one in (entry(1), entry(2, "v3", 503, "UF", 2500), program, entry(3, "v2", 404)):
        drive.cockpit.logs.put_nowait(one)
    await drive.until(lambda: "/reviews/3" in drive.text)


async def marked(drive: Drive) -> None:
    await logs(drive)
    await command(drive, "logs highlight reviews/[0-9]")


async def log_line(drive: Drive) -> None:
    await logs(drive)
    await drive.press("k", "k", "enter")


async def followed(drive: Drive) -> None:
    await logs(drive)
    await drive.press("F")


async def load(drive: Drive) -> None:
    await command(drive, "load 50 10s /reviews/0")
    await drive.until(lambda: type(drive.app.screen).__name__ == "Question")
    await drive.press("enter")
    drive.cockpit.load_states.put_nowait(load_state())
    await drive.until(lambda: "4 of 10 s" in drive.text)


async def question(drive: Drive) -> None:
    await drive.press("C")
    await drive.until(lambda: "observing at 25 %" in drive.text)
    await drive.press("X")


async def namespaces(drive: Drive) -> None:
    await command(drive, "ns")


CASES = (
    Case("main", "MainScreen", nothing),
    Case("draft", "MainScreen", keys("plus", "plus")),
    Case("prompt", "MainScreen", typed("fault delay 3s")),
    *(
        Case(f"pane-{kind}", "MainScreen", keys(BY_ID[kind].keys[0]))
        for kind in PANES
        if kind != "logs"
    ),
    Case("pane-logs", "MainScreen", logs),
    Case("logs-marked", "MainScreen", marked),
    Case("diff", "DiffDialog", diff),
    Case("diff-dangerous", "DiffDialog", danger),
    Case("form-mirror", "FormDialog", keys("m")),
    Case("form-fault", "FormDialog", keys("f")),
    Case("form-timeout", "FormDialog", keys("o")),
    Case("form-breaker", "FormDialog", keys("b")),
    Case("form-adopt", "FormDialog", keys("j", "j", "j", "A")),
    Case("load", "MainScreen", load),
    Case("log-line", "LogLineDialog", log_line),
    Case("followed", "FollowedDialog", followed),
    Case("question", "Question", question),
    Case("namespaces", "ChooseDialog", namespaces),
    Case("help", "HelpDialog", keys("question_mark")),
)
OFFLINE = Case("offline", "OfflineScreen", nothing)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def cockpit() -> FakeCockpit:
    found = driven()
    found.entries = ENTRIES
    pods = {pod.workload: pod for pod in found.mesh.pods}
    hop = Hop(
        LoggedHop(pods["productpage-v1"], logged(31)), LoggedHop(pods["reviews-v3"], logged(29))
    )
    read = tuple((pod.namespace, pod.name) for pod in pods.values())
    found.known_follow = FollowedRequest("id-2", (hop,), read)
    return found


def logged(took: int) -> AccessRecord:
    record = parse_line(entry(2, "v3", 503, "UF", took).text)
    assert record is not None
    return record


async def back(drive: Drive) -> None:
    """To the table alone."""
    while not isinstance(drive.app.screen, MainScreen):
        drive.app.pop_screen()
        await drive.pilot.pause()
    main = drive.app.main
    for kind in main.dock.open_kinds:
        main.arrangement.close(kind)
    if main.prompt.display:
        await drive.press("escape")
    for key in tuple(main.drafting.drafts):
        main.drafting.drop(key)
    main.announce("")
    await drive.until(lambda: main.arrangement.focus == "table" and not main.dock.open_kinds)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", SIZES)
async def test_everything_looks_as_it_was_last_looked_at(size: tuple[int, int]) -> None:
    """In one program: what differs anywhere is told at once."""
    differing: list[str] = []
    async with driving(cockpit(), size) as drive:
        for case in CASES:
            await drive.go_to(*case.service)
            await case.open(drive)
            await drive.until(lambda case=case: type(drive.app.screen).__name__ == case.screen)
            drive.app.main.announce("")
            differing += await check(drive, case.name, size)
            await back(drive)
    away = FakeCockpit()
    away.connect_error = Unreachable("https://127.0.0.1:6443 does not answer", "is the VPN up?")
    async with driving(away, size, ready=False) as drive:
        await drive.until(lambda: type(drive.app.screen).__name__ == OFFLINE.screen)
        differing += await check(drive, OFFLINE.name, size)
    assert not differing, "\n".join(("", *differing, "", "see tests/ui/snapshots.py"))


def test_every_pane_and_dialog_has_a_snapshot_and_every_snapshot_is_of_something() -> None:
    every = (*CASES, OFFLINE)
    assert {f"pane-{kind}" for kind in PANES} <= {case.name for case in every}
    screens = {
        name
        for module in pkgutil.iter_modules(dialogs.__path__, f"{dialogs.__name__}.")
        for name, found in vars(import_module(module.name)).items()
        if isinstance(found, type) and issubclass(found, ModalScreen) and found is not Dialog
        if found.__module__ == module.name
    }
    assert screens | {"MainScreen"} == {case.screen for case in every}
    for width, height in SIZES:
        there = {path.stem for path in (FOLDER / f"{width}x{height}").glob("*.txt")}
        assert there == {case.name for case in every}
