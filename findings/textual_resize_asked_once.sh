#!/usr/bin/env bash
# A Textual app that was started in a terminal which reports its size is deaf to SIGWINCH for ever.
#
# One would guess: reports of the size in the input (DEC mode 2048, which kitty, foot, ghostty and others have) come
#   on top of SIGWINCH, which is how a program has always learned that its terminal changed.
# Seen with Textual 8.2.8 on a pseudo-terminal of 120 x 40 that becomes 80 x 24 with a SIGWINCH: where nobody
#   answered the question for mode 2048, the app is 80 x 24. Where the first terminal answered, it stays 120 x 40:
#   the signal is thrown away, and it waits for a report.
# Why it matters: with dtach, abduco or the like a cockpit outlives the line that it was started over, and the next
#   terminal may be another program, of another size, without that mode; it is never asked. Rows and keys are cut
#   off until the program is started anew. Ask again when the program comes back, or look at the size on SIGWINCH
#   all the same: it costs one ioctl.
. "$(dirname "$0")/environment"
with_packages textual==8.2.8 <<'END'
import fcntl
import os
import pty
import select
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

Told().run()
"""
ASKED, ANSWER = b"\x1b[?2048$p", b"\x1b[?2048;2$y"
SWITCHED_ON, REPORT = b"\x1b[?2048h", b"\x1b[48;40;120;800;1200t"


def resized(terminal, columns, lines):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def sizes(answers):
    """The app's size on the first terminal, and after SIGWINCH on the next, which reports nothing."""
    told = Path(tempfile.mkdtemp()) / "told"
    told.touch()
    screen, keys = pty.openpty()
    resized(keys, 120, 40)
    hidden = ("COLUMNS", "LINES")
    env = {name: text for name, text in os.environ.items() if name not in hidden}
    app = subprocess.Popen(
        [sys.executable, "-c", APP, str(told)],
        stdin=keys,
        stdout=keys,
        stderr=keys,
        start_new_session=True,
        env={**env, "TERM": "xterm-256color"},
    )
    output = b""

    def until(condition, seconds):
        nonlocal output
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            if select.select([screen], [], [], 0.1)[0]:
                part = os.read(screen, 65536)
                output += part
                if answers and ASKED in part:
                    os.write(screen, ANSWER)
                if answers and SWITCHED_ON in part:
                    os.write(screen, REPORT)
        return told.read_text().splitlines()[-1]

    def started():
        return ASKED in output and (SWITCHED_ON in output or not answers)

    until(lambda: started() and told.read_text(), 60)
    before = until(lambda: False, 1)
    resized(keys, 80, 24)
    app.send_signal(signal.SIGWINCH)
    after = until(lambda: "80 24" in told.read_text(), 5)
    app.kill()
    app.wait()
    return before, after


seen = {answers: sizes(answers) for answers in (False, True)}
for answers, (before, after) in seen.items():
    print("mode 2048 is", "answered" if answers else "unknown", "- size before:", before, "after:", after)
changed = seen != {False: ("120 40", "80 24"), True: ("120 40", "120 40")}
print("changed" if changed else "still there")
raise SystemExit(changed)
END
