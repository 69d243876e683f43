"""What taking in one tick of 3,000 rows costs: `python tests/bench/bench_tick.py [OTHER …]`.

OTHER is the work tree of another build (`git worktree add DIR COMMIT`). All of them are imported
into this one process and take in the same ticks by turns, so that what else the machine does
meets all alike. Prints the median CPU time of a tick, from a sample to what the screen shows of
each service, and its ratio to the first OTHER's: for a healthy mesh, for one where every version
has errors and for one where all requests fail. Each build has the garbage collector as its screen
sets it. To make a sample, and to free it once it is replaced, is counted of none of them.
"""

from __future__ import annotations

import gc
import importlib
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import Any
from zlib import crc32

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from synthetic import objects  # noqa: E402

SERVICES, TICKS, COUNTED = 1000, 41, 11
BOUNDS = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
MESHES = {
    "healthy": (0.0, 0.0, 1.0),
    "half of the rows with errors": (0.0, 0.2, 0.5),
    "errors everywhere": (0.0, 0.2, 1.0),
    "all fail": (1.0, 1.0, 1.0),
}
"""The least and the most that fails of a row, and how many of the rows that are meant."""

PYTHON_S_OWN = (700, 10, 10)


def mesh_items() -> dict[str, list[Any]]:
    items: dict[str, list[Any]] = {}
    for made in objects(SERVICES, 3):
        body = {**made.body, **({"status": made.status} if made.status else {})}
        items.setdefault(made.path.rpartition("/")[2], []).append(body)
    items.pop("namespaces")
    return items


@dataclass
class Build:
    """The modules of one work tree: they are found in `sys.modules` no more."""

    name: str
    signals: Any
    parse: Any
    view: Any
    measured_views: Any
    garbage: tuple[int, int, int]

    @classmethod
    def of(cls, root: Path) -> Build:
        sys.path.insert(0, str(root))
        try:
            main = importlib.import_module("meshtui.cli.main")
            signals, parse, view = (
                importlib.import_module(f"meshtui.mesh.{name}")
                for name in ("signals", "parse", "view")
            )
            views = _module("meshtui.mesh.measured_views")
            collector = _module("meshtui.ui.garbage")
        finally:
            sys.path.remove(str(root))
            for name in [n for n in sys.modules if n.partition(".")[0] == "meshtui"]:
                del sys.modules[name]
        young = getattr(main, "YOUNG_OBJECTS", 0)
        garbage = (young, 20, 20) if young else PYTHON_S_OWN
        if collector is not None:
            garbage = collector.YOUNG, collector.MIDDLE, collector.NEVER
        return cls(root.name, signals, parse, view, views, garbage)

    def taking_in(self) -> Callable[[Any], Any]:
        """What a sample comes to, as the build's screen works it out."""
        structure = self.view.structure(self.parse.parse_mesh(mesh_items()))
        limits = self.view.Thresholds()
        if self.measured_views is None:
            return lambda sample: self.view.measured(structure, sample, limits)
        views = self.measured_views.MeasuredViews()
        return lambda sample: views.of(structure, sample, limits)

    def sample(self, rows: Any, at: float) -> Any:
        """`rows` are the requests and the bad ones by service and version."""
        own = self.signals
        versions = {
            own.VersionKey(key, version): self.signals_of(*counts)
            for key, counted in rows.items()
            for version, counts in counted.items()
        }
        totals = {
            key: self.signals_of(*map(sum, zip(*counted.values(), strict=True)))
            for key, counted in rows.items()
        }
        more: dict[str, Any] = {}
        if hasattr(own, "Responder"):
            targets = {
                own.Responder(
                    k.service, k.version, k.service.namespace, f"{k.service.name}-{k.version}"
                ): s
                for k, s in versions.items()
            }
            more = {"called": targets, "served": dict(targets)}
        return own.Sample(
            at, "sidecars", 15.0, versions, versions,
            caller_totals=totals, server_totals=totals, **more,
        )  # fmt: skip

    def signals_of(self, requests: float, bad: float) -> Any:
        buckets = {float(b): min(requests, requests * 0.2 * (i + 1)) for i, b in enumerate(BOUNDS)}
        every = {
            "requests": requests,
            "rps": requests / 15,
            "error_ratio": bad / requests,
            "p50_ms": 3.0,
            "p95_ms": 9.0,
            "p99_ms": 10.0,
            "codes": {"200": requests - bad, **({"503": bad} if bad else {})},
            "buckets": {**buckets, inf: requests},
        }
        known = {one.name for one in fields(self.signals.Signals)}
        return self.signals.Signals(**{n: value for n, value in every.items() if n in known})


def _module(name: str) -> Any:
    """None where the build is too old to have it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def traffic(views: Any, errors: tuple[float, float, float], chance: random.Random) -> Any:
    """Requests and how many of them were bad, by service and version."""
    found: dict[Any, dict[str, tuple[float, float]]] = {}
    for view in views:
        for row in view.versions:
            requests = chance.randint(50, 150)
            bad = chance.randint(int(requests * errors[0]), int(requests * errors[1]))
            if crc32(f"{view.key.name} {row.version}".encode()) % 1000 >= 1000 * errors[2]:
                bad = 0
            found.setdefault(view.key, {})[row.version] = float(requests), float(bad)
    return found


def spend(build: Build, taking_in: Callable[[Any], Any], sample: Any) -> float:
    gc.set_threshold(*build.garbage)
    began = time.process_time()
    taking_in(sample)
    spent = time.process_time() - began
    gc.set_threshold(*PYTHON_S_OWN)
    return spent


def main() -> None:
    builds = [Build.of(Path(root).resolve()) for root in (*sys.argv[1:], HERE)]
    structure = builds[-1].view.structure(builds[-1].parse.parse_mesh(mesh_items()))
    for kind, errors in MESHES.items():
        chance = random.Random(1)
        ways = [build.taking_in() for build in builds]
        spent: list[list[float]] = [[] for _ in builds]
        kept: deque[Any] = deque(maxlen=3 * len(builds))
        for tick in range(TICKS):
            rows = traffic(structure, errors, chance)
            for build, taking_in, times in zip(builds, ways, spent, strict=True):
                sample = build.sample(rows, 1000.0 + 2 * tick)
                kept.append(sample)
                times.append(spend(build, taking_in, sample))
        middles = [1000 * statistics.median(times[-COUNTED:]) for times in spent]
        for build, middle in zip(builds, middles, strict=True):
            ratio = f", {middle / middles[0]:.2f} of the first" if build is not builds[0] else ""
            print(f"{build.name}: 3000 rows, {kind}: {middle:.0f} ms of CPU a tick{ratio}")


if __name__ == "__main__":
    main()
