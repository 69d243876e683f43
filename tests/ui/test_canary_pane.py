"""The canary pane: the ladder, the counts, who drives it, and the orders to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

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
    sentence="7.1 % errors of 310 against 0.39 % of stable's 3,611, evidence 240 (100 is enough)",
)  # fmt: skip


def driven(progress: Progress = RUNNING, **more: object) -> FakeCockpit:
    cockpit = FakeCockpit()
    run = CanaryRun(REVIEWS, "ann@desk/4711", live=True, progress=progress)
    cockpit.canaries[REVIEWS] = replace(run, **more)  # type: ignore[arg-type]
    return cockpit


async def look(drive: Drive, wanted: str) -> None:
    await drive.go_to("reviews")
    await drive.press("C")
    await drive.until(lambda: wanted in drive.text)


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
            "3m48s of 5m", "1,204", "0.42%", "0.14 to 0.97%", "231ms", "3,611",
            "0.21 to 0.65%", "204ms", " 3.2", " 1.1", "asked 25 %",
            "evidence against it, 100 is enough", "in the proxies yes", "measured 24 %",
            "no worse than stable so far",
        ):  # fmt: skip
            assert words in drive.text, words


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_rollback_says_from_where_and_why(size: tuple[int, int]) -> None:
    async with driving(driven(BACK, live=False, driver=""), size) as drive:
        await look(drive, "rolled back from 25 %")
        text = " ".join(drive.text.split())
        assert "✖ 25 %" in text and "evidence 240" in text and "ended" in text
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


async def asked(drive: Drive) -> str:
    """The words of the question that is open."""
    await drive.until(lambda: isinstance(drive.app.screen, Question))
    return " ".join(drive.text.split())


async def command(drive: Drive, words: str) -> None:
    await drive.press("colon")
    await drive.type(words)
    await drive.press("enter")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_one_that_nobody_drives_is_taken_up_by_a_process_of_its_own(
    size: tuple[int, int],
) -> None:
    wanted = (
        ("space", "resume", "Go on with the canary of reviews.bookinfo to v3 at 25 %?"),
        ("X", "abort", "Abort the canary of reviews to v3?"),
        ("P", "promote", "Promote the canary of reviews to v3"),
    )
    async with driving(driven(live=False), size) as drive:
        await look(drive, "▲ nobody drives it")
        assert "last ann@desk/4711" in said(drive)
        assert "`meshtui canary resume reviews.bookinfo`" in said(drive)
        for key, words, question in wanted:
            drive.cockpit.started.clear()
            await drive.press(key)
            text = await asked(drive)
            assert question in text and "goes on when this screen is closed" in text
            await drive.press("escape")
            assert drive.cockpit.started == []
            await drive.press(key)
            await asked(drive)
            await drive.press("enter")
            await drive.until(lambda: "4712 drives it; log /state/canaries" in drive.status)
            assert drive.cockpit.started == [(REVIEWS, (words, "reviews.bookinfo"))]
            assert f"canary {words} of" in drive.status
        assert drive.cockpit.orders == []


async def test_one_that_nobody_drives_is_not_held_nor_begun_anew() -> None:
    async with driving(driven(live=False)) as drive:
        await look(drive, "▲ nobody drives it")
        for words, why in (("hold", "stays where it is"), ("run --to v3", "unfinished at 25 %")):
            await command(drive, f"canary {words}")
            assert why in drive.status and isinstance(drive.app.screen, MainScreen)


async def test_one_that_is_over_takes_no_order() -> None:
    async with driving(driven(BACK, live=False, driver="")) as drive:
        await look(drive, "rolled back from 25 %")
        for key in ("space", "X", "P"):
            await drive.press(key)
            assert "nobody drives a canary of reviews" in drive.status
            assert isinstance(drive.app.screen, MainScreen)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_one_is_started_by_words_after_a_question(size: tuple[int, int]) -> None:
    async with driving(FakeCockpit(), size) as drive:
        await drive.go_to("reviews")
        await command(drive, "canary run --to v3 steps 5,20,50 --gate 'curl -f  x' pause-at 50")
        words = await asked(drive)
        for part in (
            "Start a canary of reviews.bookinfo to v3?", "20 % → 50 %, 5m each",
            "At most 1 % errors", "500 ms", "all traffic goes back to v1 at once",
            "asked before 50 %", "goes on when this screen is closed",
        ):  # fmt: skip
            assert part in words, (part, words)
        await drive.press("enter")
        await drive.until(lambda: "ann@desk/4712 drives it" in drive.status)
        options = ("--to=v3", "--steps=5,20,50", "--pause-at=50", "--gate=curl -f  x")
        assert drive.cockpit.started == [(REVIEWS, ("run", "reviews.bookinfo", *options, "--yes"))]


async def test_on_fail_hold_is_in_the_question_and_another_service_may_be_named() -> None:
    async with driving(FakeCockpit()) as drive:
        await drive.go_to("ratings")
        await command(drive, "canary run reviews.bookinfo --to v2 --on-fail hold --timeout 20s")
        words = await asked(drive)
        assert "Start a canary of reviews.bookinfo to v2?" in words
        assert "stays at its step, and waits for a person" in words
        await drive.press("enter")
        await drive.until(lambda: drive.cockpit.started)
        options = ("--to=v2", "--on-fail=hold", "--timeout=20s", "--yes")
        assert drive.cockpit.started == [(REVIEWS, ("run", "reviews.bookinfo", *options))]


async def test_enter_in_the_pane_opens_the_line_with_what_is_known() -> None:
    async with driving(FakeCockpit()) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("C")
        await drive.until(lambda: "no canary of reviews is known" in said(drive))
        await drive.press("enter")
        line = "canary run reviews.bookinfo --steps 5,10,25,50,75,100 --every 5m --to v3"
        assert drive.app.main.prompt.display and line in drive.text
        await drive.press("enter")
        assert "Start a canary of reviews.bookinfo to v3?" in await asked(drive)


WRONG = (
    ("--to v3 --force", "`meshtui canary run SERVICE --to V --force`"),
    ("--to v3 --dry-run", "`meshtui canary run SERVICE --to V --dry-run`"),
    ("--plan rollout.yaml", "`meshtui canary run SERVICE --plan FILE`"),
    ("", "name the canary with --to V"),
    ("--to v3 --steps 5,x", "steps: 'x' is not a percentage"),
    ("--to v3 --gate 'open", "a quotation is open"),
    ("--to v3 --nonsense 5", "canary run has no '--nonsense'"),
    ("nothing --to v3", "no service nothing in namespace"),
)


async def test_what_is_wrong_with_the_words_is_one_line() -> None:
    async with driving(FakeCockpit()) as drive:
        await drive.go_to("reviews")
        for words, why in WRONG:
            await command(drive, f"canary run {words}")
            await drive.until(lambda: why in drive.status)  # noqa: B023
            assert isinstance(drive.app.screen, MainScreen) and drive.cockpit.started == []


async def test_one_that_somebody_drives_says_who_and_begins_nothing() -> None:
    async with driving(driven()) as drive:
        await drive.go_to("reviews")
        await command(drive, "canary run --to v3")
        await drive.until(lambda: "is driven by ann@desk/4711" in drive.status)
        assert drive.cockpit.started == []


async def test_a_process_that_ended_at_once_leaves_its_last_line() -> None:
    cockpit = FakeCockpit()
    cockpit.start_error = Refused("the canary of reviews cannot begin: none of 1 pod is ready")
    async with driving(cockpit) as drive:
        await drive.go_to("reviews")
        await command(drive, "canary run --to v3")
        await asked(drive)
        await drive.press("enter")
        await drive.until(lambda: "none of 1 pod is ready" in drive.status)


async def test_the_log_of_one_that_was_started_from_a_screen_is_named() -> None:
    async with driving(driven(log=Path("/state/canaries/reviews-1.log"))) as drive:
        await look(drive, "observing at 25 %")
        assert "log /state/canaries/reviews-1.log" in said(drive)


@pytest.mark.parametrize(
    ("phase", "order"),
    [("observing", Order.HOLD), ("on hold", Order.RESUME), ("waiting for a person", Order.RESUME)],
)
async def test_space_holds_and_goes_on(phase: str, order: Order) -> None:
    async with driving(driven(replace(RUNNING, phase=phase))) as drive:
        await look(drive, f"{phase} at 25 %")
        await drive.press("space")
        await drive.until(lambda: f"{order.value}: ann@desk/4711 has it" in drive.status)
        assert drive.cockpit.orders == [(REVIEWS, order)]


async def test_space_again_goes_on_before_the_hold_is_reported() -> None:
    async with driving(driven()) as drive:
        await look(drive, "observing at 25 %")
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
        await look(drive, "observing at 25 %")
        await drive.press(key)
        await drive.until(lambda: isinstance(drive.app.screen, Question))
        assert "canary of reviews to v3" in drive.text
        await drive.press("escape")
        await drive.until(lambda: "the canary is as it was" in drive.status)
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
        await look(drive, "observing at 25 %")
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
        await command(drive, "canary hold")
        await drive.until(lambda: drive.cockpit.orders == [(REVIEWS, Order.HOLD)])
        await command(drive, "canary climb")
        assert ":canary takes run, hold, resume, abort, promote" in drive.status


async def test_an_order_that_nobody_takes_is_one_line() -> None:
    cockpit = driven()
    cockpit.order_error = Refused("the canary of reviews does not answer", "try again")
    async with driving(cockpit) as drive:
        await look(drive, "observing at 25 %")
        await drive.press("space")
        await drive.until(lambda: "does not answer" in drive.status)


async def test_nothing_is_ordered_read_only() -> None:
    cockpit = driven()
    cockpit.read_only = True
    async with driving(cockpit) as drive:
        await look(drive, "observing at 25 %")
        await drive.press("X")
        await drive.until(lambda: "read-only" in drive.status)
        for words in ("canary abort", "canary run --to v3"):
            await command(drive, words)
            assert "read-only" in drive.status and isinstance(drive.app.screen, MainScreen)
        assert cockpit.orders == [] and cockpit.started == []


async def test_the_right_to_the_rules_is_not_asked_of_who_only_orders() -> None:
    cockpit = driven()
    cockpit.denied = {"bookinfo": "you may not patch virtualservices in bookinfo"}
    async with driving(cockpit) as drive:
        await look(drive, "observing at 25 %")
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
