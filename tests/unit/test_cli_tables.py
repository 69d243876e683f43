"""Tables on a terminal are no wider than it is; for a program they are whole."""

from __future__ import annotations

import sys

import pytest

from meshtui.cli import output, streams

HEADER = ("NAME", "VIRTUAL SERVICE", "MIRRORS", "DOMAINS", "COUNT")
ROWS = [
    ("productpage-v1-84bbb749f6-7nr8f", "reviews.default", "-", "a, b, " * 20, "7"),
    ("ratings-v1-6fc9d47fb4-vrljh", "-", "-", "c", "12"),
]
Capture = pytest.CaptureFixture[str]


def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, columns: int | None, *spare: str
) -> list[str]:
    monkeypatch.setattr(streams, "columns", lambda stream: columns)
    output.table(HEADER, ROWS, right=(4,), spare=spare)
    return capsys.readouterr().out.splitlines()


def test_a_program_gets_every_column_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    head, first, _ = printed(monkeypatch, capsys, None, "DOMAINS")
    assert head.split("  ")[0] == "NAME" and all(title in head for title in HEADER)
    assert all(cell.strip() in first for cell in ROWS[0])


@pytest.mark.parametrize("columns", [*range(1, 100, 7), 200])
def test_no_line_is_wider_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, columns: int
) -> None:
    lines = printed(monkeypatch, capsys, columns)
    assert len(lines) == 3 and max(map(len, lines)) <= columns


def test_what_says_nothing_goes_first_then_what_can_be_spared(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert "MIRRORS" in printed(monkeypatch, capsys, 200)[0]
    head, first, _ = printed(monkeypatch, capsys, 80)
    assert "MIRRORS" not in head and "DOMAINS" in head and "…" in first
    head, first, _ = printed(monkeypatch, capsys, 80, "DOMAINS")
    assert head.split() == ["NAME", "VIRTUAL", "SERVICE", "COUNT"]
    assert first.split() == ["productpage-v1-84bbb749f6-7nr8f", "reviews.default", "7"]


@pytest.mark.parametrize("columns", [50, 66, 80, 100, 119, 160])
def test_what_another_command_takes_is_cut_last(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, columns: int
) -> None:
    monkeypatch.setattr(streams, "columns", lambda stream: columns)
    output.table(HEADER, ROWS, right=(4,), whole=("NAME",))
    head, *lines = capsys.readouterr().out.splitlines()
    assert max(map(len, (head, *lines))) <= columns
    assert all(line.startswith(row[0]) for line, row in zip(lines, ROWS, strict=True))


def test_names_are_cut_in_the_middle_and_numbers_stand_at_the_right(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    _, first, second = printed(monkeypatch, capsys, 40, "DOMAINS")
    assert first.startswith("productp") and "…" in first and first.endswith("    7")
    assert second.endswith("   12") and len(first) == len(second)


def test_the_widest_column_gives_first() -> None:
    assert output.fitted([40, 10, 12], 50, [4, 4, 4]) == [24, 10, 12]
    assert output.fitted([40, 30, 12], 50, [4, 4, 4]) == [17, 17, 12]
    assert output.fitted([5, 5], 50, [4, 4]) == [5, 5]


def test_what_is_no_terminal_has_no_width() -> None:
    assert streams.columns(None) is None
    assert streams.columns(sys.stdout) is None
