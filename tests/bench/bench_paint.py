"""What a tick costs to show in which all rows change, beside Textual's own DataTable.

`python -m tests.bench.bench_paint [--ticks 7]`: 1,000 services of three versions, a terminal of
160 by 48. Medians of the CPU time from new numbers to what is written to the terminal: our table
is fed, DataTable gets `update_cell` for the eight numbers of each of 3,000 rows. Then the bytes of
such a tick, of one in which two services in sight change, and of a full repaint.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from textual._compositor import CompositorUpdate
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import DataTable

from meshtui.mesh.signals import Signals
from meshtui.mesh.view import ServiceView
from meshtui.ui import garbage
from meshtui.ui.terminal.cells import TerminalCells
from tests.bench import said
from tests.ui.big import big_objects
from tests.ui.driving import LARGE, driving
from tests.ui.fake import FakeCockpit

SERVICES, ROWS, NUMBERS = 1000, 3000, 8


class Terminal:
    """In place of an app's own: writes as this screen does, or as Textual, and counts bytes."""

    def __init__(self, app: App[Any], *, ours: bool) -> None:
        self.cells = TerminalCells() if ours else None
        self.bytes = 0
        self._console = Console(color_system="256", force_terminal=True, legacy_windows=False)
        app._display = lambda _, update: self.take(update)  # type: ignore[method-assign]

    def take(self, update: Any) -> None:
        if isinstance(update, CompositorUpdate):
            update = self.cells.changes(update) if self.cells is not None else update
            self.bytes += len(update.render_segments(self._console).encode())

    def repaint(self, screen: Screen[Any]) -> int:
        """Bytes of all that is on the screen."""
        self.bytes = 0
        if self.cells is not None:
            self.cells.forget()
        self.take(screen._compositor.render_full_update())
        return self.bytes


class Theirs(App[None]):
    """Textual's table, as it is meant to be used."""

    def compose(self) -> ComposeResult:
        yield DataTable()

    def fill(self) -> None:
        table = self.query_one(DataTable)
        for number in range(NUMBERS):
            table.add_column(f"c{number}", key=str(number), width=9)
        for row in range(ROWS):
            table.add_row(*[str(row)] * NUMBERS, key=str(row))


async def spent(work: Callable[[], Awaitable[None]]) -> float:
    began = time.process_time()
    await work()
    return 1000 * (time.process_time() - began)


async def theirs(ticks: int) -> Sequence[float]:
    app = Theirs()
    async with app.run_test(size=LARGE) as pilot:
        app.fill()
        Terminal(app, ours=False)
        await pilot.pause()
        table = app.query_one(DataTable)

        async def tick(number: int) -> None:
            for row in range(ROWS):
                for column in range(NUMBERS):
                    table.update_cell(str(row), str(column), f"{row + number}.{column}")
            await pilot.pause()

        return [await spent(lambda number=number: tick(number)) for number in range(ticks)]  # type: ignore[misc]


def other(views: Sequence[ServiceView], number: int) -> Sequence[ServiceView]:
    """The same services with other numbers in each row."""
    signals = Signals(requests=150.0 + number, rps=10.0 + number, error_ratio=0.0, p50_ms=number)
    return [
        replace(
            view,
            versions=tuple(replace(v, caller=signals, server=signals) for v in view.versions),
            caller=signals,
            server=signals,
        )
        for view in views
    ]


async def ours(ticks: int) -> tuple[Sequence[float], dict[str, int]]:
    """The times, and bytes by what they are of."""
    cockpit = FakeCockpit()
    cockpit.raw = big_objects(SERVICES)
    async with driving(cockpit, LARGE) as drive:
        app = drive.app
        terminal, table = Terminal(app, ours=True), app.main.table
        views, sample = list(cockpit.snapshot().views), cockpit.sample
        assert sample is not None

        async def tick(number: int, most: int = SERVICES) -> float:
            views[:most] = other(views[:most], number)
            fed, measured = tuple(views), replace(sample, time=sample.time + 2 * number)
            terminal.bytes = 0

            async def work() -> None:
                table.prepare(fed, measured)
                table.feed(fed, measured)
                await drive.pilot.pause()

            return await spent(work)

        times = [await tick(number) for number in range(1, ticks + 1)]
        sizes = {"all rows": terminal.bytes}
        await tick(ticks + 1, 2)
        sizes["six rows"] = terminal.bytes
        sizes["a full repaint"] = terminal.repaint(app.screen)
        sizes["the same as Textual writes it"] = Terminal(app, ours=False).repaint(app.screen)
        return times, sizes


def figures(ticks: int) -> said.Figures:
    gc.set_threshold(garbage.YOUNG, garbage.MIDDLE, garbage.NEVER)  # as the screen does
    peer = asyncio.run(theirs(ticks))
    own, sizes = asyncio.run(ours(ticks))
    here, there = statistics.median(own), statistics.median(peer)
    found = {f"{ROWS} rows changed, ms of CPU": here, "DataTable.update_cell, ms of CPU": there}
    found |= {"ratio": here / there, **{f"{name}, bytes": float(n) for name, n in sizes.items()}}
    return found | {"six rows by a full repaint": sizes["six rows"] / sizes["a full repaint"]}


if __name__ == "__main__":
    said.run(__doc__, figures, ticks=7)
