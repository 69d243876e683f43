"""The screen on a made-up mesh, many times in processes of their own, imported once.

`python -m tests.ui.template SOCKET` forks for each connection: it gets a terminal and its words,
and says in lines of JSON what becomes of the process.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import termios
from pathlib import Path
from typing import Any

from tests.forking import serve
from tests.ui import harness

ENDING = (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT)


def attend(connection: socket.socket) -> None:
    """Runs one, and reports when it is stopped and how it ends."""
    message, (terminal,), _, _ = socket.recv_fds(connection, 2**16, 1)
    asked = json.loads(message)
    pid = os.fork()
    if pid == 0:
        connection.close()
        run(terminal, asked)
        return
    os.close(terminal)
    report = connection.makefile("w")

    def say(**words: Any) -> None:
        report.write(json.dumps(words) + "\n")
        report.flush()

    say(pid=pid)
    while True:
        _, status, used = os.wait4(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        say(stopped=os.WSTOPSIG(status))
    say(status=os.waitstatus_to_exitcode(status), cpu_s=used.ru_utime + used.ru_stime)


def run(terminal: int, asked: dict[str, Any]) -> None:
    os.setsid()
    for descriptor in (0, 1, 2):
        os.dup2(terminal, descriptor)
    os.close(terminal)
    if asked["controlling"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(asked["environment"])
    sys.argv = ["harness", *asked["words"]]
    harness.main()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), attend)
