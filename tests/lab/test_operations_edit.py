"""`edit` as an operator does it: what was typed is written, or it is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshtui.lab.process import RunningLab
from tests.lab.harness import ISTIO, Mesh, Obj, to, until
from tests.lab.operator import Operator, Ran

VS = f"{ISTIO}/virtualservices/reviews"
ALL: Obj = {"name": "all", "timeout": "15s", "route": [to("v1", 90), to("v2", 10)]}


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


@pytest.fixture
def rules(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> Mesh:
    monkeypatch.delenv("VISUAL", raising=False)
    mesh.write_rules(ALL)
    mesh.until_routed("all")
    return mesh


def spec(mesh: Mesh) -> Obj:
    found: Obj = mesh.api.call("GET", VS)["spec"]
    return found


def kept(operator: Operator) -> list[str]:
    """The texts that are left in the operator's home."""
    edits = operator.home / "state" / "meshtui" / "edits"
    return [path.read_text() for path in edits.glob("*.yaml")]


def edit(operator: Operator, editor: str, *words: str) -> Ran:
    os.environ["EDITOR"] = editor
    try:
        return operator.run("edit", "reviews", "--yes", "-o", "json", *words)
    finally:
        del os.environ["EDITOR"]


def test_what_was_typed_is_written_verified_and_undone(rules: Mesh, operator: Operator) -> None:
    ran = edit(operator, "sed -i -e s/15s/7s/ -e s/90/60/ -e 's/: 10$/: 40/'")
    assert ran.status == 0, ran.err
    assert ran.json["verified"] is True
    assert spec(rules)["http"] == [{**ALL, "timeout": "7s", "route": [to("v1", 60), to("v2", 40)]}]
    assert kept(operator) == []
    operator.change("undo")
    assert spec(rules)["http"] == [ALL]


def test_nothing_typed_changes_nothing_and_leaves_nothing(rules: Mesh, operator: Operator) -> None:
    ran = edit(operator, "true")
    assert (ran.status, ran.out) == (0, "")
    assert "nothing was changed" in ran.err
    assert kept(operator) == []


@pytest.mark.parametrize(
    ("editor", "told"),
    [
        ("sed -i s/http:/{http:/", "not YAML"),
        ("sed -i s/timeout:/route:/", "is there twice"),
        ("sed -i s/15s/.nan/", "JSON has no number nan"),
        ("sed -i 's/timeout: 15s/timeout: 15/'", "must be of type string"),
        ("sed -i 's/name: reviews/name: other/'", "can't be edited"),
        ("false", "ended with status 1"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_the_text_is_kept(
    rules: Mesh, operator: Operator, editor: str, told: str
) -> None:
    ran = edit(operator, editor)
    assert (ran.status, ran.out) == (1, "")
    assert told in ran.err
    assert "Traceback" not in ran.err
    assert "your text is" in ran.err or "your edit is kept in" in ran.err
    assert len(kept(operator)) == 1
    assert spec(rules)["http"] == [ALL]


def test_a_date_is_text_as_kubectl_has_it(rules: Mesh, operator: Operator) -> None:
    ran = edit(operator, "sed -i 's/name: all/name: 2024-01-31/'")
    assert ran.status == 0, ran.err
    assert spec(rules)["http"][0]["name"] == "2024-01-31"


def test_a_no_keeps_the_text(
    rules: Mesh, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/15s/7s/")
    ran = operator.run("edit", "reviews", answer="n\n")
    assert ran.status == 1
    assert "+    timeout: 7s" in ran.err or "+  timeout: 7s" in ran.err
    assert len(kept(operator)) == 1
    assert spec(rules)["http"] == [ALL]


def test_a_writer_meanwhile_is_a_conflict_and_the_text_is_kept(
    rules: Mesh, operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, script = tmp_path / "door", tmp_path / "editor"
    os.mkfifo(door)
    script.write_text(f'#!/bin/sh\nsed -i s/15s/7s/ "$1"\ncat {door} > /dev/null\n')
    script.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(script))
    editing = operator.start("edit", "reviews", "--yes")
    until(lambda: any("7s" in text for text in kept(operator)), what="the editor at work")
    rules.write_rules({**ALL, "timeout": "3s"})
    door.write_text("leave the editor")
    _, err = editing.communicate(timeout=60)
    assert editing.returncode == 3, err
    assert spec(rules)["http"] == [{**ALL, "timeout": "3s"}]
    (text,) = kept(operator)
    assert "7s" in text


def test_a_dry_run_shows_the_change_and_keeps_the_text(rules: Mesh, operator: Operator) -> None:
    ran = edit(operator, "sed -i s/15s/7s/", "--dry-run")
    assert (ran.status, ran.json["applied"]) == (0, False)
    assert ran.json["after"]["timeout"] == 7
    assert len(kept(operator)) == 1
    assert spec(rules)["http"] == [ALL]


def test_a_viewer_may_not_and_keeps_the_text(rules: Mesh, operator: Operator) -> None:
    ran = edit(operator, "sed -i s/15s/7s/", "--context", "viewer")
    assert ran.status == 4, ran.err
    assert len(kept(operator)) == 1
