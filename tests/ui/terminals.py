"""Terminals of the tests' own, with the screen as their foreground job."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.ui.emulator import Emulator

GONE_S = 30.0
"""How long a loaded machine may take; the program's own limit is in `leaving.LIMIT_S`."""

WIDEST, HIGHEST = 300, 100
_BEGUN = re.compile(r"\x1b[^a-zA-Z~=>]*$")
_NO_CELLS = re.compile(
    r"\x1b\[[\d;]*[^\d;HCm]|\x1b\[[?<=>][^a-zA-Z]*[a-zA-Z]|\x1b[^\[]|[\x00-\x09\x0b-\x1a]"
)
"""What moves nothing and paints nothing that is of use here."""

MODES = {
    "screen": (b"\x1b[?1049h", b"\x1b[?1049l"),
    "cursor": (b"\x1b[?25l", b"\x1b[?25h"),
    "mouse": (b"\x1b[?1000h", b"\x1b[?1000l"),
    "paste": (b"\x1b[?2004h", b"\x1b[?2004l"),
    "focus": (b"\x1b[?1004h", b"\x1b[?1004l"),
    "wrap": (b"\x1b[?7l", b"\x1b[?7h"),
}


class Terminal:
    """A screen of 80 by 24. `controlling`: its end is a signal, too, as in a shell.

    `ended_s` is how long the process lived after it was asked to end, `cpu_s` what it used in all.
    """

    def __init__(
        self, path: Path, folder: Path, *words: str, controlling: bool = True, **environment: str
    ) -> None:
        self.folder = folder
        self.applied, self.state = folder / "applied", folder / "state"
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self._emulator, self._fed, self._rest = Emulator(WIDEST, HIGHEST), 0, ""
        self.cpu_s = self.ended_s = 0.0
        self._hung_up = False
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        asked = {
            "words": ["--applied", str(self.applied), *words],
            "controlling": controlling,
            "environment": {
                "TERM": "xterm-256color", "XDG_STATE_HOME": str(self.state), **environment
            },
        }  # fmt: skip
        socket.send_fds(self._socket, [json.dumps(asked).encode()], [self.slave])
        self._news = self._socket.makefile("rb")
        self.pid = int(self._next("pid", GONE_S))

    def until(self, text: bytes, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen[-2000:]
            self.read()

    def until_shown(self, text: str, *, gone: bool = False) -> None:
        """Until it is on the screen, or `gone` from it: only cells that differ are written, and
        so no whole words."""
        end = time.monotonic() + 60.0
        while (text in self.shown()) is gone:
            assert time.monotonic() < end, self.shown()
            self.read()

    def shown(self) -> str:
        """What is on the screen by what was written."""
        news = self._rest + self.seen[self._fed :].decode("utf-8", "replace")
        self._fed = len(self.seen)
        begun = _BEGUN.search(news)
        news, self._rest = (news[: begun.start()], begun.group()) if begun else (news, "")
        self._emulator.feed(_NO_CELLS.sub("", news))
        return self._emulator.text

    def until_there(self, path: Path) -> str:
        """What the file says, once it says something; meanwhile somebody reads the terminal."""
        end = time.monotonic() + 60
        while not (path.exists() and path.read_text().endswith("\n")):
            assert time.monotonic() < end, self.seen[-2000:]
            self.read()
        return path.read_text()

    def read(self) -> None:
        if not self._hung_up and select.select([self.master], [], [], 0.05)[0]:
            self.seen += os.read(self.master, 65536)

    def keys(self, text: bytes) -> None:
        os.write(self.master, text)

    def apply(self) -> None:
        """Up to the middle of a change."""
        self.until(b"reviews")
        self.keys(b"R")
        self.until(b"apply")
        while b"applying" not in self.seen:
            # One Enter behind the other would put the moment off in which it counts.
            self.keys(b"\r")
            end = time.monotonic() + 2
            while b"applying" not in self.seen and time.monotonic() < end:
                self.read()
        assert not self.applied.exists()

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def stopped(self) -> int:
        return int(self._next("stopped", GONE_S))

    def ended(self) -> int:
        """The status; meanwhile somebody reads the terminal."""
        began = time.monotonic()
        status = int(self._next("status", GONE_S))
        self.ended_s = time.monotonic() - began
        while not self._hung_up and select.select([self.master], [], [], 0)[0]:
            self.read()
        return status

    def _next(self, name: str, seconds: float) -> Any:
        end = time.monotonic() + seconds
        while not select.select([self._socket], [], [], 0)[0]:
            assert time.monotonic() < end, f"no {name}: the process lives on"
            if self._hung_up:
                select.select([self._socket], [], [], 0.05)
            else:
                select.select([self._socket, self.master], [], [], 0.05)
                self.read()
        news = json.loads(self._news.readline())
        assert name in news, news
        self.cpu_s = news.get("cpu_s", 0.0)
        return news[name]

    def assert_restored(self) -> None:
        for name, (on, off) in MODES.items():
            if on in self.seen:
                assert self.seen.rfind(off) > self.seen.rfind(on), name
        assert b"\x1b[?1049h" in self.seen
        assert termios.tcgetattr(self.slave)[3] == self.before[3]

    def hang_up(self) -> None:
        os.close(self.slave)
        os.close(self.master)
        self._hung_up = True

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        if not self._hung_up:
            self.hang_up()
        self._news.close()
        self._socket.close()


def alive(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


EDITOR = """#!/bin/sh
trap '' INT
sleep 1000 &
printf '\\033[?1049h%s %s\\n' $$ $! > {0}/editor
wait
"""
STUBBORN = EDITOR.replace("INT", "INT HUP TERM")


def editor(folder: Path, text: str = EDITOR) -> str:
    """A program that waits, and has started another one; their ids are in `editor`."""
    path = folder / "an-editor"
    path.write_text(text.format(folder))
    path.chmod(0o755)
    return str(path)


def in_editor(terminal: Terminal) -> tuple[int, ...]:
    """Up to where an editor has the terminal; gives its processes."""
    terminal.until(b"reviews")
    terminal.keys(b"e")
    words = terminal.until_there(terminal.folder / "editor")
    return tuple(map(int, words.replace("\x1b[?1049h", "").split()))


def typed(keys: bytes, shown: bytes) -> Callable[[Terminal], object]:
    def steps(terminal: Terminal) -> None:
        terminal.until(b"reviews")
        terminal.seen = b""
        terminal.keys(keys)
        terminal.until(shown)

    return steps


def burst(terminal: Terminal) -> None:
    terminal.until(b"reviews")
    terminal.keys(b"jk" * 1000)


MOMENTS: dict[str, Callable[[Terminal], object]] = {
    "at once": lambda terminal: None,
    "before the first paint": lambda terminal: terminal.until(b"\x1b[?1049h"),
    "connecting": lambda terminal: terminal.until(b"connecting"),
    "idle": lambda terminal: terminal.until(b"reviews"),
    "a dialog": typed(b"R", b"apply"),
    "a pane": typed(b"l", b"/reviews/"),
    "the prompt": typed(b":shi", b"shi"),
    "a burst of keys": burst,
    "applying": Terminal.apply,
    "in the editor": in_editor,
}
"""How to come to a moment in the life of the program."""
