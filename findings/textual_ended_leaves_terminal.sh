#!/usr/bin/env bash
# A Textual app that is ended by a signal leaves the terminal raw, on the alternate screen, reporting the mouse.
#
# One would guess: a library that takes over the terminal gives it back on SIGTERM, SIGHUP and SIGQUIT, as ncurses
#   programs and editors do, and Textual itself on SIGINT.
# Seen with Textual 8.2.8 on a pseudo-terminal: SIGINT ends the app in order, with status 0, the screen left and the
#   terminal's settings as they were. SIGTERM, SIGHUP and SIGQUIT end it on the spot: no ESC [ ? 1049 l comes, nor
#   the end of mouse reports, and the terminal neither echoes nor reads lines.
# Why it matters: `timeout 8h cockpit`, a unit that stops, `kill` by a colleague who looks for what loads the
#   bastion: the person is left with a shell that shows nothing of what is typed, and in which each move of the
#   mouse types something. A program needs signal handlers of its own that leave in order.
. "$(dirname "$0")/environment"
with_packages textual==8.2.8 <<'END'
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

APP = """
from textual.app import App
from textual.widgets import Static

class Words(App):
    def compose(self):
        yield Static("finding-words")

Words().run()
"""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def ended_by(number):
    """The app's status; whether it left the alternate screen, the mouse and the settings."""
    terminal, inside = pty.openpty()
    settings = termios.tcgetattr(inside)
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), inside)
    env = {**os.environ, "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "80"}
    app = subprocess.Popen([sys.executable, "-c", APP], env=env, start_new_session=True, **streams)
    output, sent, end = b"", False, time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.5)[0]:
            output += os.read(terminal, 65536)
        elif app.poll() is not None:
            break
        elif b"finding-words" in output and not sent:
            app.send_signal(number)
            sent = True
    changed = termios.tcgetattr(inside) != settings
    os.close(inside)
    os.close(terminal)
    return app.poll(), b"\x1b[?1049l" in output, b"\x1b[?1000l" in output, not changed


seen = {}
for number in SIGNALS:
    status, *left = seen[number] = ended_by(number)
    print(f"{number.name}: status {status}; left the screen, the mouse, the settings: {left}")
expected = {number: (-number, False, False, False) for number in SIGNALS}
expected[signal.SIGINT] = (0, True, True, True)
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END
