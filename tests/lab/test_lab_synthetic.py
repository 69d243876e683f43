"""A lab without proxies: its API, its telemetry, and what a shift does to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshtui.lab.errors import LabError
from meshtui.lab.process import RunningLab, spawn
from tests.lab.harness import Api
from tests.lab.operator import Operator

SERVICES = 5
WAIT = ("--window", "2s", "-o", "json")


@pytest.fixture(scope="module")
def large(runtime_dir: str) -> Iterator[RunningLab]:
    with spawn(synthetic=SERVICES) as running:
        yield running


@pytest.fixture
def operator(large: RunningLab, tmp_path: Path) -> Operator:
    return Operator(large.kubeconfig, tmp_path)


def versions(operator: Operator, service: str) -> dict[str, Any]:
    ran = operator.run("services", service, *WAIT)
    assert ran.status == 0, ran.err
    (found,) = ran.json["services"]
    return {version["version"]: version for version in found["versions"]}


def test_rates_follow_the_weights_and_a_shift_moves_them(operator: Operator) -> None:
    before = versions(operator, "service-1")
    assert sum(version["pods_ready"] for version in before.values()) == 9
    assert before["v1"]["share"] == pytest.approx(0.8, abs=0.05)
    assert operator.change("shift", "service-1", "v3=60", "--no-verify")["applied"]
    after = versions(operator, "service-1")
    assert after["v3"]["share"] == pytest.approx(0.6, abs=0.05)


def test_a_workload_fails_as_it_is_asked_to(large: RunningLab, operator: Operator) -> None:
    large.set("service-2-v1", errors="50%", latency="300ms")
    found = versions(operator, "service-2")
    assert found["v1"]["error_ratio"] == pytest.approx(0.5, abs=0.1)
    assert found["v1"]["p50_ms"] > 100
    assert found["v2"]["error_ratio"] == 0
    with pytest.raises(LabError, match="there are service-0-v1 to service-4-v3"):
        large.set("service-5-v1", errors="1%")


def test_a_change_is_not_called_live_where_nobody_can_be_asked(operator: Operator) -> None:
    made = operator.change("shift", "service-3", "v3=50", "--timeout", "100ms")
    assert (made["applied"], made["verified"]) == (True, None)


def test_what_needs_a_proxy_is_refused_in_one_line(large: RunningLab) -> None:
    with pytest.raises(LabError, match="has no proxies"):
        large.send(1)


@pytest.mark.parametrize("words", [("--synthetic", "6000"), ("--scenario", "crash")])
def test_a_size_or_a_scenario_that_it_has_not_is_one_line(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "meshtui.lab", "up", "--synthetic", "3", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode != 0 and ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1


def test_a_pod_that_is_deleted_is_replaced(large: RunningLab) -> None:
    api = Api(large)
    path = "/api/v1/namespaces/shop-0/pods"
    before = {pod["metadata"]["name"] for pod in api.call("GET", path)["items"]}
    gone = min(before)
    api.call("DELETE", f"{path}/{gone}")
    after = {pod["metadata"]["name"] for pod in api.call("GET", path)["items"]}
    assert gone not in after and len(after) == len(before)
