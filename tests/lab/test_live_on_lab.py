"""The scenarios for any cluster, on the lab: what they ask of a cluster, the lab is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshtui.lab.process import RunningLab

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(900)
def test_the_live_scenarios_pass_on_the_lab(lab: RunningLab, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "tests/live", "-q", "-o", "addopts="]
    # Those of whole meshes want apps whose addresses can be reached, that of roles real ones.
    without = ("test_meshes", "test_api_routes", "test_absence")
    command += [f"--ignore=tests/live/{name}.py" for name in without]
    command += ["-p", "no:cacheprovider", "--basetemp", str(tmp_path / "live")]
    env = {**os.environ, "KUBECONFIG": str(lab.kubeconfig)}
    ran = subprocess.run(
        command, cwd=ROOT, env=env, text=True, check=False, capture_output=True, timeout=840
    )
    assert ran.returncode == 0, ran.stdout
    assert "skipped" not in ran.stdout
