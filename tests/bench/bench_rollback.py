"""Time from the key to all traffic on stable: `R` and Enter beside `kubectl apply` of the old file.

`python -m tests.bench.bench_rollback [ROUNDS]`: medians in one lab under load, alternating. An
operator's hands and eyes are left out on both sides: the file is there, the command is typed, and
Enter comes as soon as the dialog accepts it. The screen is a new one each time, connected and with
telemetry, whose first dialog this is. Rows:

- `R Enter`: from R, with the plan, the dry run and the time in which Enter means nothing yet;
- `Enter`: the same rollback, from the key that decides;
- `kubectl apply`: from the start of the process;
- `rollback --yes`: meshtui's command, from the start of the process, with its window of telemetry;
- `rollback --to`: the same where the person names the version, so that nothing is measured.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshtui.lab.process import RunningLab, spawn
from tests.lab.harness import ISTIO, Api, Obj, to

VS = f"{ISTIO}/virtualservices/reviews"
BAD: Obj = {"name": "bad", "route": [to("v1", 10), to("v3", 90)]}
GOOD: Obj = {"name": "bad", "route": [to("v1", 100), to("v3", 0)]}

ARMED = rb"\x1b\[1;[0-9;]*mEnter\x1b.{0,60}apply"
"""The dialog's last line once Enter means something: it is bold then."""

TELEMETRY_S = 8.0
PATIENCE_S = 60.0


class Traffic:
    """Requests all the time, two at once; knows when the bad version answered last."""

    def __init__(self, lab: RunningLab) -> None:
        self._lab = lab
        self.last_bad = 0.0
        self.sent_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.perf_counter()
            answers = self._lab.send(2, "/", via="productpage", host="reviews:9080")
            if any(answer.served_by == "reviews-v3" for answer in answers):
                self.last_bad = time.perf_counter()
            self.sent_at = began

    def until_good(self, since: float) -> float:
        """When the bad version answered last after `since`, once it has not for a second."""
        while time.perf_counter() < since + PATIENCE_S:
            if self.sent_at > since and self.sent_at - max(self.last_bad, since) > 1.0:
                return self.last_bad
            time.sleep(0.05)
        raise AssertionError("the bad version answers still")

    def until_bad(self) -> None:
        """Until the bad version answers again."""
        since = time.perf_counter()
        while self.last_bad < since:
            if time.perf_counter() > since + PATIENCE_S:
                raise AssertionError("the bad version never answers")
            time.sleep(0.05)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)


@contextmanager
def screen(env: dict[str, str]) -> Iterator[int]:
    """meshtui on a terminal of its own, connected and with telemetry; gives the terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
    command = [sys.executable, "-m", "meshtui"]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    try:
        wait_for(master, rb"reviews", PATIENCE_S)
        read_for(master, TELEMETRY_S)
        yield master
    finally:
        process.terminate()
        process.wait(20)
        os.close(master)


def wait_for(terminal: int, marker: bytes, seconds: float) -> None:
    """Reads until what matches `marker` came."""
    seen, deadline = b"", time.perf_counter() + seconds
    while not re.search(marker, seen):
        left = deadline - time.perf_counter()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            raise AssertionError(f"never seen: {marker!r} in {seen[-3000:]!r}")
        seen += os.read(terminal, 65536)


def read_for(terminal: int, seconds: float) -> None:
    """Reads what is painted for so long."""
    deadline = time.perf_counter() + seconds
    while (left := deadline - time.perf_counter()) > 0:
        if select.select([terminal], [], [], left)[0]:
            os.read(terminal, 65536)


def by_keys(terminal: int, traffic: Traffic) -> dict[str, float]:
    """`/reviews`, then R, and Enter once the dialog shows its plan and accepts it."""
    os.write(terminal, b"/reviews\r")
    read_for(terminal, 1.0)
    pressed = time.perf_counter()
    os.write(terminal, b"R")
    wait_for(terminal, ARMED, PATIENCE_S)
    decided = time.perf_counter()
    os.write(terminal, b"\r")
    good = traffic.until_good(decided)
    return {"R Enter": good - pressed, "Enter": good - decided}


def by_command(command: list[str], env: dict[str, str], traffic: Traffic) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)
    return traffic.until_good(began) - began


def commands(home: Path) -> dict[str, list[str]]:
    """The rows that are commands."""
    meshtui = [sys.executable, "-m", "meshtui", "rollback", "reviews", "--yes"]
    found = {"rollback --yes": meshtui, "rollback --to": [*meshtui, "--to", "v1"]}
    kubectl = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if kubectl:
        meta = {"name": "reviews", "namespace": "default"}
        old = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
        file = home / "old.json"
        file.write_text(
            json.dumps({**old, "metadata": meta, "spec": {"hosts": ["reviews"], "http": [GOOD]}})
        )
        found = {"kubectl apply": [kubectl, "apply", "-f", str(file)], **found}
    return found


def rounds_of(lab: RunningLab, home: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds by row: every way once a round."""
    env = {**os.environ, "KUBECONFIG": str(lab.kubeconfig), "TERM": "xterm-256color"}
    env |= {"XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home), "HOME": str(home)}
    (home / "meshtui").mkdir(exist_ok=True)
    (home / "meshtui" / "config.yaml").write_text("stable: {reviews: v1}\n")
    api, traffic = Api(lab), Traffic(lab)
    lab.set("reviews-v3", errors="20%", latency="0")
    times: dict[str, list[float]] = {}

    def again() -> None:
        api.replace_spec(VS, {"hosts": ["reviews"], "http": [BAD]})
        traffic.until_bad()

    for number in range(rounds + 1):
        found: dict[str, float] = {}
        again()
        with screen(env) as terminal:
            found |= by_keys(terminal, traffic)
        for name, command in commands(home).items():
            again()
            found[name] = by_command(command, env, traffic)
        print(", ".join(f"{name} {value:.2f}" for name, value in found.items()), flush=True)
        for name, value in found.items() if number else ():
            times.setdefault(name, []).append(value)
    traffic.close()
    return times


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="mb-", dir=home)
        with spawn(scenario="errors", rps=20) as lab:
            times = rounds_of(lab, Path(home), rounds)
    print(f"load of the machine {os.getloadavg()[0]:.1f}; the first round is not counted")
    for name, found in times.items():
        spread = f"{min(found):.2f} to {max(found):.2f}"
        print(f"{name:16} median {statistics.median(found):.2f} s  ({spread})")


if __name__ == "__main__":
    main()
