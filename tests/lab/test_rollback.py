"""Rollback under traffic: it never makes things worse, and says what it does not reach."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.lab.process import RunningLab
from tests.lab.harness import ISTIO, Mesh, Obj, served, to
from tests.lab.operator import Operator, Ran

VS = f"{ISTIO}/virtualservices/reviews"
ORDINARY: Obj = {"name": "all", "route": [to("v1", 50), to("v2", 30), to("v3", 20)]}
TESTERS: Obj = {
    "name": "testers",
    "match": [{"headers": {"end-user": {"exact": "jason"}}}],
    "route": [to("v3")],
}
QUIET = ("--yes", "--no-verify", "--force")


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


@pytest.fixture
def failing(mesh: Mesh) -> Iterator[Mesh]:
    """v3 answers a fifth of its requests with an error."""
    mesh.write_rules(ORDINARY)
    mesh.until_routed("all")
    mesh.lab.set("reviews-v3", errors="20%")
    yield mesh


def under_load(mesh: Mesh, operator: Operator, *words: str) -> Ran:
    """The command while requests go to the service, so that there is something to measure."""
    running = operator.start(*words)
    while running.poll() is None:
        mesh.send(100)
    out, err = running.communicate(timeout=60)
    return Ran(running.returncode, out, err)


def carrying(mesh: Mesh, index: int = -1) -> list[str]:
    rule = mesh.api.call("GET", VS)["spec"]["http"][index]
    return [
        entry["destination"]["subset"]
        for entry in rule["route"]
        if entry.get("weight", 0) > 0 or len(rule["route"]) == 1
    ]


def test_the_version_promoted_last_is_not_stable_while_it_fails(
    failing: Mesh, operator: Operator
) -> None:
    for words in (("promote", "reviews", "v1"), ("promote", "reviews", "v3")):
        assert operator.run(*words, *QUIET).status == 0
    weights = ("v1=50", "v2=30", "v3=20")
    assert operator.run("shift", "reviews", *weights, *QUIET).status == 0
    failing.until_routed("reviews", "productpage-v1")
    ran = under_load(failing, operator, "rollback", "reviews", "--yes", "-o", "json")
    assert ran.status == 0, ran.err
    told = json.loads(ran.out)
    assert told["stable"] == "v1"
    assert "carried all traffic before" in told["stable_because"]
    assert any("v3 carried all traffic" in warning for warning in told["warnings"])
    assert served(failing.send(200)) == {"reviews-v1": 200}


def test_without_a_journal_the_failing_heaviest_is_not_stable(
    failing: Mesh, operator: Operator
) -> None:
    failing.write_rules({**ORDINARY, "name": "ten", "route": [to("v1", 10), to("v3", 90)]})
    failing.until_routed("ten")
    ran = under_load(failing, operator, "rollback", "reviews", "--yes")
    assert ran.status == 0, ran.err
    assert "v1 is taken for stable: it is the healthiest" in ran.out
    assert carrying(failing) == ["v1"]


def test_a_guess_is_refused_with_its_reason_unless_it_is_answered_for(
    failing: Mesh, operator: Operator
) -> None:
    failing.lab.set("reviews-v3", errors="0")
    failing.write_rules({**ORDINARY, "name": "half", "route": [to("v1", 40), to("v3", 60)]})
    failing.until_routed("half")
    refused = operator.run("rollback", "reviews", "--yes")
    assert refused.status == 1
    assert "v3 is chosen only because it has the largest weight" in refused.err
    assert "--to V" in refused.err
    assert carrying(failing) == ["v1", "v3"]
    asked = operator.run("rollback", "reviews", answer="y\n")
    assert (asked.status, carrying(failing)) == (1, ["v1", "v3"])
    assert operator.run("rollback", "reviews", "--to", "v1", "--yes").status == 0
    assert carrying(failing) == ["v1"]


@pytest.mark.parametrize("words", [("promote", "reviews", "v3"), ("shift", "reviews", "v3=60")])
def test_more_traffic_to_a_failing_version_wants_force(
    failing: Mesh, operator: Operator, words: tuple[str, ...]
) -> None:
    before = failing.api.call("GET", VS)["spec"]
    ran = under_load(failing, operator, *words, "--yes")
    assert ran.status == 1
    assert re.search("v3 (is failing now|may be failing)", ran.err)
    assert failing.api.call("GET", VS)["spec"] == before
    assert under_load(failing, operator, *words, "--yes", "--force").status == 0


def test_everywhere_takes_the_testers_along_and_one_undo_brings_all_back(
    failing: Mesh, operator: Operator
) -> None:
    failing.write_rules(TESTERS, ORDINARY)
    failing.until_routed("testers")
    edge: Obj = {
        "kind": "VirtualService",
        "metadata": {"name": "rollback-edge"},
        "spec": {
            "hosts": ["edge.example.com"],
            "gateways": ["bookinfo-gateway"],
            "http": [{"name": "edge", "route": [to("v1", 98), to("v3", 2)]}],
        },
    }
    failing.create("virtualservices", edge)
    before = failing.api.call("GET", VS)["spec"]
    dry = operator.change("rollback", "reviews", "--to", "v1", "--dry-run")
    assert len(dry["not_reached"]) == 2
    assert operator.run("rollback", "reviews", "--to", "v1", "--everywhere", "--yes").status == 0
    assert (carrying(failing, 0), carrying(failing, 1)) == (["v1"], ["v1"])
    path = f"{ISTIO}/virtualservices/rollback-edge"
    weights = [r["weight"] for r in failing.api.call("GET", path)["spec"]["http"][0]["route"]]
    assert weights == [100, 0]
    headers = {"end-user": "jason"}
    assert served(failing.send(50, headers=headers)) == {"reviews-v1": 50}
    assert operator.run("undo", "--yes", "--force").status == 0
    assert failing.api.call("GET", VS)["spec"] == before
    assert failing.api.call("GET", path)["spec"] == edge["spec"]
