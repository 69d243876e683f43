"""`meshtui signals` on the lab: the words of the pane, on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.harness import Mesh, to, until
from tests.lab.operator import Operator


@pytest.fixture
def operator(mesh: Mesh, tmp_path: Path) -> Iterator[Operator]:
    mesh.lab.load(30)
    yield Operator(mesh.lab.kubeconfig, tmp_path)
    mesh.lab.load(0)


def test_it_names_the_version_that_fails_and_why(mesh: Mesh, operator: Operator) -> None:
    mesh.route({"route": [to("v1", 50), to("v3", 50)], "retries": {"attempts": 0}})
    mesh.lab.set("reviews-v3", errors="100%")

    def failing() -> bool:
        found = operator.run("signals", "reviews", "--window", "2s", "-o", "json").json
        worst = found["states"][0]
        if "v3" not in worst["sentence"] or worst["state"] not in ("failing", "only errors"):
            return False
        (own, *_) = [one for one in found["explanations"] if one["code"] == "503"]
        assert own["of"] == ["v3"]
        return True

    until(failing, what="v3 fails")
    said = operator.run("signals", "reviews", "--version", "v3", "--window", "2s")
    assert said.status == 0
    assert "v3 answers" in said.out and "via_upstream" in said.out
    wrong = operator.run("signals", "reviews", "--version", "v9", "--window", "100ms")
    assert wrong.status == 1
    assert "has no version v9: there are: v1, v2, v3" in wrong.err
