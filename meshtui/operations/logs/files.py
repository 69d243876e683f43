"""Log lines in a file of their own: readable by their owner, never in place of another file."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

from meshtui.errors import MeshtuiError, Refused
from meshtui.operations.proxies.files import save_as
from meshtui.paths import state_dir

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_MOST = 100
"""Files of one name and one second."""


def _whole(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise Refused(f"{path} begins with no known user's home", "name another file") from None


def save_lines(lines: Iterable[str], name: str, now: float, path: Path | None = None) -> Path:
    """The lines in `path`, or in a new file in the state directory called after `name`.

    Raises Refused where there is such a file, MeshtuiError where it cannot be written.
    """
    body = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    if path is not None:
        return save_as(_whole(path), body)
    folder = state_dir() / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise MeshtuiError(f"{folder} cannot be made ({error})") from error
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    fit = _UNFIT.sub("_", name)[:100].lstrip(".") or "logs"
    for turn in range(1, _MOST):
        try:
            return save_as(folder / f"{fit}-{stamp}{f'-{turn}' if turn > 1 else ''}.log", body)
        except Refused:
            continue
    raise Refused(f"{folder} is full of files of this second", "name a file: :logs save PATH")
