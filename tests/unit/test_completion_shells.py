"""The completion as the shells have it: from what was read last, at once, and without a sound."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from meshtui.cli.completion import words
from meshtui.cli.completion.scripts import SCRIPTS
from meshtui.cli.main import main
from meshtui.mesh.model import Mesh
from meshtui.operations import known_names as names
from tests.unit.objects import reviews, route

Capture = pytest.CaptureFixture[str]
KUBECONFIG = {
    "current-context": "dead",
    "clusters": [{"name": "dead", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": "x"}}],
    "contexts": [
        {"name": name, "context": {"cluster": "dead", "user": "me"}} for name in ("dead", "other")
    ],
}


def mesh() -> Mesh:
    return reviews({"route": [route("v1", 90), route("v3", 10)]})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig of a cluster that does not answer, and an empty cache."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def cached(home: Path) -> Path:
    """The names that were read of it a while ago."""
    path = names.names_file(None, None)
    names.write_names(path, names.names_json(mesh(), "default"))
    return home


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The processes that would read the cluster."""
    found: list[list[str]] = []
    monkeypatch.setattr(names, "_start", found.append)
    return found


def test_names_are_read_back_as_they_were_written(cached: Path) -> None:
    found = names.known_names(names.names_file(None, None))
    assert found.services["default", "reviews"] == ("v1", "v2", "v3")
    assert found.namespace == "default" and found.pods
    assert names.names_file(None, "other") != names.names_file(None, None)
    mode = names.names_file(None, None).stat().st_mode & 0o777
    assert mode == 0o600


def test_a_kubeconfig_that_changed_has_names_of_its_own(cached: Path) -> None:
    before = names.names_file(None, None)
    (cached / "kubeconfig").write_text(json.dumps(KUBECONFIG | {"current-context": "other"}))
    assert names.names_file(None, None) != before


@pytest.mark.parametrize("text", ["", "{", "[" * 9999, '{"services": 3, "pods": [1, {}]}', "null"])
def test_a_damaged_cache_is_none(home: Path, text: str) -> None:
    path = names.names_file(None, None)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert {name for name in names.known_names(path).services if any(name)} == set()


def test_the_cluster_is_read_by_another_process_and_not_at_each_key(
    home: Path, started: list[list[str]], capsys: Capture
) -> None:
    for _ in range(3):
        assert main(["__complete", "zsh", "services", ""]) == 0
        assert capsys.readouterr() == ("words\n", "")
    assert started == [["__names", "", ""]]
    path = names.names_file(None, None)
    now = path.with_suffix(".tried").stat().st_mtime
    assert not names.is_due(path, now + names.AGAIN_S - 1)
    assert names.is_due(path, now + names.AGAIN_S)


class Read:
    """A process that reads names; `in_time`: before the first Tab has waited for long enough."""

    def __init__(self, *, in_time: bool) -> None:
        self.in_time = in_time
        self.waited: list[float] = []

    def start(self, _: list[str]) -> Read:
        return self

    def wait(self, timeout: float) -> None:
        self.waited.append(timeout)
        if not self.in_time:
            raise subprocess.TimeoutExpired("meshtui", timeout)
        names.write_names(names.names_file(None, None), names.names_json(mesh(), "default"))


