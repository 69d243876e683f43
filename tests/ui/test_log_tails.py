"""Whose log the logs pane reads, and that it reads no other beside it."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator

import pytest

from meshtui.envoy.logfilter import LogFilter, Term, parse_filter
from meshtui.envoy.logline import LogLine
from meshtui.mesh.model import ServiceKey
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.operations.types import LogEntry
from meshtui.ui.panes.logs.feed import read
from meshtui.ui.panes.logs.pane import LogsPane
from tests.ui.driving import Drive, driving
from tests.ui.test_logs_pane import entry, logs, opened


class Tails:
    """What a cockpit's tails do: give lines without end, and note which are still open."""

    def __init__(self, drive: Drive) -> None:
        self.open: list[str] = []
        drive.cockpit.tail = self.tail  # type: ignore[method-assign]

    async def tail(self, service: ServiceKey, _: TailFrom) -> AsyncGenerator[LogEntry, None]:
        self.open.append(service.name)
        try:
            while True:
                yield entry(1)
        finally:
            self.open.remove(service.name)


async def test_a_flood_that_is_left_is_hung_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the pane is busy with lines: a log would be read that nobody looks at."""
    monkeypatch.setattr(LogsPane, "SETTLE_S", 0.01)
    left_open = gc.isenabled()
    async with driving() as drive:
        tails = Tails(drive)
        await drive.press("l")
        await drive.until(lambda: tails.open)
        gc.disable()
        try:
            await drive.go_to("ratings")
            await drive.until(lambda: "ratings" in tails.open)
            assert tails.open == ["ratings"]
        finally:
            if left_open:
                gc.enable()


async def test_where_no_service_is_selected_no_log_is_read() -> None:
    async with driving() as drive:
        await opened(drive, entry(1))
        pane = logs(drive)
        pane.receive(None, drive.app.main.snapshot, 0.0)  # type: ignore[arg-type]
        await drive.until(lambda: pane.store.end == 0)
        assert all(work.is_finished for work in pane.workers if work.group == "tail")


async def test_the_log_of_another_cluster_is_not_that_of_this_one() -> None:
    """The service has the same name there, and its lines would look like this one's."""
    async with driving() as drive:
        await opened(drive, entry(1))
        await drive.press(":")
        await drive.type("ctx other")
        await drive.press("enter")
        await drive.until(lambda: drive.cockpit.connects == 2)
        await drive.tick()
        await drive.until(lambda: len(drive.cockpit.tailed) == 2)
        assert logs(drive).store.end == 0 and "/reviews/1" not in drive.text


async def test_what_is_not_filtered_yet_is_neither_saved_nor_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would be a part that looks like the whole."""
    async with driving() as drive:
        await opened(drive, entry(1), entry(2, code=503))
        monkeypatch.setattr(LogsPane, "_filter_on", lambda _: None)
        logs(drive).choose(parse_filter("code:5xx"))
        for key in ("S", "c"):
            drive.app.main.announce("")
            await drive.press(key)
            assert "the filter is still at work" in drive.status


async def test_a_home_that_nobody_has_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async with driving() as drive:
        await opened(drive, entry(1))
        logs(drive).command(["save", "~no-such-person/x.log"])
        await drive.until(lambda: "begins with no known user's home" in drive.status)


async def test_a_slow_filter_lets_keys_through_also_while_lines_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("meshtui.ui.panes.logs.pane.SLICE_S", 0.0)
    async with driving() as drive:
        await opened(drive, entry(0, code=503))
        pane = logs(drive)
        looked = 0

        def slow(_: LogLine) -> bool:
            nonlocal looked
            looked += 1
            return True

        pane.choose(LogFilter("slow", (Term(slow),)))
        await drive.until(lambda: not pane.store.behind)
        looked = 0
        pane.add(*(read(entry(n)) for n in range(500)))
        assert 0 < looked < 50
        await drive.until(lambda: not pane.store.behind)
        assert "501 of 501" in drive.text and "/reviews/499" in drive.text
