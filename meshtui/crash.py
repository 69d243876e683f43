"""A failure that nobody foresaw: one line for the person, a file with details for the report.

The file has no local variables and none of the secrets that messages of libraries may carry.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import time
import traceback
from pathlib import Path

from meshtui import __version__
from meshtui.errors import MeshtuiError
from meshtui.mesh.text import clean
from meshtui.paths import short_path, state_dir

KEPT = 20
_SHOWN = 160
_SECRETS = (
    (re.compile(r"://[^/\s@'\"]+@"), "://…@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 …"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?"), "…"),
    (re.compile(r"(?i)((?:token|password|passwd|secret|api-?key|client-key-data)['\"]?\s*[:=]\s*)"
                r"(\"[^\"]*\"|'[^']*'|\S+)"), r"\1…"),
    (re.compile(r"-----BEGIN [^-]+-----.*?(-----END [^-]+-----|\Z)", re.DOTALL), "…"),
)  # fmt: skip


def crashed(doing: str, error: BaseException) -> MeshtuiError:
    """The failure in one line that names the file with its traceback."""
    what = f"{doing} failed unexpectedly ({type(error).__name__}: {without_secrets(str(error))}"
    path = _written(doing, error)
    hint = f"details in {short_path(path)}" if path else "details could not be written to a file"
    return MeshtuiError(clean(what, _SHOWN) + ")", hint)


def without_secrets(text: str) -> str:
    """`text` without tokens, passwords, keys and the userinfo of addresses."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _written(doing: str, error: BaseException) -> Path | None:
    """One file for each kind of failure in a process; it is for the owner's eyes only."""
    report = traceback.TracebackException.from_exception(error, capture_locals=False)
    text = without_secrets("".join(report.format()))
    places = "".join(f"{frame.filename}:{frame.lineno}" for frame in report.stack)
    kind = hashlib.sha256(f"{type(error)}{places}".encode()).hexdigest()[:8]
    folder = state_dir() / "crashes"
    day = time.strftime("%Y%m%d", time.gmtime())
    path = folder / f"{day}-{os.getpid()}-{kind}.txt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _tidy(folder)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{_head(doing)}\n{text}")
    except OSError:
        return None
    return path


def _head(doing: str) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    python = f"Python {platform.python_version()}"
    return f"meshtui {__version__}, {python}, {platform.platform()}, {now}: {doing}\n"


def _tidy(folder: Path) -> None:
    """Keep the newest; others may tidy at the same time."""
    with contextlib.suppress(OSError):
        files = sorted(folder.glob("*.txt"), key=lambda path: path.stat().st_mtime)
        for path in files[: 1 - KEPT]:
            path.unlink()
