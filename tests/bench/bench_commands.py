"""Whole commands beside their peers: wall and CPU time, and the most memory each had at once.

`python -m tests.bench.bench_commands [--rounds 5] [--build NAME=FOLDER …] [--service S] [--json]`
against the cluster in `KUBECONFIG`. A build is a folder with a `meshtui` package (a `git worktree`
of another revision, say); this one is always there. Beside them, where they are: `kubectl`,
`istioctl`, and a bare fetch and `json.loads` of the same lists. All alternate; medians, with the
span from the fastest to the slowest, and wall and CPU as parts of this build's.

Telemetry is none of it: `--prometheus` names a port where nobody listens. Compile what is run
first (`python -m compileall`), as an installed package is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[2]
THIS = "this build"
BARE = "fetch and json.loads"
NOBODY = "--prometheus http://127.0.0.1:9"
COMMANDS: Mapping[str, tuple[str, str]] = {
    "--version": ("", ""),
    "journal": ("", ""),
    f"services SERVICE {NOBODY}": ("kubectl get virtualservices -A", ""),
    f"services -A -o json {NOBODY}": ("kubectl get pods -A", BARE),
    f"shift SERVICE v1=50 --dry-run {NOBODY}": ("kubectl get virtualservices -A", ""),
    "analyze -A": ("istioctl analyze -A", BARE),
}
"""Each with the commands of others that do something of the kind."""

LISTS = (
    "/api/v1/services",
    "/api/v1/pods",
    "/apis/apps/v1/deployments",
    "/apis/networking.istio.io/v1/virtualservices",
    "/apis/networking.istio.io/v1/destinationrules",
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: seconds, mebibytes, and whether it failed with nothing printed."""

    wall_s: float
    cpu_s: float
    memory_mib: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of several runs, and the fastest and the slowest.

    The time of those that `failed` says nothing.
    """

    wall_s: float
    cpu_s: float
    memory_mib: float
    fastest_s: float
    slowest_s: float
    failed: int = 0


_RUN = """
import json, os, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
wall, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
failed = done.returncode != 0 and not done.stdout
print(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, failed]))
"""
"""In a process of its own: what it waited for is then this command and nothing else."""


def run_once(command: Sequence[str], folder: Path) -> Run:
    done = subprocess.run(
        [sys.executable, "-I", "-c", _RUN, *command], cwd=folder, capture_output=True, check=True
    )
    return Run(*json.loads(done.stdout))


def figures_of(runs: Sequence[Run]) -> Figures:
    walls = [run.wall_s for run in runs]
    return Figures(
        statistics.median(walls),
        statistics.median(run.cpu_s for run in runs),
        statistics.median(run.memory_mib for run in runs),
        min(walls),
        max(walls),
        sum(run.failed for run in runs),
    )


def measured(
    command: str, service: str, builds: Mapping[str, Path], rounds: int
) -> dict[str, Figures]:
    """Every build and every peer that is there, in turn, so that all meet the same machine."""
    words = [sys.executable, "-m", "meshtui", *command.replace("SERVICE", service).split()]
    runs = {name: (words, folder) for name, folder in builds.items()}
    for peer in COMMANDS.get(command, ("", "")):
        if peer == BARE:
            runs[peer] = ([sys.executable, "-m", "tests.bench.bench_commands", "--bare"], HERE)
        elif peer and shutil.which(peer.split()[0]):
            runs[peer] = (peer.split(), HERE)
    found: dict[str, list[Run]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (what, folder) in runs.items():
            found[name].append(run_once(what, folder))
    return {name: figures_of(several) for name, several in found.items()}


def bare() -> None:
    """The lists a mesh is made of, page by page, as plain Python reads them."""
    import base64
    import ssl
    import urllib.request

    import yaml

    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    given = base64.b64decode(cluster.get("certificate-authority-data", "")).decode() or None
    trusted = ssl.create_default_context(cafile=cluster.get("certificate-authority"), cadata=given)
    headers = {"Authorization": f"Bearer {user['token']}"}
    for path in LISTS:
        token = ""
        while True:
            url = f"{cluster['server']}{path}?limit=500{token and f'&continue={token}'}"
            asked = urllib.request.Request(url, headers=headers)
            with urllib.request.urlopen(asked, context=trusted) as answer:
                page = json.loads(answer.read())
            token = page["metadata"].get("continue", "")
            if not token:
                break
    print("read")


def table(command: str, found: Mapping[str, Figures]) -> str:
    base = found[THIS]
    lines = [f"{command}:"]
    for name, one in found.items():
        parts = f"{one.wall_s / base.wall_s:5.2f} {one.cpu_s / base.cpu_s:5.2f}"
        lines.append(
            f"  {name:<32} wall {1000 * one.wall_s:7.0f} ms"
            f" ({1000 * one.fastest_s:.0f}-{1000 * one.slowest_s:.0f})"
            f"  CPU {1000 * one.cpu_s:6.0f} ms  {one.memory_mib:6.0f} MiB  x {parts}"
            + (f"  {one.failed} FAILED" if one.failed else "")
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--service", default="reviews")
    parser.add_argument("--only", default="", help="commands with this word")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        return bare()
    named = (build.partition("=") for build in given.build)
    builds = {THIS: HERE, **{name: Path(folder).absolute() for name, _, folder in named}}
    document = {}
    for command in COMMANDS:
        if given.only not in command:
            continue
        found = measured(command, given.service, builds, given.rounds)
        document[command] = found
        if not given.json:
            print(table(command, found), flush=True)
    if given.json:
        print(json.dumps(document, indent=2, default=_plain))
    return None


def _plain(figures: Figures) -> dict[str, float]:
    return {name: round(getattr(figures, name), 4) for name in Figures.__slots__}


if __name__ == "__main__":
    main()
