"""What whole commands take, counted: calls of functions, and what they ask the API server for.

`count_steps` runs each in a process of its own, against the synthetic mesh that the lab of this
build serves: `python tests/bench/count_commands.py ROOT WORD…` runs the command `meshtui WORD…` of
the build in the folder ROOT and prints the counts as JSON. What is imported counts as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).resolve().parents[2]
UP_S = 300.0
NOBODY = ("--prometheus", "http://127.0.0.1:9")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "services SERVICE": ("services", "service-7", *NOBODY),
    "services -A": ("services", "-A", "-o", "json", *NOBODY),
    "shift --dry-run": ("shift", "service-7", "v1=50", "--dry-run", *NOBODY),
    "analyze -A": ("analyze", "-A"),
}
DONE = (0, 5)
"""The statuses of a command that did its work; 5 where there is no telemetry."""


@contextlib.contextmanager
def lab(services: int) -> Iterator[Path]:
    """The kubeconfig of a synthetic mesh."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "meshtui", "lab", "up", "--synthetic", str(services)]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen([*words, "--dir", folder], cwd=HERE, stdout=log, stderr=log)
        try:
            until, kubeconfig = time.monotonic() + UP_S, Path(folder, "kubeconfig")
            while not kubeconfig.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"no lab: {Path(folder, 'log').read_text()[-500:]}")
                time.sleep(0.1)
            yield kubeconfig
        finally:
            process.terminate()
            process.wait()


def counts_of_commands(root: Path, kubeconfig: Path) -> dict[str, int]:
    """By command and what is counted, of those that the build knows."""
    found: dict[str, int] = {}
    for name, words in COMMANDS.items():
        env = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(root),
            **{f"XDG_{kind}_HOME": str(kubeconfig.parent) for kind in ("STATE", "CONFIG", "CACHE")},
        }
        asked = [sys.executable, str(Path(__file__).resolve()), str(root), *words]
        done = subprocess.run(asked, env=env, cwd=root, capture_output=True, text=True)
        if done.returncode:
            print(f"{root.name}: {name}: {done.stderr.strip()[-300:]}", file=sys.stderr)
            continue
        counted: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        found |= {f"{name}: {what}": much for what, much in counted.items()}
    return found


class Counts:
    """Calls of all threads, requests and bytes."""

    def __init__(self) -> None:
        self.calls = self.requests = self.bytes = 0

    def call(self, frame: FrameType, event: str, argument: object) -> None:
        self.calls += event in ("call", "c_call")

    def asked(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*given: Any, **named: Any) -> Any:
            self.requests += 1
            return send(*given, **named)

        return counting

    def came(self, receive: Callable[..., Any]) -> Callable[..., Any]:
        def counting(wire: Any, data: bytes) -> Any:
            self.bytes += len(data)
            return receive(wire, data)

        return counting


def main(root: Path, words: list[str]) -> int:
    sys.path.insert(0, str(root))
    counts = Counts()
    threading.setprofile(counts.call)
    sys.setprofile(counts.call)
    import meshtui
    from meshtui.cli.main import main as run

    if Path(str(meshtui.__file__)).resolve().parents[1] != root.resolve():
        raise SystemExit(f"meshtui is taken from {meshtui.__file__}, not from {root}")
    _watch_the_line(counts)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        status = run(words)
    sys.setprofile(None)
    threading.setprofile(None)
    if status not in DONE:
        return status or 1
    found = {"calls": counts.calls}
    if counts.requests:
        found |= {"requests": counts.requests, "KiB read": counts.bytes // 1024}
    print(json.dumps(found))
    return 0


def _watch_the_line(counts: Counts) -> None:
    """A build from before this client is counted without it."""
    with contextlib.suppress(ImportError):
        from meshtui.kube.http_session import PooledSession
        from meshtui.kube.wire import Wire

        PooledSession.request = counts.asked(PooledSession.request)  # type: ignore[method-assign]
        Wire.data_received = counts.came(Wire.data_received)  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
