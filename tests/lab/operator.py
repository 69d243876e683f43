"""An operator at a shell: runs meshtui as a command and reads what it prints."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.forking import serving

GLANCE = ("--window", "200ms")
"""For a change whose plan need not know how much traffic there is: the usual window is 2 s."""
RELAY = Path(__file__).parents[1] / "relay.py"


@cache
def _server() -> Path:
    """The socket of the process that runs the commands of all operators of this worker."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(serving("tests.commands"))


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Operator:
    """One person on one cluster, with a journal of their own."""

    kubeconfig: Path
    home: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
        }

    def start(self, *words: str, code: str = "") -> subprocess.Popen[str]:
        """Runs meshtui, or the program `code` with these words as its arguments."""
        command = [sys.executable, "-I", "-S", str(RELAY), str(_server()), code, *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=self.env, text=True, stdin=pipe, stdout=pipe, stderr=pipe
        )

    def run(self, *words: str, answer: str = "", code: str = "") -> Ran:
        process = self.start(*words, code=code)
        out, err = process.communicate(answer, timeout=60)
        return Ran(process.returncode, out, err)

    def change(self, *words: str) -> Any:
        """A change that must succeed, as its JSON, whatever stands against it.

        A rollback looks at the traffic as long as it likes.
        """
        window = () if "--window" in words or words[0] == "rollback" else GLANCE
        ran = self.run(*words, *window, "--yes", "--force", "-o", "json")
        assert ran.status == 0, ran.err
        return ran.json
