"""k9s beside the screen: start to its rows, the most memory it had, and its CPU at rest.

`python -m tests.bench.bench_k9s KUBECONFIG [--build NAME=FOLDER …] [--rounds 3] [--seconds 20]`,
where `k9s` is on the PATH. It lists the pods of all namespaces, the least it has to read to be of
use here; the screen reads pods, services and rules. Both get a terminal of their own of 160
by 48 and no key. Its rows are there when the name of a pod is on the terminal.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import shutil
import statistics
import struct
import subprocess
import tempfile
import termios
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.bench_responsive import HERE, SETTLE_S, START_S, Screen, cpu_seconds

K9S = ("setsid", "--ctty", "k9s", "-A", "-c", "pods", "--logoless", "--splashless")
"""It asks for the terminal that it is controlled by, and so has to be given one."""

POD_NAME = re.compile(rb"[a-z0-9][a-z0-9-]*-v\d-[a-z0-9-]+")
"""As the synthetic mesh names its pods; k9s shows nothing else of the kind at its start."""


@dataclass
class Seen:
    """What was seen of one program, run by run: seconds, mebibytes, percent of a core."""

    rows_s: list[float] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)
    rest_percent: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        return {
            "start to rows": statistics.median(self.rows_s),
            "MiB at most": statistics.median(self.memory_mib),
            "cpu % at rest": statistics.median(self.rest_percent),
        }


def peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(one.split()[1]) for one in status.splitlines() if "VmHWM" in one) / 1024


def of_k9s(kubeconfig: Path, seconds: float, seen: Seen) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
    shown, there = bytearray(), threading.Event()

    def drain() -> None:
        while True:
            try:
                read = os.read(master, 65536)
            except OSError:
                return
            if not there.is_set():
                shown.extend(read)
                if POD_NAME.search(shown):
                    there.set()

    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "TERM": "xterm-256color", "KUBECONFIG": str(kubeconfig)}
        env["K9S_CONFIG_DIR"] = folder
        env["XDG_STATE_HOME"] = folder
        began = time.monotonic()
        process = subprocess.Popen(K9S, stdin=slave, stdout=slave, stderr=slave, env=env)
        os.close(slave)
        threading.Thread(target=drain, daemon=True).start()
        try:
            if not there.wait(START_S):
                raise SystemExit(f"k9s shows no pod: {bytes(shown[-2000:])!r}")
            seen.rows_s.append(time.monotonic() - began)
            time.sleep(SETTLE_S)
            before, began = cpu_seconds(process.pid), time.monotonic()
            time.sleep(seconds)
            took = time.monotonic() - began
            seen.rest_percent.append(100 * (cpu_seconds(process.pid) - before) / took)
            seen.memory_mib.append(peak_mib(process.pid))
        finally:
            process.kill()
            process.wait()
            os.close(master)


def of_screen(root: Path, kubeconfig: Path, seconds: float, seen: Seen) -> None:
    with tempfile.TemporaryDirectory() as state:
        screen = Screen(root, kubeconfig, Path(state))
        with screen.running():
            rows = screen.wait("rows", screen.began, START_S)
            if rows is None:
                raise SystemExit(f"{root} shows no row: {screen.last[-2000:]!r}")
            seen.rows_s.append(rows - screen.began)
            screen.wait("pods", screen.began, START_S)
            time.sleep(SETTLE_S)
            before, began = screen.cpu_s(), time.monotonic()
            time.sleep(seconds)
            took = time.monotonic() - began
            seen.rest_percent.append(100 * (screen.cpu_s() - before) / took)
            seen.memory_mib.append(screen.memory_mib())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("--build", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    if not shutil.which("k9s"):
        parser.error("there is no k9s on the PATH")
    named = (build.partition("=") for build in given.build)
    builds = {"this build": HERE, **{name: Path(root).absolute() for name, _, root in named}}
    found = {name: Seen() for name in (*builds, "k9s")}
    kubeconfig = given.kubeconfig.absolute()
    for number in range(1, given.rounds + 1):
        for name, root in builds.items():
            of_screen(root, kubeconfig, given.seconds, found[name])
        of_k9s(kubeconfig, given.seconds, found["k9s"])
        print(f"{number} of {given.rounds} rounds:\n{table(found)}", flush=True)


def table(found: Mapping[str, Seen]) -> str:
    """The medians so far, so that a run that is cut short has not been for nothing."""
    peer = found["k9s"].figures()
    return "\n".join(
        f"  {name}: "
        + ", ".join(
            f"{what} {value:.2f} (x {value / (peer[what] or 1e-9):.2f})"
            for what, value in one.figures().items()
        )
        for name, one in found.items()
    )


if __name__ == "__main__":
    main()
