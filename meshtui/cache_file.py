"""A file of the folder for caches: what it holds may be lost, and is read by nobody else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def read_json(path: Path, largest: int) -> Any:
    """None where there is no such file of at most `largest` bytes, or where it is no JSON."""
    try:
        return json.loads(path.read_bytes()) if path.stat().st_size <= largest else None
    except (OSError, ValueError, RecursionError):
        return None


def write_json(path: Path, content: Any) -> None:
    """The whole file or none of it. Raises OSError, and TypeError or ValueError for what is no
    JSON."""
    import tempfile

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps(content)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".new")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
