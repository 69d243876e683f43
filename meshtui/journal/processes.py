"""Which process wrote an intent or tries to end a limit, and whether it is still there."""

from __future__ import annotations

import os
import socket
from typing import Any

from meshtui.journal.entry import Entry

LONGEST_WRITE_S = 120.0
"""How long an intent may still be in the making. A write takes ten seconds at most; a process
number that is in use says little by then, and that of another machine (a shared home) nothing."""


def claimed(next_try: Any, tried_by: Any, now: float) -> bool:
    """True where another one is at it, or it is too early to try again."""
    known = isinstance(next_try, int | float) and isinstance(tried_by, str)
    return known and now < next_try <= now + LONGEST_WRITE_S and not _gone(tried_by)


def _gone(tried_by: str) -> bool:
    """True where the process `HOST PID` was on this machine and is no more."""
    host, _, pid = tried_by.rpartition(" ")
    return host == socket.gethostname() and pid.isdigit() and not _running(int(pid))


def alive(entry: Entry, now: float) -> bool:
    """True where the process that wrote the intent may still be at it."""
    if now - (entry.begun or entry.created) >= LONGEST_WRITE_S:
        return False
    if entry.host != socket.gethostname():
        return True
    return _running(entry.pid)


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
