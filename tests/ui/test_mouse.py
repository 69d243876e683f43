"""The mouse, on request: what one would click can be clicked; else it is the terminal's."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.widget import Widget

from meshtui.cli.parser import build_parser
from meshtui.ui.actions.situation import GRAPH, RULES, TABLE
from meshtui.ui.dialogs.choose import ChooseDialog
from meshtui.ui.dialogs.help import HelpDialog
from meshtui.ui.dialogs.logline import LogLineDialog
from meshtui.ui.panes.logs.pane import LogsPane
from meshtui.ui.table.order import Sort
from meshtui.ui.widgets.key_block import key_at, key_named
from meshtui.ui.widgets.paint import Span
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.test_logs_pane import entry


async def click(
    drive: Drive, widget: Widget, words: str, *, times: int = 1, right: int = 0
) -> None:
    """On the first cell of some words of a widget, as they are on the screen."""
    region = widget.region
    for y, text in enumerate(drive.text.splitlines()[region.y : region.bottom]):
        place = text[region.x :].find(words) if cell_len(text) == len(text) else -1
        if place >= 0:
            offset = (place + right, y)
            await drive.pilot.click(widget, offset=offset, times=times)
            await drive.pilot.pause()
            return
    raise AssertionError(f"{words!r} is not in {widget}:\n{drive.text}")


def table(drive: Drive) -> tuple[str, str]:
    place = drive.app.main.table.place
    assert place is not None
    return place.service.name, place.version


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_click_selects_a_row_folds_it_and_sorts_by_its_column(
    size: tuple[int, int],
) -> None:
    async with driving(size=size) as drive:
        main = drive.app.main
        await click(drive, main.table, "v3")
        assert table(drive) == ("reviews", "v3")
        await click(drive, main.table, "▾ reviews")
        await drive.until(lambda: "▸ reviews" in drive.text)
        await click(drive, main.table, "▸ reviews")
        await drive.until(lambda: "▾ reviews" in drive.text)
        await click(drive, main.table, "error")
        assert (main.table.sort.key, main.table.sort.reverse) == ("errors", False)
        await click(drive, main.table, "error")
        assert main.table.sort.reverse


async def test_a_second_click_is_enter() -> None:
    async with driving() as drive:
        await click(drive, drive.app.main.table, "v3", times=2)
        await drive.until(lambda: "signals" in drive.app.main.arrangement.open_kinds)


async def test_the_wheel_takes_the_cursor_along() -> None:
    async with driving() as drive:
        before = drive.app.main.table.cursor
        await drive.pilot._post_mouse_events([_wheel_down()], drive.app.main.table)
        await drive.until(lambda: drive.app.main.table.cursor == before + 3)


def _wheel_down() -> type:
    from textual import events

    return events.MouseScrollDown


async def test_a_click_on_a_key_of_the_footer_is_the_key_and_says_why_not() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await click(drive, drive.app.main.keys_line, "help")
        await drive.until(lambda: isinstance(drive.app.screen, HelpDialog))
        await drive.press("escape")
    from tests.ui.fake import FakeCockpit

    async with driving(FakeCockpit(read_only=True)) as drive:
        await click(drive, drive.app.main.keys_line, "(R roll back)", right=3)
        await drive.until(lambda: "read-only" in drive.status)


async def test_a_click_in_a_pane_and_on_its_tab_gives_it_the_focus() -> None:
    async with driving(size=SMALL) as drive:
        await drive.go_to("reviews")
        await drive.press("y", "tab", "g")
        arrangement = drive.app.main.arrangement
        await drive.until(lambda: arrangement.focus == GRAPH and "rules" in drive.text)
        await click(drive, drive.app.main.dock._tabs, "rules")
        await drive.until(lambda: arrangement.focus == RULES)
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press("g", "tab")
        arrangement = drive.app.main.arrangement
        await drive.until(lambda: arrangement.focus == TABLE and "productpage-v1" in drive.text)
        pane = drive.app.main.dock.pane("graph")
        assert pane is not None
        await click(drive, pane.body, "▸ v3", right=2)
        await drive.until(lambda: arrangement.focus == GRAPH and "▌v3" in drive.text)


async def test_a_click_in_the_header_asks_for_another_place_or_shows_the_worst() -> None:
    async with driving() as drive:
        header = drive.app.main.header
        for words, chosen in (("all namespaces", "bookinfo"), (drive.cockpit.context, "other")):
            await click(drive, header, words)
            await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
            await drive.until(lambda chosen=chosen: chosen in drive.text)  # type: ignore[misc]
            await drive.press("escape")
            await drive.until(lambda: drive.app.screen is drive.app.main)
        await drive.go_to("ratings")
        await drive.press("N")
        await click(drive, header, "failing")
        await drive.until(lambda: table(drive)[0] == "reviews")
        assert drive.app.main.table.sort == Sort("worst")
        await click(drive, header, "meshtui")
        assert drive.app.screen is drive.app.main


@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_click_on_a_log_line_puts_the_cursor_there_and_a_second_opens_it(
    wrapped: bool,
) -> None:
    async with driving(size=SMALL) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("l")
        await drive.until(lambda: drive.cockpit.tailed)
        for number in range(1, 30):
            drive.cockpit.logs.put_nowait(entry(number, "v3", 503))
        await drive.until(lambda: "/reviews/29" in drive.text)
        if wrapped:
            await drive.press("w")
        pane = drive.app.main.dock.pane("logs")
        assert isinstance(pane, LogsPane)
        lines = pane.log_lines
        for number in (27, 28):  # while they are followed, and paused
            await click(drive, lines, f"/reviews/{number}")
            await drive.until(lambda number=number: lines.cursor == number - 1)  # type: ignore[misc]
        assert not lines.following
        await click(drive, lines, "/reviews/27", times=2)
        await drive.until(lambda: isinstance(drive.app.screen, LogLineDialog))
        assert "/reviews/27" in drive.text


async def test_a_list_is_picked_from_by_a_second_click() -> None:
    async with driving() as drive:
        await drive.press("colon")
        await drive.type("theme")
        await drive.press("enter")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        picks = drive.app.screen.query_one("#choose-list")
        await drive.until(lambda: "meshtui-light" in drive.text)
        await click(drive, picks, "meshtui-light", times=2)
        await drive.until(lambda: not isinstance(drive.app.screen, ChooseDialog))
        assert drive.app.theme == "meshtui-light"


@pytest.mark.parametrize(
    ("shown", "key"),
    [
        ("Enter", "enter"), ("Esc", "escape"), ("R", "R"), ("/", "slash"), ("Ctrl+E", "ctrl+e"),
        ("] →", "right_square_bracket"), ("PgDn", "pagedown"), ("", ""), ("any words", ""),
    ],
)  # fmt: skip
def test_the_key_of_what_is_shown(shown: str, key: str) -> None:
    assert key_named(shown) == key


def test_a_key_has_the_cells_of_its_words() -> None:
    line = (Span("Enter", "key"), Span(" apply   ", "strong"), Span("Esc", "key"), Span(" back"))
    assert [key_at(line, x) for x in (0, 4, 5, 13, 14, 17, 21, 22)] == [
        *("enter", "enter", "enter", "enter", "escape", "escape", "escape", ""),
    ]
    assert key_at((Span("a"), Span("  "), Span("q", "key"), Span("  "), Span("x")), 6) == ""


def test_the_mouse_is_the_terminals_unless_it_is_asked_for() -> None:
    assert build_parser().parse_args(["--mouse"]).mouse is True
    assert not hasattr(build_parser().parse_args([]), "mouse")
