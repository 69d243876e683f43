"""A second terminal beside a demo: its commands have the demo's journal, and find its lab."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.cli.labs import STATE, share_state
from meshtui.lab import rundir
from meshtui.lab.errors import LabError


@pytest.fixture
def two_labs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[rundir.RunDir]]:
    """Locked as labs that run are. The folder for them is another one than this user's."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(rundir, "_LONGEST_PARENT", 1000)
    held = [rundir.create(None), rundir.create(tmp_path / "elsewhere")]
    yield [one.run for one in held]
    for one in held:
        one.remove()


def test_of_several_labs_the_kubeconfig_names_one(
    monkeypatch: pytest.MonkeyPatch, two_labs: list[rundir.RunDir]
) -> None:
    for run in two_labs:
        monkeypatch.setenv("KUBECONFIG", f"{run.home}/kubeconfig")
        assert rundir.find(None).path == run.path
        assert rundir.find(two_labs[1].home).path == two_labs[1].path


@pytest.mark.parametrize("given", ["", "/nowhere/kubeconfig", "both"])
def test_where_it_names_none_or_two_the_person_is_asked(
    monkeypatch: pytest.MonkeyPatch, two_labs: list[rundir.RunDir], given: str
) -> None:
    both = os.pathsep.join(f"{run.home}/kubeconfig" for run in two_labs)
    monkeypatch.setenv("KUBECONFIG", both if given == "both" else given)
    with pytest.raises(LabError, match="2 labs run, say which with --dir or KUBECONFIG: /"):
        rundir.find(None)


def state_with(monkeypatch: pytest.MonkeyPatch, kubeconfig: Path) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", "/mine")
    share_state(argparse.Namespace(kubeconfig=str(kubeconfig)))
    return os.environ["XDG_STATE_HOME"]


def test_the_journal_of_a_demo_is_shared_with_commands_on_its_cluster(
    monkeypatch: pytest.MonkeyPatch, two_labs: list[rundir.RunDir], tmp_path: Path
) -> None:
    demo, other = (run.home for run in two_labs)
    assert state_with(monkeypatch, demo / "kubeconfig") == "/mine"
    for folder in (demo, other, tmp_path):
        (folder / STATE).mkdir(parents=True)
    assert state_with(monkeypatch, demo / "kubeconfig") == str(demo / STATE)
    assert state_with(monkeypatch, other / "kubeconfig") == "/mine"
    assert state_with(monkeypatch, tmp_path / "kubeconfig") == "/mine"
