"""The table on the screen: cursor, drafts, filter, sort, ages, hostile names."""

from __future__ import annotations

import asyncio
import time

import pytest

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Signals
from meshtui.operations.types import FeedHealth, Pending
from meshtui.ui.table.lineid import LineId
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, driving
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_failing_version_is_seen_at_once(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        lines = drive.text.splitlines()
        reviews = next(i for i, line in enumerate(lines) if i > 1 and "reviews" in line)
        assert reviews < next(i for i, line in enumerate(lines) if "details" in line)
        failing = next(line for line in lines if "✖ v3" in line)
        assert "12.0%" in failing and "20%" in failing and "384ms" in failing and "1/1" in failing
        assert "✖ 1 version failing: reviews v3 · ● 3 ok" in lines[0]


async def test_the_cursor_follows_its_line_through_sorts_and_ticks() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        table = drive.app.main.table
        before = table.cursor
        for key in ("N", "N", "T", "L", "E", "W"):
            await drive.press(key)
            await drive.tick()
            assert table.place == LineId(REVIEWS, "v3")
        await drive.press("N")
        assert table.cursor != before


async def test_the_keys_go_through_the_columns_in_sight_and_round() -> None:
    async with driving(size=SMALL) as drive:
        table, found = drive.app.main.table, []
        for _ in range(12):
            await drive.press("greater_than_sign")
            found.append(table.sort.key)
        assert found[:3] == ["name", "weight", "share"] and "worst" in found and "p50" not in found
        await drive.press("less_than_sign")
        assert table.sort.key == found[-2]
        await drive.press("colon")
        await drive.type("sort p99")
        await drive.press("enter")
        await drive.until(lambda: (table.sort.key, table.sort.reverse) == ("latency", False))
        await drive.press("colon")
        await drive.type("sort p99")
        await drive.press("enter")
        await drive.until(lambda: table.sort.reverse)


async def test_until_a_key_moves_it_the_cursor_stays_on_the_worst() -> None:
    async with driving() as drive:
        assert drive.app.main.table.place == LineId(REVIEWS, "v3")


async def test_a_draft_follows_its_version_and_others_share() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("minus", "minus")
        await drive.press("N")
        await drive.tick()
        assert "80→90%" in drive.text and "20→10%" in drive.text
        await drive.press("right_square_bracket")
        await drive.until(lambda: "20→11%" in drive.text)


async def test_digits_set_the_weight_and_backspace_takes_them_back() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v1")
        await drive.press("8", "5")
        await drive.until(lambda: "80→85%" in drive.text and "20→15%" in drive.text)
        await drive.press("backspace")
        await drive.until(lambda: "80→8%" in drive.text)
        await drive.press("backspace")
        await drive.until(
            lambda: "→" not in "".join(line for line in drive.text.splitlines() if "v1" in line)
        )


@pytest.mark.parametrize(
    "between",
    [("enter", "escape"), ("k", "j"), ("s", "escape"), ("x", "escape"), ("minus",), ("f5",)],
)
async def test_after_any_other_key_a_digit_begins_a_new_number(between: tuple[str, ...]) -> None:
    """Also where what was typed is the weight already, so that there is no draft to be seen."""
    for first in ("7", "80"):
        async with driving() as drive:
            await drive.go_to("reviews", "v1")
            await drive.press(*first, *between)
            await drive.press("9")
            await drive.until(lambda: "80→9%" in drive.text)


async def test_more_than_a_hundred_is_refused_in_words() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v1")
        await drive.press("9", "9", "9")
        await drive.until(lambda: "between 0 and 100" in drive.status)
        assert not drive.app.main.drafting.drafts


async def test_a_number_that_no_weight_has_leaves_the_draft_before_it() -> None:
    """Its first digits alone are a weight that nobody asked for."""
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("plus")
        await drive.until(lambda: "20→25%" in drive.text)
        await drive.press("1", "5", "0", "0")
        await drive.until(lambda: "between 0 and 100" in drive.status)
        await drive.until(lambda: "20→25%" in drive.text)
        await drive.press("backspace", "backspace")
        await drive.until(lambda: "20→15%" in drive.text)


async def test_escape_drops_the_draft() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("plus")
        await drive.until(lambda: "draft" in drive.text)
        await drive.press("escape")
        await drive.until(lambda: "→" not in drive.text)
        await drive.press("enter")
        assert drive.app.main.arrangement.focus == "signals" and drive.cockpit.asked == []


async def test_a_filter_is_seen_while_it_is_typed_and_left_by_escape() -> None:
    async with driving() as drive:
        await drive.press("slash")
        await drive.type("rat")
        assert "ratings" in drive.text and "details" not in drive.text
        await drive.press("enter")
        await drive.until(lambda: "details" not in drive.text)
        await drive.press("escape")
        await drive.until(lambda: "details" in drive.text)


async def test_a_filter_that_matches_nothing_says_so() -> None:
    async with driving() as drive:
        await drive.press("slash")
        await drive.type("zzz")
        await drive.press("enter")
        await drive.until(lambda: "nothing matches /zzz" in drive.text)
        await drive.press("plus", "enter", "P", "R")
        await drive.until(lambda: drive.status)


async def test_versions_fold_and_unfold() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v2")
        await drive.press("left")
        assert drive.app.main.table.place == LineId(REVIEWS)
        assert " ✖ v3" not in drive.text
        rows = drive.text.splitlines()[2:]
        assert next(line for line in rows if "reviews" in line)[1] == "✖"
        await drive.press("space")
        await drive.until(lambda: " ✖ v3" in drive.text)


async def test_ages_grow_and_turn_stale_when_the_snapshots_stop() -> None:
    async with driving() as drive:
        assert "STALE" not in drive.text
        drive.cockpit.clock.now += 8
        await drive.until(lambda: "10s" in drive.text.splitlines()[1])
        assert "STALE" not in drive.text
        drive.cockpit.clock.now += 30
        await drive.until(lambda: drive.text.count("STALE") == 2)
        await drive.tick()
        assert "STALE" not in drive.text


async def test_old_numbers_do_not_look_like_new_ones_without_colour_either() -> None:
    async with driving() as drive:
        drive.cockpit.clock.now += 40
        await drive.until(lambda: "last seen: " in drive.text.splitlines()[0])
        lines = drive.text.splitlines()
        table = lines[2 : 3 + drive.app.main.table.line_count()]
        rows = [line for line in table if "v3" in line or "reviews" in line]
        assert rows and all("◌" in line and "✖" not in line for line in rows)
        roles = {piece.role for piece in drive.app.main.table.line_at(0) if "%" in piece.text}
        assert roles == {"old"}
        await drive.tick()
        assert "◌" not in drive.text and "last seen" not in drive.text


async def test_a_source_that_fails_says_what_is_wrong() -> None:
    async with driving() as drive:
        drive.cockpit.telemetry = FeedHealth("telemetry", "failed", 4.0, "3 proxies refuse: 403")
        await drive.tick()
        assert "failed" in drive.text and "3 proxies refuse: 403" in drive.text


async def test_notices_come_first_and_leave_no_gap() -> None:
    async with driving() as drive:
        top = drive.text.splitlines()[2]
        drive.cockpit.notices = ("the outcome of change c7 is not known",)
        await drive.tick()
        await drive.until(lambda: "the outcome of change c7" in drive.text.splitlines()[2])
        drive.cockpit.notices = ()
        await drive.tick()
        await drive.until(lambda: drive.text.splitlines()[2] == top)


async def test_what_has_a_time_limit_says_how_long_it_lasts() -> None:
    async with driving() as drive:
        drive.cockpit.pendings = (Pending("c1", REVIEWS, "fault delay 3s", 840.0),)
        await drive.tick()
        assert "fault ends in 14m" in drive.text
        drive.cockpit.pendings = (Pending("c1", REVIEWS, "fault delay 3s", -1.0),)
        await drive.tick()
        assert "OVERDUE" in drive.text


async def test_hostile_names_are_shown_and_do_nothing() -> None:
    cockpit = FakeCockpit()
    evil = "[bold]x[/bold]\x1b[31m\u202e"
    for raw in cockpit.raw["services"][:1]:
        raw["metadata"]["name"] = evil
    cockpit.context = evil
    cockpit.notices = (evil,)
    async with driving(cockpit) as drive:
        assert drive.text.count(r"[bold]x[/bold]^[[31m\u202e") == 3, "context, notice, service"
        svg = drive.app.export_screenshot()
        assert "\x1b" not in drive.text and "\x1b" not in svg and "\u202e" not in drive.text
        await drive.press("l", "p", "y", "f", "escape", "m", "escape", "R", "escape")


async def test_read_only_says_so_and_changes_nothing() -> None:
    async with driving(FakeCockpit(read_only=True)) as drive:
        assert "READ-ONLY" in drive.text
        await drive.go_to("reviews", "v3")
        for key in ("plus", "5", "P", "R", "u", "m", "f", "c", "ctrl+r"):
            await drive.press(key)
            assert drive.status.startswith("read-only")
        await drive.press("colon")
        await drive.type("shift v1=100")
        await drive.press("enter")
        await drive.until(lambda: "read-only" in drive.status and drive.cockpit.asked == [])


async def test_a_version_needs_the_cursor_on_it() -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press("plus")
        await drive.until(lambda: "choose a version first" in drive.status)


async def test_services_without_weights_say_why() -> None:
    async with driving() as drive:
        await drive.go_to("details")
        await drive.press("right", "j", "plus")
        await drive.until(lambda: "no weights to change" in drive.status)


async def test_unknown_numbers_look_unknown() -> None:
    cockpit = FakeCockpit()
    cockpit.measure = lambda: None  # type: ignore[method-assign]
    async with driving(cockpit) as drive:
        row = next(line for line in drive.text.splitlines() if "reviews" in line)
        assert "?" in row and "0%" not in row
        assert "? 4 unknown" in drive.text


async def test_a_version_with_only_errors_is_loud() -> None:
    bookinfo_errors = dict(bookinfo.ERRORS)
    bookinfo.ERRORS["v3"] = 1.0
    try:
        async with driving() as drive:
            row = next(line for line in drive.text.splitlines()[2:] if " v3" in line)
            assert "✖ 100%" in row
    finally:
        bookinfo.ERRORS.update(bookinfo_errors)


async def test_a_theme_can_be_chosen_and_a_wrong_one_is_named() -> None:
    async with driving() as drive:
        await drive.press("colon")
        await drive.type("theme meshtui-light")
        await drive.press("enter")
        assert drive.app.theme == "meshtui-light"
        await drive.press("colon")
        await drive.type("theme nope")
        await drive.press("enter")
        await drive.until(
            lambda: "there is no theme nope" in drive.status and "meshtui-contrast" in drive.status
        )


async def test_resizing_moves_nothing_but_the_columns() -> None:
    async with driving(size=LARGE) as drive:
        await drive.go_to("reviews", "v3")
        await drive.pilot.resize_terminal(*SMALL)
        await drive.until(lambda: "p50" not in drive.text)
        assert drive.app.main.table.place == LineId(REVIEWS, "v3")
        await drive.pilot.resize_terminal(*LARGE)
        await drive.until(lambda: "p50" in drive.text)


def test_signals_of_the_fixture_are_believable() -> None:
    assert bookinfo.measured(10, 0.1, 5, 10) == Signals(
        100, 10, 0.1, 5, 15, 40, {"200": 90, "503": 10}, {}, {"UF": 10 / 3}
    )


async def test_a_verb_that_needs_another_right_says_that_one() -> None:
    async with driving() as drive:
        reason = "you may not patch destinationrules in bookinfo"
        drive.cockpit.denied = {"bookinfo/breaker": reason}
        await drive.tick()
        await drive.press("b")
        await drive.until(lambda: reason in drive.text)
        await drive.press("R")
        await drive.armed()


async def test_what_is_said_of_a_second_interrupt_goes_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("meshtui.ui.app.INTERRUPT_S", 0.05)
    async with driving(FakeCockpit(), SMALL) as drive:
        app = drive.app
        app.action_interrupt()
        assert "^C again leaves" in drive.status
        await drive.until(lambda: not drive.status)
        app.action_interrupt()
        app.main.announce("something newer")
        await drive.until(lambda: not app._interrupted)
        assert drive.status == "something newer"


async def test_a_size_is_taken_though_the_machine_is_too_busy_to_tell_it_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Textual waits 8 ms for the last of several sizes; here each look at the clock is too late."""
    late = 0.0

    def busy() -> float:
        nonlocal late
        task = asyncio.current_task()
        late += 1.0 if task is not None and task.get_name().startswith("set_timer#") else 0.0
        return time.monotonic() + late

    async with driving(FakeCockpit(), SMALL) as drive:
        monkeypatch.setattr("textual.timer._time.get_time", busy)
        for size in (LARGE, SMALL):
            await drive.pilot.resize_terminal(*size)
            await drive.until(lambda: len(drive.text.splitlines()) == size[1])  # noqa: B023
