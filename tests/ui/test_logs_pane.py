"""The logs pane: several pods at once, filtered, followed or paused, opened, copied, saved."""

from __future__ import annotations

import base64
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.envoy.logstore import LogStore
from meshtui.errors import Unreachable
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.operations.types import LogEntry
from meshtui.ui.panes.logs import pane as logs_module
from meshtui.ui.panes.logs.pane import LogsPane
from tests.ui.driving import LARGE, SMALL, Drive, driving

ACCESS = (
    '[2026-11-20T21:00:00.123Z] "GET /reviews/{n} HTTP/1.1" {code} {flag} via_upstream - "-" 0 375 '
    '{took} 6 "-" "curl" "id-{n}" "reviews:9080" "10.1.0.7:9080" inbound|9080|| 127.0.0.6:1 '
    "10.1.0.7:9080 10.1.0.3:2 - default"
)


def entry(
    number: int, version: str = "v1", code: int = 200, flag: str = "-", took: int = 7
) -> LogEntry:
    text = ACCESS.format(n=number, code=code, flag=flag, took=took)
    return LogEntry("bookinfo", f"reviews-{version}-x", version, text, 1_700_000_000_500_000_000)


def feed(drive: Drive, *entries: LogEntry) -> None:
    for one in entries:
        drive.cockpit.logs.put_nowait(one)


def logs(drive: Drive) -> LogsPane:
    pane = drive.app.main.dock.pane("logs")
    assert isinstance(pane, LogsPane)
    return pane


async def opened(drive: Drive, *entries: LogEntry) -> None:
    """The pane is open, has the focus, and shows the last of the lines."""
    await drive.press("l")
    await drive.until(lambda: drive.cockpit.tailed)
    feed(drive, *entries)
    await drive.until(lambda: logs(drive).store.end == len(entries))


def row(drive: Drive, words: str) -> str:
    return next(line for line in drive.text.splitlines() if words in line)


def unbroken(drive: Drive) -> str:
    """What the pane shows as if no line were broken, without spaces."""
    rows = (re.split("[┃│]", line)[-1] for line in drive.text.splitlines())
    return "".join("".join(row.split()) for row in rows)


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_logs_of_all_pods_with_a_letter_for_each(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("l")
        feed(drive, entry(1), entry(2, "v3", 503, "UF"))
        await drive.until(lambda: "/reviews/2" in drive.text)
        line = row(drive, "/reviews/2")
        assert "v3" in line and " b " in line and "21:00:00.123 503 UF" in line
        assert ("weight" in drive.text) is (size == LARGE)
        await drive.press("l")
        await drive.until(lambda: "/reviews/2" not in drive.text and "weight" in drive.text)


async def test_names_of_versions_are_read_whole_and_many_pods_get_two_letters() -> None:
    async with driving() as drive:
        await opened(drive, entry(1, "canary"), entry(2, "v1"))
        assert row(drive, "/reviews/1").split("┃")[1].startswith(" canary a 21:")
        assert row(drive, "/reviews/2").split("┃")[1].startswith(" v1     b 21:")
        many = [LogEntry("b", f"p{n}", "a-very-long-version", f"line {n}") for n in range(30)]
        feed(drive, *many)
        await drive.until(lambda: "line 29" in drive.text)
        assert " a-very-… bf line 29" in row(drive, "line 29")
        assert " canary   aa 21:" in row(drive, "/reviews/1")


async def test_scrolling_up_pauses_and_counts_what_comes() -> None:
    async with driving() as drive:
        await opened(drive, *(entry(n) for n in range(200)))
        assert "/reviews/199" in drive.text and "following" in drive.text
        await drive.press("k", "k")
        feed(drive, entry(500), entry(501))
        await drive.until(lambda: "PAUSED  2 new" in drive.text)
        assert "/reviews/501" not in drive.text
        await drive.press("G")
        await drive.until(lambda: "/reviews/501" in drive.text)
        assert "following" in drive.text
        await drive.press("space")
        await drive.until(lambda: "PAUSED" in drive.text)
        await drive.press("space")
        await drive.until(lambda: "following" in drive.text)


async def test_going_down_past_the_last_line_follows_again() -> None:
    async with driving() as drive:
        await opened(drive, *(entry(n) for n in range(5)))
        await drive.press("k", "j")
        await drive.until(lambda: "PAUSED" in drive.text)
        await drive.press("j")
        await drive.until(lambda: "following" in drive.text)
        await drive.press("pageup")
        await drive.until(lambda: "PAUSED" in drive.text)
        await drive.press("pagedown")
        await drive.until(lambda: "following" in drive.text)


async def test_logs_are_bounded_and_stand_still_while_paused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs_module, "LogStore", lambda: LogStore(100))
    async with driving() as drive:
        await opened(drive, *(entry(n) for n in range(100)))
        await drive.press("k")
        top = drive.text.splitlines()[4]
        feed(drive, *(entry(n) for n in range(200, 220)))
        await drive.until(lambda: "20 new" in drive.text)
        assert len(logs(drive).store) == 100
        assert drive.text.splitlines()[4].split("/reviews")[1] == top.split("/reviews")[1]
        assert "20 older lines dropped" in drive.text


