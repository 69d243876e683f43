"""On each kind of terminal it starts, lives through a storm of sizes, is used, and leaves."""

from __future__ import annotations

import fcntl
import re
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forking import serving
from tests.ui.terminals import Terminal

SIZES = [(24 - n % 23, 80 - 3 * (n % 26)) for n in range(60)] + [(30, 100)]
"""Down to one line and five columns, and back to where there is room."""

INDEXED = re.compile(rb"[34]8;5;([0-9]+)")
DIRECT = re.compile(rb"[34]8;2;([0-9]+);([0-9]+);([0-9]+)")
GREYS = {16, 59, 102, 145, 188, 231, *range(232, 256)}
"""Of the 256 colours of a terminal those without a hue."""


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    with serving("tests.ui.template") as path:
        yield path


def resize(terminal: Terminal, rows: int, columns: int) -> None:
    """As a terminal does, which sends SIGWINCH to what is in its foreground."""
    fcntl.ioctl(terminal.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "xterm"},
        {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        {"TERM": "screen", "COLORTERM": ""},
        {"TERM": "tmux-256color", "COLORTERM": ""},
        {"TERM": "linux", "COLORTERM": ""},
        {"TERM": "dumb", "COLORTERM": ""},
        {"TERM": "", "COLORTERM": ""},
        {"TERM": "xterm-256color", "NO_COLOR": "1"},
    ],
    ids=lambda found: "-".join(filter(None, found.values())) or "none",
)
def test_it_is_usable_on(environment: dict[str, str], server: Path, tmp_path: Path) -> None:
    terminal = Terminal(server, tmp_path, **environment)
    try:
        terminal.until(b"reviews")
        for rows, columns in SIZES:
            resize(terminal, rows, columns)
            terminal.read()
        terminal.keys(b"?")
        terminal.until_shown("Keys of the table")
        terminal.keys(b"\x1b")
        terminal.until_shown("Keys of the table", gone=True)
        terminal.keys(b"q")
        assert terminal.ended() == 0
        terminal.assert_restored()
        if "NO_COLOR" in environment:
            assert {int(found[1]) for found in INDEXED.finditer(terminal.seen)} <= GREYS
            assert all(len(set(found.groups())) == 1 for found in DIRECT.finditer(terminal.seen))
    finally:
        terminal.close()


PLACE = re.compile(rb"\x1b\[(\d+);(\d+)H")


def test_the_window_counts_and_no_exported_size(server: Path, tmp_path: Path) -> None:
    terminal = Terminal(server, tmp_path, TERM="xterm-256color", COLUMNS="160", LINES="48")
    try:
        terminal.until(b"reviews")
        places = [(int(line), int(column)) for line, column in PLACE.findall(terminal.seen)]
        assert max(line for line, _ in places) <= 24
        assert max(column for _, column in places) <= 80
        resize(terminal, 40, 120)
        terminal.until(b"\x1b[40;1H")
        terminal.keys(b"q")
        assert terminal.ended() == 0
    finally:
        terminal.close()


def test_a_terminal_that_reports_its_size_is_not_the_last_one(server: Path, tmp_path: Path) -> None:
    """Under dtach the next terminal knows no mode 2048, and only SIGWINCH tells of its size."""
    terminal = Terminal(server, tmp_path, TERM="xterm-256color")
    try:
        terminal.until(b"reviews")
        terminal.keys(b"\x1b[?2048;2$y")
        terminal.keys(b"?")
        terminal.until_shown("Keys of the table")
        resize(terminal, 40, 120)
        terminal.until(b"\x1b[40;1H")
        terminal.keys(b"\x1b")
        terminal.until_shown("Keys of the table", gone=True)
        terminal.keys(b"q")
        assert terminal.ended() == 0
    finally:
        terminal.close()
