"""What a person sets once: `config.yaml` in the user's configuration directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from meshtui.errors import Usage
from meshtui.paths import config_dir

_LISTS = ("prometheus_match", "prometheus_headers")
_FILES = ("prometheus_token_file", "prometheus_basic_file")
_NUMBERS = (
    ("degraded", 0, 1),
    ("failing", 0, 1),
    ("slow_ms", 0, 3_600_000),
    ("tick_s", 0.2, 3600),
)
BADGES = ("red", "yellow", "plain")
"""How loud a context's badge is."""

KEYS = (
    *(
        "theme",
        "ascii",
        "badges",
        "stable",
        "degraded",
        "failing",
        "slow_ms",
        "tick_s",
        "prometheus",
    ),
    *(*_LISTS, *_FILES),
)


@dataclass(frozen=True, slots=True)
class Config:
    """`ascii`: no signs and lines beyond ASCII; `badges` maps patterns of contexts' names, as a
    shell's, to one of `BADGES`. `stable` names the stable version by `service.namespace` or
    `service`; `degraded` and `failing` are error ratios (0 to 1); `slow_ms` is the time that 95 %
    of the requests must keep (0: no limit); `tick_s` is the seconds between two looks at
    telemetry. What begins with `prometheus` is as the options of that name.
    """

    theme: str = ""
    ascii: bool = False
    badges: Mapping[str, str] = field(default_factory=dict)
    stable: Mapping[str, str] = field(default_factory=dict)
    degraded: float = 0.0
    failing: float = 0.10
    slow_ms: float = 0.0
    tick_s: float = 2.0
    prometheus: str = "auto"
    prometheus_match: tuple[str, ...] = ()
    prometheus_headers: tuple[str, ...] = ()
    prometheus_token_file: str = ""
    prometheus_basic_file: str = ""


def load_config(path: Path | None = None) -> Config:
    """The configuration; defaults where there is no file. Raises `Usage` naming what is wrong."""
    path = path or config_dir() / "config.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"{path} cannot be read ({error})") from error
    try:
        raw = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise Usage(f"{path} is not YAML ({' '.join(str(error).split())})") from error
    return _config(raw, path)


def _config(raw: Any, path: Path) -> Config:
    if not isinstance(raw, dict):
        raise Usage(f"{path}: expected keys and values")
    unknown = [str(key) for key in raw if key not in KEYS]
    if unknown:
        raise Usage(f"{path}: unknown key {unknown[0]}", f"there are: {', '.join(KEYS)}")
    for key, low, high in _NUMBERS:
        value = raw.get(key, low)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise Usage(f"{path}: {key} is a number from {low} to {high}")
    for key in ("theme", "prometheus", *_FILES):
        if not isinstance(raw.get(key, ""), str):
            raise Usage(f"{path}: {key} is a word")
    stable = raw.get("stable") or {}
    if not isinstance(stable, dict):
        raise Usage(f"{path}: stable maps services to versions")
    if not isinstance(raw.get("ascii", False), bool):
        raise Usage(f"{path}: ascii is true or false")
    badges = raw.get("badges") or {}
    if not isinstance(badges, dict) or not set(map(str, badges.values())) <= set(BADGES):
        raise Usage(f"{path}: badges maps contexts to {', '.join(BADGES)}")
    lists = {key: _texts(raw.get(key), key, path) for key in _LISTS}
    texts = {"stable": stable, "badges": badges}
    mappings = {key: {str(k): str(v) for k, v in found.items()} for key, found in texts.items()}
    return Config(**{**raw, **mappings, **lists})


def _texts(value: Any, key: str, path: Path) -> tuple[str, ...]:
    """One text or a list of them."""
    found = [value] if isinstance(value, str) else value or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Usage(f"{path}: {key} is a text or a list of texts")
    return tuple(found)
