"""Time from the key to all traffic on stable: `R` and Enter beside `kubectl apply` of the old file.

`python -m tests.bench.bench_rollback [ROUNDS]`: medians in one lab under load, alternating. An
operator's hands are left out on both sides: the file is there, the command is typed.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
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


class Traffic:
    """Requests all the time; knows when the bad version answered last."""

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
            answers = self._lab.send(10, "/", via="productpage", host="reviews:9080")
            if any(answer.served_by == "reviews-v3" for answer in answers):
                self.last_bad = time.perf_counter()
            self.sent_at = began

    def until_good(self, since: float) -> float:
        """Seconds from `since` to the last answer of the bad version, once there is none."""
        deadline = time.perf_counter() + 60
        while time.perf_counter() < deadline:
            if self.sent_at > since and self.sent_at - max(self.last_bad, since) > 1.0:
                return self.last_bad - since
            time.sleep(0.05)
        raise AssertionError("the bad version answers still")

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
        wait_for(master, b"reviews", 60)
        wait_for(master, b"", 8)
        yield master
    finally:
        process.terminate()
        process.wait(20)
        os.close(master)


def wait_for(terminal: int, marker: bytes, seconds: float) -> None:
    """Reads until the marker came; without one, for that long."""
    seen, deadline = b"", time.perf_counter() + seconds
    while (left := deadline - time.perf_counter()) > 0:
        ready, _, _ = select.select([terminal], [], [], left)
        if ready:
            seen += os.read(terminal, 65536)
        if marker and marker in seen:
            return
    if marker:
        raise AssertionError(f"never seen: {marker!r} in {seen[-3000:]!r}")


def by_keys(terminal: int, traffic: Traffic) -> float:
    """`/reviews`, then R and Enter as soon as the dialog shows its plan."""
    os.write(terminal, b"/reviews\r")
    wait_for(terminal, b"", 1.0)
    began = time.perf_counter()
    os.write(terminal, b"R")
    wait_for(terminal, b"stable", 20)
    shown = time.perf_counter() - began
    for _ in range(10):
        wait_for(terminal, b"", 0.1)
        os.write(terminal, b"\r")
        if time.perf_counter() - began > 1.5:
            break
    good = traffic.until_good(began)
    print(f"the dialog was there after {shown:.2f} s, all traffic on stable after {good:.2f} s")
    return good


def by_kubectl(kubectl: str, file: Path, env: dict[str, str], traffic: Traffic) -> float:
    began = time.perf_counter()
    subprocess.run([kubectl, "apply", "-f", str(file)], env=env, check=True, capture_output=True)
    return traffic.until_good(began)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    kubectl = os.environ.get("KUBECTL") or shutil.which("kubectl")
    times: dict[str, list[float]] = {"R Enter": [], "kubectl apply": []}
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="mb-", dir=home)
        with spawn(scenario="errors", rps=20) as lab:
            env = {**os.environ, "KUBECONFIG": str(lab.kubeconfig), "TERM": "xterm-256color"}
            env |= {"XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home}
            config = Path(home) / "meshtui" / "config.yaml"
            config.parent.mkdir(exist_ok=True)
            config.write_text("stable: {reviews: v1}\n")
            api, traffic = Api(lab), Traffic(lab)
            lab.set("reviews-v3", errors="20%", latency="0")
            meta = {"name": "reviews", "namespace": "default"}
            old = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
            old |= {"metadata": meta, "spec": {"hosts": ["reviews"], "http": [GOOD]}}
            file = Path(home) / "old.json"
            file.write_text(json.dumps(old))
            for _ in range(rounds):
                api.replace_spec(VS, {"hosts": ["reviews"], "http": [BAD]})
                with screen(env) as terminal:
                    times["R Enter"].append(by_keys(terminal, traffic))
                if kubectl:
                    api.replace_spec(VS, {"hosts": ["reviews"], "http": [BAD]})
                    time.sleep(3)
                    times["kubectl apply"].append(by_kubectl(kubectl, file, env, traffic))
            traffic.close()
    for name, found in times.items():
        if found:
            each = ", ".join(f"{value:.2f}" for value in found)
            print(f"{name:14} {statistics.median(found):.2f} s  ({each})")


if __name__ == "__main__":
    main()
