"""The programs that this one has started, and their end with it: an editor, a credential plugin.

A signal that ends this process is for this process alone; what it has started would go on, with
the terminal, or with nobody who reads what it prints.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from meshtui.dataclass import dataclass

KINDLY_S, SHORT_S = 1.0, 0.3
"""How long a program may take to end by itself; an editor saves what was typed."""

_LOOK_S = 0.02
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    group: bool
    parting: str


_running: dict[int, _Child] = {}
_starts = 0
_put_off: int | None = None


@contextmanager
def starting() -> Iterator[None]:
    """While a program is started, until it is attended: no signal ends this process in between.

    It would leave behind what nobody knows yet. The signal is put off to the end of this; a second
    one is not.
    """
    global _starts, _put_off
    _starts += 1
    try:
        yield
    finally:
        _starts -= 1
        if not _starts and _put_off is not None:
            number, _put_off = _put_off, None
            os.kill(os.getpid(), number)


@contextmanager
def attended(pid: int, *, group: bool = False, parting: str = "") -> Iterator[None]:
    """While the process `pid` runs; to be left only once somebody has waited for it.

    `group`: it leads a process group of its own. `parting` is what a person should know where
    the program is ended from outside.
    """
    _running[pid] = _Child(pid, group, parting)
    try:
        yield
    finally:
        _running.pop(pid, None)


def last_words() -> tuple[str, ...]:
    """What a person should know of the programs that run now."""
    return tuple(filter(None, (child.parting for child in tuple(_running.values()))))


def end(within_s: float) -> bool:
    """Ends every program and all that it has started: first kindly, then not.

    Waits for at most `within_s` seconds, and for nothing where nothing runs. True where each of
    them ended by itself.
    """
    children = tuple(_running.values())
    pids = {pid for child in children for pid in (child.pid, *descendants(child.pid))}
    for child in children:
        _signal(child, pids, signal.SIGHUP, signal.SIGCONT)
    until = time.monotonic() + within_s
    while any(map(_alive, pids)) and time.monotonic() < until:
        time.sleep(_LOOK_S)
    kindly = not any(map(_alive, pids))
    for child in children:
        _signal(child, pids, signal.SIGKILL)
    return kindly


def call(command: Sequence[str], *, parting: str = "") -> int:
    """Runs a program on this terminal to its end, and gives its status; ^C and ^\\ are its keys.

    Raises OSError where it cannot be started.
    """
    import subprocess

    with _keys_of_its_own(), ExitStack() as stack:
        with starting():
            process = stack.enter_context(subprocess.Popen(command))  # noqa: S603
            stack.enter_context(attended(process.pid, parting=parting))
        return process.wait()


@contextmanager
def _keys_of_its_own() -> Iterator[None]:
    """Not ignored: the program would inherit that. Elsewhere the one that has the signals knows."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, lambda *_: None) for n in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def descendants(pid: int) -> tuple[int, ...]:
    """The children of `pid`, and theirs; none where the kernel does not tell."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += (child, *descendants(child))
    return tuple(found)


@contextmanager
def ending_with_us() -> Iterator[None]:
    """Where a signal would end this process at once, it ends what was started before that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    mine = [n for n in _ENDING if signal.getsignal(n) is signal.SIG_DFL]
    for number in mine:
        signal.signal(number, _end_with_us)
    try:
        yield
    finally:
        for number in mine:
            if signal.getsignal(number) is _end_with_us:
                signal.signal(number, signal.SIG_DFL)


def _end_with_us(number: int, _: FrameType | None) -> None:
    global _put_off
    if _starts and _put_off is None:
        _put_off = number
        return
    all_words = last_words()
    end(KINDLY_S)
    for words in all_words:
        with contextlib.suppress(OSError):
            os.write(2, f"meshtui: {words}\n".encode())
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _signal(child: _Child, pids: set[int], *numbers: signal.Signals) -> None:
    """To the child's whole group, or one by one: a group that is ours has others in it."""
    for number in numbers:
        for pid in pids:
            _kill(os.kill, pid, number)
        if child.group:
            _kill(os.killpg, child.pid, number)


def _kill(kill: Callable[[int, int], None], pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        kill(pid, number)


def _alive(pid: int) -> bool:
    """Whether it still runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return not sys.platform.startswith("linux") and _answers(pid)
    except (OSError, IndexError):
        return False


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
