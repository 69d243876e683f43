#!/usr/bin/env bash
# Textual paints on standard error: `2>file` makes the screen go blank, `>file` does not.
#
# One would guess: a terminal program paints on standard output (or /dev/tty), so `app 2>errors.log`
#   is the ordinary way to look for a traceback, and `app >file` spoils the picture.
# Seen with Textual 8.2.8 on a pseudo-terminal of 80 x 24: with 2>file not one byte comes to the
#   terminal, and the whole picture with its control sequences is in the file; the program takes keys
#   and ends with status 0 as if nothing were wrong. With >file the terminal has the picture and the
#   file is empty.
# Why it matters: an operator who starts a cockpit as `cockpit 2>>log`, as a wrapper or a unit does,
#   sees an empty terminal that still obeys keystrokes. A program should refuse a standard error that is
#   no terminal with one clear line, and log to a file of its own.
. "$(dirname "$0")/environment"
with_packages textual==8.2.8 <<'END'
import os
import pty
import select
import subprocess
import sys
import time

APP = """
from textual.app import App
from textual.widgets import Static

class Words(App):
    BINDINGS = [("q", "quit", "quit")]

    def compose(self):
        yield Static("finding-words")

Words().run()
"""


def run(redirected):
    """Run the app, press q once it shows; return where its words came out, and its status."""
    terminal, inside = pty.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), inside)
    with open(os.path.join(os.environ["TMPDIR"], "file"), "wb+") as file:
        if redirected:
            streams[redirected] = file
        env = {**os.environ, "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "80"}
        command = [sys.executable, "-c", APP]
        app = subprocess.Popen(command, env=env, start_new_session=True, **streams)
        os.close(inside)
        painted, pressed, end = b"", False, time.monotonic() + 60
        while app.poll() is None and time.monotonic() < end:
            if select.select([terminal], [], [], 0.5)[0]:
                try:
                    painted += os.read(terminal, 65536)
                except OSError:
                    break
            file.seek(0)
            written = file.read()
            if not pressed and b"finding-words" in painted + written:
                os.write(terminal, b"q")
                pressed = True
        status = app.wait(10)
        file.seek(0)
        return b"finding-words" in painted, b"finding-words" in file.read(), len(painted), status


seen = {}
for redirected in (None, "stdout", "stderr"):
    on_terminal, in_file, size, status = run(redirected)
    print(redirected or "nothing", "redirected: on the terminal:", on_terminal, f"({size} bytes),")
    print("   in the file:", in_file, "- status", status)
    seen[redirected] = (on_terminal, in_file, size > 0, status)
expected = {
    None: (True, False, True, 0),
    "stdout": (True, False, True, 0),
    "stderr": (False, True, False, 0),
}
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END
