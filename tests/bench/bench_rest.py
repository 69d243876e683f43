"""The processor's time that the screen takes while nobody presses a key, once a second.

`python -m tests.bench.bench_rest [KUBECONFIG] [--build NAME=FOLDER …] [--seconds 15] [--json]`:
percent of a core, frames and bytes a second to the terminal and mebibytes at most, of each build by
turns, by where the numbers come from: a Prometheus that has 25 series of each version, and the
sidecars, asked through the API server. Without a KUBECONFIG on a lab of the six usual services. k9s
beside them where it is on the PATH. An API server without kubelets answers for no sidecar.
`--keys l` looks at the logs of all meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from meshtui.lab.process import spawn
from tests.bench.bench_k9s import Seen, of_k9s
from tests.bench.bench_responsive import HERE, START_S, Screen
from tests.bench.prometheus_answers import serving

WARM_UP_S = 15.0
"""The first numbers, the first look for garbage, and a round of whatever is spread over time."""

CONFIG = "tick_s: 1.0\n"
SOURCES = ("prometheus", "sidecars")


def measure(
    root: Path, kubeconfig: Path, seconds: float, prometheus: str, keys: str = ""
) -> dict[str, float]:
    """`prometheus` as on the command line; `keys` open what is looked at, the log of all, say."""
    with tempfile.TemporaryDirectory() as state:
        Path(state, "meshtui").mkdir()
        Path(state, "meshtui/config.yaml").write_text(CONFIG)
        screen = Screen(root, kubeconfig, Path(state), "--prometheus", prometheus)
        with screen.running():
            if screen.wait("rows", screen.began, START_S) is None:
                raise SystemExit(f"{root} shows no rows: {screen.last[-2000:]!r}")
            for key in keys:
                screen.type(key.encode())
            time.sleep(WARM_UP_S)
            cpu, written, began = screen.cpu_s(), screen.bytes, time.monotonic()
            frames = screen.frames
            time.sleep(seconds)
            took = time.monotonic() - began
            return {
                "cpu %": 100 * (screen.cpu_s() - cpu) / took,
                "frames/s": (screen.frames - frames) / took,
                "bytes/s": (screen.bytes - written) / took,
                "MiB at most": screen.memory_mib(),
            }


def rows(
    builds: Mapping[str, Path],
    kubeconfig: Path,
    services: int,
    seconds: float,
    rounds: int,
    keys: str = "",
) -> dict[str, dict[str, float]]:
    """By what is measured: a figure for each build and peer."""
    found: dict[str, dict[str, list[float]]] = {}
    with serving(services) as url:
        for _ in range(rounds):
            for source, word in zip(SOURCES, (url, "none"), strict=True):
                for name, root in builds.items():
                    for what, value in measure(root, kubeconfig, seconds, word, keys).items():
                        row = found.setdefault(f"at rest, {source}: {what}", {})
                        row.setdefault(name, []).append(value)
    medians = {
        what: {name: statistics.median(values) for name, values in row.items()}
        for what, row in found.items()
    }
    if shutil.which("k9s"):
        seen = Seen()
        of_k9s(kubeconfig, seconds, seen)
        medians["screen: start to rows"] = {"k9s": seen.rows_s[0]}
        for source in SOURCES:
            medians[f"at rest, {source}: cpu %"]["k9s"] = seen.rest_percent[0]
            medians[f"at rest, {source}: MiB at most"]["k9s"] = seen.memory_mib[0]
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path, nargs="?")
    parser.add_argument("--services", type=int, default=1000, help="of which Prometheus knows")
    parser.add_argument("--build", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--keys", default="", help="pressed before, `l` for the logs of all")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    named = (build.partition("=") for build in given.build)
    builds = {"this build": HERE, **{name: Path(root).absolute() for name, _, root in named}}
    with nullcontext() if given.kubeconfig else spawn("errors", rps=40.0) as lab:
        where = lab.kubeconfig if lab else given.kubeconfig.absolute()
        found = rows(builds, where, given.services, given.seconds, given.rounds, given.keys)
    if given.json:
        sys.stdout.write(f"{json.dumps(found, indent=2)}\n")
        return
    for what, row in found.items():
        shown = "  ".join(f"{name} {value:.1f}" for name, value in row.items())
        sys.stdout.write(f"{what:<36} {shown}\n")


if __name__ == "__main__":
    main()