async def test_logs_follow_the_selected_service_and_keep_the_filter() -> None:
    async with driving() as drive:
        await drive.press("l")
        await drive.until(lambda: drive.cockpit.tailed)
        await drive.press(":")
        await drive.type("logs code:5xx")
        await drive.press("enter")
        await drive.go_to("ratings")
        await drive.until(lambda: drive.cockpit.tailed[-1].name == "ratings")
        assert {key.name for key in drive.cockpit.tailed} == {"reviews", "ratings"}
        feed(drive, entry(1), entry(2, code=500))
        await drive.until(lambda: "1 of 2" in drive.text)


async def test_hostile_log_lines_are_only_text() -> None:
    async with driving() as drive:
        await drive.press("l")
        feed(
            drive, LogEntry("b", "p", "[red]\x1b[2J", "\x1b]0;pwned\x07[bold]hi[/bold]\x9b31m\r\n")
        )
        await drive.until(lambda: "[bold]hi[/bold]" in drive.text)
        assert "^[]0;pwned^G" in drive.text and "\x1b" not in drive.text


HOSTILE = LogEntry("b", "p[/x]", "v1", json.dumps({
    "start_time": "[red]\x1b[2J", "response_code": 599, "response_flags": "[b]X\x1b]52;c;x\x07",
    "path": "[link=x]\u202e\n", "method": "\x9b", "duration": 10**18, "user_agent": "\x1b[0m",
}))  # fmt: skip


async def test_a_hostile_line_is_only_text_opened_filtered_and_summed_up_too() -> None:
    async with driving() as drive:
        await opened(drive, HOSTILE)
        assert "[link=x]" in drive.text
        await drive.press("w", "v", "k", "enter")
        await drive.until(lambda: "as it came" in drive.text)
        assert "\x1b" not in drive.text and "\x9b" not in drive.text and "\u202e" not in drive.text
        await drive.press("escape")


async def test_lines_as_they_were_written_and_sideways() -> None:
    async with driving() as drive:
        await opened(drive, entry(7))
        await drive.press("v")
        await drive.until(lambda: '"GET /reviews/7 HTTP/1.1" 200' in drive.text)
        await drive.press("right", "right", "right", "right", "right")
        await drive.until(lambda: "[2026-" not in drive.text)


async def test_times_are_shown_or_hidden() -> None:
    async with driving() as drive:
        await opened(drive, entry(7))
        await drive.press("T")
        await drive.until(lambda: "21:00:00.123" not in drive.text and "200 -" in drive.text)
        await drive.press("v", "T")
        await drive.until(lambda: "22:13:20.500 [2026-11-20T21:00:00.123Z]" in drive.text)


async def test_a_tail_that_ends_says_so_and_can_be_read_again() -> None:
    async with driving() as drive:
        real = drive.cockpit.tail

        async def broken(*_: object):  # type: ignore[no-untyped-def]
            raise Unreachable("the kubelet does not answer")
            yield

        drive.cockpit.tail = broken  # type: ignore[method-assign]
        await drive.press("l")
        await drive.until(lambda: "the kubelet does not answer" in drive.text)
        drive.cockpit.tail = real  # type: ignore[method-assign]
        await drive.press("r")
        feed(drive, entry(1))
        await drive.until(lambda: "/reviews/1" in drive.text)


