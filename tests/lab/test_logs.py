"""What real proxies log of a service: its own, and its callers'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshtui.lab.process import RunningLab
from tests.lab.harness import Mesh, to, until
from tests.lab.operator import Operator


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


def test_an_injected_abort_stands_in_the_callers_log_alone(mesh: Mesh, operator: Operator) -> None:
    mesh.write_rules({"name": "all", "route": [to("v1")]})
    mesh.until_routed("all")
    operator.change("fault", "reviews", "--abort", "503", "--abort-percent", "100")
    mesh.send(3, path="/aborted-here")
    wanted = ("logs", "reviews", "--flag", "FI", "--path", "/aborted-here", "-o", "json")
    until(lambda: operator.run(*wanted, "--callers").out.count("\n") == 3, seconds=30)
    lines = [json.loads(line) for line in operator.run(*wanted, "--callers").out.splitlines()]
    assert {(line["version"], line["code"]) for line in lines} == {("productpage", 503)}
    assert operator.run(*wanted).out == ""


def test_lines_are_chosen_from_all_of_the_services_pods(mesh: Mesh, operator: Operator) -> None:
    until(lambda: all(one.status == 200 for one in mesh.send(5)), what="a mesh that works")
    mesh.send(30, path="/counted-here")
    words = ("logs", "reviews", "--since", "5m", "--filter", "path:/counted-here code:200")

    def into_the_pods() -> list[str]:
        lines = [json.loads(line) for line in operator.run(*words, "-o", "json").out.splitlines()]
        return [one["version"] for one in lines if one["upstream_cluster"].startswith("inbound")]

    versions = until(lambda: len(found := into_the_pods()) == 30 and found, seconds=30)
    assert set(versions) == {"v1", "v2", "v3"}
    assert operator.run(*words, "--method", "POST").out == ""
    assert operator.run(*words, "--grep", "counted-(here|there) HTTP").out.count("\n") >= 30
