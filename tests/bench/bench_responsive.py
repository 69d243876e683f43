"""How quickly the screen of a large mesh answers keys, and how late its event loop comes back.

`python -m tests.bench.bench_responsive KUBECONFIG [--build NAME=FOLDER …] [--seconds 20] [--json]`
on the mesh that `meshtui lab up --synthetic 1000 --dir D` serves (D/kubeconfig). The screen runs in
a terminal of its own, of 160 by 48; keys are pressed one after the other, each when the one before
is on the terminal. Once nothing happens but ticks, then while objects of each kind change.

`keys` are milliseconds from the key to the terminal. A stall is a moment in which the loop came
back more than 30 ms late; `own` is as much of it as this process used of a processor meanwhile:
the rest is the machine's. All builds alternate. `--line 200,5`: over a line on which a round trip
takes 200 ms and 5 of 100 connections are lost; writers of objects are beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.bad_line import through
from tests.bench.cluster_events import EVENTS, Writer

HERE = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("screen_probe.py")
DOWN, UP, PAGE_DOWN, PAGE_UP = b"j", b"k", b"\x1b[6~", b"\x1b[5~"
KEYS = (*[DOWN] * 6, PAGE_DOWN, *[DOWN] * 4, PAGE_UP, UP, UP, PAGE_DOWN, DOWN, UP)
OPPOSITE = {DOWN: UP, UP: DOWN, PAGE_DOWN: PAGE_UP, PAGE_UP: PAGE_DOWN}
PAUSE_S, EVENT_S = 0.12, 0.4
START_S = 120.0
STALL_S = 0.030
SETTLE_S = 6.0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Phase:
    """What was seen while something happened; times in milliseconds."""

    name: str
    keys: list[float] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    garbage: list[float] = field(default_factory=list)
    cpu_percent: float = 0.0
    kilobytes_s: float = 0.0

    def figures(self) -> dict[str, float]:
        ranked = sorted(self.keys)
        return {
            "keys": len(ranked),
            "p50": statistics.median(ranked) if ranked else 0.0,
            "p99": ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))] if ranked else 0.0,
            "worst": ranked[-1] if ranked else 0.0,
            "stalls": len(self.stalls),
            "worst stall": max(self.stalls, default=0.0),
            "own stalls": len([one for one in self.own if one > 1000 * STALL_S]),
            "worst own": max(self.own, default=0.0),
            "worst garbage": max(self.garbage, default=0.0),
            "cpu %": self.cpu_percent,
            "KB/s": self.kilobytes_s,
        }


FRAME, ASKS_FOR_FRAMES, HAS_FRAMES = b"\x1b[?2026h", b"\x1b[?2026$p", b"\x1b[?2026;2$y"
"""Synchronized output: how a frame begins, whether the terminal has it, and that it has."""


class Screen:
    """The screen of a build in a terminal of its own, with the probe in it."""

    def __init__(self, root: Path, kubeconfig: Path, state: Path, *words: str) -> None:
        """`words` are for its command line; a configuration may lie in `state`."""
        self._root, self._kubeconfig, self._state = root, kubeconfig, state
        self._words = words
        self.bytes, self.frames, self.last = 0, 0, b""
        self._news: list[dict[str, Any]] = []
        self._bell = threading.Condition()

    @contextmanager
    def running(self) -> Iterator[None]:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
        reading, writing = os.pipe()
        env = {**os.environ, "TERM": "xterm-256color", "KUBECONFIG": str(self._kubeconfig)}
        env |= {f"XDG_{kind}_HOME": str(self._state) for kind in ("STATE", "CONFIG")}
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, str(PROBE), str(self._root), str(writing), *self._words],
            stdin=slave, stdout=slave, stderr=slave, env=env, pass_fds=(writing,),
            cwd=self._root,
        )  # fmt: skip
        os.close(slave)
        os.close(writing)
        for work in (self._drain, lambda: self._listen(reading)):
            threading.Thread(target=work, daemon=True).start()
        try:
            yield
        finally:
            os.write(self._master, b"q")
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            os.close(self._master)

    def _drain(self) -> None:
        while True:
            try:
                if select.select([self._master], [], [], 1.0)[0]:
                    read = os.read(self._master, 65536)
                    self.bytes, self.last = self.bytes + len(read), read
                    self.frames += read.count(FRAME)
                    if ASKS_FOR_FRAMES in read:
                        os.write(self._master, HAS_FRAMES)
            except (OSError, ValueError):
                return

    def _listen(self, descriptor: int) -> None:
        with os.fdopen(descriptor) as lines:
            for line in lines:
                with self._bell:
                    self._news.append(json.loads(line))
                    self._bell.notify_all()

    def wait(self, kind: str, since: float, seconds: float) -> float | None:
        """When it was first seen after a time; None where it was not."""
        with self._bell:
            for _ in range(int(seconds * 1000)):
                for one in self.seen(kind, since):
                    return float(one["at"])
                self._bell.wait(0.05)
                if time.monotonic() - since > seconds:
                    break
        return None

    def seen(self, kind: str, since: float = 0.0) -> list[dict[str, Any]]:
        return [one for one in self._news if one["kind"] == kind and one["at"] >= since]

    def press(self, key: bytes) -> float | None:
        """Milliseconds until it was on the terminal."""
        pressed = time.monotonic()
        self.type(key)
        shown = self.wait("moved", pressed, 10.0)
        return None if shown is None else 1000 * (shown - pressed)

    def type(self, key: bytes) -> None:
        os.write(self._master, key)

    def possible(self, key: bytes) -> bytes:
        """The key, or where the cursor cannot move that way its opposite."""
        edge = [{"edge": ""}, *self.seen("edge")][-1]["edge"]
        stuck = {"top": (UP, PAGE_UP), "end": (DOWN, PAGE_DOWN)}.get(edge, ())
        return OPPOSITE[key] if key in stuck else key

    def cpu_s(self) -> float:
        if self.process.poll() is not None:
            raise SystemExit(f"the screen has ended: {self.last[-2000:]!r}")
        return cpu_seconds(self.process.pid)

    def memory_mib(self, name: str = "VmHWM") -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if name in line) / 1024


def phase(screen: Screen, name: str, kubeconfig: Path, seconds: float) -> Phase:
    found, began = Phase(name), time.monotonic()
    cpu, written = screen.cpu_s(), screen.bytes
    done = threading.Event()
    if name in EVENTS:
        threading.Thread(target=_change, args=(name, kubeconfig, done), daemon=True).start()
    number = 0
    while time.monotonic() - began < seconds:
        took = screen.press(screen.possible(KEYS[number % len(KEYS)]))
        number += 1
        if took is not None:
            found.keys.append(took)
        time.sleep(PAUSE_S)
    done.set()
    lags = screen.seen("lag", began)
    late = [one for one in lags if one["late"] > STALL_S]
    found.stalls = [1000 * one["late"] for one in late]
    found.own = [1000 * min(one["late"], one["cpu"]) for one in late]
    found.garbage = [1000 * one["took"] for one in screen.seen("garbage", began)]
    took_s = time.monotonic() - began
    found.cpu_percent = 100 * (screen.cpu_s() - cpu) / took_s
    found.kilobytes_s = (screen.bytes - written) / 1024 / took_s
    return found


def _change(name: str, kubeconfig: Path, done: threading.Event) -> None:
    writer, number = Writer(kubeconfig), 0
    while not done.wait(EVENT_S):
        EVENTS[name](writer, 7 * number % 100)
        number += 1


def measure(
    root: Path, kubeconfig: Path, wanted: Sequence[str], seconds: float, line: str = ""
) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        state = stack.enter_context(tempfile.TemporaryDirectory())
        over = kubeconfig
        if line:
            trip_ms, _, lost = line.partition(",")
            bad = through(kubeconfig, Path(state), float(trip_ms) / 2000, float(lost or 0) / 100)
            over = stack.enter_context(bad)
        screen = Screen(root, over, Path(state))
        with screen.running():
            rows = screen.wait("rows", screen.began, START_S)
            pods = screen.wait("pods", screen.began, START_S)
            started = {
                "rows_s": rows and rows - screen.began,
                "pods_s": pods and pods - screen.began,
                "start_cpu_s": screen.cpu_s(),
            }
            time.sleep(SETTLE_S)
            phases = [phase(screen, name, kubeconfig, seconds) for name in wanted]
            memory = {"peak_mib": screen.memory_mib(), "rest_mib": screen.memory_mib("VmRSS")}
        stacks = screen.seen("stack")
    for one in stacks:
        print(f"{one['times']:5d}  {one['stack']}", file=sys.stderr)
    return {**started, **memory, "phases": {one.name: one.figures() for one in phases},
            "raw": {one.name: asdict(one) for one in phases}}  # fmt: skip


def table(name: str, found: dict[str, Any]) -> str:
    lines = [
        f"{name}: rows after {found['rows_s'] or 0:.2f} s,"
        f" pods after {found['pods_s'] or 0:.2f} s, "
        f"CPU until then {found['start_cpu_s']:.2f} s; {found['peak_mib']:.0f} MiB at most"
    ]
    for kind, figures in found["phases"].items():
        shown = "  ".join(f"{key} {value:.0f}" for key, value in figures.items())
        lines.append(f"  {kind:<16} {shown}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("--build", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--phases", default="ticks," + ",".join(EVENTS))
    parser.add_argument("--line", default="", metavar="MS[,PERCENT]")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    named = (build.partition("=") for build in given.build)
    builds = {**{name: Path(root).absolute() for name, _, root in named}, "this build": HERE}
    document = {}
    for name, root in builds.items():
        phases = given.phases.split(",")
        document[name] = measure(
            root, given.kubeconfig.absolute(), phases, given.seconds, given.line
        )
        if not given.json:
            print(table(name, document[name]), flush=True)
    if given.json:
        print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
