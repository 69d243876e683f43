"""A name that nothing has is answered with the nearest ones, by every command that takes names."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.cli.main import main
from meshtui.errors import Exit
from meshtui.mesh.nearest import MOST_NAMED, near_names, nearest_words
from meshtui.verbs import VERBS
from tests.unit.test_exit_codes import World, away
from tests.unit.test_exit_codes import world as world  # the fixture

SERVICE = {
    "services": "services review",
    "logs": "logs review",
    "proxy": "proxy routes review-v",
    "status": "status review",
    "pods": "pods review",
    "trace": "trace review",
    "request": "request review",
    "load": "load review --rps 1 --for 1s --yes",
    "signals": "signals review",
    "exposure": "exposure review",
    "graph": "graph review",
    "journal": "journal review",
    "shift": "shift review v1=5",
    "promote": "promote review v1",
    "rollback": "rollback review",
    "mirror": "mirror review --to v1",
    "fault": "fault review --abort 503",
    "timeout": "timeout review 2s",
    "breaker": "breaker review --max-pending 1",
    "adopt": "adopt review",
    "edit": "edit vs/review",
    "canary status": "canary status review",
    "canary hold": "canary hold review",
    "canary resume": "canary resume review",
    "canary abort": "canary abort review",
    "canary promote": "canary promote review",
}
VERSION = {
    "logs": "logs reviews --version v22",
    "signals": "signals reviews --version v22",
    "shift": "shift reviews v22=5",
    "promote": "promote reviews v22",
    "rollback": "rollback reviews --to v22",
    "mirror": "mirror reviews --to v22",
    "breaker": "breaker reviews --subset v22 --max-pending 1",
}
NAMING = {"service", "pod", "object"}
VERSIONS = {"version", "to", "subset", "weights"}
LOCAL = {"proxy", "adopt"}
"""A proxy's clusters are narrowed by a subset that it need not have; `adopt --stable` is refused
where rules are there, as in this mesh."""

WATCHING = {"canary run"}
"""It follows a mesh, of which a cluster in memory has none; it looks for names as all others do."""


def test_the_tables_have_every_command_that_takes_a_name() -> None:
    verbs = [verb for verb in VERBS if verb.command and not verb.name.startswith("lab")]

    def taking(names: set[str]) -> set[str]:
        found = {v.name for v in verbs if names & {one.attribute for one in v.parameters}}
        return found | {v.name for v in verbs if v.needs == "service" and "service" in names}

    assert taking(NAMING) - WATCHING == set(SERVICE)
    assert taking(VERSIONS) - LOCAL - WATCHING == set(VERSION)


@pytest.mark.parametrize("line", [*SERVICE.values()])
def test_a_service_is_named_nearly(
    world: World, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", away(tmp_path))
    assert main(line.split()) == Exit.FAILED
    refused(capsys.readouterr().err, "reviews")
    assert not world.routed.writes


@pytest.mark.parametrize("line", [*VERSION.values()])
def test_a_version_is_named_nearly(
    world: World, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*line.split()]) == Exit.FAILED
    refused(capsys.readouterr().err, "v2")
    assert not world.routed.writes


def refused(err: str, meant: str) -> None:
    (line,) = [line for line in err.splitlines() if "did you mean" in line]
    assert f"did you mean {meant}" in line


def test_a_caller_a_rule_and_a_change_are_named_nearly(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shift", "reviews", "v1=80", "--yes", "--no-verify"]) == Exit.DONE
    (change,) = {row.id for row in _journal()}
    capsys.readouterr()
    assert main(["undo", change[-4:], "--yes"]) == Exit.FAILED
    refused(capsys.readouterr().err, change)
    assert main(["trace", "reviews", "--from", "review-v1"]) == Exit.FAILED
    refused(capsys.readouterr().err, "reviews-v1")


def _journal() -> tuple[object, ...]:
    from contextlib import closing

    from meshtui.journal import Journal

    with closing(Journal.for_cluster("https://fake:6443")) as opened:
        return opened.changes()


def test_many_names_are_not_all_said() -> None:
    names = [f"service-{n}" for n in range(40)]
    assert nearest_words("cart", names).endswith(f"and {40 - MOST_NAMED} more")
    assert nearest_words("cart", []) == "" and nearest_words("cart", [], "none") == "none"


def test_what_is_held_counts_as_near_and_the_case_does_not_matter() -> None:
    assert near_names("REVIEWS", ["ratings", "reviews"]) == ["reviews"]
    assert near_names("sum", ["mesh-proxies-summary", "cart"]) == ["mesh-proxies-summary"]
    assert not near_names("cart", ["ratings", "reviews"])
