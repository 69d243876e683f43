"""What cannot be shown changes nothing about what was done: verbs × broken outputs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.errors import Exit
from meshtui.journal.store import Journal
from tests.meshserver import MeshServer, mesh_server

OUTPUTS = {
    "closed": ">&-",
    "full": ">/dev/full",
    "both closed": ">&- 2>&-",
    "both full": ">/dev/full 2>&1",
    "stderr closed": "2>&-",
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
    """Runs commands as a person's shell does; the status is the command's, not the pipe's."""

    def __init__(self, server: MeshServer, folder: Path) -> None:
        self.server = server
        self.environment = {
            **os.environ,
            "KUBECONFIG": server.kubeconfig(folder),
            "XDG_STATE_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        }

    def run(
        self, words: str, redirect: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        offline = "" if words in READS_NOTHING else "--prometheus none"
        command = f"{sys.executable} -m meshtui {words} {offline}"
        status = '; exit "${PIPESTATUS[0]}"'
        return subprocess.run(
            ["bash", "-c", f"{command} {redirect}{status}"],
            env={**self.environment, **environment},
            capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip

    def changes(self) -> list[str]:
        """The ids of the changes that the journal has, all of them made."""
        (path,) = Path(self.environment["XDG_STATE_HOME"]).glob("meshtui/journal/*.sqlite")
        entries = Journal(path).entries()
        assert all(entry.took_effect for entry in entries)
        return [entry.id for entry in entries]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with mesh_server() as server:
        yield Shell(server, tmp_path)


def once(*rows: str, every: dict[str, str]) -> list[tuple[str, str]]:
    """The first of the rows with each output, the others with a full disk."""
    few = ("full",)
    return [(row, name) for i, row in enumerate(rows) for name in (every if i == 0 else few)]


@pytest.mark.parametrize(("words", "name"), once(*CHANGING, every=OUTPUTS))
def test_a_change_that_was_made_is_a_success(shell: Shell, words: str, name: str) -> None:
    done = shell.run(f"{words} --yes --no-verify", OUTPUTS[name])
    assert done.returncode == Exit.DONE, done.stderr
    assert shell.server.writes
    assert "Traceback" not in done.stderr
    (change,) = shell.changes()
    if "2>" not in OUTPUTS[name] or name == "stderr closed":
        assert change in done.stdout + done.stderr


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_an_encoding_without_the_characters(shell: Shell, encoding: str, form: str) -> None:
    poor = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    words = f"shift reviews v3=10 --yes --no-verify -o {form}"
    done = shell.run(words, "", **poor)
    assert (done.returncode, len(shell.server.writes)) == (Exit.DONE, 1), done.stderr
    assert shell.changes()[0] in done.stdout
    assert shell.run("analyze", "", **poor).returncode == Exit.DONE


@pytest.mark.parametrize(("words", "name"), once(*READING, every=OUTPUTS))
def test_what_cannot_be_read_by_anybody_is_a_failure(shell: Shell, words: str, name: str) -> None:
    done = shell.run(words, OUTPUTS[name])
    assert "Traceback" not in done.stderr
    if name == "stderr closed":
        assert done.returncode in (Exit.DONE, Exit.UNREACHABLE)
    elif name == "hung up":
        assert (done.returncode, done.stderr) == (141, "") or done.returncode in (0, 5)
    else:
        assert done.returncode == Exit.FAILED
        told = [line for line in done.stderr.splitlines() if "cannot be written" in line]
        assert len(told) == ("2>" not in OUTPUTS[name])


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
def test_a_question_that_nobody_can_read_is_answered_no(shell: Shell, redirect: str) -> None:
    done = shell.run("shift reviews v3=10 --no-verify", f"{redirect} < <(yes)")
    assert done.returncode == Exit.FAILED and not shell.server.writes


def test_a_wrong_word_with_no_stderr_is_still_wrong_usage(shell: Shell) -> None:
    assert shell.run("shift --nonsense", "2>&-").returncode == Exit.USAGE
    assert shell.run("shift --nonsense", "2>/dev/full").returncode == Exit.USAGE


def test_the_journal_is_not_where_standard_output_was(shell: Shell) -> None:
    """A closed descriptor 1 would go to the next file that is opened."""
    shell.run("shift reviews v3=10 --yes --no-verify", ">&- 2>&-")
    (path,) = Path(shell.environment["XDG_STATE_HOME"]).glob("meshtui/journal/*.sqlite")
    assert path.read_bytes().startswith(b"SQLite format 3\0")
