"""The standard streams as they are found: closed, full, or with few characters."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
from typing import TextIO

from meshtui.errors import MeshtuiError

ESCAPED = "meshtui-escaped"
_PLAIN = {"→": "->", "…": "...", "·": "-", "≈": "~", "×": "x", "✔": "ok", "–": "-"}


class Unwritable(MeshtuiError):
    """Standard output takes nothing. `hung_up` where it is a pipe whose reader has left."""

    def __init__(self, error: OSError) -> None:
        super().__init__("the output cannot be written", error.strerror or str(error))
        self.hung_up = isinstance(error, BrokenPipeError)


def occupy() -> None:
    """Give closed standard streams a descriptor that takes nothing.

    Without one, the next file that is opened, the journal say, would get what others write to 1.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if descriptor == 0 else os.O_RDONLY)


def write(stream: TextIO | None, text: str, *, flush: bool = False) -> None:
    """What the stream's encoding lacks is escaped. Raises OSError."""
    if stream is None or getattr(stream, "closed", False):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    stream.write(_encodable(text, getattr(stream, "encoding", None)))
    if flush:
        stream.flush()


def can_encode(stream: TextIO | None, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def at_terminal() -> bool:
    """Whether somebody sits there: both input and output are a terminal."""
    return is_terminal(sys.stdin) and is_terminal(sys.stdout)


def is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def is_dumb() -> bool:
    """Whether the terminal knows nothing but text: it is said so, and it does not answer.

    Sessions that a program opens often carry `TERM=dumb` to a terminal that knows more.
    """
    if os.environ.get("TERM") != "dumb":
        return False
    from meshtui.cli.cursor import tells_its_cursor

    return not tells_its_cursor(sys.stdin.fileno(), sys.stdout.fileno())


def takes_styles(stream: TextIO | None) -> bool:
    """Whether it is a terminal that knows more than text."""
    return is_terminal(stream) and os.environ.get("TERM", "dumb") != "dumb"


def takes_colours() -> bool:
    """See no-color.org."""
    return not os.environ.get("NO_COLOR")


def columns(stream: TextIO | None) -> int | None:
    """How wide the terminal is that the stream writes to; None where it is none, or says not."""
    if not is_terminal(stream):
        return None
    import shutil

    return shutil.get_terminal_size((0, 0)).columns or None


_discarded: set[int] = set()


def discarded(stream: TextIO | None) -> bool:
    """Whether what is written there goes nowhere since `discard`."""
    return id(stream) in _discarded


def discard(stream: TextIO | None) -> None:
    """Let what is still in the buffer go nowhere: Python would complain again at its exit."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        _discarded.add(id(stream))
    with contextlib.suppress(OSError, ValueError):
        stream.flush()


def _encodable(text: str, encoding: str | None) -> str:
    if not encoding or text.isascii():
        return text
    return text.encode(encoding, ESCAPED).decode(encoding)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    shown = (_PLAIN.get(char) or ascii(char)[1:-1] for char in wrong)
    return "".join(shown), error.end


codecs.register_error(ESCAPED, _escaped)
