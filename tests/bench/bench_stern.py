"""All the lines of a service's nine proxies, beside stern's: `python -m tests.bench.bench_stern`.

The lab's API server has so many access-log lines of each pod of a synthetic mesh; both print all
of them, raw. stern prints them as they come, pod by pod; `meshtui logs` reads each and puts them in
the order of their time. `--filter` asks for errors alone, which stern knows by their text.
Medians. `--lines 10000 --rounds 3 --filter 1 --json`. `stern` has to be on the PATH.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import said
from tests.bench.bench_commands import HERE, run_once
from tests.bench.bench_logs import text

PODS, FAILED = 9, 9
"""Of every nine lines that `text` makes one failed."""

UP_S = 60.0
SERVE = """
import sys
from meshtui.cli.main import main
from meshtui.lab.logs import LogBuffer
from meshtui.lab.synthetic.pods import SyntheticPods
from tests.bench.bench_logs import text

lines = int(sys.argv[1])
written = "".join(f"{text(number)}\\n" for number in range(lines)).encode()

def log(pods, namespace, pod, container, previous=False):
    found = LogBuffer(max_lines=lines, max_bytes=1 << 30)
    if container == "istio-proxy":
        found.append(written)
    return None if previous else found

SyntheticPods.log = log
main(["lab", "up", "--synthetic", "10", "--dir", sys.argv[2]])
"""


@contextmanager
def served(lines: int) -> Iterator[Path]:
    """A folder with the kubeconfig of a mesh whose proxies have logged so much."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-c", SERVE, str(lines), folder]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(words, cwd=HERE, stdout=log, stderr=log)
        try:
            until = time.monotonic() + UP_S
            while not Path(folder, "kubeconfig").exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"no lab: {Path(folder, 'log').read_text()[-500:]}")
                time.sleep(0.05)
            yield Path(folder)
        finally:
            process.terminate()
            process.wait()


def commands(lines: int, errors: bool) -> dict[str, list[str]]:
    own = [sys.executable, "-m", "meshtui", "logs", "service-7", "--raw", "--tail", str(lines)]
    peer = ["stern", "service-7-.*", "-n", "shop-0", "-c", "istio-proxy", "-o", "raw"]
    peer += ["--no-follow", "--only-log-lines", "--max-log-requests", "50", "--color", "never"]
    return {
        "meshtui": own + (["--code", "5xx"] if errors else []),
        "stern": peer + (["--include", '" 503 '] if errors else []),
    }


def printed(words: list[str]) -> int:
    done = subprocess.run(words, cwd=HERE, capture_output=True, check=True)
    return done.stdout.count(b"\n")


def figures(lines: int, rounds: int, filter: int) -> said.Figures:  # noqa: A002 - its option
    if not shutil.which("stern"):
        raise SystemExit("there is no stern on the PATH")
    failed = sum(" 503 " in text(number) for number in range(lines))
    wanted = PODS * (failed if filter else lines)
    found: said.Figures = {"lines": wanted}
    with served(lines) as folder:
        os.environ |= {"KUBECONFIG": str(folder / "kubeconfig"), "XDG_STATE_HOME": str(folder)}
        both = commands(lines, bool(filter))
        for name, words in both.items():
            if (count := printed(words)) != wanted:
                raise SystemExit(f"{name} prints {count} lines, not {wanted}")
        runs = [{n: run_once(words, HERE) for n, words in both.items()} for _ in range(rounds)]
    for what in ("wall_s", "cpu_s", "memory_mib"):
        for name in both:
            values = [getattr(one[name], what) for one in runs]
            found[f"{name}, {what}"] = statistics.median(values)
        found[f"ratio, {what}"] = found[f"meshtui, {what}"] / found[f"stern, {what}"]
    return found


if __name__ == "__main__":
    said.run(__doc__, figures, lines=10_000, rounds=3, filter=0)
