"""A lab in a process of its own, for `meshtui demo` and for tests."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from meshtui.lab import rundir
from meshtui.lab.client import LabClient
from meshtui.lab.errors import LabError

START_LIMIT = 60.0
_STOP_LIMIT = 10.0


class RunningLab(LabClient):
    """A lab that runs beside us, and ends with us."""

    def __init__(
        self, process: subprocess.Popen[bytes], kubeconfig: Path, stderr: IO[bytes]
    ) -> None:
        self.process = process
        self.kubeconfig = kubeconfig
        self.dir = kubeconfig.parent
        self._stderr = stderr
        super().__init__(rundir.find(self.dir).control)

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        """Everything the lab wrote on standard error."""
        return _words(self._stderr)

    def stop(self) -> None:
        """End the lab and wait until nothing of it is left."""
        _end(self.process)


@contextmanager
def spawn(
    scenario: str = "errors",
    rps: float = 40.0,
    dir: Path | None = None,  # noqa: A002 - the name of the option
    synthetic: int = 0,
) -> Iterator[RunningLab]:
    """A running lab; LabError with its last words where it does not start."""
    command = [sys.executable, "-m", "meshtui.lab", "up", "--scenario", scenario, "--rps", str(rps)]
    command += ["--follow-stdin", *(["--dir", str(dir)] if dir else [])]
    command += ["--synthetic", str(synthetic)]
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            line = _first_line(process)
            if not line:
                process.wait(_STOP_LIMIT)
                words = _words(stderr).strip().splitlines()
                raise LabError(words[-1] if words else "the lab did not start")
            yield RunningLab(process, Path(line), stderr)
        finally:
            _end(process)


def _words(stderr: IO[bytes]) -> str:
    """What a process wrote, read without moving the offset it writes at."""
    size = os.fstat(stderr.fileno()).st_size
    return os.pread(stderr.fileno(), size, 0).decode(errors="replace")


def _first_line(process: subprocess.Popen[bytes]) -> str:
    """What a process says first; nothing where it ends or takes too long."""
    assert process.stdout is not None  # noqa: S101 - asked for at the start
    deadline = time.monotonic() + START_LIMIT
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(deadline - time.monotonic()):
            process.kill()
            return ""
    return process.stdout.readline().decode().strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    """A lab ends when its standard input does."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    try:
        process.wait(_STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