# The filter


async def test_the_filter_takes_effect_as_it_is_typed_and_escape_takes_it_back() -> None:
    async with driving() as drive:
        await opened(drive, entry(1), entry(2, code=503, flag="UF"), entry(3))
        await drive.press("/")
        await drive.type("flag:U")
        assert "0 of 3" in drive.text
        await drive.type("F")
        await drive.until(lambda: "1 of 3" in drive.text)
        assert "/reviews/2" in drive.text and "/reviews/1" not in drive.text
        await drive.press("escape")
        await drive.until(lambda: "3 lines" in drive.text)
        assert "/reviews/1" in drive.text


async def test_a_filter_that_is_wrong_is_said_and_changes_nothing() -> None:
    async with driving() as drive:
        await opened(drive, entry(1), entry(2, code=503))
        await drive.press("/")
        await drive.type("code:5xx")
        await drive.press("enter", "/")
        await drive.type(" code:nonsense")
        await drive.press("enter")
        await drive.until(lambda: "code:nonsense is no response code" in drive.status)
        await drive.until(lambda: "1 of 2" in drive.text and "/code:5xx" in drive.text)


async def test_a_filter_is_taken_off_by_typing_nothing() -> None:
    async with driving() as drive:
        await opened(drive, entry(1), entry(2, code=503))
        await drive.press(":")
        await drive.type("logs code:5xx")
        await drive.press("enter")
        await drive.until(lambda: "1 of 2" in drive.text)
        await drive.press("/", "backspace", "enter")
        await drive.until(lambda: "2 lines" in drive.text)


async def test_escape_takes_the_filter_off_before_it_closes_the_pane() -> None:
    async with driving() as drive:
        await opened(drive, entry(1), entry(2, code=503))
        await drive.press("/")
        await drive.type("code:5xx")
        await drive.press("enter")
        await drive.until(lambda: "1 of 2" in drive.text)
        await drive.press("escape")
        await drive.until(lambda: "2 lines" in drive.text)
        await drive.press("escape")
        assert drive.app.main.dock.open_kinds == ()


async def test_the_cursor_stays_with_its_line_when_the_filter_changes() -> None:
    async with driving() as drive:
        every = [entry(n, code=503 if n % 2 else 200) for n in range(100)]
        await opened(drive, *every)
        await drive.press("k", "k")
        pane = logs(drive)
        assert pane.log_lines.cursor == 97
        await drive.press("/")
        await drive.type("code:503")
        await drive.press("enter")
        await drive.until(lambda: len(pane.store) == 50 and not pane.store.behind)
        assert pane.log_lines.cursor == 97 and "/reviews/97" in drive.text
        assert "/reviews/95" in drive.text and "/reviews/91" in drive.text


async def test_a_filter_over_all_lines_leaves_the_screen_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs_module, "SLICE_S", 0.0)
    async with driving() as drive:
        await opened(drive, *(entry(n) for n in range(2_000)))
        await drive.press("/")
        await drive.type("~reviews/1(9|8)9")
        await drive.until(lambda: not logs(drive).store.behind)
        await drive.until(lambda: "22 of 2,000" in drive.text)


