"""The terminal goes away, as when SSH drops: what is being made is finished, then it ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.ui.main.hangup import until_idle
from tests.ui.driving import driving


class Terminal:
    """The program on a made-up mesh in a terminal of its own."""

    def __init__(self, applied: Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.ui.harness", "--applied", str(applied)],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(slave)
        self.seen = b""

    def until(self, text: bytes, seconds: float = 30.0) -> None:
        """Read what it paints until `text` is in it."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen[-2000:]
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 65536)

    def keys(self, text: bytes) -> None:
        self.seen = b""
        os.write(self.master, text)


@pytest.fixture
def applied(tmp_path: Path) -> Path:
    """Where the program leaves word that a change was applied to its end."""
    return tmp_path / "applied"


@pytest.fixture
def terminal(applied: Path) -> Iterator[Terminal]:
    opened = Terminal(applied)
    yield opened
    opened.process.kill()
    opened.process.wait()


def test_a_hang_up_ends_the_program_though_nobody_reads_its_terminal(terminal: Terminal) -> None:
    terminal.until(b"reviews")
    os.close(terminal.master)
    terminal.process.send_signal(signal.SIGHUP)
    assert terminal.process.wait(20) == 0


def test_a_change_that_is_being_applied_is_finished_first(
    terminal: Terminal, applied: Path
) -> None:
    terminal.until(b"reviews")
    terminal.keys(b"R")
    terminal.until(b"apply")
    while b"applying" not in terminal.seen:
        os.write(terminal.master, b"\r")
        select.select([terminal.master], [], [], 0.1)
        terminal.seen += os.read(terminal.master, 65536)
    assert not applied.exists()
    os.close(terminal.master)
    terminal.process.send_signal(signal.SIGHUP)
    assert terminal.process.wait(20) == 0
    assert applied.read_text() == "rollback"


async def test_it_does_not_wait_for_ever() -> None:
    began = asyncio.get_running_loop().time()
    await until_idle(lambda: True, wait_s=0.1)
    assert asyncio.get_running_loop().time() - began >= 0.1


async def test_hanging_up_twice_leaves_once() -> None:
    async with driving() as drive:
        drive.app.hang_up()
        drive.app.hang_up()
        await drive.until(lambda: drive.app.return_value is not None)
        assert drive.app.return_value == 0
