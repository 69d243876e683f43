"""What people come for, in keys from where the screen begins: each job, and how many it takes."""

from __future__ import annotations

import pytest

from meshtui.changes.change import Rollback, SetBreaker, SetFault, SetMirror, Shift
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.test_logs_pane import entry

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE])
MOST = {
    "find": 0,
    "why": 4,
    "weight": 3,
    "followed": 0,
    "roll back": 2,
    "mirror": 9,
    "fault": 22,
    "breaker": 12,
    "logs": 5,
    "endpoints": 2,
}
"""Keys that a job may take."""


class Job:
    """Presses keys and counts them."""

    def __init__(self, drive: Drive, name: str) -> None:
        self.drive, self.name, self.keys = drive, name, 0

    async def press(self, *keys: str) -> None:
        self.keys += len(keys)
        await self.drive.press(*keys)

    async def type(self, text: str) -> None:
        self.keys += len(text)
        await self.drive.type(text)

    def done(self) -> None:
        assert self.keys <= MOST[self.name], f"{self.name} takes {self.keys} keys"

    async def confirmed(self) -> object:
        """The request of the plan that Enter makes."""
        await self.drive.armed()
        asked, _ = self.drive.cockpit.asked[-1]
        await self.press("enter")
        await self.drive.until(lambda: self.drive.cockpit.applied)
        return asked


@SIZES
async def test_the_failing_version_is_found_at_once_and_why_with_one_key(
    size: tuple[int, int],
) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "find")
        version = drive.app.main.table.version
        assert version is not None and version.label == "v3" and version.state == "failing"
        job.done()
        job = Job(drive, "why")
        await job.press("enter")
        await drive.until(lambda: "503" in drive.text and "of the" in drive.text)
        job.done()


@SIZES
async def test_five_percent_are_three_keys_and_that_it_followed_none(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "weight")
        await job.press("5", "enter")
        asked = await job.confirmed()
        assert isinstance(asked, Shift) and asked.weights["v3"] == 5
        job.done()
        job = Job(drive, "followed")
        await drive.until(lambda: "in sync" in drive.text)
        job.done()


@SIZES
async def test_rolling_back_takes_two(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "roll back")
        await job.press("R")
        assert isinstance(await job.confirmed(), Rollback)
        job.done()


@SIZES
async def test_a_mirror_for_two_hours(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "mirror")
        await job.press("m", "tab", "tab")
        await job.type("2h")
        await job.press("enter")
        assert await job.confirmed() == SetMirror("v3", 100.0, 7200.0)
        job.done()


@SIZES
async def test_a_fault_for_a_header(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "fault")
        await job.press("f", "tab", "tab")
        await job.type("503")
        await job.press("tab", "tab")
        await job.type("x-chaos=true")
        await job.press("enter")
        asked = await job.confirmed()
        assert isinstance(asked, SetFault) and asked.header == ("x-chaos", "true")
        job.done()


@SIZES
async def test_a_breaker(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "breaker")
        await job.press("b", "tab", "tab")
        await job.type("100")
        await job.press("enter")
        asked = await job.confirmed()
        assert asked == SetBreaker("v3", {"max_connections": 100})
        job.done()


@SIZES
async def test_the_failures_in_the_logs_by_path(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "logs")
        await job.press("l")
        await drive.until(lambda: drive.cockpit.tailed)
        for one in (entry(1, "v3", 503, "UF", 2500), entry(2, "v2", 200)):
            drive.cockpit.logs.put_nowait(one)
        await drive.until(lambda: "/reviews/2" in drive.text)
        await job.press("/")
        await job.type("5xx")
        await drive.until(lambda: "/reviews/2" not in drive.text)
        assert "/reviews/1" in drive.text
        job.done()


@SIZES
async def test_the_endpoints_of_a_proxy(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "endpoints")
        await job.press("p", "4")
        await drive.until(lambda: "[4 endpoints]" in drive.text)
        job.done()
