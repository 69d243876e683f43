"""What cannot be shown changes nothing about what was done: verbs × broken outputs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.errors import Exit
from meshtui.journal.store import Journal
from tests.commands import Commands, commands
from tests.meshserver import MeshServer, mesh_server

OUTPUTS = {
    "closed": ("null", "closed", "pipe"),
    "full": ("null", "full", "pipe"),
    "both closed": ("null", "closed", "closed"),
    "both full": ("null", "full", "full"),
    "stderr closed": ("null", "pipe", "closed"),
    "hung up": ("null", "hung up", "pipe"),
    "all closed": ("closed", "closed", "closed"),
}
IN_A_SHELL = {
    "closed": ">&-",
    "full": ">/dev/full",
    "hung up": "| true",
    "all closed": "<&- >&- 2>&-",
}
CHANGING = (
    "shift reviews v3=10", "promote reviews v1", "rollback reviews --to v1",
    "mirror reviews --to v2", "fault reviews --abort 503", "timeout reviews 3s",
    "breaker reviews --max-pending 3",
)  # fmt: skip
READING = (
    "services", "analyze", "trace reviews", "exposure reviews", "logs reviews",
    "proxy diff reviews", "journal", "doctor", "shift reviews v3=10 --dry-run", "--help",
    "--version",
)  # fmt: skip
READS_NOTHING = ("--help", "--version")


class Shell:
    """Runs commands with their streams as a person's shell may leave them."""

    def __init__(self, server: MeshServer, folder: Path, forked: Commands) -> None:
        self.server = server
        self._forked = forked
        self.environment = {
            "KUBECONFIG": server.kubeconfig(folder),
            "XDG_STATE_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        }

    def run(
        self, words: str, streams: tuple[str, ...] = ("null", "pipe", "pipe"), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        offline = () if words in READS_NOTHING else ("--prometheus", "none")
        given = {**self.environment, **environment}
        return self._forked.run((*shlex.split(words), *offline), given, streams)

    def run_in_a_shell(self, words: str, redirect: str) -> subprocess.CompletedProcess[str]:
        """A new interpreter, and a real shell; the status is the command's, not the pipe's."""
        command = f"{sys.executable} -m meshtui {words} --prometheus none"
        status = '; exit "${PIPESTATUS[0]}"'
        return subprocess.run(
            ["bash", "-c", f"{command} {redirect}{status}"],
            env={**os.environ, **self.environment},
            capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip

    def changes(self) -> list[str]:
        """The ids of the changes that the journal has, all of them made."""
        (path,) = Path(self.environment["XDG_STATE_HOME"]).glob("meshtui/journal/*.sqlite")
        entries = Journal(path).entries()
        assert all(entry.took_effect for entry in entries)
        return [entry.id for entry in entries]


@pytest.fixture(scope="module")
def forked() -> Iterator[Commands]:
    with commands() as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, forked: Commands) -> Iterator[Shell]:
    with mesh_server() as server:
        yield Shell(server, tmp_path, forked)


def once(*rows: str, every: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """The first of the rows with each output, the others with a full disk."""
    few = ("full",)
    return [(row, name) for i, row in enumerate(rows) for name in (every if i == 0 else few)]


def assert_made(shell: Shell, done: subprocess.CompletedProcess[str], streams: str) -> None:
    assert done.returncode == Exit.DONE, done.stderr
    assert shell.server.writes
    assert "Traceback" not in done.stderr
    (change,) = shell.changes()
    if streams not in ("both closed", "both full", "all closed"):
        assert change in done.stdout + done.stderr


@pytest.mark.parametrize(("words", "name"), once(*CHANGING, every=OUTPUTS))
def test_a_change_that_was_made_is_a_success(shell: Shell, words: str, name: str) -> None:
    assert_made(shell, shell.run(f"{words} --yes --no-verify", OUTPUTS[name]), name)


@pytest.mark.parametrize("name", IN_A_SHELL)
def test_in_a_real_shell_it_is_the_same(shell: Shell, name: str) -> None:
    words = "shift reviews v3=10 --yes --no-verify"
    assert_made(shell, shell.run_in_a_shell(words, IN_A_SHELL[name]), name)


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_an_encoding_without_the_characters(shell: Shell, encoding: str, form: str) -> None:
    poor = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    words = f"shift reviews v3=10 --yes --no-verify -o {form}"
    done = shell.run(words, **poor)
    assert (done.returncode, len(shell.server.writes)) == (Exit.DONE, 1), done.stderr
    assert shell.changes()[0] in done.stdout
    assert shell.run("analyze", **poor).returncode == Exit.DONE


@pytest.mark.parametrize(("words", "name"), once(*READING, every=OUTPUTS))
def test_what_cannot_be_read_by_anybody_is_a_failure(shell: Shell, words: str, name: str) -> None:
    done = shell.run(words, OUTPUTS[name])
    assert "Traceback" not in done.stderr
    if name == "stderr closed":
        assert done.returncode in (Exit.DONE, Exit.UNREACHABLE)
    elif name == "hung up":
        assert done.returncode == 141 and "cannot be written" not in done.stderr
    else:
        assert done.returncode == Exit.FAILED
        said = [line for line in done.stderr.splitlines() if "cannot be written" in line]
        assert len(said) == (OUTPUTS[name][2] == "pipe")


@pytest.mark.parametrize("error", ["closed", "full"])
def test_a_question_that_nobody_can_read_is_answered_no(shell: Shell, error: str) -> None:
    done = shell.run("shift reviews v3=10 --no-verify", ("y\n" * 9, "pipe", error))
    assert done.returncode == Exit.FAILED and not shell.server.writes


@pytest.mark.parametrize("error", ["closed", "full"])
def test_a_wrong_word_with_no_stderr_is_still_wrong_usage(shell: Shell, error: str) -> None:
    assert shell.run("shift --nonsense", ("null", "pipe", error)).returncode == Exit.USAGE


def test_the_journal_is_not_where_standard_output_was(shell: Shell) -> None:
    """A closed descriptor 1 would go to the next file that is opened."""
    shell.run("shift reviews v3=10 --yes --no-verify", ("null", "closed", "closed"))
    (path,) = Path(shell.environment["XDG_STATE_HOME"]).glob("meshtui/journal/*.sqlite")
    assert path.read_bytes().startswith(b"SQLite format 3\0")
