"""Panes beside the table, and the rules."""

from __future__ import annotations

import pytest
import yaml

from meshtui.ui.panes import base
from meshtui.ui.widgets.listing import Listing
from tests.ui.driving import LARGE, SMALL, driving


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_rules_in_words_and_as_yaml(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("v")
        await drive.until(lambda: "http[1]  ordinary" in drive.text)
        assert "retries 3× 2s each on 5xx" in drive.text and "timeout 10s" in drive.text
        await drive.press("w")
        await drive.until(lambda: "kind: VirtualService" in drive.text)


async def test_yaml_and_words_are_two_keys_of_one_pane() -> None:
    """Each shows its own, and closes the pane where it shows that already."""
    async with driving() as drive:
        for key, shown in (("y", "kind: VirtualService"), ("v", "hosts reviews"), ("y", "kind:")):
            await drive.press(key)
            await drive.until(lambda shown=shown: shown in drive.text)
            assert drive.app.main.dock.open_kinds == ("rules",)
        assert "managedFields" not in drive.text
        await drive.press("y")
        assert drive.app.main.dock.open_kinds == ()
        await drive.press("v", "tab", "y")
        await drive.until(lambda: "kind: VirtualService" in drive.text)
        assert drive.app.main.arrangement.focus == "rules"


async def test_panes_stay_and_follow_the_cursor() -> None:
    async with driving() as drive:
        await drive.press("l", "p", "v")
        await drive.until(lambda: "http[1]  ordinary" in drive.text)
        await drive.go_to("ratings")
        await drive.until(lambda: "no VirtualService names this service" in drive.text)
        assert drive.app.main.dock.open_kinds == ("logs", "proxies", "rules")


async def test_tab_goes_round_and_escape_closes_the_pane_with_the_focus() -> None:
    async with driving() as drive:
        await drive.press("l", "y")
        focus = []
        for _ in range(4):
            focus.append(drive.app.main.arrangement.focus)
            await drive.press("tab")
        assert focus == ["rules", "logs", "table", "rules"]
        await drive.press("tab", "tab", "escape")
        assert drive.app.main.dock.open_kinds == ("logs",)
        assert drive.app.main.arrangement.focus == "table"


async def test_on_a_narrow_screen_there_is_one_thing_at_a_time() -> None:
    async with driving(size=SMALL) as drive:
        await drive.press("l", "y")
        await drive.until(lambda: "VirtualService" in drive.text)
        assert "following" not in drive.text and "weight" not in drive.text
        await drive.press("l")
        await drive.until(lambda: "following" in drive.text)
        await drive.press("tab")
        await drive.until(lambda: "weight" in drive.text)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_esc_in_the_table_closes_the_panes_one_by_one(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.go_to("reviews")
        await drive.press("y", "p")
        while drive.app.main.arrangement.focus != "table":
            await drive.press("tab")
        assert drive.app.main.dock.open_kinds == ("rules", "proxies")
        await drive.press("escape")
        assert drive.app.main.dock.open_kinds == ("rules",)
        await drive.press("escape")
        assert drive.app.main.dock.open_kinds == ()
        assert drive.app.main.table.display


async def test_tab_goes_into_the_pane_that_was_opened_last() -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press("y", "p", "shift+tab", "tab")
        assert drive.app.main.arrangement.focus == "proxies"
        assert "Tab next pane" in drive.text.splitlines()[-1]


@pytest.mark.parametrize("keys", [("s",), ("d",), ("y",), ("question_mark",)])
async def test_what_goes_on_below_is_said_until_its_end_is_seen(keys: tuple[str, ...]) -> None:
    async with driving(size=SMALL) as drive:
        await drive.go_to("reviews")
        await drive.press(*keys)
        await drive.until(lambda: "↓" in drive.text)
        (body,) = (one for one in drive.app.screen.query(Listing) if one.visible)
        below = []
        while body.below:
            assert f"↓ {body.below} more" in drive.text
            below.append(body.below)
            await drive.press("j")
        await drive.pilot.pause()
        assert "↓" not in drive.text
        assert below and below == sorted(set(below), reverse=True)


async def test_the_text_of_a_pane_is_copied_yaml_as_it_can_be_applied() -> None:
    async with driving(size=LARGE) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("y")
        await drive.until(lambda: "apiVersion" in drive.text)
        await drive.press("Y")
        await drive.until(lambda: "copied rules" in drive.status)
        found = [one for one in yaml.safe_load_all(drive.app.clipboard) if one]
        assert {one["kind"] for one in found} == {"VirtualService", "DestinationRule"}
        await drive.press("escape", "d")
        await drive.until(lambda: "version v3" in drive.text)
        await drive.press("Y")
        await drive.until(lambda: "copied describe" in drive.status)
        assert "version v3" in drive.app.clipboard


async def test_of_a_long_text_its_beginning_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "COPIED_MOST", 20)
    async with driving(size=LARGE) as drive:
        await drive.press("y")
        await drive.until(lambda: "apiVersion" in drive.text)
        await drive.press("Y")
        await drive.until(lambda: "its beginning" in drive.status)
        assert len(drive.app.clipboard.encode()) <= 20
