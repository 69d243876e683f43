"""A terminal is asked where its cursor is: what is said of it by `TERM` is not always true."""

from __future__ import annotations

import os
import pty
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.cli import cursor, streams
from meshtui.cli.cursor import ASKED, WIPED, tells_its_cursor

PATIENT_S = 60.0


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    tty.setraw(master)
    yield master, slave
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("answer", [b"\x1b[12;34R", b"j\x1b[1;1R", b"\x1b[12", b"\x1b[A"], ids=repr)
def test_an_answer_is_taken_however_it_comes(ends: tuple[int, int], answer: bytes) -> None:
    """In pieces, behind a key that was typed; a key alone is none."""
    master, slave = ends
    before = termios.tcgetattr(slave)

    def terminal() -> None:
        seen = b""
        while ASKED not in seen:
            seen += os.read(master, 100)
        os.write(master, answer)
        if not answer.endswith(b"R"):
            os.write(master, b"\x1b[3;4R")

    thread = threading.Thread(target=terminal)
    thread.start()
    assert tells_its_cursor(slave, slave, PATIENT_S)
    thread.join()
    assert termios.tcgetattr(slave) == before


def test_a_terminal_that_does_not_answer_has_none(ends: tuple[int, int]) -> None:
    master, slave = ends
    before = termios.tcgetattr(slave)
    assert not tells_its_cursor(slave, slave, 0.01)
    assert termios.tcgetattr(slave) == before
    seen = b""
    while len(seen) < len(ASKED + WIPED):
        seen += os.read(master, 100)
    assert seen == ASKED + WIPED


def test_what_is_no_terminal_is_not_asked() -> None:
    reading, writing = os.pipe()
    assert not tells_its_cursor(reading, writing, PATIENT_S)
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


@pytest.mark.parametrize(
    ("term", "tells", "dumb"),
    [("dumb", True, False), ("dumb", False, True), ("xterm", False, False), ("", False, False)],
)
def test_only_what_says_that_it_is_dumb_is_asked(
    monkeypatch: pytest.MonkeyPatch, term: str, tells: bool, dumb: bool
) -> None:
    asked: list[int] = []
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        monkeypatch.setattr(sys, "stdout", nothing)
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr(cursor, "tells_its_cursor", lambda *_: asked.append(1) or tells)
        assert streams.is_dumb() is dumb
    assert bool(asked) is (term == "dumb")
