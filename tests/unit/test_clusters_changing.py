"""`--all-clusters` against two API servers: in both or in none, each in its own journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtui.cli.main import main
from tests.meshserver import MeshServer, mesh_server
from tests.ui import bookinfo

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
