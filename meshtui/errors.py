"""The few ways an operation can fail: each says what failed, on what, and what to do next."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit status of the command line; scripts depend on the numbers."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONFLICT = 3
    NOT_ALLOWED = 4
    UNREACHABLE = 5
    ROLLED_BACK = 6


class MeshtuiError(Exception):
    """A failure told in one line: what failed and, in `hint`, what the person can do."""

    exit = Exit.FAILED

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}: {self.hint}" if self.hint else self.what


class Refused(MeshtuiError):
    """The request makes no sense for this mesh, or the API server refused the object."""


class Usage(MeshtuiError):
    """The words of the command are wrong."""

    exit = Exit.USAGE


class Conflict(MeshtuiError):
    """Somebody else changed the object since it was read; nothing was written."""

    exit = Exit.CONFLICT


class NotAllowed(MeshtuiError):
    """The credentials do not allow it (401, 403), or meshtui runs read-only."""

    exit = Exit.NOT_ALLOWED


def read_only_error(what: str = "") -> NotAllowed:
    """That `what` is refused since meshtui runs read-only, by the option or by a setting."""
    return NotAllowed(
        f"{what}: meshtui runs read-only" if what else "meshtui runs read-only",
        "start it without --read-only; `meshtui config show` names a setting that wants it",
    )


class Unreachable(MeshtuiError):
    """The cluster, a proxy or the telemetry does not answer."""

    exit = Exit.UNREACHABLE


class NotFound(MeshtuiError):
    """The object is not there (404)."""


class JournalError(MeshtuiError):
    """The journal cannot be read or written."""
