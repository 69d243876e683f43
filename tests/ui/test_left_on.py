"""What goes on in the cluster when the screen is left is said, and who ends it then."""

from __future__ import annotations

from meshtui.mesh.model import ServiceKey
from meshtui.operations.types import Pending
from meshtui.ui.ending import left_on
from tests.ui.driving import driving

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
