"""Every kind of configuration file that is wrong, and who says so: one clear line each, and what
only reads starts without it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from meshtui.cli.application import app_of
from meshtui.cli.main import main
from meshtui.cli.options import options
from meshtui.cli.screen_settings import check_lines, doctors
from meshtui.config import load
from meshtui.errors import Exit, Usage

Capture = pytest.CaptureFixture[str]


def text(words: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(words)


def binary(path: Path) -> None:
    path.write_bytes(b"\x7fELF\n\xd0\x00")


def loop(path: Path) -> None:
    path.symlink_to(path)


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, " is a folder: move it away: a file belongs there"),
    "unreadable": (loop, " cannot be read (Too many levels of symbolic links)"),
    "binary": (binary, ":2: is not text in UTF-8: is it the right file?"),
    "huge": (text("#" * 1_100_000), " is larger than 1 MiB: is it the right file?"),
    "no map": (text("- a\n- b\n"), ": expected keys and values: `meshtui config init` writes"),
    "no YAML": (text("theme: [a\nascii: {"), ":2: is not YAML (expected"),
    "of a newer version": (text("mouse: false\nholograms: {depth: 3}\n"), ":2: unknown key holo"),
    "misspelt": (text("thme: x\n"), ":1: unknown key thme: is it theme?"),
    "of a context": (text("contexts:\n  p:\n    thme: x\n"), ":3: contexts: p: unknown key thme"),
    "a time": (
        text("fault_for: 15 minutes\n"),
        ":1: fault_for is a time, as in 15m or 2h, or none",
    ),
    "a unit": (text("tick_s: 2s\n"), ":1: tick_s is a number from 0.2 to 3600: as in `tick_s: 2"),
}
"""The file, and the line that is said of it behind its path."""

OF_THE_SCREEN = {
    "a theme": ("\ntheme: meshtui-drak\n", ":2: there is no theme meshtui-drak: did you mean mesh"),
    "an action": ("keys:\n  lgos: L\n", ":2: keys: there is no action lgos: is it logs?"),
    "a key": ("keys:\n  logs: ctrl+alt+zz\n", ":2: keys: logs: there is no key ctrl+alt+zz: is it"),
}
"""What only the screen knows: the file is well, and taken by everybody else."""

OF_CONTEXTS = {
    "a theme": ("contexts:\n  p-*:\n    theme: drak\n", ":3: there is no theme drak"),
    "an action": ("contexts:\n  p:\n    keys: {lgos: L}\n", ":3: keys: there is no action lgos"),
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    found = tmp_path / "meshtui" / "config.yaml"
    found.parent.mkdir()
    return found


def one_line(said: str, path: Path, words: str) -> None:
    """It names the file once."""
    assert said.count("\n") == 1 and said.count(str(path)) == 1
    assert f"{path}{words}" in said and "Errno" not in said


@pytest.mark.parametrize(("write", "words"), KINDS.values(), ids=KINDS)
class TestWrongFile:
    def test_show_says_it_and_shows_the_rest(
        self, write: Callable[[Path], object], words: str, path: Path, capsys: Capture
    ) -> None:
        write(path)
        assert main(["config", "show"]) == Exit.USAGE
        said = capsys.readouterr()
        one_line(said.err, path, words)
        assert "tick_s" in said.out

    def test_a_document_and_a_change_refuse(
        self, write: Callable[[Path], object], words: str, path: Path, capsys: Capture
    ) -> None:
        write(path)
        for command in ("config show -o json", "services -o json", "shift r v1=5 --dry-run"):
            assert main(command.split()) == Exit.USAGE
            said = capsys.readouterr()
            one_line(said.err, path, words)
            assert said.out == ""

    def test_who_reads_goes_on(
        self, write: Callable[[Path], object], words: str, path: Path, capsys: Capture
    ) -> None:
        write(path)
        for command in ("services", "--check", "doctor"):
            assert main(command.split()) == Exit.UNREACHABLE
            first, second = capsys.readouterr().err.splitlines(keepends=True)
            one_line(first, path, words)
            assert first.endswith(": read without that\n") and "no kubeconfig" in second

    def test_the_screen_starts(
        self, write: Callable[[Path], object], words: str, path: Path
    ) -> None:
        write(path)
        (problem,) = app_of(Namespace())._problems
        assert words.split(":")[-1].split("(")[0].strip()[:20] in problem

    def test_check_and_doctor_have_it_as_a_finding(
        self, write: Callable[[Path], object], words: str, path: Path
    ) -> None:
        write(path)
        found = options(Namespace(command="doctor"))
        assert [one.text.startswith(f"{path}{words}") for one in check_lines(found)] == [True]
        assert [one.level for one in doctors(found)] == ["warning"]


@pytest.mark.parametrize(("written", "words"), OF_THE_SCREEN.values(), ids=OF_THE_SCREEN)
def test_what_only_the_screen_knows_is_found_by_who_looks(
    written: str, words: str, path: Path, capsys: Capture
) -> None:
    path.write_text(written)
    assert main(["config", "show"]) == Exit.USAGE
    one_line(capsys.readouterr().err, path, words)
    found = options(Namespace(command="shift"))
    assert [f"{path}{words}" in one.text for one in check_lines(found)] == [True]
    assert [(one.level, bool(one.do)) for one in doctors(found)] == [("warning", True)]


@pytest.mark.parametrize(("written", "words"), OF_CONTEXTS.values(), ids=OF_CONTEXTS)
def test_show_looks_into_every_context(
    written: str, words: str, path: Path, capsys: Capture
) -> None:
    path.write_text(written)
    assert main(["config", "show"]) == Exit.USAGE
    one_line(capsys.readouterr().err, path, words)


def test_show_has_a_line_for_each_thing(path: Path, capsys: Capture) -> None:
    path.write_text("thme: x\ntick_s: 2s\ntheme: drak\n")
    assert main(["config", "show"]) == Exit.USAGE
    said = capsys.readouterr().err.splitlines()
    assert [f"{path}:{number}: " in line for number, line in enumerate(said, 1)] == [True] * 3


@pytest.mark.parametrize("written", [None, "", "# nothing\n", "---\n", "mouse: false\n"])
def test_no_file_and_an_empty_one_are_well(written: str | None, path: Path) -> None:
    if written is not None:
        path.write_text(written)
    found = options(Namespace(command="shift"))
    assert check_lines(found) == ()
    assert [one.level for one in doctors(found)] == ["ok"]


def test_the_variable_that_would_name_the_file_is_none(path: Path) -> None:
    with pytest.raises(Usage, match="MESHTUI_CONFIG is no setting: XDG_CONFIG_HOME is the folder"):
        load(path, {"MESHTUI_CONFIG": "/etc/meshtui"})
