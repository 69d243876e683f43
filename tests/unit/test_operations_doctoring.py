"""What doctor says of the telemetry, whichever source is chosen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from meshtui.errors import Unreachable
from meshtui.kube import access
from meshtui.kube.resources import Resource
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample
from meshtui.metrics import choose
from meshtui.operations.look import doctor
from meshtui.operations.look.doctor import ELSEWHERE, FAIL, OK, TO_DO, WARN, examine
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from tests.unit.fake_cluster import FakeCluster


class Source:
    """Gives one sample, or an error; remembers that it was let go of."""

    name = "prometheus"

    def __init__(self, sample: Sample | Unreachable) -> None:
        self._sample = sample
        self.closed = False

    async def sample(self, mesh: Mesh) -> Sample:
        if isinstance(self._sample, Unreachable):
            raise self._sample
        return self._sample

    async def close(self) -> None:
        self.closed = True


async def read_mesh(_: Session) -> Mesh:
    return Mesh()


async def telemetry(
    monkeypatch: pytest.MonkeyPatch, folder: Path, wanted: str, found: Sample | Unreachable
) -> tuple[str, str]:
    """State and text of the check of a session that wants `wanted`."""
    source, asked = Source(found), []

    def source_for(_: object, word: str, __: object) -> Source:
        asked.append(word)
        return source

    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.setattr(choose, "source_for", source_for)
    monkeypatch.setattr(Session, "read_mesh", read_mesh)
    cluster = FakeCluster()
    cluster.objects["/version"] = {"gitVersion": "v1.36.0"}
    session = Session(cluster, Options(prometheus=wanted))
    checks = {check.name: check async for check in examine(session)}
    await session.close()
    assert asked == [wanted]
    assert source.closed
    return checks["telemetry"].level, checks["telemetry"].text


def sample(**fields: object) -> Sample:
    return Sample(0.0, "prometheus", 15.0, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "level", "text"),
    [
        (sample(read=7), OK, "prometheus: 7 read, 0 not"),
        (sample(), WARN, "prometheus: 0 read, 0 not"),
        (sample(read=6, failed=1), WARN, "prometheus: 6 read, 1 not"),
        (sample(read=7, problems=("late",)), WARN, "prometheus: 7 read, 0 not; late"),
        (Unreachable("it is down", "start it"), FAIL, "it is down: start it"),
    ],
)
async def test_the_chosen_source_is_read_and_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    found: Sample | Unreachable,
    level: str,
    text: str,
) -> None:
    told = await telemetry(monkeypatch, tmp_path, "http://prometheus:9090", found)
    assert told == (level, text)


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ({"gitVersion": "v1.36.0"}, "Kubernetes v1.36.0"),
        ({"gitVersion": 7}, "Kubernetes ?"),
        (None, "Kubernetes ?"),
        ([], "Kubernetes ?"),
        ("v1", "Kubernetes ?"),
    ],
)
async def test_a_version_that_is_none_is_shown_as_not_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: Any, text: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    cluster = FakeCluster()
    cluster.objects["/version"] = version
    session = Session(cluster, Options())
    checks = [check async for check in examine(session)]
    await session.close()
    assert [check.text for check in checks if check.name == "cluster"] == [text]


@pytest.mark.parametrize("may", [True, False])
async def test_the_rights_of_a_canary_are_asked_for_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, may: bool
) -> None:
    async def allowed(_: object, verb: str, resource: Resource, *rest: str) -> bool:
        return may or resource.plural != "leases"

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(access, "allowed", allowed)
    monkeypatch.setattr(Session, "read_mesh", read_mesh)
    cluster = FakeCluster()
    cluster.objects["/version"] = {"gitVersion": "v1.36.0"}
    session = Session(cluster, Options(prometheus="none"))
    checks = [c async for c in examine(session) if c.name == "right" and "leases" in c.text]
    await session.close()
    assert [check.text.split()[0] for check in checks] == ["get", "list", "create", "patch"]
    assert {check.level for check in checks} == {OK if may else WARN}
    assert all(("deploy/rbac.yaml" in check.text) != may for check in checks)


async def test_each_check_that_is_not_well_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def allowed(*_: object) -> bool:
        return False

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(access, "allowed", allowed)
    monkeypatch.setattr(Session, "read_mesh", read_mesh)
    cluster = FakeCluster()
    cluster.objects["/version"] = {"gitVersion": "v1.36.0"}
    session = Session(cluster, Options(prometheus="none"))
    checks = [check async for check in examine(session)]
    await session.close()
    assert {check.name for check in checks} >= {"right", "istiod", "telemetry"}
    assert all(bool(check.do) == (check.level != OK) for check in checks)
    assert next(check.do for check in checks if check.name == "istiod") == ELSEWHERE


def test_there_is_something_to_do_for_every_check_of_the_doctor() -> None:
    source = Path(doctor.__file__).read_text()
    names = set(re.findall(r"Check\(\s*\"(\w+)\"", source)) - {"context"}
    assert names == set(TO_DO)
