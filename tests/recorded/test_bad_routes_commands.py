"""The commands over routes with which something is wrong: said in a line, and never written."""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtui.cli.main import main
from meshtui.errors import Exit
from meshtui.mesh.gateway_api import API_GATEWAYS
from tests.meshserver import MeshServer, mesh_server
from tests.recorded.analyzed import objects_of
from tests.recorded.cases import GATEWAY_API, PLURALS, load, made_services
from tests.recorded.test_bad_routes import PARTS, SERVICE, WRONG, route

Obj = dict[str, Any]
Capture = pytest.CaptureFixture[str]
QUIET = ("--prometheus", "none", "--window", "50ms", "--no-verify")
LOOKS = ("--prometheus", "none")


def combinations() -> list[Any]:
    """Each damage once, on one kind and parent after the other."""
    found = []
    turns = cycle(range(8))
    for how, wrong in WRONG.items():
        turn = next(turns)
        kind = wrong.kinds[turn % len(wrong.kinds)]
        place = wrong.at[turn // 2 % len(wrong.at)]
        found.append(pytest.param(how, kind, place, id=f"{kind}-{place}-{how}"))
    return found


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MeshServer]:
    case = load("m-tls", "gateway-api")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("sys.stdin", None)
    with mesh_server() as found:
        found.objects = {plural: [] for plural in (*PLURALS.values(), API_GATEWAYS)}
        for obj in copy.deepcopy(objects_of(case)):
            of_api = obj["kind"] == "Gateway" and obj["apiVersion"].startswith(GATEWAY_API)
            plural = API_GATEWAYS if of_api else PLURALS.get(obj["kind"])
            if plural and not plural.endswith("routes"):
                if obj["metadata"]["name"] == "gate-istio":
                    obj["status"] = {"phase": "Running"}
                    obj["spec"] = {"containers": [{"name": "istio-proxy"}]}
                obj["metadata"] |= {"uid": obj["metadata"]["name"], "resourceVersion": "1"}
                found.objects[plural].append(obj)
                found.objects["services"] += made_services(obj) if of_api else ()
        monkeypatch.setenv("KUBECONFIG", found.kubeconfig(tmp_path))
        yield found


def put(server: MeshServer, kind: str, place: str, how: str = "") -> Obj:
    """The route as the server has it; what a test does to it is done there."""
    damage = WRONG[how].damage if how else None
    raw: Obj = json.loads(json.dumps(dict(route(kind, place, damage).raw)))
    server.objects[PLURALS[kind]] = [raw]
    return raw


def names_of(kind: str, place: str) -> tuple[str, str]:
    """The service by whose name the route is found, and its first version's."""
    name = PARTS[kind][1]
    return (f"{name}-v1" if place != SERVICE else name), f"{name}-v1"


def run(words: str, capsys: Capture) -> tuple[int, str]:
    """The status, and all that was said. A crash would be said to be one."""
    status = main([*shlex.split(words), "-n", "gw-a"])
    out, err = capsys.readouterr()
    assert "unexpectedly" not in err, err
    assert status == 0 or err.startswith("meshtui: ") or "meshtui: " in err, (err, out)
    return status, out + err


@pytest.mark.parametrize(("how", "kind", "place"), combinations())
def test_no_command_crashes_and_none_writes_into_a_bad_route(
    how: str,
    kind: str,
    place: str,
    server: MeshServer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = copy.deepcopy(put(server, kind, place, how))
    service, version = names_of(kind, place)
    monkeypatch.setenv("EDITOR", "sed -i s/50/49/")
    dry = " ".join(("--dry-run", *QUIET))
    asked = {
        "rollback": f"rollback {service} --to {version} {dry}",
        "rollback in place": f"rollback {version} --to {version} {dry}",
        "shift": f"shift {service} {version}=10 {dry}",
        "canary": f"canary run {service} --to {version} --dry-run --prometheus none",
        "edit": f"edit {kind.lower()}/odd {dry}",
        "adopt": f"adopt {service} --gateway-api {dry}",
        "request": f"request {service} --prometheus none --timeout 1s",
        "load": f"load {service} --rps 1 --for 1s --prometheus none",
        **{
            look: f"{look} {service} --prometheus none" for look in ("trace", "exposure", "signals")
        },
    }
    said = {name: run(words, capsys) for name, words in asked.items()}
    assert server.objects[PLURALS[kind]] == [before] and not server.writes
    assert said["edit"][0] == 0 and "weight: 49" in said["edit"][1]
    for verb in ("rollback in place", "shift", "canary"):
        status, text = said[verb]
        assert not (WRONG[how].whole and status == 0), (verb, text)
    assert {said["trace"][0], said["exposure"][0]} <= {Exit.DONE, Exit.UNREACHABLE}, said
    assert yaml.safe_load(yaml.safe_dump(before)) == before


@pytest.mark.parametrize(("how", "kind", "place"), combinations())
def test_a_change_of_a_route_that_went_bad_since_is_undone_whole_or_not_at_all(
    how: str, kind: str, place: str, server: MeshServer, capsys: Capture
) -> None:
    raw = put(server, kind, place)
    service, version = names_of(kind, place)
    status, text = run(f"shift {service} {version}=10 --yes --force {' '.join(QUIET)}", capsys)
    assert status == 0, text
    raw = server.objects[PLURALS[kind]][0]
    WRONG[how].damage(raw["spec"])
    broken = copy.deepcopy(raw["spec"])
    status, text = run(f"undo --yes --force {' '.join(QUIET)}", capsys)
    spec = server.objects[PLURALS[kind]][0]["spec"]
    if status == 0:
        mended = copy.deepcopy(broken)
        for backend in mended["rules"][0]["backendRefs"]:
            backend["weight"] = 50
        assert spec == mended, text
    else:
        assert spec == broken and len(server.writes) == 1, text
