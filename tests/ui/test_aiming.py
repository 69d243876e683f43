"""The rule under the cursor becomes what the table shows and the verbs change."""

from __future__ import annotations

import pytest

from meshtui.changes.change import Promote, Rollback, SetTimeout, Target
from meshtui.mesh.model import ServiceKey
from meshtui.ui.main.screen import MainScreen
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")
JASON = Target(REVIEWS, "jason", "uid-reviews", "100")
ORDINARY = Target(REVIEWS, "", "uid-reviews", "100")


def row(drive: Drive, name: str) -> str:
    return next((line for line in drive.text.splitlines()[2:] if name in line), "")


async def aim_at_jason(drive: Drive, *after: str) -> None:
    await drive.press("v")
    await drive.until(lambda: "any request" in drive.text)
    await drive.press("enter", *after)
    await drive.until(lambda: "rule jason is shown and changed" in drive.status)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_chosen_rule_is_shown_by_name_with_its_own_weights(
    size: tuple[int, int],
) -> None:
    async with driving(size=size) as drive:
        await aim_at_jason(drive)
        await drive.press("escape")
        await drive.until(lambda: "rule jason" in row(drive, "▾ reviews"))
        assert "100%" in row(drive, " v2 ")
        await drive.tick()
        assert "rule jason" in row(drive, "▾ reviews")
        await drive.press("escape")
        await drive.until(lambda: "the ordinary rule again" in drive.status)
        assert "rule jason" not in row(drive, "▾ reviews") and "80%" in row(drive, " v1 ")


async def test_verbs_change_the_chosen_rule_and_say_which() -> None:
    async with driving() as drive:
        await aim_at_jason(drive, "escape")
        await drive.go_to("reviews", "v3")
        await drive.press("P")
        await drive.armed()
        assert drive.cockpit.asked[-1] == (Promote("v3"), JASON)
        assert "rule jason" in drive.text
        await drive.press("escape", "o")
        await drive.type("4s")
        await drive.press("enter")
        await drive.armed()
        request, target = drive.cockpit.asked[-1]
        assert isinstance(request, SetTimeout) and request.timeout_s == 4.0 and target == JASON


async def test_rolling_back_means_the_ordinary_rule_all_the_same() -> None:
    async with driving() as drive:
        await aim_at_jason(drive, "escape")
        await drive.press("R")
        await drive.armed()
        assert drive.cockpit.asked[-1] == (Rollback(), ORDINARY)


async def test_choosing_the_ordinary_rule_is_going_back() -> None:
    async with driving() as drive:
        await aim_at_jason(drive)
        await drive.press("j", "asterisk")
        await drive.until(lambda: "the ordinary rule is shown" in drive.status)
        assert "rule jason" not in row(drive, "▾ reviews")


async def test_a_draft_of_another_rule_is_dropped() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("minus")
        assert drive.app.main.drafting.drafts
        await aim_at_jason(drive)
        assert not drive.app.main.drafting.drafts


async def test_a_rule_that_moved_is_followed_and_one_that_is_gone_is_told() -> None:
    cockpit = FakeCockpit()
    async with driving(cockpit) as drive:
        await aim_at_jason(drive, "escape")
        http = cockpit.raw["virtualservices"][0]["spec"]["http"]
        first = {"name": "first", "match": [{"uri": {"exact": "/x"}}], "route": http[0]["route"]}
        http.insert(0, first)
        await drive.tick()
        assert "rule jason" in row(drive, "▾ reviews")
        del http[1]
        await drive.tick()
        await drive.until(lambda: "is gone; back to the ordinary one" in drive.status)
        assert "rule jason" not in row(drive, "▾ reviews")
        assert isinstance(drive.app.screen, MainScreen)


async def test_yaml_has_no_rule_to_choose() -> None:
    async with driving() as drive:
        await drive.press("y", "enter")
        await drive.until(lambda: "no rule under the cursor" in drive.status)