def test_the_first_tab_of_all_has_the_names_that_come_in_a_moment(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    reading = Read(in_time=True)
    monkeypatch.setattr(names, "_start", reading.start)
    assert main(["__complete", "zsh", "services", "rev"]) == 0
    assert capsys.readouterr() == ("words\nreviews:v1 v2 v3\n", "")
    assert reading.waited == [names.FIRST_S]


def test_a_cluster_that_does_not_answer_is_waited_for_once(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    reading = Read(in_time=False)
    monkeypatch.setattr(names, "_start", reading.start)
    for _ in range(3):
        assert main(["__complete", "zsh", "services", "rev"]) == 0
        assert capsys.readouterr() == ("words\n", "")
    assert len(reading.waited) == 1


def test_names_that_are_old_are_offered_at_once(
    cached: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    path = names.names_file(None, None)
    os.utime(path, (path.stat().st_mtime - 2 * names.FRESH_S,) * 2)
    reading = Read(in_time=True)
    monkeypatch.setattr(names, "_start", reading.start)
    main(["__complete", "zsh", "services", "rev"])
    assert capsys.readouterr().out == "words\nreviews:v1 v2 v3\n"
    assert reading.waited == []


def test_fresh_names_are_not_read_again(cached: Path, started: list[list[str]]) -> None:
    main(["__complete", "zsh", "services", ""])
    assert started == []
    path = names.names_file(None, None)
    assert names.is_due(path, path.stat().st_mtime + names.FRESH_S)


def test_a_shell_with_descriptions_gets_them(
    cached: Path, started: list[list[str]], capsys: Capture
) -> None:
    main(["__complete", "fish", "services", "rev"])
    assert capsys.readouterr().out == "words\nreviews\tv1 v2 v3\n"
    main(["__complete", "zsh", "stat"])
    head, line = capsys.readouterr().out.splitlines()
    assert (head, line.partition(":")[0]) == ("words", "status")
    main(["__complete", "zsh", "shift", "reviews", "v1"])
    assert capsys.readouterr().out == "nospace\nv1=\n"


@pytest.mark.parametrize(
    "typed",
    [[], ["bash"], ["zsh", "-n"], ["bash", "meshtui 'x"], ["nosuch", "\udcff"], ["fish", "", ""]],
)
def test_whatever_a_shell_asks_nothing_is_said_on_stderr(
    home: Path, started: list[list[str]], capsys: Capture, typed: list[str]
) -> None:
    (home / "kubeconfig").write_text("{")
    assert main(["__complete", *typed]) == 0
    assert main(["__complete", "zsh", "--context", ""]) == 0
    assert capsys.readouterr().err == ""


def test_a_cluster_that_does_not_answer_leaves_the_names_as_they_are(
    cached: Path, capsys: Capture
) -> None:
    before = names.names_file(None, None).read_bytes()
    assert main(["__names"]) == 0
    assert capsys.readouterr() == ("", "")
    assert names.names_file(None, None).read_bytes() == before


ASKED = {
    "meshtui stat": ["status"],
    "meshtui shift rev": ["reviews"],
    "meshtui shift reviews v1": ["v1="],
    "meshtui rollback reviews --to=v3": ["v3"],
    "meshtui --context=o": ["other"],
    "meshtui services --output=": ["table", "json", "yaml"],
    "meshtui lab up --dir some": ["some folder"],
}


def test_in_a_real_bash(cached: Path) -> None:
    """`=` takes words apart in bash: only what follows it is replaced."""
    program = cached / "meshtui"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m meshtui "$@"\n')
    program.chmod(0o755)
    (cached / "some folder").mkdir()
    script = "source <(meshtui completion bash)\ncomplete -p meshtui\n" + "\n".join(
        f"COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=(meshtui); _meshtui\n"
        'printf "%s\\n" "> $COMP_LINE" "${COMPREPLY[@]}"'
        for line in ASKED
    )
    environment = {**os.environ, "PATH": f"{cached}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run(
        ["bash", "--norc", "-u", "-c", script],
        cwd=cached, env=environment, text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.stderr == ""
    registered, *parts = ran.stdout.split("> ")
    assert registered == "complete -F _meshtui meshtui\n"
    found = {part.splitlines()[0]: part.splitlines()[1:] for part in parts}
    assert found == ASKED


@pytest.mark.parametrize(("shell", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "-n")])
def test_each_script_is_one_of_its_shell(tmp_path: Path, shell: str, check: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    path = tmp_path / "script"
    path.write_text(SCRIPTS[shell])
    ran = subprocess.run([shell, check, path], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert words.NAMES not in SCRIPTS[shell] and "__complete" in SCRIPTS[shell]
