"""The graph on the screen: opened by `g`, walked by the arrows, Enter leads to the row."""

from __future__ import annotations

import pytest

from meshtui.errors import Unreachable
from meshtui.ui.actions.situation import GRAPH, TABLE
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE])


def shown(drive: Drive) -> str:
    pane = drive.app.main.dock.pane("graph")
    assert pane is not None
    lines = [pane.listing.line_at(at) for at in range(pane.listing.line_count())]
    return "\n".join("".join(piece.text for piece in line) for line in lines)


async def opened(drive: Drive, service: str = "reviews") -> None:
    await drive.go_to(service)
    await drive.press("g")
    await drive.until(lambda: "reading" not in shown(drive) and "/s" in shown(drive))


def place(drive: Drive) -> tuple[str, str]:
    found = drive.app.main.table.place
    assert found is not None
    return found.service.name, found.version


@SIZES
async def test_g_draws_callers_versions_and_rules_of_the_selected_service(
    size: tuple[int, int],
) -> None:
    async with driving(size=size) as drive:
        await opened(drive)
        assert drive.app.main.arrangement.focus == GRAPH
        text = shown(drive)
        assert "productpage-v1" in text and "any request → v1 80%" in text
        assert "32/s" in text and "12.0%" in text and "mTLS" in text
        assert "ratings" in text, "what it calls is there, too"
        assert text.splitlines()[0].startswith("▌")


@SIZES
async def test_the_arrows_walk_and_enter_leads_to_the_row(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await opened(drive)
        await drive.press("down", "down", "right")
        await drive.until(lambda: "▌v3" in shown(drive))
        await drive.press("enter")
        await drive.until(lambda: place(drive) == ("reviews", "v3"))
        assert drive.app.main.arrangement.focus == TABLE
        await drive.press("g")
        await drive.press("left")
        await drive.until(lambda: "▌productpage-v1" in shown(drive))
        await drive.press("enter")
        await drive.until(lambda: place(drive) == ("productpage", ""))


async def test_space_draws_the_whole_mesh_and_back() -> None:
    async with driving() as drive:
        await opened(drive, "details")
        assert "ratings" not in shown(drive)
        await drive.press("space")
        await drive.until(lambda: "ratings" in shown(drive) and "the whole mesh" in drive.text)
        await drive.press("space")
        await drive.until(lambda: "ratings" not in shown(drive))
        await drive.press("colon")
        await drive.type("graph all")
        await drive.press("enter")
        await drive.until(lambda: "the whole mesh" in drive.text)
        await drive.press("colon")
        await drive.type("graph me")
        await drive.press("enter")
        await drive.until(lambda: "the graph shows no me" in drive.status)


async def test_a_caller_without_a_row_says_so() -> None:
    async with driving() as drive:
        await opened(drive, "productpage")
        await drive.press("down", "left", "enter")
        await drive.until(lambda: "ingressgateway belongs to no service" in drive.status)
        assert drive.app.main.arrangement.focus == GRAPH


async def test_calls_are_asked_once_a_sample_and_only_while_it_is_shown() -> None:
    async with driving() as drive:
        await drive.tick()
        assert drive.cockpit.calls_asked == 0
        await opened(drive)
        assert drive.cockpit.calls_asked == 1
        drive.cockpit.push()
        await drive.pilot.pause()
        assert drive.cockpit.calls_asked == 1
        await drive.tick()
        await drive.until(lambda: drive.cockpit.calls_asked == 2)
        await drive.press("g")
        await drive.tick()
        assert drive.cockpit.calls_asked == 2


async def test_calls_that_cannot_be_read_leave_callers_not_known() -> None:
    cockpit = FakeCockpit()
    cockpit.calls_error = Unreachable("Prometheus does not answer", "wait")
    async with driving(cockpit) as drive:
        await drive.go_to("reviews")
        await drive.press("g")
        await drive.until(lambda: "Prometheus does not answer" in shown(drive))
        assert "any request → v1 80%" in shown(drive)
        cockpit.calls_error = None
        await drive.tick()
        await drive.until(lambda: "productpage-v1" in shown(drive))


async def test_old_numbers_are_dimmed() -> None:
    async with driving() as drive:
        await opened(drive)
        drive.cockpit.clock.now += 600
        pane = drive.app.main.dock.pane("graph")
        assert pane is not None
        await drive.until(
            lambda: "old" in {piece.role for piece in pane.listing.line_at(3)}, seconds=60
        )


async def test_where_the_row_is_filtered_away_enter_says_so() -> None:
    async with driving() as drive:
        await drive.press("slash")
        await drive.type("reviews")
        await drive.press("enter")
        await opened(drive)
        await drive.press("down", "left", "enter")
        await drive.until(lambda: "productpage.bookinfo is not in the table" in drive.status)
