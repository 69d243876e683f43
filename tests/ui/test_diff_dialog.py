"""What the dialog between a change and its being made shows where there is little room."""

from __future__ import annotations

import re

import pytest

from meshtui.changes.change import Caution, Plan, Shift, Target
from meshtui.changes.outcome import Outcome, ProxyVerdict
from meshtui.mesh.model import ServiceKey
from meshtui.ui.dialogs.diff import Phase
from meshtui.ui.dialogs.difftext import outcome_words
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")
TINY = (40, 12)


async def shifted(drive: Drive) -> None:
    """A diff that changes all three weights is open."""
    await drive.go_to("reviews", "v2")
    await drive.press("plus", "plus")
    await drive.go_to("reviews", "v3")
    await drive.press("minus", "minus", "minus", "enter")
    await drive.armed()


def cut_off(drive: Drive) -> int:
    """How many lines the dialog says are below what it shows."""
    found = re.search(r"↓ (\d+) more lines?", drive.text)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_every_weight_that_changes_is_said_without_scrolling(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await shifted(drive)
        plan = drive.dialog.plan
        assert plan is not None and len(plan.change.words) == 3
        for words in (*plan.change.words, "Enter apply"):
            assert words in drive.text


@pytest.mark.parametrize("size", [SMALL, TINY])
async def test_a_diff_that_is_cut_off_says_so_and_scrolls_to_its_end(
    size: tuple[int, int],
) -> None:
    async with driving(size=size) as drive:
        await shifted(drive)
        below = cut_off(drive)
        assert below > 0 and "timeout: 10s" not in drive.text
        await drive.press("j")
        assert cut_off(drive) == below - 1
        await drive.press("k", "down", "up")
        assert cut_off(drive) == below
        for _ in range(below):
            await drive.press("pagedown")
        assert not cut_off(drive) and "timeout: 10s" in drive.text
        assert "above" in drive.text and "Enter apply" in drive.text
        for _ in range(below):
            await drive.press("pageup")
        assert cut_off(drive) == below


@pytest.mark.parametrize("danger", [True, False])
async def test_only_keys_that_scroll_are_offered(danger: bool) -> None:
    """Where the name is to be typed, a j is a letter of it."""
    async with driving(size=SMALL) as drive:
        drive.cockpit.findings = (Caution("danger", "v3 fails"),) if danger else ()
        await shifted(drive)
        assert ("j k PgDn PgUp scroll" in drive.text) is not danger
        below = cut_off(drive)
        await drive.press("pagedown")
        await drive.until(lambda: cut_off(drive) < below and "PgDn PgUp scroll" in drive.text)


async def test_no_line_is_left_out_by_paging() -> None:
    async with driving(size=TINY) as drive:
        await shifted(drive)
        plan = drive.dialog.plan
        assert plan is not None
        wanted = [line.rstrip() for line in plan.change.diff]
        seen = drive.text
        while cut_off(drive):
            await drive.press("pagedown")
            seen += drive.text
        assert [words for words in wanted if words not in seen] == []


async def test_a_diff_that_is_all_there_speaks_of_no_more_lines() -> None:
    async with driving() as drive:
        await shifted(drive)
        assert not cut_off(drive) and "above" not in drive.text


async def test_the_proof_survives_on_eighty_columns() -> None:
    async with driving(size=SMALL) as drive:
        await shifted(drive)
        await drive.press("enter")
        await drive.until(lambda: not drive.app.main.desk.busy)
        assert "✔ reviews: 3 of 3 proxies in sync in 42 ms · v3 20 → 3 %" in drive.text


async def test_what_went_wrong_stands_before_the_words_of_the_change() -> None:
    plan = await FakeCockpit().plan(Shift({"v3": 5}), Target(REVIEWS))
    proxies = (ProxyVerdict("bookinfo", "a", "old"),)
    text = outcome_words(Outcome("c1", plan, True, proxies, 10.0, False, ("no journal",)))
    assert text.startswith("NOT VERIFIED · reviews: written; 0 of 1 proxy in sync; no journal · ")
    assert isinstance(plan, Plan) and text.endswith("v3 20 → 5 %")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_leaving_while_a_change_is_applied_says_why_not_at_once(
    size: tuple[int, int],
) -> None:
    async with driving(size=size) as drive:
        drive.cockpit.apply_gate.clear()
        await shifted(drive)
        await drive.press("q")
        assert drive.app.is_running and drive.cockpit.applied == []
        await drive.until(lambda: drive.dialog.armed)
        await drive.press("enter")
        await drive.until(lambda: "applying…" in drive.text)
        await drive.press("q")
        await drive.until(
            lambda: "a change is being applied; q again leaves all the same" in drive.text
        )
        assert drive.dialog.phase is Phase.APPLYING and "write" in drive.text
        await drive.press("q")
        await drive.until(lambda: drive.app.return_code is not None)


async def test_what_went_wrong_is_broken_anew_where_the_terminal_gets_narrower() -> None:
    async with driving(size=LARGE) as drive:
        drive.cockpit.verified = False
        await shifted(drive)
        await drive.press("enter")
        await drive.until(lambda: drive.dialog.phase is Phase.OVER)
        await drive.pilot.resize_terminal(*SMALL)
        said = "0 of 3 proxies in sync · v3 20 → 3 %; v2 0 → 10 %; v1 80 → 87 %"
        await drive.until(lambda: said in " ".join(drive.text.replace("▌", " ").split()))
