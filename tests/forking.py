"""Many processes of a program that is imported once: one of them waits and forks for the others."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def serve(path: Path, attend: Callable[[socket.socket], object]) -> None:
    """Forks for each connection to `path`: `attend` has it, in the new process.

    Ends with the process that started it.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()  # what is imported stays: no process need look at it, or copy its pages
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        listener.settimeout(5)
        while os.getppid() == parent:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                attend(connection)
                return
            connection.close()


@contextmanager
def serving(module: str) -> Iterator[Path]:
    """The socket of `python -m MODULE SOCKET`, which runs until the end of the context."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "socket"
        command = [sys.executable, "-m", module, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 60
            while not path.exists():
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.02)
            yield path
        finally:
            process.kill()
            process.wait()
