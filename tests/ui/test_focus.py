"""What has the focus: panes as they open, the keys of the moment, the room each of them has."""

from __future__ import annotations

import pytest

from meshtui.mesh.model import ServiceKey
from meshtui.ui.actions.action import OF_A_ROW
from meshtui.ui.actions.registry import ACTIONS, elsewhere
from meshtui.ui.actions.situation import TABLE, Situation
from meshtui.ui.dialogs.help import HelpDialog, help_lines
from meshtui.ui.main.layout import MOST_PERCENT
from meshtui.ui.panes.dock import PANES
from meshtui.ui.table.lineid import LineId
from tests.ui.driving import LARGE, SMALL, Drive, driving

REVIEWS = ServiceKey("bookinfo", "reviews")
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE])
KEYS = {action.id: action.keys[0] for action in ACTIONS if action.id in PANES}


def focus(drive: Drive) -> str:
    return drive.app.main.arrangement.focus


def displayed(drive: Drive) -> list[str]:
    return [pane.kind for pane in drive.app.main.dock.panes if pane.display]


@SIZES
async def test_a_pane_that_opens_takes_the_focus_and_gives_it_back(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.go_to("reviews", "v3")
        for kind in PANES:
            await drive.press(KEYS[kind])
            assert focus(drive) == kind
            await drive.until(lambda k=kind: drive.app.main.dock.pane(k).has_focus)  # type: ignore[misc,union-attr]
            if kind not in OF_A_ROW:
                await drive.press("2")
                assert not drive.app.main.drafting.drafts
            await drive.press("escape")
            await drive.until(lambda: drive.app.main.table.has_focus)
            assert focus(drive) == TABLE and not drive.app.main.dock.open_kinds


@SIZES
async def test_the_key_of_a_pane_leads_to_it_before_it_closes_it(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("i", "s")
        assert focus(drive) == "signals"
        await drive.press("i")
        assert focus(drive) == "pods" and set(drive.app.main.dock.open_kinds) == {"pods", "signals"}
        await drive.press("i")
        assert focus(drive) == TABLE and drive.app.main.dock.open_kinds == ("signals",)


@SIZES
async def test_a_command_for_a_pane_leads_to_it(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("colon")
        await drive.type("logs code:5xx")
        await drive.press("enter")
        await drive.until(lambda: focus(drive) == "logs")
        pane = drive.app.main.dock.pane("logs")
        assert pane is not None
        await drive.until(lambda: pane.search_text == "code:5xx")


@SIZES
async def test_a_search_in_a_pane_that_has_none_is_the_tables(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("s", "slash")
        await drive.type("rat")
        await drive.until(lambda: "ratings" in drive.text and drive.app.main.table.display)
        await drive.press("enter")
        await drive.until(lambda: drive.app.main.table.filter.source == "rat")
        assert focus(drive) == TABLE


async def test_escape_in_a_pane_leaves_the_draft_alone() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("minus", "s", "escape")
        await drive.until(lambda: "20→15%" in drive.text and not drive.app.main.dock.open_kinds)
        await drive.press("escape")
        assert not drive.app.main.drafting.drafts


# Enter and the digits


@SIZES
async def test_enter_folds_a_service_and_says_why_of_a_version(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.go_to("reviews")
        await drive.press("enter")
        table = drive.app.main.table
        assert LineId(REVIEWS, "v3") not in [entry.place for entry in table.entries]
        await drive.press("enter")
        await drive.go_to("reviews", "v3")
        await drive.press("enter")
        assert focus(drive) == "signals" and drive.cockpit.asked == []


@pytest.mark.parametrize("digit", "0123456789")
async def test_a_digit_drafts_a_weight_only_on_the_line_of_a_version(digit: str) -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press(digit)
        await drive.until(lambda: not drive.app.main.drafting.drafts and drive.status)
        await drive.go_to("reviews", "v3")
        await drive.press(digit)
        await drive.until(lambda: f"20→{digit}%" in drive.text)


async def test_a_zero_behind_a_refused_digit_is_refused_with_it() -> None:
    """`20` typed on a service asked for no list of all namespaces."""
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press("2", "0")
        await drive.until(lambda: "choose a version first" in drive.status)
        await drive.press("question_mark", "escape", "0")
        await drive.until(lambda: "all namespaces" in drive.status)


@pytest.mark.parametrize(
    ("keys", "weight"),
    [(("minus",), 15), (("5",), 5), (("1", "2"), 12), (("1", "2", "backspace"), 1)],
)
async def test_weight_is_taken_off_where_the_signals_say_why(
    keys: tuple[str, ...], weight: int
) -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("enter")
        await drive.until(lambda: focus(drive) == "signals")
        await drive.press(*keys)
        await drive.until(lambda: f"20→{weight}%" in drive.text)
        await drive.press("enter")
        await drive.until(lambda: f"v3 20 → {weight} %" in drive.text)


async def test_what_one_acts_on_keeps_the_cursor() -> None:
    async with driving() as drive:
        top = drive.app.main.table.place
        assert top is not None and top.service.name == "reviews"
        await drive.press("s", "escape", "N")
        await drive.until(lambda: drive.app.main.table.sort.key == "name")
        assert drive.app.main.table.place == top
    async with driving() as drive:
        await drive.press("N")
        await drive.until(lambda: drive.app.main.table.sort.key == "name")
        assert drive.app.main.table.place != top


async def test_zero_on_a_service_shows_all_namespaces() -> None:
    async with driving() as drive:
        await drive.press("colon")
        await drive.type("ns bookinfo")
        await drive.press("enter")
        await drive.until(lambda: "all namespaces" not in drive.text.splitlines()[0])
        await drive.go_to("reviews")
        await drive.press("0")
        await drive.until(lambda: "all namespaces" in drive.text.splitlines()[0])


# Keys that do nothing here


@pytest.mark.parametrize(
    ("key", "where", "words"),
    [
        ("plus", "logs", "+ does nothing here; weight: in signals (s) or table (Tab)"),
        ("3", "logs", "clusters: in proxies (p)"),
        ("Z", TABLE, "Z does nothing; ? shows the keys of the table"),
        ("f5", "rules", "F5 does nothing; ? shows the keys of the rules"),
        ("ctrl+a", TABLE, "Ctrl+a does nothing"),
    ],
)
def test_a_key_that_does_nothing_here_says_what_would(key: str, where: str, words: str) -> None:
    assert words in elsewhere(key, Situation(focus=where))


async def test_keys_of_no_meaning_are_answered_on_the_screen() -> None:
    async with driving() as drive:
        for key, words in (
            ("Z", "Z does nothing"),
            ("f5", "F5 does nothing"),
            ("w", "in logs (l)"),
        ):
            await drive.press(key)
            await drive.until(lambda wanted=words: wanted in drive.status)  # type: ignore[misc]
        await drive.press("slash", "K")
        await drive.until(lambda: drive.app.main.table.filter.source == "K")


# The room


async def test_keys_that_have_nothing_to_go_to_say_what_there_would_be() -> None:
    async with driving(size=SMALL) as drive:
        for key in ("tab", "shift+tab"):
            drive.app.main.announce("")
            await drive.press(key)
            await drive.until(lambda: "no pane is open" in drive.status)
        await drive.go_to("reviews", "v3")
        await drive.press("p", "2")
        for key in ("full_stop", "comma", "enter"):
            drive.app.main.announce("")
            await drive.press(key)
            await drive.until(lambda: "the raw JSON, which w shows" in drive.status)


async def test_zoom_gives_the_whole_screen_and_takes_it_back() -> None:
    async with driving() as drive:
        await drive.press("z")
        await drive.until(lambda: "open a pane beside it" in drive.text)
        await drive.press("s", "z")
        pane = drive.app.main.dock.pane("signals")
        assert pane is not None
        await drive.until(lambda: pane.size.width > LARGE[0] - 4)
        assert not drive.app.main.table.display
        await drive.press("escape")
        await drive.until(lambda: pane.size.width < LARGE[0] / 2)
        assert focus(drive) == "signals" and drive.app.main.table.display
        await drive.press("tab", "z")
        await drive.until(lambda: drive.app.main.table.size.width == LARGE[0])
        await drive.press("z")
        await drive.until(lambda: pane.display and drive.app.main.dock.size.width > 60)


async def test_on_a_narrow_screen_zoom_and_border_say_why_not() -> None:
    async with driving(size=SMALL) as drive:
        await drive.press("s", "z")
        await drive.until(lambda: "has the whole screen" in drive.status)
        await drive.press("ctrl+left")
        await drive.until(lambda: "no border" in drive.status)


async def test_the_border_moves_within_limits() -> None:
    async with driving() as drive:
        await drive.press("s")
        dock = drive.app.main.dock
        await drive.until(lambda: dock.size.width)
        before = dock.size.width
        await drive.press("ctrl+left")
        await drive.until(lambda: dock.size.width > before)
        await drive.press("ctrl+right", "ctrl+right")
        await drive.until(lambda: dock.size.width < before)
        await drive.press(*["ctrl+left"] * 9)
        await drive.until(lambda: f"{MOST_PERCENT} %" in drive.status)
        assert "reviews" in drive.text.splitlines()[3]


async def test_panes_without_room_are_tabs_of_one_place() -> None:
    async with driving(size=(140, 30)) as drive:
        await drive.press("s", "i")
        assert displayed(drive) == ["signals", "pods"]
        await drive.press("v")
        await drive.until(lambda: displayed(drive) == ["rules"])
        assert "signals │ pods │ [rules]" in drive.text
        await drive.press("tab")
        await drive.until(lambda: "signals │ [pods] │ rules" in drive.text)
        assert displayed(drive) == ["pods"]
        await drive.go_to("ratings")
        assert displayed(drive) == ["signals"], "the last one that had the focus stays in front"
        await drive.pilot.resize_terminal(140, 60)
        await drive.until(lambda: len(displayed(drive)) == 3)


async def test_on_a_narrow_screen_the_tabs_say_what_else_is_open() -> None:
    async with driving(size=SMALL) as drive:
        await drive.press("s", "i")
        await drive.until(lambda: "signals │ [pods]" in drive.text)


# Help


@SIZES
async def test_help_begins_with_the_keys_of_what_has_the_focus(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("l", "question_mark")
        await drive.until(lambda: "Keys of the logs" in drive.text)
        assert "Logs: the line under the cursor in its fields" in " ".join(drive.text.split())


@SIZES
async def test_help_is_searched_and_escape_shows_all_of_it_again(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("question_mark", "slash")
        await drive.type("mirror off")
        await drive.until(lambda: "Copy traffic to a version" in drive.text)
        assert "Sort by name" not in drive.text and "Keys of the table" not in drive.text
        await drive.press("enter", "j", "k", "escape")
        await drive.until(lambda: "Keys of the table" in drive.text)
        await drive.press("escape")
        assert not isinstance(drive.app.screen, HelpDialog)


@pytest.mark.parametrize(("search", "there"), [("z", True), ("zoom", True), ("qwertz", False)])
def test_a_key_or_words_find_an_entry(search: str, there: bool) -> None:
    text = "\n".join(
        "".join(piece.text for piece in line) for line in help_lines(90, TABLE, search)
    )
    assert ("What has the focus alone" in text) is there
    assert there or "nothing in the help" in text


async def test_the_cursor_of_the_table_is_not_lost_to_a_pane() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v2")
        await drive.press("s", "j", "j", "k", "G", "escape")
        assert drive.app.main.table.place == LineId(REVIEWS, "v2")
