"""Whichever way the program ends, the terminal is as it was found, or the process is gone."""

from __future__ import annotations

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

GONE_S = 20.0
"""How long a loaded machine may take; the program's own limit is in `leaving.LIMIT_S`."""

MODES = {
    "screen": (b"\x1b[?1049h", b"\x1b[?1049l"),
    "cursor": (b"\x1b[?25l", b"\x1b[?25h"),
    "mouse": (b"\x1b[?1000h", b"\x1b[?1000l"),
    "paste": (b"\x1b[?2004h", b"\x1b[?2004l"),
    "focus": (b"\x1b[?1004h", b"\x1b[?1004l"),
    "wrap": (b"\x1b[?7l", b"\x1b[?7h"),
}


class Terminal:
    """The program on a made-up mesh as the foreground job of a terminal of its own."""

    def __init__(self, folder: Path, *words: str, term: str = "xterm-256color") -> None:
        self.applied = folder / "applied"
        self.state = folder / "state"
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        command = [sys.executable, "-m", "tests.ui.harness", "--applied", str(self.applied)]
        self.process = subprocess.Popen(
            [*command, *words],
            stdin=slave, stdout=slave, stderr=slave, preexec_fn=_own_terminal,
            env={**os.environ, "TERM": term, "XDG_STATE_HOME": str(self.state)},
        )  # fmt: skip
        self.seen = b""

    def until(self, text: bytes, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen[-2000:]
            self.read()

    def read(self) -> None:
        if select.select([self.master], [], [], 0.05)[0]:
            self.seen += os.read(self.master, 65536)

    def keys(self, text: bytes) -> None:
        os.write(self.master, text)

    def apply(self) -> None:
        """Up to the middle of a change."""
        self.until(b"reviews")
        self.keys(b"R")
        self.until(b"apply")
        while b"applying" not in self.seen:
            self.keys(b"\r")
            self.read()
        assert not self.applied.exists()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """The status; meanwhile somebody reads the terminal."""
        end = time.monotonic() + GONE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, "the process lives on"
            self.read()
        self.read()
        return int(self.process.returncode)

    def assert_restored(self) -> None:
        for name, (on, off) in MODES.items():
            if on in self.seen:
                assert self.seen.rfind(off) > self.seen.rfind(on), name
        assert b"\x1b[?1049h" in self.seen
        assert termios.tcgetattr(self.slave)[3] == self.before[3]

    def hang_up(self) -> None:
        os.close(self.slave)
        os.close(self.master)


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.process.kill()
    terminal.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_leaves_in_order(opened: Terminal, number: int) -> None:
    opened.until(b"reviews")
    opened.send(number)
    assert opened.ended() == 0
    opened.assert_restored()


def test_a_signal_before_the_first_paint(opened: Terminal) -> None:
    opened.until(b"\x1b[?1049h")
    opened.send(signal.SIGTERM)
    assert opened.ended() == 0
    opened.assert_restored()


@pytest.mark.parametrize("keys", [(b"q",), (b"\x03", b"\x03"), (b"\x11",)])
def test_the_keys_that_leave(opened: Terminal, keys: tuple[bytes, ...]) -> None:
    opened.until(b"reviews")
    for key in keys:
        opened.keys(key)
        if len(keys) > 1 and key is keys[0]:
            opened.until(b"again leaves")
    assert opened.ended() == 0
    opened.assert_restored()


def test_a_change_is_finished_after_the_terminal_was_given_back(opened: Terminal) -> None:
    opened.apply()
    opened.send(signal.SIGTERM)
    opened.until(b"\x1b[?1049l")
    opened.until(b"a change is being applied")
    opened.assert_restored()
    assert opened.ended() == 0
    assert opened.applied.read_text() == "rollback"


def test_a_dead_terminal_ends_it_without_a_signal(opened: Terminal) -> None:
    """The terminal is closed, and the signal of that went to somebody else."""
    opened.until(b"reviews")
    opened.hang_up()
    assert opened.process.wait(GONE_S) == 0
    assert time_used(opened.process) < 20


def test_a_dead_terminal_while_a_change_is_applied(opened: Terminal) -> None:
    opened.apply()
    opened.hang_up()
    assert opened.process.wait(GONE_S) == 0
    assert opened.applied.read_text() == "rollback"


def test_a_terminal_that_nobody_reads_does_not_keep_it(opened: Terminal) -> None:
    opened.until(b"reviews")
    opened.keys(b"jk" * 2000)
    opened.send(signal.SIGTERM)
    assert opened.process.wait(GONE_S) in (0, 1)


@pytest.mark.parametrize("where", ["handler", "worker", "render"])
def test_a_crash_is_one_line_and_a_file(tmp_path: Path, where: str) -> None:
    terminal = Terminal(tmp_path, "--crash", where)
    try:
        assert terminal.ended() == 1
        terminal.assert_restored()
        shown = terminal.seen.rpartition(b"\x1b[?1004l")[2].decode()
        told = [line for line in shown.splitlines() if line.strip()]
        assert len(told) == 1 and "failed unexpectedly (LookupError: a bug)" in told[0]
        (file,) = (tmp_path / "state/meshtui/crashes").glob("*.txt")
        assert file.name in told[0] and file.stat().st_mode & 0o777 == 0o600
        text = file.read_text()
        assert "LookupError: a bug" in text and "a-local-secret" not in text
    finally:
        terminal.process.kill()
        terminal.process.wait()


def test_suspended_and_back(opened: Terminal) -> None:
    opened.until(b"reviews")
    opened.keys(b"\x1a")
    while os.waitpid(opened.process.pid, os.WNOHANG | os.WUNTRACED) == (0, 0):
        opened.read()
    opened.read()
    opened.assert_restored()
    opened.seen = b""
    opened.send(signal.SIGCONT)
    opened.until(b"reviews")
    assert b"\x1b[?1049h" in opened.seen
    opened.keys(b"q")
    assert opened.ended() == 0
    opened.assert_restored()


def test_stopped_from_outside_and_continued_it_has_one_reader(opened: Terminal) -> None:
    opened.until(b"reviews")
    opened.send(signal.SIGSTOP)
    os.waitpid(opened.process.pid, os.WUNTRACED)
    opened.seen = b""
    opened.send(signal.SIGCONT)
    opened.until(b"reviews")
    tasks = Path(f"/proc/{opened.process.pid}/task")
    names = [(task / "comm").read_text() for task in tasks.iterdir()]
    assert sum("textual-input" in name for name in names) <= 1
    opened.keys(b"q")
    assert opened.ended() == 0
    opened.assert_restored()


@pytest.mark.parametrize("term", ["dumb", "linux", "xterm"])
def test_it_starts_on_poor_terminals(tmp_path: Path, term: str) -> None:
    terminal = Terminal(tmp_path, term=term)
    try:
        terminal.until(b"reviews")
        terminal.keys(b"q")
        assert terminal.ended() == 0
        terminal.assert_restored()
    finally:
        terminal.process.kill()
        terminal.process.wait()


def time_used(process: subprocess.Popen[bytes]) -> float:
    """Seconds of a processor that the ended children took, at most those of this one."""
    return sum(os.times()[2:4])
