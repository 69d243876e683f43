"""The settings: one table; where each value comes from; what is wrong, with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtui.cli.main import main
from meshtui.config import SETTINGS, Config, load, load_config
from meshtui.config.settings import BY_NAME
from meshtui.config.template import template
from meshtui.errors import Usage

Capture = pytest.CaptureFixture[str]
NO_ENVIRONMENT: dict[str, str] = {}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file would be."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = tmp_path / "meshtui" / "config.yaml"
    found.parent.mkdir()
    return found


def test_the_table_and_the_dataclass_are_the_same() -> None:
    assert list(BY_NAME) == list(Config.__dataclass_fields__)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.name)
def test_each_example_is_one_that_is_taken(setting: Any, path: Path) -> None:
    path.write_text(f"# first\n{setting.name}: {setting.example}\n")
    found = load(path, NO_ENVIRONMENT)
    assert found.sources[setting.name] == f"{path}:2"
    assert {found.sources[one.name] for one in SETTINGS if one is not setting} == {"default"}
    wanted = setting.check(yaml.safe_load(setting.example))
    assert getattr(found.config, setting.name) == wanted


def test_without_a_file_all_is_by_default(path: Path) -> None:
    found = load(None, NO_ENVIRONMENT)
    assert (found.config, found.found, found.path) == (Config(), False, path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nthme: x", r":1: unknown key a: there are: theme, "),
        ("failing: 0.5\n\nthme: x", r":3: unknown key thme: is it theme\?"),
        ("Prometheus: auto", r":1: unknown key Prometheus: is it prometheus\?"),
        ("failing: 2", r":1: failing is a number from 0 to 1: as in `failing: 0.10`"),
        ("failing: true", "failing is a number"),
        ("failing: .nan", "failing is a number"),
        ("tick_s: soon", "tick_s is a number from 0.2 to 3600"),
        ("theme: [a]", "theme is a word"),
        ("ascii: 7", "ascii is true or false"),
        ("stable: v1", "stable is a map of services to versions"),
        ("\nbadges: {a: blue}", ":2: badges is a map of contexts to red, yellow, plain"),
        ("prometheus_match: [1]", "prometheus_match is a text or a list of texts"),
        ("- a", "expected keys and values"),
        ("just words", "expected keys and values"),
        ("a: [", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("1: 2", "unknown key 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(path: Path, text: str, words: str) -> None:
    path.write_text(text)
    with pytest.raises(Usage, match=words):
        load_config(path)


def test_what_cannot_be_read_is_said(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Usage, match="cannot be read"):
        load_config(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(Usage, match="cannot be read"):
        load_config(path)


def test_the_environment_goes_before_the_file(path: Path) -> None:
    path.write_text("theme: a\nfailing: 0.2\n")
    environment = {"MESHTUI_THEME": "b", "MESHTUI_READ_ONLY": "yes", "MESHTUI_TICK_S": "5"}
    found = load(path, environment)
    assert (found.config.theme, found.config.read_only, found.config.tick_s) == ("b", True, 5.0)
    assert found.config.failing == 0.2
    assert found.sources["theme"] == "MESHTUI_THEME"
    with pytest.raises(Usage, match="MESHTUI_ASCII: ascii is true or false"):
        load(path, {"MESHTUI_ASCII": "perhaps"})


def test_the_template_names_every_setting_and_sets_none() -> None:
    assert yaml.safe_load(template()) is None
    uncommented = re.sub(r"^# (\w+: )", r"\1", template(), flags=re.MULTILINE)
    assert list(yaml.safe_load(uncommented)) == [one.name for one in SETTINGS]


def test_init_writes_a_file_and_never_over_one(path: Path, capsys: Capture) -> None:
    assert main(["config", "init"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_text() == template() and path.stat().st_mode & 0o777 == 0o600
    path.write_text("theme: mine\n")
    assert main(["config", "init"]) == 1
    assert "is there already: --force writes over it" in capsys.readouterr().err
    assert path.read_text() == "theme: mine\n"
    assert main(["config", "init", "--force"]) == 0
    assert path.read_text() == template()


def test_path_says_where_even_where_the_file_is_wrong(path: Path, capsys: Capture) -> None:
    path.write_text("thme: x")
    assert main(["config", "path", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "found": True}
    assert main(["config", "show"]) == 2
    assert main(["config", "show", "--force"]) == 2


def test_show_says_where_each_value_comes_from_and_shows_no_secret(
    path: Path, capsys: Capture
) -> None:
    path.write_text(
        "theme: dusk\nprometheus: https://me:s3cret@host\n"
        "prometheus_headers: ['Authorization: s3cret']\n"
    )
    assert main(["config", "show"]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["theme"] == ["dusk", f"{path}:1"] and rows["failing"] == ["0.1", "default"]
    assert "(hidden)" in out and "s3cret" not in out
    assert main(["config", "show", "-o", "json"]) == 0
    document = capsys.readouterr().out
    assert "s3cret" not in document
    found = {one["name"]: one for one in json.loads(document)["settings"]}
    assert (found["theme"]["value"], found["theme"]["from"]) == ("dusk", f"{path}:1")
    assert (found["failing"]["value"], found["failing"]["from"]) == (0.1, "default")
    assert found["failing"]["variable"] == "MESHTUI_FAILING"
