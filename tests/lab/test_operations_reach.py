"""People with different rights to the proxies: each change is verified as far as they may ask."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from meshtui.lab.process import RunningLab
from tests.lab.harness import ISTIO, Mesh, to
from tests.lab.operator import Operator

AGENT = ("--context", "exec-only")
NOBODY = ("--context", "no-proxies")


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


@pytest.fixture
def rules(mesh: Mesh) -> Mesh:
    mesh.write_rules({"name": "all", "route": [to("v1", 90), to("v2", 10)]})
    mesh.until_routed("all")
    return mesh


def checks(operator: Operator, *words: str) -> dict[str, tuple[str, str]]:
    """State and text of doctor's checks, by name; the last of a name."""
    ran = operator.run("doctor", "-o", "json", *words)
    return {check["check"]: (check["state"], check["text"]) for check in ran.json["checks"]}


def test_a_shift_is_verified_by_exec_alone(rules: Mesh, operator: Operator) -> None:
    made = operator.change("shift", "reviews", "v2=30", *AGENT)
    proxies = made["proxies"]
    assert made["verified"] is True
    assert proxies["checked"] == proxies["in_sync"] > 0
    destinations = rules.api.call("GET", f"{ISTIO}/virtualservices/reviews")["spec"]["http"][0]
    assert [d["weight"] for d in destinations["route"]] == [70, 30]


@pytest.mark.parametrize("app", ["productpage", "istio-ingressgateway"])
def test_sidecar_and_gateway_say_the_same_by_either_way(
    rules: Mesh, operator: Operator, app: str
) -> None:
    pods = rules.api.call("GET", "/api/v1/pods")["items"]
    meta = next(p["metadata"] for p in pods if p["metadata"]["labels"].get("app") == app)
    words = ("proxy", "routes", meta["name"], "-n", meta["namespace"], "-o", "json")
    by_forward, by_exec = operator.run(*words), operator.run(*words, *AGENT)
    assert by_forward.status == by_exec.status == 0, by_exec.err
    assert by_forward.json == by_exec.json


def test_who_may_do_neither_is_told_that_nothing_was_verified(
    rules: Mesh, operator: Operator
) -> None:
    ran = operator.run("shift", "reviews", "v2=30", "--yes", "--timeout", "1s", *NOBODY)
    assert re.search("not verified: .* could (not )?be asked", ran.out), ran.out
    assert "neither port-forward to nor exec in default/" in ran.err
    pod = rules.api.pods("productpage")[0]["metadata"]["name"]
    asked = operator.run("proxy", "routes", pod, *NOBODY)
    assert asked.status == 4
    assert "ask for get and create on pods/portforward, or on pods/exec" in asked.err


@pytest.mark.parametrize(
    ("words", "state", "said"),
    [
        ((), "ok", "default, istio-system: asked by port-forward"),
        (AGENT, "ok", "default, istio-system: asked by exec of pilot-agent"),
        (NOBODY, "warning", "default, istio-system: cannot be asked: neither port-forward nor"),
    ],
)
def test_doctor_says_by_which_way_the_proxies_are_asked(
    lab: RunningLab, operator: Operator, words: tuple[str, ...], state: str, said: str
) -> None:
    found: Any = checks(operator, *words)["proxies"]
    assert found[0] == state
    assert found[1].startswith(said)


def test_doctor_reads_the_telemetry_that_is_chosen(mesh: Mesh, operator: Operator) -> None:
    mesh.send(1)
    assert checks(operator, "--prometheus", "none")["telemetry"][1].startswith("sidecars: ")
    state, text = checks(operator, "--prometheus", "http://127.0.0.1:1")["telemetry"]
    assert state == "fail"
    assert text.startswith("Prometheus at http://127.0.0.1:1 does not answer")
