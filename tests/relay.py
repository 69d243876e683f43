"""A command that `tests.commands` runs, as a process: `python -I -S relay.py SOCKET CODE WORDS…`.

Streams, environment, folder and signals are passed on, and it ends as the command ends. It imports
little, so that it starts in a fraction of the time of what it stands for. CODE is the text of a
program, or empty for meshtui itself.
"""

import json
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


def main(path: str, code: str, *words: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    asked = {
        "words": words,
        "code": code,
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes longer than all else here
        "closed": [],
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [json.dumps(asked).encode()], [0, 1, 2])
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        answers = connection.makefile()
        pid = int(answers.readline())
        for number in PASSED_ON:
            signal.signal(number, lambda given, _: os.kill(pid, given))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        status = int(answers.readline())
    if status < 0:
        if status != -signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
