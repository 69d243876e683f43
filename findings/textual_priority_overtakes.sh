#!/usr/bin/env bash
# A priority binding of Textual acts before the keys that were pressed before it: on the row that the cursor is about
# to leave.
#
# One would guess: keys act in the order in which they were pressed. `priority` says who is asked first about one key,
#   the app or the widget that has the focus.
# Seen with Textual 8.2.8 on a pseudo-terminal: down, down and ctrl+x come in one piece, as they do over a slow line or
#   from `tmux send-keys`. An action bound to ctrl+x acts on the third row; with priority=True on the first, and the
#   cursor moves afterwards. Text typed into an Input before such a key is not in it yet. The keys wait in the widget's
#   queue, which the app's own does not wait for. Textual's pilot, which waits after each key, never shows it.
# Why it matters: over SSH at 3 a.m. keys are typed ahead. "Down, down, roll back" rolls back another service than the
#   one that the person chose, once in a while, and no test finds it. Bind what acts on the cursor without priority, or
#   ask with the name in the question.
. "$(dirname "$0")/environment"
with_packages textual==8.2.8 <<'END'
import os
import pty
import select
import subprocess
import sys
import time

APP = """
import sys
from textual.app import App
from textual.binding import Binding
from textual.widgets import DataTable

class Services(App):
    BINDINGS = [Binding("ctrl+x", "act", "act", priority=sys.argv[1] == "priority")]

    def compose(self):
        yield DataTable(cursor_type="row")

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_column("service")
        for name in ("reviews", "details", "ratings"):
            table.add_row(name)
        table.focus()

    def action_act(self):
        table = self.query_one(DataTable)
        self.acted_on = table.get_row_at(table.cursor_row)[0]
        self.set_timer(1, self.leave)

    def leave(self):
        table = self.query_one(DataTable)
        self.exit(message=f"<{self.acted_on}, at the end on {table.get_row_at(table.cursor_row)[0]}>")

Services().run()
"""
KEYS = b"\x1b[B\x1b[B\x18"  # down, down, ctrl+x


def acted_on(how):
    """What the app says of the row on which it acted, and of the cursor's a second later."""
    terminal, inside = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "80"}
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), inside)
    app = subprocess.Popen([sys.executable, "-c", APP, how], env=env, start_new_session=True, **streams)
    output, sent, end = b"", False, time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.5)[0]:
            output += os.read(terminal, 65536)
        elif app.poll() is not None:
            break
        elif b"ratings" in output and not sent:
            os.write(terminal, KEYS)
            sent = True
    app.kill()
    app.wait()
    os.close(inside)
    os.close(terminal)
    return output.rpartition(b"<")[2].partition(b">")[0].decode()


seen = {how: acted_on(how) for how in ("plain", "priority")}
for how, said in seen.items():
    print(f"{how}: acted on {said}")
expected = {"plain": "ratings, at the end on ratings", "priority": "reviews, at the end on ratings"}
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END
