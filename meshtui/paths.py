"""Where meshtui keeps its files (XDG base directories), and where kubectl keeps its own."""

from __future__ import annotations

import os
from pathlib import Path


def state_dir() -> Path:
    """What must outlive a session: the journal."""
    return _base("XDG_STATE_HOME", ".local/state") / "meshtui"


def config_dir() -> Path:
    """What a person writes: config.yaml, themes."""
    return _base("XDG_CONFIG_HOME", ".config") / "meshtui"


def cache_dir() -> Path:
    """What may be lost: names of a cluster, for the completion of words, and themes as read."""
    return _base("XDG_CACHE_HOME", ".cache") / "meshtui"


def _base(variable: str, fallback: str) -> Path:
    given = os.environ.get(variable, "")
    return Path(given) if given.startswith("/") else Path.home() / fallback


def kubeconfig_paths(given: str | None) -> tuple[Path, ...]:
    """The files to read: `given` alone, else those of KUBECONFIG, else ~/.kube/config."""
    if given:
        return (Path(given).expanduser(),)
    listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return tuple(Path(part).expanduser() for part in listed or ["~/.kube/config"])


def short_path(path: Path) -> str:
    """A path as a person writes it, the home directory as `~`."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
