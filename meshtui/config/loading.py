"""From the file and the environment to the settings, each with where its value comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from meshtui.config.settings import BY_NAME, SETTINGS, Config, Setting
from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.paths import config_dir

DEFAULT = "default"
LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and for each by name where it comes from: `default`, the file with the line,
    or the environment's variable."""

    config: Config
    path: Path
    found: bool
    sources: Mapping[str, str]

    def in_context(self, name: str) -> Loaded:
        """With what the file has for a context; the environment still goes before it."""
        values: dict[str, Any] = {}
        sources = dict(self.sources)
        for pattern, given in self.config.contexts.items():
            if not fnmatchcase(name, pattern):
                continue
            for key, value in given.items():
                if self.sources[key] != BY_NAME[key].variable:
                    values[key] = value
                    sources[key] = f"{self.sources['contexts']} ({pattern})"
        return replace(self, config=replace(self.config, **values), sources=sources)


def config_path() -> Path:
    return config_dir() / "config.yaml"


def load_config(path: Path | None = None) -> Config:
    """The configuration; defaults where there is no file. Raises `Usage` naming what is wrong."""
    return load(path).config


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Loaded:
    """What the environment says goes before the file. Raises `Usage`."""
    path = path or config_path()
    text = _text(path)
    values, sources = _from_file(text, path) if text else ({}, {})
    variables = os.environ if environment is None else environment
    for setting in SETTINGS:
        given = variables.get(setting.variable, "") if setting.variable else ""
        if given:
            values[setting.name] = _checked(setting, given, setting.variable)
            sources[setting.name] = setting.variable
    every = {setting.name: sources.get(setting.name, DEFAULT) for setting in SETTINGS}
    return Loaded(Config(**values), path, text is not None, every)


def _text(path: Path) -> str | None:
    """None where there is no file."""
    try:
        if path.stat().st_size > LARGEST:
            raise Usage(f"{path} is larger than {LARGEST >> 20} MiB", "is it the right file?")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"{path} cannot be read ({error})") from error


def _from_file(text: str, path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that stand in it, and the line of each. Raises `Usage`."""
    try:
        raw = yaml.safe_load(text)
        lines = _lines(yaml.compose(text, yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        words = " ".join(str(error).split()) or "it is nested too deeply"
        raise Usage(f"{path} is not YAML ({words})") from error
    if raw is None:
        return {}, {}
    if not isinstance(raw, dict):
        raise Usage(f"{path}: expected keys and values", "`meshtui config init` writes an example")
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key, value in raw.items():
        where = f"{path}:{lines[str(key)]}" if str(key) in lines else str(path)
        setting = BY_NAME.get(str(key))
        if setting is None:
            raise Usage(f"{where}: unknown key {key}", _meant(str(key)))
        values[setting.name] = _checked(setting, value, where)
        sources[setting.name] = where
    return values, sources


def _lines(node: yaml.Node | None) -> dict[str, int]:
    """The line of each key, from 1."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(key.value): key.start_mark.line + 1 for key, _ in node.value}


def _checked(setting: Setting, value: Any, where: str) -> Any:
    try:
        return setting.check(value)
    except ValueError as error:
        example = f"as in `{setting.name}: {setting.example}`"
        raise Usage(f"{where}: {setting.name} is {error}", example) from None


def _meant(key: str) -> str:
    near = get_close_matches(key.lower(), BY_NAME, 1, 0.6)
    return f"is it {near[0]}?" if near else f"there are: {', '.join(BY_NAME)}"
