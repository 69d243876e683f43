"""Keys that arrive all at once, as over a slow line: each means what it would have meant later."""

from __future__ import annotations

import pytest
from textual.events import Key
from textual.keys import _character_to_key

from meshtui.changes.change import SetBreaker
from meshtui.mesh.model import ServiceKey
from meshtui.ui.dialogs.form import FormDialog
from meshtui.ui.table.lineid import LineId
from tests.ui.driving import Drive, driving
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")


async def burst(drive: Drive, *keys: str) -> None:
    """Keys that arrive at once, as over a slow line."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        drive.app.post_message(Key(name, key if len(key) == 1 else None))
    await drive.pilot.pause()


@pytest.mark.parametrize("end", ["enter", "escape"])
async def test_keys_typed_behind_the_end_of_a_prompt_are_for_what_comes_next(end: str) -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await burst(drive, "slash", *"rev", end, "j", "j")
        await drive.until(lambda: not drive.app.main.prompt.display)
        await drive.until(lambda: drive.app.main.table.place == LineId(REVIEWS, "v2"))
        assert drive.app.main.table.filter.source == ("rev" if end == "enter" else "")


async def test_a_command_and_the_next_one_may_come_at_once() -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await burst(drive, "colon", *"sort name", "enter", "colon", *"filter rev", "enter", "j")
        await drive.until(lambda: drive.app.main.table.filter.source == "rev")
        assert drive.app.main.table.sort.key == "name"
        await drive.until(lambda: drive.app.main.table.place == LineId(REVIEWS, "v1"))


async def test_keys_behind_the_end_of_a_dialog_are_for_what_lies_below() -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press("R")
        await drive.armed()
        await burst(drive, "escape", "colon", *"sort name", "enter", "slash", *"rev", "enter", "j")
        await drive.until(lambda: drive.app.main.table.filter.source == "rev")
        assert drive.app.main.table.sort.key == "name"
        await drive.until(lambda: drive.app.main.table.place == LineId(REVIEWS, "v1"))
        assert not drive.app.main.dock.open_kinds and drive.cockpit.applied == []


async def test_an_enter_in_one_breath_with_the_key_of_a_change_applies_it_once() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await burst(drive, "R", "enter", "enter", "enter")
        await drive.until(lambda: drive.cockpit.applied)
        await drive.until(lambda: drive.app.screen is drive.app.main)
        assert len(drive.cockpit.applied) == 1


async def test_a_pane_and_its_search_may_come_at_once() -> None:
    async with driving() as drive:
        await burst(drive, "l", "slash", *"code:5xx", "enter")
        await drive.until(lambda: drive.app.main.dock.pane("logs"))
        pane = drive.app.main.dock.pane("logs")
        assert pane is not None
        await drive.until(lambda: pane.search_text == "code:5xx")
        await drive.until(lambda: not drive.app.main.prompt.display)
        assert not drive.app.main.table.filter and "ratings" in drive.text


async def test_escape_and_a_letter_that_the_terminal_took_for_alt_are_both_read() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("R")
        await drive.armed()
        before = drive.app.main.table.cursor
        drive.app.post_message(Key("alt+k", "k"))
        await drive.until(lambda: drive.app.screen is drive.app.main)
        await drive.until(lambda: drive.app.main.table.cursor == before - 1)


async def test_words_typed_over_a_dialog_whose_escape_was_lost_do_not_apply_it() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("R")
        dialog = await drive.armed()
        await burst(drive, *"theme nope", "enter")
        await drive.until(lambda: "Enter rests" in drive.text)
        assert drive.cockpit.applied == [] and drive.app.screen is dialog
        dialog._arm_in(0.01)
        await drive.until(lambda: dialog.armed)
        await drive.press("enter")
        await drive.until(lambda: len(drive.cockpit.applied) == 1)


async def test_a_command_typed_over_a_dialog_takes_its_place() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("R")
        await drive.armed()
        await burst(drive, "colon", *"theme nope", "enter")
        await drive.until(lambda: "there is no theme nope" in drive.status)
        assert drive.cockpit.applied == [] and drive.app.screen is drive.app.main


async def test_what_is_typed_behind_the_key_of_a_form_is_for_its_fields() -> None:
    cockpit = FakeCockpit()
    del cockpit.raw["destinationrules"][0]["spec"]["trafficPolicy"]
    async with driving(cockpit) as drive:
        await drive.go_to("reviews", "v3")
        await burst(drive, "b", "right", "tab", *"100", "tab", "tab", "tab", "5", "enter")
        await drive.armed()
        limits = {"max_connections": 100, "consecutive_5xx": 5}
        assert drive.cockpit.asked[-1][0] == SetBreaker("", limits)


async def test_what_is_typed_behind_tab_is_in_the_next_field() -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press("f")
        await drive.until(lambda: isinstance(drive.app.screen, FormDialog))
        form = drive.app.screen
        assert isinstance(form, FormDialog)
        names = list(form.values())
        await burst(drive, *"3s", "tab", "tab", *"503", "tab", *"10")
        await drive.until(lambda: form.values()[names[3]].endswith("10"))
        found = form.values()
        assert found[names[0]].endswith("3s") and found[names[2]].endswith("503")
