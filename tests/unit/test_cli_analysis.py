"""`meshtui analyze`: what it prints, and that findings are no failure."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from meshtui.changes.build import build_change
from meshtui.changes.change import SetFault, SetMirror, Target
from meshtui.cli import connect as opening
from meshtui.cli.main import main
from meshtui.diagnosis.refused_config import RefusedConfig, RefusedConfigs
from meshtui.errors import Unreachable
from meshtui.journal import Journal
from meshtui.mesh.model import Mesh
from meshtui.operations.look import refused_config
from meshtui.operations.look.analyze import findings
from tests.unit.objects import reviews, route

BROKEN = reviews({"route": [route("v9")]})


def use(
    monkeypatch: pytest.MonkeyPatch,
    mesh: Mesh | Exception,
    namespace: str = "default",
    refused: RefusedConfigs | None = None,
) -> None:
    """Lets the command read `mesh` instead of a cluster, and istiod's counts."""

    async def read_refused(*_: Any) -> RefusedConfigs:
        return refused or RefusedConfigs()

    async def read_mesh() -> Mesh:
        if isinstance(mesh, Exception):
            raise mesh
        return mesh

    @asynccontextmanager
    async def session(_: Any) -> AsyncIterator[Any]:
        cluster = SimpleNamespace(namespace=namespace)
        yield SimpleNamespace(read_mesh=read_mesh, cluster=cluster, journal=None)

    monkeypatch.setattr(opening, "session", session)
    monkeypatch.setattr(refused_config, "read_refused", read_refused)


def test_each_finding_says_what_where_why_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, BROKEN)
    assert main(["analyze"]) == 0
    out, err = capsys.readouterr()
    first, second, third = out.splitlines()
    place = "VirtualService default/reviews  spec.http[0].route[0].destination.subset"
    assert first == f"error    {place}  [missing-subset, IST0101, KIA1107]"
    assert second.strip().startswith("No DestinationRule defines subset v9 of reviews")
    assert third.strip().startswith("→ Define subset v9")
    assert err == "1 found in namespace default: 1 error\n"


@pytest.mark.parametrize(("form", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_documents(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str, load: Any
) -> None:
    use(monkeypatch, BROKEN)
    assert main(["analyze", "-o", form]) == 0
    document = load(capsys.readouterr().out)
    assert document["counts"] == {"error": 1, "warning": 0, "info": 0}
    (found,) = document["findings"]
    assert found["object"] == {
        "kind": "VirtualService",
        "namespace": "default",
        "name": "reviews",
        "uid": "uid-reviews",
    }
    assert set(found) == {
        "code",
        "severity",
        "object",
        "field",
        "effect",
        "advice",
        "same_as",
    }


def test_what_could_not_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    partial = {"sidecars": frozenset({"prod"}), "peerauthentications": frozenset[str]()}
    use(monkeypatch, replace(BROKEN, partial=partial))
    assert main(["analyze"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "not judged, as Sidecars outside prod are not read: what callers are kept from seeing",
        "not judged, as PeerAuthentications are not read: TLS against what pods accept",
        "1 found in namespace default: 1 error",
    ]
    assert main(["analyze", "-o", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["unchecked"]) == 2


def test_only_the_namespace_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, BROKEN, namespace="prod")
    assert main(["analyze"]) == 0
    assert capsys.readouterr() == ("", "nothing found in namespace prod\n")
    assert main(["analyze", "-A"]) == 0
    assert "missing-subset" in capsys.readouterr().out


def test_proxies_that_refuse_their_configuration_are_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh = reviews({"route": [route("v1")]})
    written = (mesh.virtual_services[0].ref,)
    pods = [RefusedConfig("default", f"web-{n}", ("rds",), written, 1.0) for n in range(3)]
    use(monkeypatch, mesh, refused=RefusedConfigs(tuple(pods)))
    assert main(["analyze"]) == 0
    out = capsys.readouterr().out
    assert "error    Pod default/web-0" in out
    assert "[refused-configuration]" in out
    assert "The proxy of web-0 has refused routes (RDS), by istiod's count" in out
    assert "does not serve VirtualService default/reviews as written." in out
    assert "So do 2 more of the namespace." in out


def test_counts_of_istiod_that_cannot_be_read_are_not_taken_for_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = RefusedConfigs(trouble="you may not get pods/proxy")
    use(monkeypatch, reviews({"route": [route("v1")]}), refused=refused)
    assert main(["analyze"]) == 0
    assert capsys.readouterr().err.splitlines()[0] == (
        "not judged, as istiod's metrics are not read: which proxies refuse their configuration "
        "(you may not get pods/proxy)"
    )


def test_hints_are_told_to_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, reviews({"route": [route("v1")]}))
    main(["analyze"])
    assert capsys.readouterr().out == ""
    main(["analyze", "--hints"])
    assert capsys.readouterr().out.count("unused-subset") == 2


def test_a_cluster_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, Unreachable("no answer", "try again"))
    assert main(["analyze"]) == 5


FAULT = {"abort": {"httpStatus": 503, "percentage": {"value": 10}}}


HEADER = ("end-user", "jason")


def made(mesh: Mesh, journal: Journal, *requests: SetFault | SetMirror) -> Mesh:
    """The mesh after these changes, which the journal knows."""
    for request in requests:
        change = build_change(mesh, request, Target(mesh.services[1].key))
        journal.settle(journal.begin(change, "test"), "written")
        mesh = reviews(*change.spec_after["http"])
    return mesh


def endless(mesh: Mesh, journal: Journal | None) -> list[str]:
    return [found.code for found in findings(mesh, journal) if found.code.startswith("endless")]


@pytest.mark.parametrize("header", [None, HEADER])
def test_a_fault_that_the_journal_will_end(tmp_path: Path, header: tuple[str, str] | None) -> None:
    journal = Journal(tmp_path / "journal.db")
    fault = SetFault(abort_http=503, abort_percent=10, header=header, expires_s=900)
    after = made(reviews({"route": [route("v1")]}), journal, fault)
    assert endless(after, None) == ["endless-fault"]
    assert endless(after, journal) == []
    journal.close()


@pytest.mark.parametrize(
    ("mirror_s", "fault_s", "left"),
    [
        (7200.0, 900.0, []),
        (None, 900.0, ["endless-mirror"]),
        (7200.0, None, ["endless-fault", "endless-mirror"]),
    ],
)
def test_limits_hold_where_another_rule_moved_theirs(
    tmp_path: Path, mirror_s: float | None, fault_s: float | None, left: list[str]
) -> None:
    """A fault for one header stands in a rule of its own before the others, with their mirror; it
    ends with that rule."""
    journal = Journal(tmp_path / "journal.db")
    mirror = SetMirror(to="v2", expires_s=mirror_s)
    fault = SetFault(abort_http=503, header=HEADER, expires_s=fault_s)
    after = made(reviews({"route": [route("v1")]}), journal, mirror, fault)
    assert len(after.virtual_services[0].rules) == 2
    assert sorted(endless(after, journal)) == left
    journal.close()
