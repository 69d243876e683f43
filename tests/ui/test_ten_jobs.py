"""What people come for, by the keys that the README names: each job, and how many it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshtui.changes.change import Rollback, SetBreaker, SetFault, SetMirror, Shift
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit
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
    "logs": 2,
    "endpoints": 2,
}
"""Keys that a job may take."""


README = (Path(__file__).parents[2] / "README.md").read_text()


def jobs() -> list[list[str]]:
    """The keys of each row of the README's table."""
    table = README.partition("<!-- jobs: ")[2].partition("\n\n")[2].partition("\n\n")[0]
    return [re.findall(r"`([^`]+)`", row.split("|")[2]) for row in table.splitlines()[2:]]


ROWS = dict(zip(MOST, jobs(), strict=True))

NAMED = {"Enter": "enter", "Tab": "tab", "→": "right"}


class Job:
    """Presses the README's keys and counts them; the last Enter is left to `confirmed`."""

    def __init__(self, drive: Drive, name: str) -> None:
        self.drive, self.name, self.keys = drive, name, 0
        self._left = list(ROWS[name])

    async def press(self, number: int | None = None) -> None:
        """The next so many of them, or all."""
        taken, self._left = self._left[:number], self._left[number or len(self._left) :]
        for key in taken:
            await self._press(key)

    async def _press(self, key: str) -> None:
        self.keys += 1 if key in NAMED else len(key)
        if key in NAMED:
            await self.drive.press(NAMED[key])
        else:
            await self.drive.type(key)

    def done(self) -> None:
        assert not self._left
        assert self.keys <= MOST[self.name], f"{self.name} takes {self.keys} keys"

    async def confirmed(self) -> object:
        """The request of the plan that the last Enter makes."""
        await self.drive.armed()
        asked, _ = self.drive.cockpit.asked[-1]
        await self.press()
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
        await job.press()
        await drive.until(lambda: "503" in drive.text and "of the" in drive.text)
        job.done()


@SIZES
async def test_five_percent_are_three_keys_and_that_it_followed_none(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "weight")
        await job.press(-1)
        asked = await job.confirmed()
        assert isinstance(asked, Shift) and asked.weights["v3"] == 5
        job.done()
        job = Job(drive, "followed")
        await drive.until(lambda: "in sync" in drive.text)
        job.done()


CHANGES = (
    ("mirror", SetMirror("v3", 100.0, 7200.0)),
    ("breaker", SetBreaker("", {"max_connections": 100, "consecutive_5xx": 5})),
)


@SIZES
async def test_rolling_back_takes_two(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "roll back")
        await job.press(-1)
        assert isinstance(await job.confirmed(), Rollback)
        job.done()


@SIZES
@pytest.mark.parametrize(("name", "wanted"), CHANGES)
async def test_what_a_form_asks_for(name: str, wanted: object, size: tuple[int, int]) -> None:
    cockpit = FakeCockpit()
    del cockpit.raw["destinationrules"][0]["spec"]["trafficPolicy"]
    async with driving(cockpit, size=size) as drive:
        job = Job(drive, name)
        await job.press(-1)
        assert await job.confirmed() == wanted
        job.done()


@SIZES
async def test_a_fault_for_a_header(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "fault")
        await job.press(-1)
        asked = await job.confirmed()
        assert isinstance(asked, SetFault) and asked.header == ("x-chaos", "true")
        job.done()


@SIZES
async def test_the_failures_in_the_logs_by_path(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "logs")
        await job.press(1)
        await drive.until(lambda: drive.cockpit.tailed)
        for one in (entry(1, "v3", 503, "UF", 2500), entry(2, "v2", 200)):
            drive.cockpit.logs.put_nowait(one)
        await drive.until(lambda: "/reviews/2" in drive.text)
        await job.press()
        await drive.until(lambda: "/reviews/2" not in drive.text)
        await drive.until(lambda: "failing  /reviews/1 503 ×1" in drive.text)
        job.done()


@SIZES
async def test_the_endpoints_of_a_proxy(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        job = Job(drive, "endpoints")
        await job.press()
        await drive.until(lambda: "[4 endpoints]" in drive.text)
        job.done()
