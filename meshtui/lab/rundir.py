"""Where labs live on this machine, and which of them are alive.

Every lab has a directory of its own below one that only this user may enter. A lock that the kernel
drops with the process tells the living from the dead. Sockets are kept here and never in `--dir`:
their paths may not be longer than about a hundred bytes.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from meshtui.lab.errors import LabError

_LONGEST_PARENT = 70
_GUARD, _LOCK, _HOME = ".guard", "lock", "home"


def parent() -> Path:
    """The directory of all labs of this user; LabError where somebody else made it."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir() and len(os.fsencode(runtime)) <= _LONGEST_PARENT:
        path = Path(runtime) / "meshtui"
    else:
        base = tempfile.gettempdir()
        base = base if len(os.fsencode(base)) <= _LONGEST_PARENT else "/tmp"  # noqa: S108
        path = Path(base) / f"meshtui-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise LabError(f"{path} is not a directory that only you may enter; remove it")
    return path


@dataclass(frozen=True, slots=True)
class RunDir:
    """The directory of one lab; `home` is where its kubeconfig is."""

    path: Path
    home: Path

    @property
    def control(self) -> Path:
        return self.path / "control"


@dataclass(frozen=True, slots=True)
class HeldRunDir:
    """A directory and the lock that says its lab is alive."""

    run: RunDir
    lock: IO[bytes]

    def remove(self) -> None:
        """The lab is over."""
        shutil.rmtree(self.run.path, ignore_errors=True)
        self.lock.close()


def create(home: Path | None) -> HeldRunDir:
    """A new directory, locked; the dead labs' directories are removed on the way."""
    root = parent()
    with _guarded(root):
        _remove_dead(root)
        taken = [run for run in _alive(root) if home is not None and run.home == home.resolve()]
        if taken:
            raise LabError(f"a lab runs in {home} already")
        path = root / secrets.token_hex(4)
        path.mkdir(mode=0o700)
        lock = (path / _LOCK).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        where = path if home is None else home.resolve()
        (path / _HOME).write_text(str(where))
    return HeldRunDir(RunDir(path, where), lock)


def find(home: Path | None) -> RunDir:
    """The lab of a directory; else the only one there is, or of several that of `KUBECONFIG`.

    LabError where there is none, and where it is not known which is meant.
    """
    root = parent()
    with _guarded(root):
        alive = _alive(root)
    if home is not None:
        alive = [run for run in alive if run.home == home.resolve()]
    if not alive:
        raise LabError(
            f"no lab runs in {home}" if home else "no lab runs: start one: meshtui lab up"
        )
    if len(alive) == 1:
        return alive[0]
    named = [run for run in alive if run.home in _kubeconfig_homes()]
    if len(named) != 1:
        names = ", ".join(str(run.home) for run in alive)
        raise LabError(f"{len(alive)} labs run, say which with --dir or KUBECONFIG: {names}")
    return named[0]


def _kubeconfig_homes() -> list[Path]:
    given = os.environ.get("KUBECONFIG", "").split(os.pathsep)
    return [Path(part).expanduser().resolve().parent for part in given if part]


def is_own_home(folder: Path) -> bool:
    """Whether a lab without `--dir`, as a demo is, has its kubeconfig in this directory."""
    return (folder / _LOCK).is_file() and folder.resolve().parent == parent().resolve()


def _alive(root: Path) -> list[RunDir]:
    return [
        RunDir(path, Path((path / _HOME).read_text()))
        for path in sorted(root.iterdir())
        if path.is_dir() and _is_alive(path)
    ]


def _remove_dead(root: Path) -> None:
    for path in root.iterdir():
        if path.is_dir() and not _is_alive(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(path: Path) -> bool:
    """Whether some process holds the lock."""
    try:
        with (path / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def _guarded(root: Path) -> Iterator[None]:
    """One at a time: a lab that is being made has no lock yet."""
    with (root / _GUARD).open("wb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
