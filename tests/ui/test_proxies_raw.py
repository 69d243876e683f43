"""The raw JSON of a proxy: hostile text, hostile sizes, and the way out of it."""

from __future__ import annotations

import pytest

from meshtui.ui.panes.proxies.pane import ProxiesPane
from meshtui.ui.panes.proxies.raw import LONGEST, RawText
from tests.ui.driving import LARGE, SMALL, driving
from tests.ui.fake import FakeCockpit


def text_of(raw: RawText, index: int, role: str = "") -> str:
    return "".join(piece.text for piece in raw.line(index) if role in ("", piece.role))


def test_an_element_of_a_list_cannot_speak_to_the_terminal() -> None:
    raw = RawText(['  "\x9b31m\u202e"'])
    assert not {"\x9b", "\u202e"} & set(text_of(raw, 0))


def test_of_a_very_long_line_only_a_part_is_painted() -> None:
    raw = RawText(['"code": "' + "a" * 10_000_000])
    assert LONGEST <= len(text_of(raw, 0)) <= LONGEST + 10
    assert raw.width < 2 * LONGEST


@pytest.mark.parametrize("before", [0, 100, LONGEST - 2, 3 * LONGEST])
@pytest.mark.parametrize("after", [0, 3 * LONGEST])
def test_a_match_is_marked_wherever_it_is_in_a_long_line(before: int, after: int) -> None:
    raw = RawText(["a" * before + "Needle" + "b" * after]).searched("needle")
    assert raw.matches == [0]
    assert text_of(raw, 0, "stale") == "Needle"
    assert text_of(raw, 0).find("Needle") < raw.width


def test_a_search_that_goes_on_and_one_that_turns_back_find_the_same() -> None:
    lines = [f"{n:05}" for n in range(1000)]
    raw = RawText(lines)
    for words in ("0", "00", "001", "0012", "001", "01", "", "9"):
        raw = raw.searched(words)
        assert raw.matches == (
            [n for n, line in enumerate(lines) if words in line] if words else []
        )


def test_what_is_searched_in_other_letters_keeps_its_matches() -> None:
    raw = RawText(["Ab", "c"]).searched("ab")
    assert raw.searched("AB").matches == [0]


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_escape_leads_from_the_raw_json_to_the_table_and_then_out(
    size: tuple[int, int],
) -> None:
    async with driving(size=size) as drive:
        await drive.press("p")
        pane = drive.app.main.dock.pane("proxies")
        assert isinstance(pane, ProxiesPane)
        await drive.press("3", "w")
        await drive.until(lambda: "GET /clusters" in drive.text)
        await drive.press("escape")
        await drive.until(lambda: "OVERFLOW" in drive.text)
        assert drive.app.main.dock.pane("proxies") is pane and not pane.state.wants_raw
        await drive.press("escape")
        await drive.until(lambda: "OVERFLOW" not in drive.text)


@pytest.mark.parametrize("view", ["1", "2", "3"])
async def test_what_proxies_of_another_cluster_said_is_gone_with_it(view: str) -> None:
    cockpit = FakeCockpit()
    async with driving(cockpit, LARGE) as drive:
        await drive.press("p", view)
        pane = drive.app.main.dock.pane("proxies")
        assert isinstance(pane, ProxiesPane)
        await drive.until(lambda: pane.state.read_at is not None and pane.state.awaited == 0)
        read = pane.state.rows, pane.state.reading
        cockpit.proxies.gate.clear()
        await drive.press("colon")
        await drive.type("ctx other")
        await drive.press("enter")
        await drive.until(lambda: cockpit.connects == 2)
        await drive.tick()
        await drive.until(lambda: pane.state.context == "other")
        assert pane.state.reading is None or pane.state.reading is not read[1]
        assert pane.state.read_at is None or pane.state.rows is not read[0]
