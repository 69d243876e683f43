"""Commands in processes of their own, with streams as a shell may leave them, imported once.

`python -m tests.commands SOCKET` forks for each connection: it gets three descriptors, the words
and the environment, and answers with the process id and the exit status. `tests/relay.py SOCKET`
is such a command as a process of its own, to be started as any other.
"""

from __future__ import annotations

import io
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

import meshtui
from meshtui.cli.main import main
from tests.forking import serve, serving

ROOMS = ("cli", "operations", "kube", "metrics", "envoy", "journal", "changes", "diagnosis")


def import_all() -> None:
    for room in ROOMS:
        package = import_module(f"{meshtui.__name__}.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)


def attend(connection: socket.socket) -> NoReturn:
    """Runs one, and answers with its process id, then with its status.

    Where the other end hangs up before that, it is killed.
    """
    message, descriptors, _, _ = socket.recv_fds(connection, 2**20, 3)
    asked = json.loads(message)
    pid = os.fork()
    if pid == 0:
        connection.close()
        run(asked, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    connection.sendall(b"%d\n" % pid)
    poll, ended = select.poll(), os.pidfd_open(pid)
    poll.register(ended, select.POLLIN)
    poll.register(connection, select.POLLIN)
    if ended not in dict(poll.poll()):
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def run(asked: Mapping[str, Any], descriptors: Sequence[int]) -> NoReturn:
    """As a new interpreter would begin: its streams are what the shell left it."""
    wanted = iter(descriptors)
    for number in range(3):
        if number in asked["closed"]:
            os.close(number)
        else:
            os.dup2(next(wanted), number)
    for descriptor in descriptors:
        os.close(descriptor)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)  # also where the tests run under nohup
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "folder" in asked:
        os.chdir(asked["folder"])
        os.environ.clear()
    os.environ.update(asked["environment"])
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdin, sys.stdout, sys.stderr = (_stream(n, encoding) for n in range(3))  # type: ignore[misc]
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    code, sys.argv = asked.get("code", ""), ["meshtui", *asked["words"]]
    if code:
        exec(compile(code, "<a test>", "exec"), {"__name__": "__main__"})
        sys.exit(0)
    sys.exit(main(asked["words"]))


def _stream(number: int, encoding: str) -> IO[str] | None:
    try:
        os.fstat(number)
    except OSError:
        return None
    mode = "rb" if number == 0 else "wb"
    errors = "backslashreplace" if number == 2 else "strict"
    raw = open(number, mode, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(raw, encoding, errors, line_buffering=number == 2)


class Commands:
    """The other end: runs one command, and gives its status and what it wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        streams: Sequence[str] = ("null", "pipe", "pipe"),
        seconds: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Each stream is "null", "full", "closed", "pipe", "hung up", or the text of an input."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            opened = [_open(name, (None, out, err)[n]) for n, name in enumerate(streams)]
            asked = {
                "words": list(words),
                "environment": dict(environment),
                "closed": [n for n, name in enumerate(streams) if name == "closed"],
            }
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(seconds)
                connection.connect(str(self._path))
                given = [descriptor for descriptor in opened if descriptor >= 0]
                socket.send_fds(connection, [json.dumps(asked).encode()], given)
                for descriptor in given:
                    os.close(descriptor)
                _, status = connection.makefile().read().split()
            texts = [_all(file) for file in (out, err)]
        return subprocess.CompletedProcess(list(words), int(status), *texts)


def _open(name: str, file: IO[bytes] | None) -> int:
    match name:
        case "closed":
            return -1
        case "null":
            return os.open(os.devnull, os.O_RDWR)
        case "full":
            return os.open("/dev/full", os.O_WRONLY)
        case "pipe" if file is not None:
            return os.dup(file.fileno())
        case "hung up":
            reader, writer = os.pipe()
            os.close(reader)
            return writer
    reader, writer = os.pipe()
    os.write(writer, name.encode())
    os.close(writer)
    return reader


def _all(file: IO[bytes]) -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode("utf-8", "replace")


@contextmanager
def commands() -> Iterator[Commands]:
    """A process that runs commands until the end of the context."""
    with serving("tests.commands") as path:
        yield Commands(path)


if __name__ == "__main__":
    import_all()
    serve(Path(sys.argv[1]), attend)
