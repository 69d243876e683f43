"""Wall and CPU time of whole commands, side by side: other builds of meshtui, other programs.

`python -m tests.bench.bench_commands ROUNDS NAME=FOLDER [NAME=FOLDER …] [--beside COMMAND]`:
each FOLDER holds a `meshtui` package (a `git worktree`, say). Medians, alternating, and their
ratio to the last build named. `KUBECONFIG` says which cluster.
"""

from __future__ import annotations

import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

COMMANDS = (
    "--version",
    "journal",
    "services -A --prometheus none --window 1ms",
    "analyze -A",
    "shift reviews v1=50 --dry-run --prometheus none",
)


def measured(command: Sequence[str], folder: Path | None) -> tuple[float, float]:
    """Seconds of wall and of CPU until it has ended."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, os.times()
    spent = after.children_user + after.children_system
    return wall, spent - before.children_user - before.children_system


def compare(rounds: int, runs: Mapping[str, tuple[Sequence[str], Path | None]]) -> None:
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (command, folder) in runs.items():
            times[name].append(measured(command, folder))
    medians = {
        name: [statistics.median(part) for part in zip(*found, strict=True)]
        for name, found in times.items()
    }
    base = list(medians.values())[-1]
    for name, (wall, cpu) in medians.items():
        sys.stdout.write(
            f"  {name:<10} wall {1000 * wall:5.0f} ms ({wall / base[0]:.2f})"
            f"  CPU {1000 * cpu:5.0f} ms ({cpu / base[1]:.2f})\n"
        )


def main(arguments: Sequence[str]) -> None:
    words = list(arguments)
    beside = words[words.index("--beside") + 1] if "--beside" in words else ""
    builds = dict(word.split("=", 1) for word in words[1:] if "=" in word and word != beside)
    for text in COMMANDS:
        sys.stdout.write(f"{text}, median of {words[0]}:\n")
        command = [sys.executable, "-m", "meshtui", *text.split()]
        runs = {name: (command, Path(folder)) for name, folder in builds.items()}
        extra = {"beside": (shlex.split(beside), None)} if beside and "analyze" in text else {}
        compare(int(words[0]), {**extra, **runs})
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
