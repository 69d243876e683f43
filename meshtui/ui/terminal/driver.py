"""Textual's driver for a terminal that may be slow, stuck, or gone at any moment."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
from codecs import getincrementaldecoder
from typing import Any, Protocol, cast

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.messages import InBandWindowResize

from meshtui.ui.terminal.job import stop
from meshtui.ui.terminal.outlet import Outlet
from meshtui.ui.terminal.watchdog import Leaving, restore_now

CLOSE_S = 1.0
"""How long the terminal may take to read the last bytes."""

LOOK_S = 0.1
SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_OF_KEYS = (signal.SIGINT, signal.SIGQUIT)


class Program(Protocol):
    """What the driver asks of the program that it drives."""

    def watch_terminal(self, terminal: int) -> Leaving: ...
    def repaint(self) -> None: ...
    def forget_terminal(self) -> None: ...
    def hang_up(self, number: int = ...) -> None: ...
    def crash(self, error: Exception) -> None: ...


class TerminalDriver(LinuxDriver):
    """What differs: output never blocks, a hang-up ends the program, signals leave in order."""

    def __init__(self, app: Any, **more: Any) -> None:
        super().__init__(app, **more)
        self._outlet: Outlet | None = None
        self._leaving = self._program.watch_terminal(self.fileno)
        self._leaving.lost, self._leaving.restore = self._lost, self._last_resort
        self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}

    @property
    def _program(self) -> Program:
        return cast("Program", self._app)

    # Output

    def write(self, data: str) -> None:
        """Nothing is written where there is no terminal."""
        outlet = self._outlet
        if outlet is None:
            return
        if outlet.overrun and outlet.idle:
            outlet.overrun = False
            self._loop.call_soon_threadsafe(self._program.repaint)
        outlet.write(data)

    # The terminal's size

    def _get_terminal_size(self) -> tuple[int, int]:
        """The terminal's own: `COLUMNS` and `LINES`, which a shell may have exported and which
        Textual asks first, never change."""
        with contextlib.suppress(OSError, ValueError):
            columns, lines = os.get_terminal_size(self.fileno)
            if columns and lines:
                return columns, lines
        return super()._get_terminal_size()

    def _query_in_band_window_resize(self) -> None:
        """Not asked: a terminal that reports its size makes Textual deaf to SIGWINCH for good, and
        the next one on the same session (dtach, abduco) may be of another kind and size."""

    def process_message(self, message: Message) -> None:
        if not isinstance(message, InBandWindowResize):
            super().process_message(message)

    # Application mode

    def start_application_mode(self) -> None:
        if self._outlet is None:
            self._outlet = Outlet(_screen(), self._lost)
        self._program.forget_terminal()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def stop_application_mode(self) -> None:
        if self._outlet is not None:
            super().stop_application_mode()

    def close(self) -> None:
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            super().close()
            outlet.close(CLOSE_S)

    def give_back(self) -> None:
        """The terminal as it was found; what is painted from now on is not shown."""
        self.suspend_application_mode()

    def release(self) -> None:
        """The program has ended: signals mean again what they meant before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _sigtstp_application(self, *_: Any) -> None:
        """As Textual's, but for the whole job, and only once the terminal is as it was found."""
        if self._auto_restart:
            self.suspend_application_mode()
            self._must_signal_resume = True
        stop()

    def _sigcont_application(self, *_: Any) -> None:
        """After SIGSTOP nothing was left in order: the shell had the terminal meanwhile."""
        if self._auto_restart and self._outlet is not None:
            self.suspend_application_mode()
            self._must_signal_resume = True
        super()._sigcont_application()

    # What ends the program

    def _on_signal(self, number: int, _: Any) -> None:
        """^C and ^\\ in an editor are the editor's."""
        if number in _OF_KEYS and not self._auto_restart:
            return
        self._leaving.begin()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._program.hang_up, number)

    def _lost(self) -> None:
        """In a thread: the terminal is gone, with or without a signal."""
        self._on_signal(signal.SIGHUP, None)

    def _last_resort(self) -> None:
        """In a thread, where nothing else answers; an editor that was killed restores nothing."""
        if self._outlet is not None or not self._auto_restart:
            self.restore()

    def restore(self) -> None:
        """The terminal's modes, without waiting for it."""
        if self.attrs_before is not None:
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
        restore_now(_screen())

    # Input

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:
            self._lost()
        except Exception as error:  # noqa: BLE001 - the edge of a thread
            self._loop.call_soon_threadsafe(self._program.crash, error)

    def run_input_thread(self) -> None:
        """As Textual's, but an end of input is the end, and no byte is a reason to crash."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], LOOK_S)[0]:
                data = os.read(self.fileno, 4096)
                if not data:
                    self._lost()
                    return
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)
        with contextlib.suppress(EOFError, ParseError):
            for _ in parser.feed(""):
                pass


def _screen() -> int:
    """The terminal: Textual paints on standard error, but that may be a file (`2>log`)."""
    for stream in (sys.__stderr__, sys.__stdout__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if stream is not None and stream.isatty():
                return stream.fileno()
    return 2
