"""The canary pane: the ladder, the counts, who drives it, and the orders to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.canary.events import Order
from meshtui.canary.progress import Progress, Side
from meshtui.errors import Refused, Unreachable
from meshtui.mesh.model import ServiceKey
from meshtui.operations.canary.watching import CanaryRun
from meshtui.ui.dialogs.question import Question
from meshtui.ui.main.screen import MainScreen
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import NOW, FakeCockpit

REVIEWS, RATINGS = ServiceKey("bookinfo", "reviews"), ServiceKey("bookinfo", "ratings")
EVIL = "\x1b]52;c;eA==\x07\x1b[2J\n\u202e"
RUNNING = Progress(
    "reviews", "v3", "observing", ("5 %", "10 %", "25 %", "50 %", "75 %", "100 %"), 2, 25.0,
    228.0, 72.0, Side(1204, 5, 0.0042, 0.0014, 0.0097, 0.0008, 231.0),
    Side(3611, 14, 0.0039, 0.0021, 0.0065, 0.0003, 204.0), 3.2, 1.1, 100.0,
    "no worse than stable so far", share=0.243, serving=True, time=NOW,
)  # fmt: skip
BACK = replace(
    RUNNING, phase="rolled back", exit=6, evidence=240.0, left_s=250.0,
    canary=Side(310, 22, 0.071, 0.045, 0.105, 0.01, 480.0),
    sentence="7.1 % errors of 310 against 0.39 % of stable's 3,611: evidence 240 of 100",
)  # fmt: skip


def driven(progress: Progress = RUNNING, **more: object) -> FakeCockpit:
    cockpit = FakeCockpit()
    run = CanaryRun(REVIEWS, "ann@desk/4711", live=True, progress=progress)
    cockpit.canaries[REVIEWS] = replace(run, **more)  # type: ignore[arg-type]
    return cockpit


async def look(drive: Drive, wanted: str, *, inside: bool = False) -> None:
    await drive.go_to("reviews")
    await drive.press("C")
    await drive.until(lambda: wanted in drive.text)
    if inside and drive.app.main.arrangement.focus != "canary":
        await drive.press("tab")


def said(drive: Drive) -> str:
    """All lines of the pane, as if it were one long line."""
    pane = drive.app.main.dock.pane("canary")
    assert pane is not None
    lines = (pane.listing.line_at(at) for at in range(pane.listing.line_count()))
    return " ".join("".join(piece.text for piece in line) for line in lines)


async def beat(drive: Drive, seconds: float) -> None:
    """Time passes on the screen's clock, and what begins with it."""
    drive.cockpit.clock.now += seconds
    drive.app.main.dock.tick(drive.cockpit.clock.now)
    await drive.pilot.pause()


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_all_of_a_running_canary_is_on_the_screen(size: tuple[int, int]) -> None:
    async with driving(driven(), size) as drive:
        await look(drive, "observing at 25 %")
        for words in (
            "to v3", "ann@desk/4711", "1m12s left", "✔ 5 % → ✔ 10 % → [25 %] → 50 %",
            "3m48s of 5m", "1,204", "0.42 %", "0.14 to 0.97 %", "231 ms", "3,611",
            "0.21 to 0.65 %", "204 ms", "3.2 of 100", "1.1 of 100", "asked 25 %",
            "in the proxies yes", "measured 24 %", "no worse than stable so far",
        ):  # fmt: skip
            assert words in drive.text, words


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_rollback_says_from_where_and_why(size: tuple[int, int]) -> None:
    async with driving(driven(BACK, live=False, driver=""), size) as drive:
        await look(drive, "rolled back from 25 %")
        text = " ".join(drive.text.split())
        assert "✖ 25 %" in text and "240 of 100" in text and "ended" in text
        assert "7.1 % errors of 310 against" in text
        assert "nobody drives" not in text and "left" not in text


async def test_it_is_read_on_a_beat_while_it_is_open_and_counts_down_between() -> None:
    async with driving(driven()) as drive:
        await look(drive, "1m12s left")
        await beat(drive, 1.0)
        assert "1m11s left" in drive.text and len(drive.cockpit.canary_reads) == 1
        drive.cockpit.canaries = {REVIEWS: replace(drive.cockpit.canaries[REVIEWS], progress=BACK)}
        await beat(drive, 1.0)
        await drive.until(lambda: "rolled back from 25 %" in drive.text)
        assert len(drive.cockpit.canary_reads) == 2
        await drive.press("C")
        await beat(drive, 60.0)
        assert len(drive.cockpit.canary_reads) == 2


async def test_it_follows_the_cursor_and_says_how_one_begins() -> None:
    async with driving(driven()) as drive:
        await look(drive, "observing at 25 %")
        await drive.go_to("ratings")
        words = "`meshtui canary run ratings.bookinfo --to V`"
        await drive.until(lambda: words in said(drive))
        assert "observing" not in drive.text
        assert set(drive.cockpit.canary_reads) >= {REVIEWS, RATINGS}


async def test_one_that_nobody_drives_says_how_it_goes_on_and_takes_no_order() -> None:
    async with driving(driven(live=False)) as drive:
        await look(drive, "▲ nobody drives it", inside=True)
        assert "last ann@desk/4711" in said(drive)
        assert "`meshtui canary resume reviews.bookinfo`" in said(drive)
        for key in ("space", "X", "P"):
            await drive.press(key)
            assert "nobody drives a canary of reviews" in drive.status
            assert isinstance(drive.app.screen, MainScreen)
        assert drive.cockpit.orders == []


