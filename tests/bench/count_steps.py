"""Whether the work of a large mesh has grown by half since the commit before; CI asks.

`python tests/bench/count_steps.py [--against REV] [--services 100] [--json]`. Counted, not timed:
the lines of Python and the calls of built-in functions that a step takes, the memory that a mesh
keeps, and what whole commands take (`count_commands`). A busy machine counts the same, so a ratio
says something about the code alone. Both builds do the same with the same objects, each in a
process of its own, by this interpreter; REV is checked out beside this one. Where there is no such
commit, as in a shallow clone, it says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from tests.bench import count_commands  # noqa: E402

MANY_ERRORS = "errors everywhere"

MOST = 1.5
"""So many times as much as before is too much."""

Count = dict[str, int]


def counted(work: Callable[[], object]) -> int:
    """Lines and calls of built-in functions while it works."""
    steps = 0

    def line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return line

    def call(frame: FrameType, event: str, argument: object) -> None:
        nonlocal steps
        steps += event == "c_call"

    gc.disable()
    sys.setprofile(call)
    sys.settrace(line)
    try:
        work()
    finally:
        sys.settrace(None)
        sys.setprofile(None)
        gc.enable()
    return steps


def kept(work: Callable[[], object]) -> tuple[Any, int]:
    """What it gives, and the kilobytes that this keeps."""
    tracemalloc.start()
    try:
        result = work()
        gc.collect()
        return result, tracemalloc.get_traced_memory()[0] // 1024
    finally:
        tracemalloc.stop()


def counts(services: int) -> Iterator[tuple[str, int]]:
    """Each step of the build that is on the path. What an older one lacks is left out."""
    import bench_event
    import bench_tick

    bench_event.SERVICES = bench_tick.SERVICES = services
    items = bench_event.mesh_items()
    middle = {"pods": 9 * services // 2, "virtualservices": services // 2}
    read = bench_event.reader()
    read({**items, "pods": items["pods"][:9]})  # what is made once for all
    reader = bench_event.reader()
    yield "read", counted(lambda: reader(items))
    pod = items["pods"][middle["pods"]]
    unready = [{"type": "Ready", "status": "False"}]
    items["pods"][middle["pods"]] = {**pod, "status": {**pod["status"], "conditions": unready}}
    yield "event of a pod", counted(lambda: reader(items))
    rule = items["virtualservices"][middle["virtualservices"]]
    spec = {**rule["spec"], "http": rule["spec"]["http"][-1:]}
    items["virtualservices"][middle["virtualservices"]] = {**rule, "spec": spec}
    yield "event of a rule", counted(lambda: reader(items))
    yield "kept, in KiB", kept(lambda: bench_event.parse_mesh(items))[1]
    yield from ticks(bench_tick, bench_event.parse_mesh(items))


def ticks(bench: Any, mesh: Any) -> Iterator[tuple[str, int]]:
    from meshtui.mesh import measured_views, parse, signals, view
    from meshtui.ui.table.order import CalmOrder, Sort

    build = bench.Build("counted", signals, parse, view, measured_views, (0, 0, 0))
    structure, chance, errors = view.structure(mesh), random.Random(1), bench.MESHES[MANY_ERRORS]
    views, order = measured_views.MeasuredViews(), CalmOrder()
    limits = view.Thresholds()
    for number in range(3):
        rows = bench.traffic(structure, errors, chance)
        sample = build.sample(rows, 1000.0 + 2 * number)
        took = counted(partial(views.of, structure, sample, limits))
        shown = views.of(structure, sample, limits)
        sorting = counted(partial(order.arrange, shown, Sort(), sample.time))
    yield "tick", took
    yield "order", sorting
    yield "paint", painted(shown)


def painted(views: Any) -> int:
    """A screen of 50 lines."""
    from meshtui.ui.table.cells import CellContext
    from meshtui.ui.table.columns import grid
    from meshtui.ui.table.outline import outline
    from meshtui.ui.table.rows import Rows

    lines, rows, facts = outline(views, frozenset(), frozenset()), Rows(), CellContext()
    columns = grid(158, 30)
    rows.of(lines[60], (columns, facts, 1.0))
    return counted(lambda: [rows.of(lines[n], (columns, facts, 1.0)) for n in range(50)])


def measured(root: Path, services: int) -> Count:
    """The counts of the build in a folder, by a process of its own."""
    words = [sys.executable, str(Path(__file__).resolve()), "--counting", str(root)]
    env = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(root)}
    asked = [*words, "--services", str(services)]
    done = subprocess.run(asked, env=env, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    found: Count = json.loads(done.stdout)
    return found


@contextmanager
def checked_out(revision: str) -> Iterator[Path | None]:
    """A folder with that revision; None where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "before"
        added = shutil.which("git") and _git("worktree", "add", "--detach", str(tree), revision)
        try:
            yield tree if added else None
        finally:
            if added:
                _git("worktree", "remove", "--force", str(tree))


def _git(*words: str) -> bool:
    return not subprocess.run(["git", "-C", str(HERE), *words], capture_output=True).returncode


def grown(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """The steps that take half as much again, of those that both have."""
    return [step for step, much in now.items() if much > MOST * before.get(step, much)]


def table(before: Mapping[str, int], now: Mapping[str, int]) -> Iterator[str]:
    for step, much in now.items():
        ratio = f"x {much / before[step]:.2f}" if before.get(step) else "not there before"
        yield f"{step:<30} {before.get(step, 0):>10} {much:>10}  {ratio}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default="HEAD^", metavar="REV")
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--counting", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.counting:
        print(json.dumps(counts_here(given.counting, given.services)))
        return 0
    with checked_out(given.against) as tree:
        if tree is None:
            print(f"{given.against} can't be checked out here: there is nothing to compare with")
            return 0
        before, now = measured(tree, given.services), measured(HERE, given.services)
        with count_commands.lab(given.services) as kubeconfig:
            before |= count_commands.counts_of_commands(tree, kubeconfig)
            now |= count_commands.counts_of_commands(HERE, kubeconfig)
    too_much = grown(before, now)
    if given.json:
        print(json.dumps({"before": before, "now": now, "grown": too_much}, indent=2))
    else:
        print("\n".join(table(before, now)))
    for step in too_much:
        print(f"{step}: more than {MOST:g} x what {given.against} takes", file=sys.stderr)
    return 1 if too_much else 0


def counts_here(root: Path, services: int) -> Count:
    """Of the build in `root`; its steps up to one that it does not know."""
    sys.argv = [sys.argv[0], str(root)]
    sys.path[:0] = [str(root), str(Path(__file__).parent)]
    import meshtui

    if Path(str(meshtui.__file__)).resolve().parents[1] != root.resolve():
        raise SystemExit(f"meshtui is taken from {meshtui.__file__}, not from {root}")
    found: Count = {}
    try:
        for step, much in counts(services):
            found[step] = much
    except (ImportError, AttributeError, TypeError) as error:
        if root.resolve() == HERE:
            raise
        print(f"{root.name}: {error}", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
