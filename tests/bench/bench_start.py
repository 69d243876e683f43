"""Time from the start of the process to the first paint, beside a bare Textual app.

`python -m tests.bench.bench_start [ROUNDS]`: medians, alternating, and their ratio.
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


def main(rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, (arguments, marker) in COMMANDS.items():
            times[name].append(first_paint(arguments, marker))
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        sys.stdout.write(f"{name}: {1000 * median:.0f} ms (median of {rounds})\n")
    ratio = medians["meshtui"] / medians["bare textual"]
    sys.stdout.write(f"ratio: {ratio:.2f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
