#!/usr/bin/env bash
# On pyte's screen a Textual app leaves its last picture behind, and a letter "u" beside it.
#
# One would guess: pyte, an xterm-compatible emulator, shows what a terminal would: when an app on the alternate
#   screen ends, the shell's lines are back, and a control sequence that is not known is left out.
# Seen with pyte 0.8.2 and Textual 8.2.8 on a pseudo-terminal: there is no alternate screen, so the shell's lines are
#   painted over and the app's picture stays. Of the app's farewell `ESC [ < u`, which ends the kitty keyboard
#   protocol, the "u" is text at the cursor. `ESC [ > 4 ; 2 m`, by which others ask for modified keys, underlines
#   what follows.
# Why it matters: an emulator of this kind is what tests of a terminal program look at, and what records sessions.
#   A test that the terminal is left as it was cannot pass there, and one that looks at the picture before the
#   farewell only proves less than it says. tmux (capture-pane) shows what a person sees.
. "$(dirname "$0")/environment"
with_packages textual==8.2.8 pyte==0.8.2 <<'END'
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pyte

APP = """
from textual.app import App
from textual.widgets import Static

class Short(App):
    def compose(self):
        yield Static("the app's picture")

    def on_ready(self):
        self.set_timer(0.5, self.exit)

Short().run()
"""
screen = pyte.Screen(60, 10)
stream = pyte.ByteStream(screen)
stream.feed(b"a line of the shell\r\n")
terminal, app_end = pty.openpty()
fcntl.ioctl(app_end, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 60, 0, 0))
app = subprocess.Popen(
    [sys.executable, "-c", APP],
    stdin=app_end,
    stdout=app_end,
    stderr=app_end,
    env={**os.environ, "TERM": "xterm-256color"},
)
os.close(app_end)
output = b""
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:  # the app has ended
        break
    if not part:
        break
    output += part
app.wait()
stream.feed(output)
lines = [line.rstrip() for line in screen.display if line.strip()]
print(*lines, sep="\n")
asked = b"\x1b[?1049l" in output, b"\x1b[<u" in output
print("Textual left the alternate screen, and the kitty protocol:", asked)
text = "\n".join(lines)
seen = (*asked, "a line of the shell" in text, "e app's picture" in text, text.count("u"))
other = pyte.Screen(20, 1)
pyte.ByteStream(other).feed(b"\x1b[>4;2mx")
underlined = other.buffer[0][0].underscore
print("underlined behind ESC [ > 4 ; 2 m:", underlined)
changed = (*seen, underlined) != (True, True, False, True, 2, True)
print("changed" if changed else "still there")
raise SystemExit(changed)
END
