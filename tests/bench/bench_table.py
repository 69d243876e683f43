"""All of it in one table: `python -m tests.bench.bench_table [--against REV] [--json]`.

For each size a synthetic mesh is served by the lab, and on it the commands (`bench_commands`) and
the screen (`bench_responsive`) of this build, of the revision REV, of the builds in `--build
NAME=FOLDER` (a folder with a `meshtui` package), and of the peers that are there (kubectl,
istioctl) are measured by turns. Every figure has its ratio to the first other build's, or to the
peer's where there is no other build; of the times of commands, which are medians, the fastest and
the slowest are there, too. `--kubeconfig FILE` measures on a cluster that is there. `--line 200,5`:
the screen once more, over a line with round trips of 200 ms that loses 5 of 100 connections.
`--rest 15`: the screen at rest for so many seconds, beside k9s (`bench_rest`). `--parts`: what is
measured without such a mesh, with what is wanted of it (`bench_parts`); `--sizes ''` leaves out all
else.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.bench import bench_commands, bench_parts, bench_responsive, bench_rest
from tests.bench.count_commands import lab
from tests.bench.count_steps import checked_out

HERE = Path(__file__).parents[2]
THIS = bench_commands.THIS
STARTED = {"rows_s": "start to rows", "pods_s": "start to pods", "start_cpu_s": "CPU until then"}
SHOWN = ("p50", "p99", "worst", "stalls", "worst stall", "own stalls", "worst own", "cpu %", "KB/s")


Rows = dict[str, dict[str, float]]
"""By what is measured: a figure for each build and peer."""


def commands(builds: Mapping[str, Path], rounds: int, only: str) -> Rows:
    rows: Rows = {}
    for command in bench_commands.COMMANDS:
        if only not in command or command in ("journal", "--version"):
            continue
        found = bench_commands.measured(command, "service-7", builds, rounds)
        name = command.replace(bench_commands.NOBODY, "").strip()
        for part in ("wall_s", "fastest_s", "slowest_s", "cpu_s", "memory_mib"):
            rows[f"{name}: {part}"] = {one: getattr(f, part) for one, f in found.items()}
        for one, figures in found.items():
            if figures.failed:
                rows.setdefault(f"{name}: failed", {})[one] = float(figures.failed)
    return rows


def screens(
    builds: Mapping[str, Path],
    kubeconfig: Path,
    phases: Sequence[str],
    seconds: float,
    line: str = "",
) -> Rows:
    rows: Rows = {}
    screen = f"screen over {line}" if line else "screen"
    for name, root in builds.items():
        found = bench_responsive.measure(root, kubeconfig, phases, seconds, line)
        for key, words in STARTED.items():
            rows.setdefault(f"{screen}: {words}", {})[name] = found[key] or 0.0
        rows.setdefault(f"{screen}: MiB at most", {})[name] = found["peak_mib"]
        for phase, figures in found["phases"].items():
            for key in SHOWN:
                rows.setdefault(f"{screen}, {phase}: {key}", {})[name] = figures[key]
    return rows


def table(services: str, rows: Rows) -> str:
    lines = [f"{services}:"]
    for what, figures in rows.items():
        own = figures.get(THIS)
        other = next((value for name, value in figures.items() if name != THIS), None)
        ratio = f"x {own / other:.2f}" if own is not None and other else ""
        shown = "  ".join(f"{name} {value:.2f}" for name, value in figures.items())
        lines.append(f"  {what:<46} {ratio:<8} {shown}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10,100,1000,3000")
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--build", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--against", default="", metavar="REV")
    parser.add_argument("--line", default="", metavar="MS[,PERCENT]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="commands with this word")
    parser.add_argument("--phases", default="ticks,pod,DestinationRule,Service")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each phase; 0: no screen")
    parser.add_argument("--rest", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with checked_out(given.against) if given.against else nullcontext() as tree:
        if given.against and tree is None:
            parser.error(f"{given.against} can't be checked out here")
        measure(given, {given.against: tree} if tree else {})


def measure(given: argparse.Namespace, against: Mapping[str, Path]) -> None:
    named = (build.partition("=") for build in given.build)
    others = {name: Path(folder).absolute() for name, _, folder in named}
    builds = {THIS: HERE, **against, **others}
    document: dict[str, Rows] = {}
    for size in filter(None, given.sizes.split(",")):
        with _mesh(given.kubeconfig, int(size)) as kubeconfig:
            os.environ["KUBECONFIG"] = str(kubeconfig)
            rows = commands(builds, given.rounds, given.only)
            if given.seconds:
                phases = given.phases.split(",")
                rows |= screens(builds, kubeconfig, phases, given.seconds)
                if given.line:
                    rows |= screens(builds, kubeconfig, phases[:1], given.seconds, given.line)
            if given.rest:
                resting = bench_rest.rows(builds, kubeconfig, int(size), given.rest, 1)
                for what, row in resting.items():
                    rows.setdefault(what, {}).update(row)
        name = str(given.kubeconfig or f"{size} services")
        document[name] = rows
        if not given.json:
            print(table(name, rows), flush=True)
        if given.kubeconfig:
            break
    for part, found in bench_parts.rows() if given.parts else ():
        document[part.name] = {what: {THIS: value} for what, value in found.items()}
        if found and not given.json:
            print(bench_parts.shown(part, found), flush=True)
    if given.json:
        print(json.dumps(document, indent=2))


@contextmanager
def _mesh(kubeconfig: Path | None, services: int) -> Iterator[Path]:
    if kubeconfig is not None:
        yield kubeconfig.absolute()
        return
    with lab(services) as made:
        yield made


if __name__ == "__main__":
    main()
