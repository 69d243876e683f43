"""Whether a terminal has a cursor that can be moved: it is asked where the cursor is."""

from __future__ import annotations

import os
import re
import select
import termios
import time
import tty

WAIT_S = 1.0
"""More than a round trip of a bad line."""

ASKED, WIPED = b"\x1b[6n", b"\r    \r"
_ANSWER = re.compile(rb"\x1b\[\d+;\d+R")


def tells_its_cursor(reading: int, writing: int, wait_s: float = WAIT_S) -> bool:
    """Asks by `CSI 6 n`; what stands of it on a terminal that takes it for text is wiped.

    Keys that are pressed meanwhile are lost. False where the descriptors are no terminal.
    """
    try:
        before = termios.tcgetattr(reading)
    except (termios.error, OSError):
        return False
    try:
        tty.setcbreak(reading, termios.TCSADRAIN)
        os.write(writing, ASKED)
        if _answered(reading, time.monotonic() + wait_s):
            return True
        os.write(writing, WIPED)
    except OSError:
        return False
    finally:
        termios.tcsetattr(reading, termios.TCSADRAIN, before)
    return False


def _answered(reading: int, end: float) -> bool:
    found = b""
    while (left := end - time.monotonic()) > 0 and select.select([reading], [], [], left)[0]:
        more = os.read(reading, 1024)
        found += more
        if not more or _ANSWER.search(found):
            break
    return _ANSWER.search(found) is not None
