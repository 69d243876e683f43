"""A proxy that refuses what it is sent says so only in a counter: the operator is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.lab.process import RunningLab
from tests.lab.harness import Mesh, Obj, to, until
from tests.lab.operator import Operator

DETAILS: Obj = {"route": [{"destination": {"host": "details"}}]}

NO_REDIRECT: Obj = {"redirect": {"uri": "/", "redirectCode": 305}}
"""A code that the webhook lets in and istiod knows no redirect for: Envoy refuses both tables."""


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


@pytest.fixture
def refusing(mesh: Mesh) -> Mesh:
    """productpage's proxy refuses its routes, since somebody wrote a bad rule for `details`."""
    mesh.route({"route": [to("v1", 100), to("v3", 0)]})
    before = refusals(mesh)
    mesh.write_rules(NO_REDIRECT, DETAILS, service="details")
    until(lambda: refusals(mesh) > before, what="a refused route table")
    return mesh


def refusals(mesh: Mesh) -> int:
    lines = mesh.lab.admin("productpage-v1", "/stats?filter=update_rejected$").splitlines()
    return sum(int(line.rsplit(": ", 1)[1]) for line in lines)


def test_a_change_that_the_proxy_refuses_is_said_to_be_rejected(
    refusing: Mesh, operator: Operator
) -> None:
    for weight in (20, 30, 40):
        shift = ("shift", "reviews", f"v3={weight}", "--yes", "--timeout", "6s", "-o", "json")
        ran = operator.run(*shift)
        assert ran.status == 1
        assert (ran.json["applied"], ran.json["verified"]) == (True, False)
        (said,) = [warning for warning in ran.json["warnings"] if "productpage" in warning]
        assert "v3" in said
        if "is old" not in said:
            break  # else the proxy of a busy machine had no second to give its count before
    assert "is rejected: its Envoy has refused 2 configurations since" in said


def test_an_old_refusal_is_not_held_against_a_change(refusing: Mesh, operator: Operator) -> None:
    refusing.write_rules(DETAILS, service="details")
    refusing.route({"route": [to("v1", 100), to("v3", 0)]})
    assert operator.change("shift", "reviews", "v3=20")["verified"] is True
