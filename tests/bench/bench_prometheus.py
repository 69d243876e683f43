"""Taking in what a Prometheus says of 3,000 versions: `python -m tests.bench.bench_prometheus`.

25 series of each version: five of requests and twenty of durations. From the bytes of the answers
to a sample's signals, beside `json.loads` of the same bytes; medians of milliseconds of CPU.
`--services 1000 --rounds 5 --json`.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample
from meshtui.metrics.prometheus import _summed
from meshtui.metrics.prometheus_result import parse
from meshtui.metrics.prometheus_series import KnownSeries
from meshtui.metrics.prometheus_silent import Answered
from meshtui.ui import garbage
from tests.bench import said
from tests.bench.prometheus_answers import large

KNOWN = KnownSeries()


def taken_in(requests: bytes, durations: bytes) -> Sample:
    sample = Sample(0.0, "prometheus", 60.0)
    found = parse(requests, "bench"), parse(durations, "bench")
    return _summed(KNOWN, sample, *found, Answered(), Mesh())


def spent_ms(work: Callable[[], object], rounds: int) -> float:
    """The median."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(1000 * (time.process_time() - began))
    return statistics.median(found)


def figures(services: int, rounds: int) -> said.Figures:
    gc.set_threshold(garbage.YOUNG, garbage.MIDDLE, garbage.NEVER)  # as the screen does
    answers = [large(services, kind, 0) for kind in ("requests", "durations")]
    counted = len(taken_in(*answers).caller)
    if counted != 3 * services:
        raise SystemExit(f"{counted} versions were taken in, not {3 * services}")
    return {
        "MB": sum(map(len, answers)) / 1e6,
        "taken in, ms": spent_ms(partial(taken_in, *answers), rounds),
        "json.loads, ms": spent_ms(lambda: [json.loads(one) for one in answers], rounds),
    }


if __name__ == "__main__":
    said.run(__doc__, figures, services=1000, rounds=5)
