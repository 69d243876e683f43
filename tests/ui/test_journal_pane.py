"""The journal beside the table: what was done here, and the way back of each change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.errors import Conflict, JournalError
from meshtui.mesh.model import ServiceKey
from meshtui.operations.types import Journaled
from meshtui.ui.dialogs.diff import Phase
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import NOW, FakeCockpit

REVIEWS, RATINGS = ServiceKey("bookinfo", "reviews"), ServiceKey("bookinfo", "ratings")

ENTRIES = (
    Journaled("c3", NOW - 60, "ann", "fault", REVIEWS, ("fault none → abort 503 10%",),
              "verified", expires=NOW + 840),
    Journaled("c2", NOW - 90, "bob", "shift", RATINGS, ("v1 90 → 100 %",), "verified",
              undone_by="c9"),
    Journaled("c1", NOW - 7200, "ann", "shift", REVIEWS, ("v3 20 → 10 %",), "failed",
              detail="409: somebody else wrote", took_effect=False),
)  # fmt: skip


def with_entries() -> FakeCockpit:
    cockpit = FakeCockpit()
    cockpit.entries = ENTRIES
    return cockpit


def line_of(drive: Drive, word: str) -> str:
    return next((line for line in drive.text.splitlines() if word in line), "")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_newest_change_comes_first_with_what_became_of_it(size: tuple[int, int]) -> None:
    async with driving(with_entries(), size=size) as drive:
        await drive.press("J")
        await drive.until(lambda: "3 changes" in drive.text)
        text = drive.text
        assert text.index("  none → abort") < text.index("v1 90 → 100 %")
        assert "ends in 14m" in line_of(drive, "fault  bookinfo") or "ends in 14m" in text
        assert "undone by c9" in text and "409: somebody else wrote" in text
        assert "failed" in text and "ann  c3" in text


async def test_space_narrows_it_to_the_selected_service_and_back() -> None:
    async with driving(with_entries()) as drive:
        await drive.go_to("ratings")
        await drive.press("J")
        await drive.until(lambda: "3 changes" in drive.text)
        await drive.press("space")
        await drive.until(lambda: "1 change " in drive.text)
        assert "c3" not in drive.text and "v1 90 → 100 %" in drive.text
        await drive.press("space")
        await drive.until(lambda: "3 changes" in drive.text)


@pytest.mark.parametrize("key", ["enter", "u"])
async def test_the_change_under_the_cursor_is_the_one_taken_back(key: str) -> None:
    async with driving(with_entries()) as drive:
        await drive.press("J")
        await drive.until(lambda: "3 changes" in drive.text)
        await drive.press("j", key)
        await drive.armed()
        assert drive.cockpit.undos == ["c2"]


async def test_the_cursor_stays_on_its_change_when_a_newer_one_arrives() -> None:
    async with driving(with_entries()) as drive:
        await drive.press("J")
        await drive.until(lambda: "3 changes" in drive.text)
        await drive.press("j")
        newer = Journaled("c4", NOW, "eve", "promote", REVIEWS, ("v1 80 → 100 %",), "verified")
        drive.cockpit.entries = (newer, *ENTRIES)
        await drive.tick()
        await drive.until(lambda: "4 changes" in drive.text)
        await drive.press("u")
        await drive.armed()
        assert drive.cockpit.undos == ["c2"]


async def test_a_conflict_shows_each_place_that_somebody_else_touched() -> None:
    cockpit = with_entries()
    places = [f"/spec/http/{n}/route: was 80, we left 100, now 5{n}" for n in range(9)]
    cockpit.undo_error = Conflict("change c3 can't be taken back", "; ".join(places))
    async with driving(cockpit) as drive:
        await drive.press("J")
        await drive.until(lambda: "3 changes" in drive.text)
        await drive.press("u")
        await drive.until(lambda: "can't be taken back" in drive.text)
        assert drive.dialog.phase is Phase.CONFLICT
        for number in range(9):
            assert f"/spec/http/{number}/route: was 80, we left 100, now 5{number}" in drive.text


async def test_a_journal_that_cannot_be_read_says_so_in_the_pane() -> None:
    cockpit = FakeCockpit()
    cockpit.journal_error = JournalError("the journal cannot be used (disk I/O error)")
    async with driving(cockpit) as drive:
        await drive.press("J")
        await drive.until(lambda: "disk I/O error" in drive.text)
        await drive.press("u")
        await drive.until(lambda: "no change to take back" in drive.status)


async def test_an_empty_journal_is_told_in_words() -> None:
    async with driving() as drive:
        await drive.press("J")
        await drive.until(lambda: "no change was made from here yet" in drive.text)


async def test_a_change_that_may_not_be_taken_back_is_dimmed_and_says_why() -> None:
    reason = "you may not patch destinationrules in bookinfo"
    cockpit = with_entries()
    cockpit.entries = (replace(ENTRIES[0], denied=reason), ENTRIES[1])
    async with driving(cockpit) as drive:
        await drive.press("J")
        await drive.until(lambda: "2 changes" in drive.text)
        await drive.press("enter")
        await drive.until(lambda: drive.status == reason)
        await drive.press("u")
        await drive.until(lambda: drive.status == reason)
        assert cockpit.undos == []


NEWER = Journaled(
    "c5", NOW - 30, "zoe", "shift", REVIEWS, ("v2 10 → 20 %",), "newer version",
    detail="not known what became of it: "
    "it has a status 'paused' that is not known to this version",
    took_effect=False, unread=True, denied="change c5 cannot be taken back from here",
)  # fmt: skip


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_an_entry_of_a_newer_version_is_shown_as_what_it_is_beside_the_others(
    size: tuple[int, int],
) -> None:
    cockpit = with_entries()
    cockpit.entries = (NEWER, *ENTRIES)
    async with driving(cockpit, size=size) as drive:
        await drive.press("J")
        await drive.until(lambda: "4 changes" in drive.text)
        assert "1 entry of a newer version" in drive.text
        assert "newer version" in line_of(drive, "bookinfo")
        assert "'paused'" in drive.text
        await drive.press("u")
        await drive.until(lambda: "cannot be taken back from here" in drive.status)
        assert cockpit.undos == []
        await drive.press("j", "u")
        await drive.armed()
        assert cockpit.undos == ["c3"]
