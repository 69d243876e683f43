"""Files with dumps: what a kill leaves, and names that are none."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from meshtui.cli.proxies import _dump
from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.model import Mesh, Pod
from meshtui.operations.proxies import files as saving
from meshtui.operations.proxies.files import save_as, save_new
from meshtui.operations.proxies.views import LiveProxies
from tests.unit.fake_cluster import FakeCluster


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "meshtui" / "dumps"


@pytest.mark.parametrize("name", ["", ".", "/", "..", "x/..", "there"])
def test_a_name_of_no_file_is_refused_in_words(tmp_path: Path, name: str) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(MeshtuiError):
        save_as(Path("/") if name == "/" else tmp_path / name if name else Path(), b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_what_a_kill_left_behind_goes_with_a_later_dump(folder: Path) -> None:
    folder.mkdir(parents=True)
    left, young, others = folder / ".a.json.0123abcd", folder / ".b.json.0123abcd", folder / ".c"
    for path in (left, young, others):
        path.write_text("half")
    for path in (left, others):
        os.utime(path, (0, 0))
    saved = save_new("pod", b"{}")
    assert set(folder.iterdir()) == {young, others, saved}


def test_a_full_disk_leaves_nothing_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saving.os, "fsync", full)
    with pytest.raises(MeshtuiError, match="No space left"):
        save_new("pod", b"{}")
    assert list(folder.iterdir()) == []


def test_a_file_system_without_links_keeps_dumps_too_and_overwrites_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(saving.os, "link", no_links)
    saved = save_new("pod", b"{}")
    assert saved.read_bytes() == b"{}" and list(folder.iterdir()) == [saved]
    assert saved.stat().st_mode & 0o777 == 0o600
    mine = tmp_path / "mine"
    monkeypatch.setattr(saving, "refuse_unfit", lambda _: mine.write_text("mine"))
    with pytest.raises(Refused, match="there already"):
        save_as(mine, b"{}")
    assert mine.read_text() == "mine"


async def test_no_proxy_is_asked_for_what_cannot_be_saved(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    asked = FakeCluster()
    with pytest.raises(Refused, match="there already"):
        await _dump(LiveProxies(asked, Mesh()), Pod("ns", "pod"), str(tmp_path / "there"), "table")
    assert asked.forwards == 0
