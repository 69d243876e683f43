"""PromQL as Prometheus itself evaluates it, by `promtool`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

_SAMPLE = re.compile(r"(\{[^}]*\}) (?:Value:)?([^\s,]+)")


def require(command: str) -> None:
    """Skip where an operator has no `command`; CI has it, and fails where it has not."""
    if shutil.which(command) is None:
        assert os.environ.get("CI") != "true", f"{command} is not installed"
        pytest.skip(f"{command} is not installed")


def evaluate(
    query: str, series: Mapping[str, str], at: str, directory: Path, interval: str = "15s"
) -> dict[str, float]:
    """The vector `query` gives at `at`, by its labels as text, for series as promtool writes them.

    promtool only compares, so it is told to expect nothing and says what it got.
    """
    test = {
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": at, "exp_samples": []}],
    }
    file = directory / "test.json"
    file.write_text(json.dumps({"evaluation_interval": interval, "tests": [test]}))
    command = ["promtool", "test", "rules", str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = ran.stdout + ran.stderr
    assert "parse error" not in said, said
    if ran.returncode == 0:
        return {}
    _, got, rest = said.partition("got:")
    assert got, said
    return {labels: float(value) for labels, value in _SAMPLE.findall(rest)}
