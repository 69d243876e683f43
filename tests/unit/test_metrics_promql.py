"""Quantiles beside Prometheus' own, where `promtool` is installed."""

from __future__ import annotations

import math
import random
import re
import subprocess
from pathlib import Path

import pytest

from meshtui.mesh.quantile import quantile
from tests.unit.promtool import require

BOUNDS = (0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 10000.0, math.inf)
QUANTILES = (0.5, 0.95, 0.99)


def histograms(count: int) -> list[dict[float, float]]:
    """Cumulative counts, some with empty buckets, some with one that lags behind."""
    chance = random.Random(7)
    found = []
    for number in range(count):
        total, buckets = 0, {}
        for bound in BOUNDS:
            total += chance.choice([0, 0, chance.randint(0, 5), chance.randint(0, 100)])
            buckets[bound] = float(total)
        if number % 5 == 3:
            late = chance.choice(BOUNDS[1:-1])
            buckets[late] = max(0.0, buckets[late] - 3)
        found.append(buckets)
    return found


def promqls(cases: list[dict[float, float]], directory: Path) -> dict[tuple[float, int], float]:
    """What promtool says it got, having been told to expect nothing."""
    bounds = [(str(number), bound) for number, case in enumerate(cases) for bound in case]
    series = "\n".join(
        f"""  - series: 'h_bucket{{case="{number}",le="{"+Inf" if math.isinf(bound) else bound}"}}'
    values: '{cases[int(number)][bound]}'"""
        for number, bound in bounds
    )
    asked = "\n".join(
        f"  - expr: histogram_quantile({q}, h_bucket)\n    eval_time: 0\n    exp_samples: []"
        for q in QUANTILES
    )
    file = directory / "test.yml"
    file.write_text(f"tests:\n- input_series:\n{series}\n  promql_expr_test:\n{asked}\n")
    run = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, timeout=60
    )
    found = {}
    for q, rest in re.findall(
        r"histogram_quantile\(([\d.]+), h_bucket\)(.*?)(?=expr:|\Z)",
        run.stdout + run.stderr,
        re.DOTALL,
    ):
        for case, value in re.findall(r'\{case="(\d+)"\} (?:Value:)?([^\s,"}]+)', rest):
            found[float(q), int(case)] = float(value)
    return found


def test_quantiles_are_promqls(tmp_path: Path) -> None:
    require("promtool")
    cases = histograms(25)
    theirs = promqls(cases, tmp_path)
    ours = {
        (q, number): value if (value := quantile(q, case)) is not None else math.nan
        for q in QUANTILES
        for number, case in enumerate(cases)
    }
    assert ours == pytest.approx(theirs, rel=1e-9, nan_ok=True)
    assert len(theirs) == len(cases) * len(QUANTILES)
