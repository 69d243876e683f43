#!/usr/bin/env bash
# With COLUMNS in its environment Textual paints for that width, whatever the terminal's is, and never follows it.
#
# One would guess: a program on a terminal has the size that the terminal has; SIGWINCH makes it ask again.
#   COLUMNS and LINES are for what has no terminal, and a full-screen program gives up what they say at the first
#   resize.
# Seen with Textual 8.2.8 on a pseudo-terminal of 120 x 40 that becomes 80 x 24: without the two variables
#   the app is 120 x 40, then 80 x 24. With COLUMNS=100 and LINES=30 it is 100 x 30 before and after.
# Why it matters: `kubectl exec -it POD -- env COLUMNS=$COLUMNS LINES=$LINES bash` is the usual cure for a shell in a
#   pod that takes its window for 80 x 24. A cockpit that is started from there writes beyond the window after the
#   first split of a pane, and rows and keys are cut off. Take both out of the environment before the app runs.
. "$(dirname "$0")/environment"
with_packages textual==8.2.8 <<'END'
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

APP = """
import sys
from textual.app import App

class Told(App):
    def on_resize(self, event):
        with open(sys.argv[1], "a") as file:
            file.write(f"{event.size.width} {event.size.height}\\n")

    def on_ready(self):
        with open(sys.argv[1], "a") as file:
            file.write("ready\\n")

Told().run()
"""


def resized(terminal, columns, lines):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def sizes(exported):
    """The app's sizes on a terminal of 120 x 40, and after it has become 80 x 24."""
    told = Path(tempfile.mkdtemp()) / "told"
    told.touch()
    screen, keys = pty.openpty()
    resized(keys, 120, 40)
    plain = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
    app = subprocess.Popen(
        [sys.executable, "-c", APP, str(told)],
        stdin=keys,
        stdout=keys,
        stderr=keys,
        env={**plain, "TERM": "xterm-256color", **exported},
    )
    os.set_blocking(screen, False)

    def until(condition, seconds):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            try:
                os.read(screen, 65536)
            except BlockingIOError:
                time.sleep(0.02)
        return told.read_text().split("\n")

    seen = [line for line in until(lambda: "ready" in told.read_text(), 60) if line[:1].isdigit()]
    before = seen[-1]
    resized(screen, 80, 24)
    app.send_signal(signal.SIGWINCH)  # the terminal is not the app's controlling one here
    after = until(lambda: "80 24" in told.read_text(), 5)
    app.kill()
    app.wait()
    return before, [line for line in after if line[:1].isdigit()][-1]


seen = {}
for exported in ({}, {"COLUMNS": "100", "LINES": "30"}):
    seen[bool(exported)] = sizes(exported)
    print(exported, "-> before and after:", seen[bool(exported)])
changed = seen != {False: ("120 40", "80 24"), True: ("100 30", "100 30")}
print("changed" if changed else "still there")
raise SystemExit(changed)
END
