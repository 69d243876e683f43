"""`meshtui services --reporter`: whose numbers are printed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from meshtui.cli import connect as opening
from meshtui.cli.main import main
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample, VersionKey
from meshtui.operations.options import Options
from tests.unit.explaining import mesh_of, signals

V1 = VersionKey(ServiceKey("default", "reviews"), "v1")


@pytest.fixture(autouse=True)
def reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers of v1 see 30 % errors, v1 itself answers 1 %."""
    caller, server = signals(10, c503=30), signals(8, c503=1)

    async def read_mesh() -> Mesh:
        return mesh_of()

    async def sample(*_: Any, **__: Any) -> tuple[Sample, None, None]:
        totals = {V1.service: caller}, {V1.service: server}
        return Sample(1.0, "test", 10.0, {V1: caller}, {V1: server}, *totals), None, None

    @asynccontextmanager
    async def session(_: Any) -> AsyncIterator[Any]:
        options = Options()
        cluster = SimpleNamespace(namespace="default")
        yield SimpleNamespace(read_mesh=read_mesh, cluster=cluster, options=options)

    monkeypatch.setattr(opening, "session", session)
    monkeypatch.setattr(opening, "sample_and_hour", sample)


def v1(out: str) -> dict[str, Any]:
    service = next(s for s in json.loads(out)["services"] if s["name"] == "reviews")
    found: dict[str, Any] = next(v for v in service["versions"] if v["version"] == "v1")
    return found


def test_callers_numbers_are_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "-o", "json"]) == 0
    plain = v1(capsys.readouterr().out)
    assert main(["services", "--reporter", "source", "-o", "json"]) == 0
    assert v1(capsys.readouterr().out) == plain
    assert (plain["error_ratio"], plain["state"]) == (0.3, "failing")
    assert plain["server"]["error_ratio"] == 0.0125


def test_the_servers_numbers_stand_where_the_callers_stood(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["services", "--reporter", "destination", "-o", "json"]) == 0
    own = v1(capsys.readouterr().out)
    assert (own["rps"], own["error_ratio"], own["state"]) == (8, 0.0125, "degraded")


def test_the_table_of_the_servers_view_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "--reporter", "destination"]) == 0
    assert "the server's view" in capsys.readouterr().err


def test_another_reporter_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["services", "--reporter", "waypoint"])
    assert ended.value.code == 2
