"""A Gateway API of versions that are not read: one line of it, on the screen and by commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshtui.cli.main import main
from meshtui.mesh.gateway_api import API_GROUP
from meshtui.operations.live import LiveCockpit
from meshtui.operations.options import Options
from meshtui.ui.app import MeshtuiApp
from tests.meshserver import MeshServer, mesh_server
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, Drive
from tests.ui.fake import FakeCockpit

SAID = f"{API_GROUP} is served as v2, which is not read"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MeshServer]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with mesh_server() as found:
        found.objects = bookinfo.objects()
        answer = found.answer

        def without_v1(method: str, target: str, body: Any) -> tuple[int, Any]:
            path = target.partition("?")[0]
            if path == f"/apis/{API_GROUP}":
                return 200, {"versions": [{"version": "v2"}]}
            if path.startswith(f"/apis/{API_GROUP}/"):
                return 404, {"kind": "Status", "code": 404, "message": "not found"}
            return answer(method, target, body)

        found.answer = without_v1  # type: ignore[method-assign]
        monkeypatch.setenv("KUBECONFIG", found.kubeconfig(tmp_path))
        yield found


@pytest.mark.parametrize("command", ["services", "analyze", "shift reviews v3=10 --dry-run"])
def test_a_command_says_it_once(
    server: MeshServer, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*command.split(), "--prometheus", "none"])
    out, err = capsys.readouterr()
    assert (out + err).count(SAID) == 1


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_screen_says_it_once(server: MeshServer, size: tuple[int, int]) -> None:
    app = MeshtuiApp(LiveCockpit(Options(prometheus="none")))
    async with app.run_test(size=size) as pilot:
        drive = Drive(app, FakeCockpit(), pilot)
        await drive.until(lambda: app.opened is not None)
        await drive.until(lambda: app.main.snapshot and app.main.table.entries)
        snapshot = app.main.snapshot
        assert snapshot is not None and sum(SAID in text for text in snapshot.notices) == 1
        await drive.until(lambda: "served as v2" in drive.text)
        assert drive.text.count("served as v2") == 1
