"""What may not be done, what was measured after a shift, and what ends by itself."""

from __future__ import annotations

import pytest

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.shares import Share
from tests.ui.driving import LARGE, SMALL, driving
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")
NO = "you may not patch virtualservices in bookinfo"


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_keys_that_are_not_allowed_are_dimmed_and_say_why(size: tuple[int, int]) -> None:
    cockpit = FakeCockpit()
    cockpit.denied = {"bookinfo": NO}
    async with driving(cockpit, size=size) as drive:
        assert "(R roll back)" in drive.text.splitlines()[-1]
        await drive.go_to("reviews", "v3")
        for key in ("plus", "n", "P", "R", "m", "f", "o", "e", "c"):
            await drive.press(key)
            assert drive.status == NO
        await drive.press("colon")
        await drive.type("shift v1=100")
        await drive.press("enter")
        await drive.until(lambda: NO in drive.status and cockpit.asked == [])
        await drive.press("b")
        await drive.until(lambda: "Circuit breaker of" in drive.text)


async def test_the_last_change_that_may_not_be_taken_back_says_why() -> None:
    cockpit = FakeCockpit()
    cockpit.denied = {"undo": NO}
    async with driving(cockpit) as drive:
        await drive.press("u")
        await drive.until(lambda: drive.status == NO)
        await drive.press("R")
        await drive.armed()


async def test_where_no_rule_is_denied_the_keys_stand_as_they_are() -> None:
    cockpit = FakeCockpit()
    cockpit.denied = {"elsewhere": "no"}
    async with driving(cockpit) as drive:
        assert "(R" not in drive.text and "R roll back" in drive.text


async def test_read_only_dims_them_too() -> None:
    async with driving(FakeCockpit(read_only=True)) as drive:
        assert "(R roll back)" in drive.text.splitlines()[-1]


async def test_the_measured_share_is_told_once() -> None:
    cockpit = FakeCockpit()
    async with driving(cockpit) as drive:
        shares = (Share("v1", 80, 80.6, 3.2, 602), Share("v3", 20, 19.4, 3.2, 602))
        cockpit.measured = {REVIEWS: shares}
        await drive.tick()
        told = "reviews: v3 20 % asked, 19.4 % ± 3.2 of 602 measured; v1 80 %, 80.6 % ± 3.2"
        assert drive.status == told and len(told) < 78
        await drive.press("E")
        await drive.tick()
        assert drive.status.startswith("sorted by")
        cockpit.measured = {}
        await drive.tick()
        cockpit.measured = {REVIEWS: shares}
        await drive.tick()
        assert "19.4 %" in drive.status


async def test_a_share_that_chance_does_not_explain_is_loud() -> None:
    cockpit = FakeCockpit()
    async with driving(cockpit) as drive:
        cockpit.measured = {REVIEWS: (Share("v1", 90, 50, 4, 600), Share("v3", 10, 50, 4, 600))}
        await drive.tick()
        assert "NOT AS ASKED" in drive.status and drive.app.main.status.level == "warning"


REVERTED = (
    "REVERTED reviews.bookinfo rollback 20261127-143415-4e9e, by kubectl-client-side-apply at"
    " 14:35:46: v1 100 → 50 %, v2 0 → 30 %; U applies it again; pause Argo CD"
)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_what_somebody_else_reverted_is_as_loud_and_one_key_applies_it_again(
    size: tuple[int, int],
) -> None:
    cockpit = FakeCockpit()
    cockpit.notices = (REVERTED,)
    async with driving(cockpit, size=size) as drive:
        said = " ".join(drive.text.split())
        assert f"✖ {REVERTED}" in said, "all of it, also where that takes more than a line"
        await drive.press("U")
        await drive.armed()
        assert "Apply again what was reverted" in drive.text
        assert cockpit.agains == [""]
        await drive.press("enter")
        await drive.until(lambda: cockpit.applied)


async def test_a_key_asks_the_server_again_at_once() -> None:
    async with driving() as drive:
        await drive.press("r")
        assert drive.cockpit.asked_again == 1


async def test_what_is_overdue_comes_first_and_as_an_error() -> None:
    cockpit = FakeCockpit()
    cockpit.notices = ("OVERDUE 5m: bookinfo/reviews fault", "a namespace cannot be read")
    async with driving(cockpit) as drive:
        assert "✖ OVERDUE 5m" in drive.text and "▲ a namespace" in drive.text


async def test_several_that_are_too_long_share_three_lines() -> None:
    cockpit = FakeCockpit()
    async with driving(cockpit, size=SMALL) as drive:
        top = drive.text.splitlines()[2]
        for count, lines in ((1, 3), (2, 3), (3, 3), (5, 3)):
            cockpit.notices = tuple(f"{n} {REVERTED}" for n in range(count))
            await drive.tick()
            await drive.until(lambda lines=lines: drive.text.splitlines()[2 + lines] == top)
            said = drive.text.splitlines()[2 : 2 + lines]
            assert [line[1] for line in said].count("▲") == min(count, 3)
            assert ("…" in said[-1]) is (count > 1)