# What is said of the lines


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_codes_flags_and_slow_paths_are_summed_up(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await opened(drive, entry(1), entry(1), entry(2, code=503, flag="UF"), entry(3, took=2500))
        await drive.until(lambda: "503 ×1  200 ×3  │ UF ×1" in drive.text)
        failing = "failing  /reviews/2 503 ×1  │ slowest by mean  /reviews/3 2.5s ×1"
        await drive.until(lambda: failing in drive.text)
        await drive.press("/")
        await drive.type("code:2xx")
        await drive.press("enter")
        await drive.until(lambda: "200 ×3" in drive.text and "503 ×1" not in drive.text)


async def test_what_meshtui_says_of_a_log_stands_between_the_lines() -> None:
    async with driving() as drive:
        note = LogEntry("b", "reviews-v1-x", "v1", "meshtui: reviews-v1-x: is gone", 0, True)
        failed = LogEntry("b", "p", "v1", "meshtui: p: away", 0, True, Unreachable("away"))
        await opened(drive, entry(1), note, failed)
        assert "▲ meshtui: p: away" in drive.text
        assert "─── meshtui: reviews-v1-x: is gone" in drive.text
        assert logs(drive).store.pods == 1


# One line


async def test_a_line_is_opened_into_its_fields_with_the_flag_in_words() -> None:
    async with driving() as drive:
        await opened(drive, entry(1), entry(2, "v3", 503, "UF"), entry(3))
        await drive.press("k", "enter")
        await drive.until(lambda: "as it came" in drive.text)
        assert "503 Service Unavailable" in drive.text
        assert "The connection to the pod could not be made." in drive.text
        assert "look at" in drive.text and "network policies" in drive.text
        assert "The upstream gave this answer itself." in drive.text
        assert "bookinfo/reviews-v3-x v3" in drive.text and "into this pod, port 9080" in drive.text
        await drive.press("left")
        await drive.until(lambda: "200 OK" in drive.text)
        await drive.press("left")
        await drive.until(lambda: "no line before this one" in drive.text)
        await drive.press("escape")
        await drive.until(lambda: "as it came" not in drive.text and "PAUSED" in drive.text)


async def test_a_foreign_line_is_opened_as_it_is() -> None:
    async with driving(size=SMALL) as drive:
        await opened(drive, LogEntry("b", "p", "v1", "2026 info Envoy proxy is ready"))
        await drive.press("enter")
        await drive.until(lambda: "as it came" in drive.text)
        assert "Envoy proxy is ready" in drive.text


async def test_keys_in_an_empty_log_do_nothing_bad() -> None:
    async with driving() as drive:
        await opened(drive)
        await drive.press(*"kjgGwvTNnc", "S", "enter", "pageup", "pagedown", "space", "left")
        await drive.until(lambda: "following" in drive.text)
        await drive.press("m")
        await drive.until(lambda: "mark 22:13:20Z" in drive.text)


async def test_from_error_to_error() -> None:
    async with driving() as drive:
        failing = {10, 90, 150}
        await opened(drive, *(entry(n, code=503 if n in failing else 200) for n in range(200)))
        pane = logs(drive)
        seen = []
        for key in ("N", "N", "N", "N", "n"):
            await drive.press(key)
            seen.append(pane.log_lines.cursor)
        assert seen == [150, 90, 10, 10, 90]
        assert all(f"/reviews/{n} " in drive.text for n in (85, 90, 95))
        await drive.press("n", "n")
        await drive.until(lambda: "no error below" in drive.status)


# Wrap


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_long_lines_are_wrapped_and_nothing_is_cut(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        words = " ".join(f"word{n}" for n in range(40))
        await opened(drive, *(entry(n) for n in range(50)), LogEntry("b", "p", "v9", words))
        assert "word39" not in unbroken(drive)
        await drive.press("w")
        assert words.replace(" ", "") in unbroken(drive)
        await drive.press("g")
        await drive.until(lambda: "/reviews/0" in drive.text and "PAUSED" in drive.text)
        await drive.press("G")
        assert "word39" in unbroken(drive)
        await drive.press("w")
        assert "word39" not in unbroken(drive)


async def test_wrapped_lines_are_gone_through_one_by_one() -> None:
    async with driving(size=SMALL) as drive:
        long = [LogEntry("b", "p", "v1", f"begin{n} " + "x" * 500 + f" end{n}") for n in range(9)]
        await opened(drive, *long)
        await drive.press("w")
        for n in range(7, -1, -1):
            await drive.press("k")
            assert f"begin{n}x" in unbroken(drive) and f"xend{n}" in unbroken(drive)
        for n in range(1, 9):
            await drive.press("j")
            assert f"begin{n}x" in unbroken(drive) and f"xend{n}" in unbroken(drive)


async def test_a_very_long_line_is_bounded() -> None:
    async with driving(size=SMALL) as drive:
        await opened(drive, LogEntry("b", "p", "v1", "y" * 100_000), entry(1))
        await drive.press("w", "g")
        await drive.until(lambda: "… more" in drive.text)


# Mark, copy, save


async def test_a_mark_is_drawn_and_no_filter_hides_it() -> None:
    async with driving() as drive:
        await opened(drive, entry(1))
        await drive.press("m")
        await drive.until(lambda: "mark 22:13:20Z ──" in drive.text)
        await drive.press(":")
        await drive.type("logs mark before the shift")
        await drive.press("enter")
        await drive.press("/")
        await drive.type("code:503")
        await drive.press("enter")
        await drive.until(lambda: "/reviews/1" not in drive.text)
        assert "mark 22:13:20Z before the shift" in drive.text


async def test_the_line_under_the_cursor_is_copied_and_following_all_that_are_shown() -> None:
    async with driving() as drive:
        await opened(drive, entry(1), entry(2))
        await drive.press("c")
        await drive.until(lambda: "copied 2 lines" in drive.status)
        assert drive.app.clipboard.splitlines()[1] == f"reviews-v1-x  {entry(2).text}"
        await drive.press("k", "c")
        await drive.until(lambda: "copied 1 line, " in drive.status)
        assert drive.app.clipboard == f"reviews-v1-x  {entry(1).text}"
        assert not drive.cockpit.asked


async def test_what_is_copied_is_harmless_and_no_more_than_a_terminal_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with driving() as drive:
        await opened(drive, *(entry(n) for n in range(1_000)), LogEntry("b", "p", "v1", "\x1b[2J"))
        await drive.press("c")
        text = drive.app.clipboard
        assert len(text.encode()) <= 65_536 and text.splitlines()[-1] == "p  ^[[2J"
        assert "older ones are too many for a terminal" in drive.status
        assert len(base64.b64encode(text.encode())) < 100_000


async def test_what_is_shown_is_saved_in_a_file_of_ones_own(tmp_path: Path) -> None:
    async with driving() as drive:
        await opened(drive, entry(1), entry(2, code=503), LogEntry("b", "p", "v1", "\x1b[2J 503"))
        await drive.press(":")
        await drive.type("logs !code:2xx")
        await drive.press("enter")
        await drive.press("S")
        await drive.until(lambda: "saved 1 line in" in drive.status)
        (made,) = (tmp_path / "meshtui" / "logs").iterdir()
        assert made.name.startswith("reviews-") and str(made) in drive.status
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
        assert made.read_text() == f"reviews-v1-x  {entry(2, code=503).text}\n"
        await drive.press("S")
        await drive.until(lambda: len(list(made.parent.iterdir())) == 2)


async def test_no_file_is_overwritten(tmp_path: Path) -> None:
    async with driving() as drive:
        await opened(drive, entry(1))
        there = tmp_path / "there.log"
        there.write_text("mine")
        await drive.press(":")
        await drive.type(f"logs save {there}")
        await drive.press("enter")
        await drive.until(lambda: "is there already" in drive.status)
        assert there.read_text() == "mine"


# How far back


async def test_how_far_back_is_chosen_by_words_and_by_a_key() -> None:
    async with driving() as drive:
        await opened(drive)
        for words, start in (
            ("tail 1000", TailFrom(1_000)),
            ("since 15m", TailFrom(20_000, 900.0)),
        ):
            await drive.press(":")
            await drive.type(f"logs {words}")
            await drive.press("enter")
            await drive.until(lambda start=start: drive.cockpit.tailed_from[-1] == start)
        assert drive.status == "logs: the last 15m"
        await drive.press("B")
        await drive.until(lambda: drive.cockpit.tailed_from[-1] == TailFrom(20_000, 3600.0))
        await drive.press(":")
        await drive.type("logs tail many")
        await drive.press("enter")
        await drive.until(lambda: "tail wants a number of lines" in drive.status)


async def test_what_callers_say_of_the_service_is_added_by_a_key() -> None:
    async with driving() as drive:
        await opened(drive)
        await drive.until(lambda: "C adds the callers'" in drive.text)
        await drive.press("C")
        await drive.until(lambda: drive.cockpit.tailed_from[-1] == TailFrom(callers=True))
        assert drive.status == "logs: the last 200 lines of each pod, callers too"
        await drive.press("B")
        await drive.until(lambda: drive.cockpit.tailed_from[-1] == TailFrom(1_000, callers=True))
        assert "C adds" not in drive.text
        await drive.press(":")
        await drive.type("logs callers")
        await drive.press("enter")
        await drive.until(lambda: drive.cockpit.tailed_from[-1] == TailFrom(1_000))


async def test_words_open_the_pane_with_a_filter() -> None:
    async with driving() as drive:
        await drive.press(":")
        await drive.type("logs code:5xx")
        await drive.press("enter")
        await drive.until(lambda: drive.cockpit.tailed)
        feed(drive, entry(1), entry(2, code=503))
        await drive.until(lambda: "1 of 2" in drive.text)
        assert "/reviews/2" in drive.text and "/reviews/1" not in drive.text


async def test_keys_that_change_the_mesh_elsewhere_and_those_that_always_do() -> None:
    async with driving() as drive:
        await opened(drive, entry(1))
        await drive.press("m", "c")
        assert not drive.cockpit.asked
        await drive.press("R")
        await drive.armed()
        assert drive.cockpit.asked


# Programs' lines, what is marked, and whose letter is whose


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_programs_lines_are_added_by_a_key_and_by_words(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await opened(drive)
        await drive.press("O")
        await drive.until(lambda: drive.cockpit.tailed_from[-1] == TailFrom(programs=True))
        await drive.until(lambda: "each pod, programs too" in drive.status)
        program = LogEntry("bookinfo", "reviews-v1-x", "v1", "Traceback", 10**18, container="app")
        feed(drive, entry(1), program)
        await drive.until(lambda: "app: Traceback" in drive.text)
        assert (
            re.split("[┃│]", row(drive, "Traceback"))[-1]
            .strip()
            .startswith("v1 a 01:46:40.000 app:")
        )
        await drive.press("B")
        await drive.until(lambda: drive.cockpit.tailed_from[-1] == TailFrom(1_000, programs=True))
        await drive.press(":")
        await drive.type("logs container app helper")
        await drive.press("enter")
        wanted = TailFrom(1_000, containers=("app", "helper"))
        await drive.until(lambda: drive.cockpit.tailed_from[-1] == wanted)
        await drive.press("O")
        await drive.until(lambda: drive.cockpit.tailed_from[-1] == TailFrom(1_000))


async def test_what_matches_is_marked_and_the_rest_stays() -> None:
    async with driving() as drive:
        await opened(drive, entry(17), entry(23, code=503, flag="UF"))
        await drive.press("M")
        await drive.type("reviews/1[0-9]")
        await drive.press("enter")
        await drive.until(lambda: "is marked" in drive.status)
        lines = logs(drive).log_lines
        marked = [[p.text for p in lines.line_at(i) if p.role == "match"] for i in range(2)]
        assert marked == [["reviews/17"], []]
        await drive.until(lambda: "M reviews/1[0-9]" in drive.text and "/reviews/23" in drive.text)
        await drive.press(":")
        await drive.type("logs highlight (")
        await drive.press("enter")
        await drive.until(lambda: "is no regular expression" in drive.status)
        assert lines.highlight == "reviews/1[0-9]"
        await drive.press(":")
        await drive.type("logs highlight")
        await drive.press("enter")
        await drive.until(lambda: "nothing is marked" in drive.status)
        assert not any(p.role == "match" for p in lines.line_at(0))


async def test_a_pod_has_its_letter_and_colour_for_the_whole_session() -> None:
    async with driving() as drive:
        await opened(drive, entry(1), entry(2, "v3"))
        letter = logs(drive).log_lines.line_at(1)[1]
        assert letter.text == "b "
        await drive.press("l")
        await drive.until(lambda: drive.app.main.dock.open_kinds == ())
        await drive.press("l")
        await drive.until(lambda: len(drive.cockpit.tailed) == 2)
        feed(drive, entry(3, "v3"), entry(4, "v2"))
        await drive.until(lambda: logs(drive).store.end == 2)
        assert logs(drive).log_lines.line_at(0)[1] == letter
        assert logs(drive).log_lines.line_at(1)[1].text == "c "
