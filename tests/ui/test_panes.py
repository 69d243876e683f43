"""Logs, proxies and rules beside the table."""

from __future__ import annotations

import pytest

from meshtui.errors import Unreachable
from meshtui.operations.types import LogEntry
from meshtui.ui.panes import loglines
from meshtui.ui.panes.logs import LogsPane
from tests.ui.driving import LARGE, SMALL, Drive, driving

ACCESS = (
    '[2026-11-20T21:00:00.123Z] "GET /reviews/{n} HTTP/1.1" {code} {flag} via_upstream - "-" 0 375 '
    '7 6 "-" "curl" "id-{n}" "reviews:9080" "10.1.0.7:9080" inbound|9080|| 127.0.0.6:1 '
    "10.1.0.7:9080 10.1.0.3:2 - default"
)


def entry(number: int, version: str = "v1", code: int = 200, flag: str = "-") -> LogEntry:
    text = ACCESS.format(n=number, code=code, flag=flag)
    return LogEntry("bookinfo", f"reviews-{version}-x", version, text)


def feed(drive: Drive, *entries: LogEntry) -> None:
    for one in entries:
        drive.cockpit.logs.put_nowait(one)


def logs(drive: Drive) -> LogsPane:
    pane = drive.app.main.dock.pane("logs")
    assert isinstance(pane, LogsPane)
    return pane


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_logs_of_all_pods_with_a_letter_for_each(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("l")
        feed(drive, entry(1), entry(2, "v3", 503, "UF"))
        await drive.until(lambda: "/reviews/2" in drive.text)
        line = next(line for line in drive.text.splitlines() if "/reviews/2" in line)
        assert "v3" in line and " b " in line and "21:00:00.123 503 UF" in line
        assert ("weight" in drive.text) is (size == LARGE)
        await drive.press("l")
        assert "/reviews/2" not in drive.text and "weight" in drive.text


async def test_scrolling_up_pauses_and_counts_what_comes() -> None:
    async with driving() as drive:
        await drive.press("l", "tab")
        feed(drive, *(entry(n) for n in range(200)))
        await drive.until(lambda: "/reviews/199" in drive.text)
        await drive.press("k", "k")
        feed(drive, entry(500), entry(501))
        await drive.until(lambda: "PAUSED  2 new" in drive.text)
        assert "/reviews/501" not in drive.text
        await drive.press("G")
        await drive.until(lambda: "/reviews/501" in drive.text)
        assert "following" in drive.text
        await drive.press("space")
        assert "PAUSED" in drive.text
        await drive.press("space")
        assert "following" in drive.text


async def test_logs_are_bounded_and_stand_still_while_paused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loglines, "KEPT", 100)
    monkeypatch.setattr(loglines, "SLACK", 20)
    async with driving() as drive:
        await drive.press("l", "tab")
        feed(drive, *(entry(n) for n in range(119)))
        await drive.until(lambda: "/reviews/118" in drive.text)
        await drive.press("k")
        await drive.until(lambda: "PAUSED" in drive.text)
        top = drive.text.splitlines()[4]
        feed(drive, *(entry(n) for n in range(200, 220)))
        await drive.until(lambda: "20 new" in drive.text)
        assert logs(drive).log_lines.line_count() == 100
        assert drive.text.splitlines()[4].split("/reviews")[1] == top.split("/reviews")[1]


async def test_logs_follow_the_selected_service() -> None:
    async with driving() as drive:
        await drive.press("l")
        await drive.until(lambda: drive.cockpit.tailed)
        await drive.go_to("ratings")
        await drive.until(lambda: drive.cockpit.tailed[-1].name == "ratings")
        assert {key.name for key in drive.cockpit.tailed} == {"reviews", "ratings"}


async def test_hostile_log_lines_are_only_text() -> None:
    async with driving() as drive:
        await drive.press("l")
        feed(
            drive, LogEntry("b", "p", "[red]\x1b[2J", "\x1b]0;pwned\x07[bold]hi[/bold]\x9b31m\r\n")
        )
        await drive.until(lambda: "[bold]hi[/bold]" in drive.text)
        assert "^[]0;pwned^G" in drive.text and "\x1b" not in drive.text


async def test_raw_lines_and_sideways() -> None:
    async with driving() as drive:
        await drive.press("l", "tab")
        feed(drive, entry(7))
        await drive.until(lambda: "/reviews/7" in drive.text)
        await drive.press("w")
        assert '"GET /reviews/7 HTTP/1.1" 200' in drive.text
        await drive.press("right", "right", "right", "right", "right")
        assert "[2026-" not in drive.text


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_rules_in_words_and_as_yaml(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("y")
        await drive.until(lambda: "http[1]  ordinary" in drive.text)
        assert "retries 3× 2s each on 5xx" in drive.text and "timeout 10s" in drive.text
        if size == LARGE:
            await drive.press("tab")
        await drive.press("w")
        await drive.until(lambda: "kind: VirtualService" in drive.text)


async def test_panes_stay_and_follow_the_cursor() -> None:
    async with driving() as drive:
        await drive.press("l", "p", "y")
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
        assert focus == ["table", "logs", "rules", "table"]
        await drive.press("escape")
        assert drive.app.main.dock.open_kinds == ("rules",)
        assert drive.app.main.arrangement.focus == "table"


async def test_on_a_narrow_screen_there_is_one_thing_at_a_time() -> None:
    async with driving(size=SMALL) as drive:
        await drive.press("l", "y")
        await drive.until(lambda: "VirtualService" in drive.text)
        assert "following" not in drive.text and "weight" not in drive.text
        await drive.press("l")
        await drive.until(lambda: "following" in drive.text)
        await drive.press("tab", "tab")
        await drive.until(lambda: "weight" in drive.text)


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
