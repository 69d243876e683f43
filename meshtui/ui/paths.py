"""Where themes live: beside the code in a wheel, at the top of a source tree, in the user's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def shipped_themes() -> Path:
    """The themes that came with the program."""
    installed = PACKAGE / "themes"
    return installed if installed.is_dir() else PACKAGE.parent / "themes"


def user_themes(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a person puts themes of their own (XDG base directory)."""
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "meshtui" / "themes"