@pytest.mark.parametrize(
    ("phase", "order"),
    [("observing", Order.HOLD), ("on hold", Order.RESUME), ("waiting for a person", Order.RESUME)],
)
async def test_space_holds_and_goes_on(phase: str, order: Order) -> None:
    async with driving(driven(replace(RUNNING, phase=phase))) as drive:
        await look(drive, f"{phase} at 25 %", inside=True)
        await drive.press("space")
        await drive.until(lambda: f"{order.value}: ann@desk/4711 has it" in drive.status)
        assert drive.cockpit.orders == [(REVIEWS, order)]


async def test_space_again_goes_on_before_the_hold_is_reported() -> None:
    async with driving(driven()) as drive:
        await look(drive, "observing at 25 %", inside=True)
        for order in (Order.HOLD, Order.RESUME):
            await drive.press("space")
            await drive.until(lambda: drive.status.startswith(f"{order.value}: ann@desk"))  # noqa: B023
        assert [given for _, given in drive.cockpit.orders] == [Order.HOLD, Order.RESUME]


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(("key", "order"), [("X", Order.ABORT), ("P", Order.PROMOTE)])
async def test_what_moves_traffic_is_asked_first(
    size: tuple[int, int], key: str, order: Order
) -> None:
    async with driving(driven(), size) as drive:
        await look(drive, "observing at 25 %", inside=True)
        await drive.press(key)
        await drive.until(lambda: isinstance(drive.app.screen, Question))
        assert "canary of reviews to v3" in drive.text
        await drive.press("escape")
        await drive.until(lambda: "goes on as it was" in drive.status)
        assert drive.cockpit.orders == []
        await drive.press(key)
        await drive.until(lambda: isinstance(drive.app.screen, Question))
        await drive.press("enter")
        await drive.until(lambda: f"{order.value}: ann@desk/4711 has it" in drive.status)
        assert drive.cockpit.orders == [(REVIEWS, order)]
        assert drive.cockpit.asked == []


async def test_the_order_goes_to_the_service_that_was_asked_about() -> None:
    """The table moves below the question where a snapshot changes what is worst."""
    async with driving(driven()) as drive:
        await look(drive, "observing at 25 %", inside=True)
        await drive.press("X")
        await drive.until(lambda: isinstance(drive.app.screen, Question))
        drive.app.main.table.move(1)
        drive.app.main.update_panes()
        await drive.press("enter")
        await drive.until(lambda: drive.cockpit.orders)
        assert drive.cockpit.orders == [(REVIEWS, Order.ABORT)]


async def test_orders_by_words_open_the_pane() -> None:
    async with driving(driven()) as drive:
        await drive.go_to("reviews")
        await drive.press("colon")
        await drive.type("canary hold")
        await drive.press("enter")
        await drive.until(lambda: drive.cockpit.orders == [(REVIEWS, Order.HOLD)])
        await drive.press("colon")
        await drive.type("canary run")
        await drive.press("enter")
        assert "`meshtui canary run`" in drive.status


async def test_an_order_that_nobody_takes_is_one_line() -> None:
    cockpit = driven()
    cockpit.order_error = Refused("the canary of reviews does not answer", "try again")
    async with driving(cockpit) as drive:
        await look(drive, "observing at 25 %", inside=True)
        await drive.press("space")
        await drive.until(lambda: "does not answer" in drive.status)


async def test_nothing_is_ordered_read_only() -> None:
    cockpit = driven()
    cockpit.read_only = True
    async with driving(cockpit) as drive:
        await look(drive, "observing at 25 %", inside=True)
        await drive.press("X")
        assert "read-only" in drive.status
        await drive.press("colon")
        await drive.type("canary abort")
        await drive.press("enter")
        assert "read-only" in drive.status and cockpit.orders == []


async def test_the_right_to_the_rules_is_not_asked_of_who_only_orders() -> None:
    cockpit = driven()
    cockpit.denied = {"bookinfo": "you may not patch virtualservices in bookinfo"}
    async with driving(cockpit) as drive:
        await look(drive, "observing at 25 %", inside=True)
        await drive.press("space")
        await drive.until(lambda: cockpit.orders == [(REVIEWS, Order.HOLD)])


async def test_what_cannot_be_read_is_said_beside_what_was_shown() -> None:
    async with driving(driven(trouble="you may not get leases in bookinfo")) as drive:
        await look(drive, "✖ you may not get leases in bookinfo")
        assert "observing at 25 %" in drive.text
        drive.cockpit.canary_error = Unreachable("the connection is gone")
        await beat(drive, 2.0)
        await drive.until(lambda: "✖ the connection is gone" in drive.text)
        assert "observing at 25 %" in drive.text
        drive.cockpit.canary_error = None
        await beat(drive, 2.0)
        await drive.until(lambda: "the connection is gone" not in drive.text)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_hostile_words_do_not_drive_the_terminal(size: tuple[int, int]) -> None:
    evil = replace(
        RUNNING, version=f"v3{EVIL}", phase=f"observing{EVIL}", sentence=f"no worse{EVIL}" * 40,
        ladder=(f"5 %{EVIL}", "x" * 300, "25 %"), trouble=EVIL,
    )  # fmt: skip
    async with driving(driven(evil, driver=f"ann{EVIL}", trouble=EVIL), size) as drive:
        await look(drive, "no worse")
        assert "\x1b" not in drive.text and "\u202e" not in drive.text
        assert all(len(line) <= size[0] for line in drive.text.splitlines())
