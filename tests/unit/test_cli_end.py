"""How the process of a command ends: all is written, nothing that is under way is cut off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import meshtui
from meshtui import __version__

FOLDER = Path(meshtui.__file__).parent.parent

END = """
import sys, threading, time

from meshtui.cli.main import run
module = sys.modules["meshtui.cli.main"]

def command(argv=None):
    sys.stdout.write("x" * 100_000)
    print("on stderr", file=sys.stderr)
    if "thread" in sys.argv:
        goes_on = threading.Event()
        threading.Thread(target=lambda: (goes_on.wait(), print("the thread's"))).start()
        threading.Timer(0.05, goes_on.set).start()
    return 5

module.main = command
sys.exit(run())
"""


@pytest.mark.parametrize("words", [[], ["thread"]])
def test_what_was_written_and_what_is_under_way_come_to_their_end(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", END, *words],
        capture_output=True, text=True, cwd=FOLDER,
    )  # fmt: skip
    assert done.returncode == 5
    assert done.stdout == "x" * 100_000 + "the thread's\n" * bool(words)
    assert done.stderr == "on stderr\n"


def test_the_module_ends_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meshtui", "--version"], capture_output=True, text=True, cwd=FOLDER
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout
