"""A lab as a program: beside others, found, told what to do, and gone without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meshtui.lab import commands, rundir
from meshtui.lab.errors import LabError
from meshtui.lab.process import RunningLab, spawn
from tests.lab.harness import until


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def test_two_labs_side_by_side_and_one_killed(
    lab: RunningLab, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / ("a-directory-with-a-long-name-" * 6)
    with spawn(scenario="errors", rps=20, dir=home) as other:
        assert other.kubeconfig == home / "kubeconfig"
        until(lambda: other.loadgen().get("200", 0) > 10, what="load")
        assert lab.loadgen() == {}
        assert lab.send(1, "/productpage")[0].status == 200

        assert commands.set_workload("reviews-v1", errors="100%") == 1
        assert "say which with --dir" in capfd.readouterr().err
        assert commands.set_workload("reviews-v1", errors="100%", dir=home) == 0
        assert {a.status for a in other.send(30, "/", via="productpage")} == {200, 503}
        assert commands.load(0, dir=home) == 0
        with pytest.raises(LabError, match=r"runs in .* already"):
            rundir.create(home)

        pids = other.status()["pids"]
        assert len(pids) == 8
        assert all(map(alive, pids))
        os.kill(other.pid, signal.SIGKILL)
        until(lambda: not any(map(alive, pids)), what="the end of all processes")
    assert commands.set_workload("reviews-v1", errors="0", dir=home) == 1
    assert "no lab runs in" in capfd.readouterr().err
    assert lab.send(1, "/productpage")[0].status == 200


def test_a_killed_labs_directory_goes_with_the_next_start(lab: RunningLab) -> None:
    dead = rundir.parent() / "deadbeef"
    dead.mkdir()
    (dead / "home").write_text(str(dead))
    held = rundir.create(None)
    try:
        assert not dead.exists()
        assert lab.dir.exists()
    finally:
        held.remove()


def test_commands_find_the_only_lab(lab: RunningLab, capfd: pytest.CaptureFixture[str]) -> None:
    assert commands.set_workload("reviews-v1", latency="0") == 0
    assert commands.set_workload("nobody", errors="5%") == 1
    assert "there are details-v1, productpage-v1" in capfd.readouterr().err
    assert commands.set_workload("reviews-v1", errors="lots") == 2
    assert commands.set_workload("reviews-v1", latency="5 parsecs") == 2
    assert commands.load(9999) == 1


def test_sigterm_leaves_nothing_behind(lab: RunningLab, tmp_path: Path) -> None:
    del lab
    before = set(rundir.parent().iterdir())
    process = subprocess.Popen(
        [sys.executable, "-m", "meshtui.lab", "up", "--rps", "0", "--dir", str(tmp_path)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    line = process.stdout.readline().decode().strip()
    assert line == str(tmp_path / "kubeconfig")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()
    # What an earlier lab that was killed had left may be gone too.
    assert set(rundir.parent().iterdir()) <= before
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_scenario_is_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert commands.up(scenario="mayhem") == 2
    assert "there are errors, healthy, latency, crash" in capfd.readouterr().err
