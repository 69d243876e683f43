"""`--all-clusters` against two API servers: in both or in none, each in its own journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtui.changes.change import Together
from meshtui.cli.main import main
from meshtui.errors import Refused, Usage
from meshtui.journal import Entry, Journal, Status
from meshtui.operations.change.undo_in_clusters import parts_of
from tests.meshserver import MeshServer, mesh_server
from tests.ui import bookinfo
from tests.unit.test_journal import shift

Capture = pytest.CaptureFixture[str]
SHIFT = ("shift", "reviews", "v3=10", "--context", "east,west")
HOW = ("--all-clusters", "--yes", "--no-verify", "--prometheus", "none", "-o", "json")


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, MeshServer]]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with mesh_server() as east, mesh_server() as west:
        found = {"east": east, "west": west}
        for server in found.values():
            server.objects = bookinfo.objects()
        config: dict[str, Any] = {"users": [{"name": "me", "user": {"token": "secret"}}]}
        config["clusters"] = [{"name": n, "cluster": {"server": s.url}} for n, s in found.items()]
        config["contexts"] = [
            {"name": n, "context": {"cluster": n, "user": "me", "namespace": bookinfo.NAMESPACE}}
            for n in found
        ]
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        yield found


def weights(server: MeshServer) -> dict[str, int]:
    rule = server.objects["virtualservices"][0]["spec"]["http"][-1]
    return {route["destination"]["subset"]: route["weight"] for route in rule["route"]}


def journaled(context: str, capsys: Capture) -> list[str]:
    assert main(["journal", "--context", context, "-o", "json"]) == 0
    return [change["verb"] for change in json.loads(capsys.readouterr().out)["changes"]]


def refuse_writes(server: MeshServer) -> None:
    """What is asked with `dryRun` goes well; what would be stored does not."""
    answer = server.answer

    def refusing(method: str, target: str, body: Any) -> tuple[int, Any]:
        if method == "PATCH" and "dryRun" not in target:
            return 403, {"kind": "Status", "code": 403, "message": "not now"}
        return answer(method, target, body)

    server.answer = refusing  # type: ignore[method-assign]


def test_in_both_and_each_in_its_own_journal(
    servers: dict[str, MeshServer], capsys: Capture
) -> None:
    assert main([*SHIFT, *HOW]) == 0
    made = json.loads(capsys.readouterr().out)["clusters"]
    assert [(one["cluster"], one["error"], one["stands"]) for one in made] == [
        ("east", None, True),
        ("west", None, True),
    ]
    assert all(one["document"]["applied"] for one in made)
    assert {name: weights(one)["v3"] for name, one in servers.items()} == {"east": 10, "west": 10}
    assert journaled("east", capsys) == journaled("west", capsys) == ["shift"]


def test_a_time_limit_is_said_of_each(servers: dict[str, MeshServer], capsys: Capture) -> None:
    fault = ("fault", "reviews", "--abort", "503", "--for", "5m", "--context", "east,west")
    assert main([*fault, *HOW]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "it ends by itself in" in line]
    assert [line.partition(" in 5m00s")[0] for line in said] == [
        "meshtui: east: it ends by itself",
        "meshtui: west: it ends by itself",
    ]


def test_where_one_refuses_the_other_is_as_it_was(
    servers: dict[str, MeshServer], capsys: Capture
) -> None:
    refuse_writes(servers["west"])
    assert main([*SHIFT, *HOW]) == 4
    out, err = capsys.readouterr()
    east, west = json.loads(out)["clusters"]
    assert east["document"]["applied"] and east["undone_by"] and not east["stands"]
    assert west["error"] and not west["stands"] and not west["document"]["applied"]
    assert len(servers["east"].writes) == 2 and servers["west"].writes == []
    assert {name: weights(one)["v3"] for name, one in servers.items()} == {"east": 20, "west": 20}
    assert "not done in all clusters: what was made before is undone" in err
    assert journaled("east", capsys) == ["undo", "shift"]


def test_a_dry_run_shows_all_plans_and_writes_nothing(
    servers: dict[str, MeshServer], capsys: Capture
) -> None:
    assert main([*SHIFT, "--all-clusters", "--dry-run", "--prometheus", "none"]) == 0
    out = capsys.readouterr().out
    assert "east: nothing was written" in out and "west: nothing was written" in out
    assert all(not server.writes for server in servers.values())


def test_no_answer_is_a_no_for_all(
    servers: dict[str, MeshServer], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    words = [*SHIFT, "--all-clusters", "--no-verify", "--window", "50ms", "--prometheus", "none"]
    assert main(words) == 1
    err = capsys.readouterr().err
    assert "in east (http://127.0.0.1:" in err and "in west (http://127.0.0.1:" in err
    assert "not applied, nothing was written" in err
    assert all(not server.writes for server in servers.values())


def test_the_one_cluster_that_has_the_service_is_changed(
    servers: dict[str, MeshServer], capsys: Capture
) -> None:
    west = servers["west"].objects
    west["services"] = [one for one in west["services"] if one["metadata"]["name"] != "reviews"]
    west["virtualservices"] = []
    words = [*SHIFT, "--yes", "--no-verify", "--prometheus", "none"]
    assert main(words) == 0
    assert "reviews stands in east alone" in capsys.readouterr().err
    assert weights(servers["east"])["v3"] == 10 and not servers["west"].writes


# Taken back in all of them

BACK = ("undo", "--context", "east,west")


def shifted(capsys: Capture) -> dict[str, str]:
    """Shifts in both; the identity of the change in each."""
    assert main([*SHIFT, *HOW]) == 0
    made = json.loads(capsys.readouterr().out)["clusters"]
    return {one["cluster"]: one["document"]["change"] for one in made}


def v3(servers: dict[str, MeshServer]) -> dict[str, int]:
    return {name: weights(server)["v3"] for name, server in servers.items()}


def test_what_was_made_in_all_is_undone_in_all(
    servers: dict[str, MeshServer], capsys: Capture
) -> None:
    ids = shifted(capsys)
    for words in (BACK, ("undo", ids["west"], *BACK[1:])):
        assert main([*words, *HOW[1:]]) == 2
        assert "was made in several clusters (east, west)" in capsys.readouterr().err
    assert main([*BACK, *HOW]) == 0
    undone = json.loads(capsys.readouterr().out)["clusters"]
    assert [(one["cluster"], one["error"], one["stands"]) for one in undone] == [
        ("east", None, True),
        ("west", None, True),
    ]
    assert v3(servers) == {"east": 20, "west": 20}
    assert journaled("east", capsys) == journaled("west", capsys) == ["undo", "shift"]
    assert main([*BACK, *HOW]) == 1
    assert "there is no change to undo" in capsys.readouterr().err


def test_an_undo_in_all_is_undone_in_all(servers: dict[str, MeshServer], capsys: Capture) -> None:
    shifted(capsys)
    assert main([*BACK, *HOW]) == 0
    back = json.loads(capsys.readouterr().out)["clusters"][0]["document"]["change"]
    assert main(["undo", back, *BACK[1:], *HOW]) == 0
    assert v3(servers) == {"east": 10, "west": 10}


def test_where_one_undo_is_refused_the_change_stands_in_all(
    servers: dict[str, MeshServer], capsys: Capture
) -> None:
    shifted(capsys)
    refuse_writes(servers["west"])
    assert main([*BACK, *HOW]) == 4
    out, err = capsys.readouterr()
    east, west = json.loads(out)["clusters"]
    assert east["undone_by"] and not east["stands"] and west["error"]
    assert v3(servers) == {"east": 10, "west": 10}
    assert "not done in all clusters: what was made before is undone" in err
    assert journaled("east", capsys) == ["undo", "undo", "shift"]


def test_what_somebody_changed_since_keeps_all_from_being_undone(
    servers: dict[str, MeshServer], capsys: Capture
) -> None:
    ids = shifted(capsys)
    rule = servers["west"].objects["virtualservices"][0]["spec"]["http"][-1]
    rule["route"][0]["weight"] += 1
    before = [len(server.writes) for server in servers.values()]
    assert main(["undo", ids["east"], *BACK[1:], *HOW]) == 3
    assert "west: change " in capsys.readouterr().err
    assert [len(server.writes) for server in servers.values()] == before


def test_what_is_undone_in_one_already_is_undone_in_the_rest(
    servers: dict[str, MeshServer], capsys: Capture
) -> None:
    ids = shifted(capsys)
    assert main(["undo", ids["west"], "--context", "west", *HOW[1:]]) == 0
    assert v3(servers) == {"east": 10, "west": 20}
    assert main(["undo", ids["west"], *BACK[1:], *HOW]) == 0
    assert v3(servers) == {"east": 20, "west": 20}
    assert f"change {ids['east']} stands in east alone" in capsys.readouterr().err


def test_a_change_of_one_cluster_is_found_there(
    servers: dict[str, MeshServer], capsys: Capture
) -> None:
    assert main(["shift", "reviews", "v3=10", "--context", "west", *HOW[1:]]) == 0
    assert main([*BACK, *HOW]) == 0
    assert "stands in west alone" in capsys.readouterr().err
    assert v3(servers) == {"east": 20, "west": 20}


def test_several_objects_are_undone_in_all(servers: dict[str, MeshServer], capsys: Capture) -> None:
    for server in servers.values():
        for kind in ("virtualservices", "destinationrules"):
            server.objects[kind] = []
    assert main(["adopt", "reviews", "--context", "east,west", *HOW]) == 0
    assert all(len(server.objects["virtualservices"]) == 1 for server in servers.values())
    assert main([*BACK, *HOW]) == 0
    capsys.readouterr()
    for name, server in servers.items():
        assert server.objects["virtualservices"] == server.objects["destinationrules"] == []
        assert journaled(name, capsys) == ["undo", "adopt"]


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    journal = Journal(tmp_path / "east.sqlite")
    together = Together("a", ("east", "west"))
    change_id = journal.begin(replace(shift(), together=together), "east")
    journal.settle(change_id, Status.VERIFIED)
    found = journal.made_together(together)
    assert found is not None and found == journal.get(change_id)
    assert journal.made_together(Together("b", ("east", "west"))) is None
    return found


def test_an_undo_in_all_misses_no_cluster(entry: Entry) -> None:
    with pytest.raises(Usage, match="was made in west too"):
        parts_of(entry, {"east": lambda _: entry})
    west = replace(entry, context="west", undone_by="somebody")
    known = {"east": lambda _: entry, "west": lambda _: west, "north": lambda _: None}
    assert parts_of(entry, known) == {"east": entry}
    gone = replace(entry, undone_by="somebody")
    with pytest.raises(Refused, match="stands in east, west"):
        parts_of(gone, {"east": lambda _: gone, "west": lambda _: west})
