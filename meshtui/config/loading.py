"""From the file and the environment to the settings, each with where its value comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
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
    or the environment's variable. `problems` are what was wrong and is left out."""

    config: Config
    path: Path
    found: bool
    sources: Mapping[str, str]
    problems: tuple[str, ...] = ()

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


Wrong = Callable[[Usage], None]
"""Called with what is wrong; it may raise it, and otherwise the rest is read."""


def load(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    lenient: bool = False,
) -> Loaded:
    """What the environment says goes before the file. Raises `Usage`, or with `lenient` goes
    without what is wrong, which then stands in `problems`."""
    path = path or config_path()
    problems: list[str] = []

    def wrong(error: Usage) -> None:
        if not lenient:
            raise error
        problems.append(str(error))

    text = _text(path, wrong)
    values, sources = _from_file(text, path, wrong) if text else ({}, {})
    variables = os.environ if environment is None else environment
    for setting in SETTINGS:
        given = variables.get(setting.variable, "") if setting.variable else ""
        if given:
            _take(setting, given, setting.variable, (values, sources), wrong)
    every = {setting.name: sources.get(setting.name, DEFAULT) for setting in SETTINGS}
    return Loaded(Config(**values), path, text is not None, every, tuple(problems))


def _text(path: Path, wrong: Wrong) -> str | None:
    """None where there is no file, or none that can be read."""
    try:
        if path.stat().st_size <= LARGEST:
            return path.read_text(encoding="utf-8")
        wrong(Usage(f"{path} is larger than {LARGEST >> 20} MiB", "is it the right file?"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        wrong(Usage(f"{path} cannot be read ({error})"))
    return None


Found = tuple[dict[str, Any], dict[str, str]]
"""The values, and where each of them stands."""


def _from_file(text: str, path: Path, wrong: Wrong) -> Found:
    found: Found = ({}, {})
    try:
        raw = yaml.safe_load(text)
        lines = _lines(yaml.compose(text, yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        words = " ".join(str(error).split()) or "it is nested too deeply"
        wrong(Usage(f"{path} is not YAML ({words})"))
        return found
    if not isinstance(raw, dict):
        if raw is not None:
            hint = "`meshtui config init` writes an example"
            wrong(Usage(f"{path}: expected keys and values", hint))
        return found
    for key, value in raw.items():
        where = f"{path}:{lines[str(key)]}" if str(key) in lines else str(path)
        setting = BY_NAME.get(str(key))
        if setting is None:
            wrong(Usage(f"{where}: unknown key {key}", _meant(str(key))))
        else:
            _take(setting, value, where, found, wrong)
    return found


def _lines(node: yaml.Node | None) -> dict[str, int]:
    """The line of each key, from 1."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(key.value): key.start_mark.line + 1 for key, _ in node.value}


def _take(setting: Setting, value: Any, where: str, found: Found, wrong: Wrong) -> None:
    values, sources = found
    try:
        values[setting.name] = setting.check(value)
        sources[setting.name] = where
    except ValueError as error:
        example = f"as in `{setting.name}: {setting.example}`"
        wrong(Usage(f"{where}: {setting.name} is {error}", example))


def _meant(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key.lower(), BY_NAME, 1, 0.6)
    return f"is it {near[0]}?" if near else f"there are: {', '.join(BY_NAME)}"
