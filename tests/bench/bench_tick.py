"""What taking in one tick of 3,000 rows costs: `python tests/bench/bench_tick.py [ROOT]`.

ROOT is the work tree of another build to measure (`git worktree add DIR COMMIT`); run both side by
side and compare the medians of their CPU times. Prints them for a healthy mesh and for one where
every version has errors.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from dataclasses import fields
from math import inf
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
ROOT = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from synthetic import objects  # noqa: E402

from meshtui.mesh import signals as measuring  # noqa: E402
from meshtui.mesh.parse import parse_mesh  # noqa: E402
from meshtui.mesh.signals import Sample, Signals, VersionKey  # noqa: E402
from meshtui.mesh.view import Thresholds, measured, structure  # noqa: E402

try:
    from meshtui.mesh.steady import SteadyStates
except ImportError:  # an older build
    SteadyStates = None  # type: ignore[assignment,misc]

SERVICES, TICKS, COUNTED = 1000, 45, 11
BOUNDS = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
KNOWN = {one.name for one in fields(Signals)}


def mesh_items() -> dict[str, list[Any]]:
    items: dict[str, list[Any]] = {}
    for made in objects(SERVICES, 3):
        body = {**made.body, **({"status": made.status} if made.status else {})}
        items.setdefault(made.path.rpartition("/")[2], []).append(body)
    items.pop("namespaces")
    return items


def signals(requests: float, bad: float) -> Signals:
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
    return Signals(**{name: value for name, value in every.items() if name in KNOWN})


def sample(views: Any, at: float, errors: float, chance: random.Random) -> Sample:
    rows: dict[VersionKey, Signals] = {}
    totals = {}
    for view in views:
        counts = [(float(n := chance.randint(50, 150)), float(chance.randint(0, int(n * errors))))
                  for _ in view.versions]  # fmt: skip
        for row, (requests, bad) in zip(view.versions, counts, strict=True):
            rows[VersionKey(view.key, row.version)] = signals(requests, bad)
        totals[view.key] = signals(sum(n for n, _ in counts), sum(b for _, b in counts))
    more: dict[str, Any] = {}
    if hasattr(measuring, "Responder"):
        targets = {
            measuring.Responder(
                k.service, k.version, k.service.namespace, f"{k.service.name}-{k.version}"
            ): s
            for k, s in rows.items()
        }
        more = {"called": targets, "served": targets}
    return Sample(
        at, "sidecars", 15.0, rows, rows, caller_totals=totals, server_totals=totals, **more
    )


def main() -> None:
    views, limits = structure(parse_mesh(mesh_items())), Thresholds()
    for kind, errors in (("healthy", 0.0), ("errors everywhere", 0.2)):
        chance = random.Random(1)
        steady = SteadyStates() if SteadyStates else None
        spent = []
        for tick in range(TICKS):
            now = sample(views, 1000.0 + 2 * tick, errors, chance)
            began = time.process_time()
            found = measured(views, now, limits)
            if steady is not None:
                found = steady.settle(found, now, limits)
            spent.append(time.process_time() - began)
        rows = sum(len(view.versions) for view in found)
        middle = statistics.median(spent[-COUNTED:])
        print(f"{ROOT.name}: {rows} rows, {kind}: {1000 * middle:.0f} ms of CPU a tick")


if __name__ == "__main__":
    main()
