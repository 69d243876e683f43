"""An operator at a shell: runs meshtui as a command and reads what it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def _hang_up_as_usual() -> None:
    """Also where the tests themselves run under nohup, which children would inherit."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


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

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "meshtui", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=self.env, text=True, stdin=pipe, stdout=pipe, stderr=pipe,
            preexec_fn=_hang_up_as_usual,
        )  # fmt: skip

    def run(self, *words: str, answer: str = "") -> Ran:
        process = self.start(*words)
        out, err = process.communicate(answer, timeout=60)
        return Ran(process.returncode, out, err)

    def change(self, *words: str) -> Any:
        """A change that must succeed, as its JSON, whatever stands against it."""
        ran = self.run(*words, "--yes", "--force", "-o", "json")
        assert ran.status == 0, ran.err
        return ran.json
