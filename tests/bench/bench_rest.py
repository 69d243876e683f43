"""CPU of the screen at rest: on a lab with traffic, and on one without any.

`python -m tests.bench.bench_rest [SECONDS]`: percent of one core over so many seconds.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from meshtui.lab.process import spawn

TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP_S = 8.0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def drain(master: int, counted: list[int]) -> None:
    while True:
        try:
            counted.append(len(os.read(master, 65536)))
        except OSError:
            return


def measure(kubeconfig: Path, seconds: float) -> tuple[float, float]:
    """Percent of a core, and bytes a second to the terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
    with tempfile.TemporaryDirectory() as state:
        env = {**os.environ, "TERM": "xterm-256color", "KUBECONFIG": str(kubeconfig)}
        env["XDG_STATE_HOME"] = state
        process = subprocess.Popen(
            [sys.executable, "-m", "meshtui"], stdin=slave, stdout=slave, stderr=slave, env=env
        )
        written: list[int] = []
        threading.Thread(target=drain, args=(master, written), daemon=True).start()
        time.sleep(WARM_UP_S)
        before, bytes_before, began = cpu_seconds(process.pid), sum(written), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        percent = 100 * (cpu_seconds(process.pid) - before) / took
        rate = (sum(written) - bytes_before) / took
        process.kill()
        process.wait()
    return percent, rate


def main(seconds: float) -> None:
    for rps in (40.0, 0.0):
        with spawn("errors", rps=rps) as lab:
            percent, rate = measure(lab.kubeconfig, seconds)
        sys.stdout.write(f"{rps:g} requests/s: {percent:.1f} % of a core, {rate:.0f} bytes/s\n")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
