"""Whichever way the program ends, the terminal is as it was found, or the process is gone."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshtui.ui.terminal import job
from tests.forking import serving
from tests.ui.terminals import (
    EDITOR,
    GONE_S,
    MOMENTS,
    STUBBORN,
    Terminal,
    alive,
    editor,
    in_editor,
)

CPU_S = 15.0
"""More than any of these needs on a slow machine, and less than a spin would use in `GONE_S`."""

Open = Callable[..., Terminal]


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    with serving("tests.ui.template") as path:
        yield path


@pytest.fixture
def opening(server: Path, tmp_path: Path) -> Iterator[Open]:
    made: list[Terminal] = []

    def opened(*words: str, **more: object) -> Terminal:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        environment = {"EDITOR": editor(folder), "VISUAL": ""}
        made.append(Terminal(server, folder, *words, **{**environment, **more}))  # type: ignore[arg-type]
        return made[-1]

    yield opened
    for terminal in made:
        terminal.close()


@pytest.fixture
def opened(opening: Open) -> Terminal:
    return opening()


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
            opened.until_shown("again leaves")
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


@pytest.mark.parametrize("controlling", [True, False], ids=["with a signal", "without"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_terminal_that_dies_ends_it(opening: Open, moment: str, controlling: bool) -> None:
    """Without a signal where that went to somebody else, or came to nobody."""
    terminal = opening(controlling=controlling)
    reached = MOMENTS[moment](terminal)
    terminal.hang_up()
    assert terminal.ended() in (0, 1, -signal.SIGHUP)
    assert terminal.cpu_s < CPU_S
    if moment == "applying":
        assert terminal.applied.read_text() == "rollback"
    if moment == "in the editor":
        assert isinstance(reached, tuple) and not any(map(alive, reached))


STARTING = """
import sys
from meshtui.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("words", [(), ("demo",)], ids=["screen", "demo"])
def test_a_terminal_that_dies_while_the_program_starts(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Nothing reads it yet, and no signal comes: the second thread is what watches it."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", STARTING, *words, "--kubeconfig", str(tmp_path / "none")],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    try:
        while len(os.listdir(f"/proc/{process.pid}/task")) < 2:  # noqa: PTH208
            assert process.poll() is None
        os.close(slave)
        os.close(master)
        assert process.wait(GONE_S) == 1
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("text", [EDITOR, STUBBORN], ids=["kind", "stubborn"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_the_editor(opening: Open, number: int, text: str) -> None:
    terminal = opening()
    editor(terminal.folder, text)
    processes = in_editor(terminal)
    terminal.send(signal.SIGINT)
    terminal.send(number)
    assert terminal.ended() == 0
    terminal.assert_restored()
    assert not any(map(alive, processes))
    (draft,) = (terminal.state / "meshtui/edits").glob("*.yaml")
    assert f"what was edited is in {draft}".encode() in terminal.seen.replace(b"\r\n", b"")


@pytest.mark.parametrize("way", ["signal", "hang-up"])
@pytest.mark.parametrize("what", ["thread", "loop"])
def test_what_is_stuck_does_not_keep_it(opening: Open, what: str, way: str) -> None:
    terminal = opening("--wrong", what, controlling=way == "signal")
    terminal.until(b"\x07" if what == "loop" else b"reviews")
    if way == "signal":
        terminal.send(signal.SIGTERM)
    else:
        terminal.hang_up()
    assert terminal.ended() in (0, 1)
    assert terminal.cpu_s < CPU_S
    if way == "signal":
        terminal.assert_restored()


def test_q_is_not_kept_by_a_thread(opening: Open) -> None:
    terminal = opening("--wrong", "thread")
    terminal.until(b"reviews")
    terminal.keys(b"q")
    assert terminal.ended() == 0
    terminal.assert_restored()


def test_a_terminal_that_nobody_reads_does_not_keep_it(opened: Terminal) -> None:
    opened.until(b"reviews")
    opened.keys(b"jk" * 2000)
    opened.send(signal.SIGTERM)
    assert opened.ended() in (0, 1)


@pytest.mark.parametrize("where", ["handler", "worker", "render"])
def test_a_crash_is_one_line_and_a_file(opening: Open, where: str) -> None:
    terminal = opening("--wrong", where)
    assert terminal.ended() == 1
    terminal.assert_restored()
    shown = terminal.seen.rpartition(b"\x1b[?1004l")[2].decode()
    lines = [line for line in shown.splitlines() if line.strip()]
    assert len(lines) == 1 and "failed unexpectedly (LookupError: a bug)" in lines[0]
    (file,) = (terminal.state / "meshtui/crashes").glob("*.txt")
    assert file.name in lines[0] and file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert "LookupError: a bug" in text and "a-local-secret" not in text


def test_without_a_shell_nothing_is_suspended(opened: Terminal) -> None:
    """As in `ssh -t HOST meshtui` and in a window of tmux of its own: nobody could type fg."""
    opened.until(b"reviews")
    opened.keys(b"\x1a")
    opened.until(b"shell")
    opened.keys(b"q")
    assert opened.ended() == 0
    opened.assert_restored()


def test_a_job_of_a_shell_has_a_group_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getsid", lambda _: 7)
    for group, known in ((7, False), (8, True)):
        monkeypatch.setattr(os, "getpgrp", lambda group=group: group)
        assert job.is_job() is known


def test_suspended_and_back(opening: Open) -> None:
    opened = opening("--job")
    opened.until(b"reviews")
    opened.keys(b"\x1a")
    assert opened.stopped() == signal.SIGSTOP
    opened.read()
    opened.assert_restored()
    opened.seen = b""
    opened.send(signal.SIGCONT)
    opened.until(b"reviews")
    assert b"\x1b[?1049h" in opened.seen
    opened.keys(b"q")
    assert opened.ended() == 0
    opened.assert_restored()


@pytest.mark.parametrize("controlling", [True, False], ids=["with a signal", "continued"])
def test_a_terminal_that_dies_while_it_is_suspended(opening: Open, controlling: bool) -> None:
    terminal = opening("--job", controlling=controlling)
    terminal.until(b"reviews")
    terminal.keys(b"\x1a")
    terminal.stopped()
    terminal.hang_up()
    if not controlling:
        terminal.send(signal.SIGCONT)
    assert terminal.ended() in (0, 1)
    assert terminal.cpu_s < CPU_S


def test_stopped_from_outside_and_continued_it_has_one_reader(opened: Terminal) -> None:
    """Of the terminal's input; and one writer, and one that watches."""
    opened.until(b"reviews")
    tasks = Path(f"/proc/{opened.pid}/task")
    before = len(list(tasks.iterdir()))
    for _ in range(3):
        opened.send(signal.SIGSTOP)
        opened.stopped()
        opened.seen = b""
        opened.send(signal.SIGCONT)
        opened.until(b"reviews")
    assert len(list(tasks.iterdir())) <= before + 1
    opened.keys(b"q")
    assert opened.ended() == 0
    opened.assert_restored()


@pytest.mark.parametrize("term", ["dumb", "linux", "xterm"])
def test_it_starts_on_poor_terminals(opening: Open, term: str) -> None:
    terminal = opening(TERM=term)
    terminal.until(b"reviews")
    terminal.keys(b"q")
    assert terminal.ended() == 0
    terminal.assert_restored()


def test_modes_that_were_set_by_others_stay(opened: Terminal) -> None:
    opened.until(b"reviews")
    assert termios.tcgetattr(opened.slave)[3] != opened.before[3]
    opened.keys(b"q")
    opened.ended()
    assert termios.tcgetattr(opened.slave) == opened.before
