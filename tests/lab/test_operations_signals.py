"""A dropped SSH session: the keeper stays, and a change is made or found out, never lost."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.lab.process import RunningLab
from tests.lab.harness import ISTIO, Mesh, Obj, statuses, to, until
from tests.lab.operator import Operator

VS = f"{ISTIO}/virtualservices/reviews"
ALL: Obj = {"name": "all", "retries": {"attempts": 0}, "route": [to("v1", 100), to("v3", 0)]}


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


@pytest.fixture
def rules(mesh: Mesh) -> Mesh:
    mesh.write_rules(ALL)
    mesh.until_routed("all")
    return mesh


def http(mesh: Mesh) -> list[Obj]:
    found: list[Obj] = mesh.api.call("GET", VS)["spec"]["http"]
    return found


@pytest.fixture
def keeper(operator: Operator) -> Iterator[subprocess.Popen[str]]:
    running = operator.start("keep", "--every", "100ms")
    assert running.stderr is not None
    assert "keeping the time limits" in running.stderr.readline()
    yield running
    if running.poll() is None:
        running.terminate()
        running.communicate(timeout=10)


def test_a_keeper_ends_a_fault_on_time_when_nobody_is_at_the_screen(
    rules: Mesh, operator: Operator, keeper: subprocess.Popen[str]
) -> None:
    fault = ("fault", "reviews", "--abort", "418", "--for", "4s")
    operator.change(*fault)
    assert statuses(rules.send(5)) == {418: 5}
    until(lambda: http(rules) == [ALL], seconds=20, what="the fault is off")
    until(lambda: statuses(rules.send(5)) == {200: 5}, what="the proxies serve it")
    until(lambda: changes(operator)[0]["status"] == "verified", what="the journal says so")
    taken_back, made = changes(operator)
    assert taken_back["undoes"] == made["change"]


def changes(operator: Operator) -> list[Obj]:
    """What the journal has, the newest first."""
    found: list[Obj] = operator.run("journal", "-o", "json").json["changes"]
    return found


def test_a_hang_up_does_not_end_the_keeper(
    rules: Mesh, operator: Operator, keeper: subprocess.Popen[str]
) -> None:
    keeper.send_signal(signal.SIGHUP)
    operator.change("mirror", "reviews", "--to", "v3", "--for", "1s", "--no-verify")
    until(lambda: http(rules) == [ALL], seconds=5, what="the mirror is off")
    assert keeper.poll() is None
    keeper.send_signal(signal.SIGTERM)
    out, err = keeper.communicate(timeout=10)
    assert keeper.returncode == 0, err
    assert "its time was over" in out


def test_a_keeper_says_once_what_it_can_not_end(
    rules: Mesh, operator: Operator, keeper: subprocess.Popen[str]
) -> None:
    operator.change("fault", "reviews", "--abort", "418", "--for", "10s", "--no-verify")
    fault = {"abort": {"httpStatus": 500, "percentage": {"value": 1}}}
    rules.write_rules({**ALL, "fault": fault})
    until(lambda: operator.run("keep", "--once").status == 1, what="it is overdue")
    assert http(rules)[0]["fault"] == fault
    assert keeper.stderr is not None
    err = ""
    while "somebody else touched the same place" not in err:
        line = keeper.stderr.readline()
        assert line, err
        err += line
    keeper.send_signal(signal.SIGTERM)
    err += keeper.communicate(timeout=10)[1]
    assert err.count("OVERDUE") <= 2, err
    ran = operator.run("doctor")
    assert ran.status == 1
    assert "OVERDUE" in ran.out


def test_a_hang_up_in_the_middle_of_a_change_loses_nothing(rules: Mesh, operator: Operator) -> None:
    shifting = operator.start("shift", "reviews", "v3=50", "--yes", "--force")
    until(lambda: http(rules) != [ALL], what="the write")
    shifting.send_signal(signal.SIGHUP)
    shifting.communicate(timeout=20)
    assert shifting.returncode in (0, -signal.SIGHUP)
    assert operator.run("undo", "--yes", "--force", "--no-verify").status == 0
    assert http(rules) == [ALL]
    undone, made = operator.run("journal", "-o", "json").json["changes"]
    assert made["status"] in ("written", "verified")
    assert undone["undoes"] == made["change"]


def test_a_hang_up_before_the_write_leaves_all_as_it_was(rules: Mesh, operator: Operator) -> None:
    asking = operator.start("shift", "reviews", "v3=50")
    assert asking.stderr is not None
    assert "shift reviews" in asking.stderr.readline()
    asking.send_signal(signal.SIGHUP)
    asking.communicate(timeout=20)
    assert asking.returncode == -signal.SIGHUP
    assert http(rules) == [ALL]
    assert operator.run("journal", "-o", "json").json["changes"] == []
