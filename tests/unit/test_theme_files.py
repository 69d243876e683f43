"""Themes are those of their files, whatever was kept of them at an earlier start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshtui.ui.paths import shipped_themes
from meshtui.ui.themes import load_themes

NAME = "meshtui-dark"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "meshtui" / "themes.json"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "themes"
    folder.mkdir()
    for path in shipped_themes().glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    return folder


def test_the_second_reading_is_the_first(cache: Path, mine: Path) -> None:
    first = load_themes((mine,))
    assert first.found and not first.problems
    kept = cache.read_text()
    assert load_themes((mine,)) == first
    assert cache.read_text() == kept


def test_a_changed_file_is_read_anew_and_a_gone_one_is_gone(cache: Path, mine: Path) -> None:
    load_themes((mine,))
    path = mine / f"{NAME}.yaml"
    state = path.stat()
    path.write_text(path.read_text().replace(NAME, "meshtui-bark"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    names = {theme.name for theme in load_themes((mine,)).found}
    assert "meshtui-bark" in names and NAME not in names
    path.unlink()
    assert "meshtui-bark" not in {theme.name for theme in load_themes((mine,)).found}
    assert str(path) not in json.loads(cache.read_text())


def test_what_is_wrong_is_said_each_time(mine: Path) -> None:
    (mine / "bad.yaml").write_text("name: [")
    (mine / "worse.yaml").write_text("name: x\ncolours: {primary: nocolour}")
    (mine / "dated.yaml").write_text("2026-01-01: {? [a] : b}")
    first = load_themes((mine,))
    assert len(first.problems) == 3
    assert load_themes((mine,)) == first


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"PATH": 1}', '{"PATH": [[1, 2], 3]}', '{"PATH": [STATE, {}]}']
)
def test_a_damaged_cache_changes_nothing_but_what_it_says_of_a_file(
    cache: Path, mine: Path, text: str
) -> None:
    expected = load_themes((mine,))
    path = mine / f"{NAME}.yaml"
    found = path.stat()
    state = [found.st_mtime_ns, found.st_ctime_ns, found.st_size]
    cache.write_text(text.replace("PATH", str(path)).replace("STATE", json.dumps(state)))
    seen = load_themes((mine,))
    if "STATE" in text:
        assert seen.problems == (f"theme {NAME}.yaml left out: it has no name",)
        seen = load_themes((mine,))
    assert seen == expected


def test_where_nothing_can_be_written_themes_are_read(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert load_themes((mine,)).found


def test_a_start_with_known_themes_does_without_yaml(cache: Path) -> None:
    load_themes((shipped_themes(),))
    assert cache.exists()
    script = (
        "import sys; from meshtui.ui.themes import load_themes; from meshtui.ui.paths import "
        "shipped_themes; from meshtui.config.loading import load; load(); "
        "print(len(load_themes((shipped_themes(),)).found), 'yaml' in sys.modules)"
    )
    home = {"XDG_CACHE_HOME": str(cache.parents[1]), "XDG_CONFIG_HOME": str(cache.parent)}
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, env={**os.environ, **home}, capture_output=True, check=True)
    assert done.stdout.decode().split() == ["5", "False"]
