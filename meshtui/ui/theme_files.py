"""What stands in theme files, kept from one start to the next.

To import YAML's reader takes longer than to read all themes, and the first frame waits for it. What
was kept is known by the times and the size of its file, and checked as if it came from there.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from meshtui.cache_file import read_json, write_json
from meshtui.paths import cache_dir

LARGEST = 1024 * 1024


class ThemeFiles:
    """Reads theme files; `keep` remembers those that were of use."""

    def __init__(self) -> None:
        self._path = cache_dir() / "themes.json"
        known = read_json(self._path, LARGEST)
        self._known: dict[str, Any] = known if isinstance(known, dict) else {}
        self._used: dict[str, Any] = {}

    def content(self, path: Path) -> object:
        """What the file holds. Raises OSError, UnicodeDecodeError, and ValueError where it is no
        YAML."""
        found = path.stat()
        state = [found.st_mtime_ns, found.st_ctime_ns, found.st_size]
        match self._known.get(str(path)):
            case [known, raw] if known == state:
                self._used[str(path)] = [state, raw]
                return raw
        raw = _parsed(path.read_text("utf-8"))
        self._used[str(path)] = [state, raw]
        return raw

    def leave_out(self, path: Path) -> None:
        """It is no theme: it is read anew each time, in words that say why."""
        self._used.pop(str(path), None)

    def keep(self) -> None:
        """Writes what was read, where that is something new. Where nothing can be written nothing
        is lost but time."""
        if self._used == self._known:
            return
        with contextlib.suppress(OSError, TypeError, ValueError):
            write_json(self._path, self._used)


def _parsed(text: str) -> object:
    import yaml

    # The C one reads them in a quarter of the time, and it is there in every common wheel.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, loader)  # noqa: S506 - safe ones
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error
