"""What goes on in the cluster when the screen is left is said, and who ends it then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from meshtui.journal import Journal
from meshtui.journal.canaries import CanaryRow
from meshtui.mesh.model import ServiceKey
from meshtui.operations.canary.going_on import unfinished
from meshtui.operations.canary.lease import identity
from meshtui.operations.canary.watching import CanaryRun
from meshtui.operations.types import Pending
from meshtui.ui.ending import left_on, running_on
from tests.ui.driving import driving
from tests.ui.test_canary_pane import RUNNING

REVIEWS = ServiceKey("bookinfo", "reviews")
FAULT = Pending("c1", REVIEWS, "fault none → abort 503 10%", 840.0)


def test_each_thing_with_a_time_limit_has_a_line_and_the_last_says_who_ends_it() -> None:
    over = Pending("c2", REVIEWS, "mirror v2 25%\x1b[2J", -60.0)
    first, second, last = left_on((FAULT, over), 1_000_000.0)
    assert first.startswith("still on, until ") and "reviews.bookinfo fault none" in first
    assert "OVERDUE since" in second and "\x1b" not in second
    assert "meshtui keep" in last
    assert left_on((), 1.0) == ()


async def test_q_leaves_with_it() -> None:
    async with driving() as drive:
        drive.cockpit.pendings = (FAULT,)
        await drive.tick()
        await drive.press("q")
        assert len(drive.app.ending.left_on) == 2


async def test_q_leaves_with_a_canary_that_somebody_drives() -> None:
    async with driving() as drive:
        run = CanaryRun(REVIEWS, "ann@desk/4711", live=True, progress=RUNNING)
        drive.cockpit.canaries_left = {REVIEWS: run}
        await drive.press("q")
        (line,) = drive.app.ending.left_on
        assert "to v3 is unfinished at 25 %" in line and "driven by ann@desk/4711" in line
        assert "`meshtui canary status reviews.bookinfo`" in line


def test_nobody_is_said_to_drive_who_was_not_seen_to() -> None:
    (line,) = running_on((CanaryRun(REVIEWS, progress=replace(RUNNING, version="v3\x1b[2J")),))
    assert "nobody here drives it: `meshtui canary resume reviews.bookinfo`" in line
    assert "\x1b" not in line


SEEN = CanaryRun(REVIEWS, "ann@elsewhere/1", live=True, progress=replace(RUNNING, time=50.0))


@pytest.mark.parametrize(
    ("over", "seen", "drivers"),
    [
        (None, {}, []),
        (False, {}, [""]),
        (True, {}, []),
        (None, {REVIEWS: SEEN}, ["ann@elsewhere/1"]),
        (False, {REVIEWS: SEEN}, ["ann@elsewhere/1"]),
        (True, {REVIEWS: SEEN}, []),
        (None, {REVIEWS: replace(SEEN, driver=identity())}, [identity()]),
        (None, {REVIEWS: replace(SEEN, driver=f"{identity()}999999999")}, []),
        (None, {REVIEWS: replace(SEEN, live=False)}, []),
    ],
)
def test_what_was_written_down_and_what_was_seen_tell_what_goes_on(
    over: bool | None, seen: dict[ServiceKey, CanaryRun], drivers: list[str], tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal.db")
    if over is not None:
        journal.save_canary(CanaryRow("r1", REVIEWS, 1.0, 99.0, "ann", over, "", "no state"))
    found = unfinished(SimpleNamespace(journal=journal), seen)  # type: ignore[arg-type]
    assert [run.driver for run in found] == drivers
