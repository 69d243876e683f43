"""Time from the start of the process to the first paint, beside a bare Textual app.

`python -m tests.bench.bench_start [--rounds 9]`: medians, alternating, and their ratio.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import termios
import time

from tests.bench import said

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("first paint")
Bare().run()
"""
COMMANDS = {
    "bare textual": (["-c", BARE], b"first paint"),
    "meshtui": (["-m", "meshtui"], b"meshtui"),
}


def first_paint(arguments: list[str], marker: bytes) -> float:
    """Seconds until `marker` is on a terminal of its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color"}
    env["KUBECONFIG"] = "/nonexistent"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], stdin=slave, stdout=slave, stderr=slave, env=env
    )
    os.close(slave)
    seen = b""
    try:
        while marker not in seen:
            if time.perf_counter() - began > 20:
                raise SystemExit(f"no first paint within 20 s: {seen[-300:]!r}")
            ready, _, _ = select.select([master], [], [], 20)
            if not ready:
                raise SystemExit(f"no first paint within 20 s: {seen[-300:]!r}")
            seen += os.read(master, 65536)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()
        os.close(master)


def figures(rounds: int) -> said.Figures:
    """Medians of milliseconds, and their ratio."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, (arguments, marker) in COMMANDS.items():
            times[name].append(first_paint(arguments, marker))
    found = {f"{name}, ms": 1000 * statistics.median(several) for name, several in times.items()}
    return found | {"ratio": found["meshtui, ms"] / found["bare textual, ms"]}


if __name__ == "__main__":
    said.run(__doc__, figures, rounds=9)
