"""Files with what a proxy said, for a person to keep: private, whole, and never in place of one."""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from meshtui.errors import MeshtuiError, Refused
from meshtui.paths import state_dir

OLD_S = 3600.0
"""A file that is still not whole after so long is of a meshtui that was killed."""

_PART = re.compile(r"\..+\.json\.[0-9a-f]{8}")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 150


def save_new(name: str, body: bytes, clock: float | None = None) -> Path:
    """A new file in the state directory, called after `name` and the time."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(clock))
    fit = _UNFIT.sub("_", name).lstrip(".")[:_LONGEST] or "proxy"
    folder = state_dir() / "dumps"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise MeshtuiError(f"{folder} cannot be made ({error})") from error
    _clear(folder, time.time() - OLD_S)
    for turn in range(100):
        path = folder / f"{fit}-{stamp}{f'-{turn + 1}' if turn else ''}.json"
        if not path.exists():
            with suppress(Refused):
                return save_as(path, body)
    raise Refused(f"{folder} is full of dumps of this second")


def _clear(folder: Path, before: float) -> None:
    """Takes away what a kill left half written; 20 MB each are worth it."""
    for part in folder.glob(".*"):
        with suppress(OSError):
            if _PART.fullmatch(part.name) and part.lstat().st_mtime < before:
                part.unlink()


def refuse_unfit(path: Path) -> None:
    """Raises Refused where `save_as` would, before somebody is asked for what is to be saved."""
    if not path.name or os.path.isdir(path):  # noqa: PTH112 - says no where it may not look
        raise Refused(f"{path} is no name of a file", "name a new file")
    if os.path.lexists(path):
        raise _exists(path)


def _exists(path: Path) -> Refused:
    return Refused(f"{path} is there already", "name another file")


def save_as(path: Path, body: bytes) -> Path:
    """The whole of `body` or nothing, readable by its owner only. Refused where there is a file."""
    refuse_unfit(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            _name(part, path)
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise MeshtuiError(f"{path} cannot be written ({error.strerror or error})") from error
    return path


def _name(part: Path, path: Path) -> None:
    """Raises FileExistsError where there is a file."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        # Not every file system has hard links.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        part.replace(path)
