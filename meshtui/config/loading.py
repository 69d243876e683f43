"""From the file and the environment to the settings, each with where its value comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from meshtui.config.keys import located
from meshtui.config.settings import BY_NAME, SETTINGS, Config, Misplaced, Setting, nearest
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
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """Of each key in the file by the keys down to it."""

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
                    line = self.lines.get(("contexts", pattern, key))
                    where = f"{self.path}:{line}" if line else self.sources["contexts"]
                    sources[key] = f"{where} ({pattern})"
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
    file = File(path)
    values, sources = _from_file(text, file, wrong) if text else ({}, {})
    variables = os.environ if environment is None else environment
    for setting in SETTINGS:
        given = variables.get(setting.variable, "") if setting.variable else ""
        if given:
            _take(setting, given, _variable(setting), (values, sources), wrong)
    for slip in _slips(variables):
        wrong(slip)
    every = {setting.name: sources.get(setting.name, DEFAULT) for setting in SETTINGS}
    return Loaded(Config(**values), path, text is not None, every, tuple(problems), file.lines)


def _slips(variables: Mapping[str, str]) -> Iterator[Usage]:
    """Variables that are almost those of a setting: `MESHTUI_READONLY` would forbid nothing.

    Others with our prefix are somebody else's, as those that a canary's gate is given.
    """
    from difflib import get_close_matches

    known = {setting.variable for setting in SETTINGS if setting.variable}
    for name in sorted(variables):
        if name == f"{PREFIX}CONFIG" and variables[name]:
            yield Usage(
                f"{name} is no setting", "XDG_CONFIG_HOME is the folder of meshtui/config.yaml"
            )
        if name in known or not name.startswith(PREFIX) or not variables[name]:
            continue
        names = [one.removeprefix(PREFIX) for one in sorted(known)]
        near = get_close_matches(name.removeprefix(PREFIX).upper(), names, 1, ALMOST)
        if near:
            yield Usage(f"{name} is no setting", f"is it {PREFIX}{near[0]}?")


PREFIX, ALMOST = "MESHTUI_", 0.8


@dataclass(slots=True)
class File:
    """The file, and the line of each key in it by the keys down to it, from 1."""

    path: Path
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)

    def where(self, keys: tuple[str, ...]) -> str:
        """The nearest place that is known."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return f"{self.path}:{self.lines[keys]}" if keys else str(self.path)


def _text(path: Path, wrong: Wrong) -> str | None:
    """None where there is no file, or none that can be read."""
    try:
        if path.stat().st_size <= LARGEST:
            return path.read_text(encoding="utf-8")
        wrong(Usage(f"{path} is larger than {LARGEST >> 20} MiB", "is it the right file?"))
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        wrong(Usage(f"{path}:{line}: is not text in UTF-8", "is it the right file?"))
    except IsADirectoryError:
        wrong(Usage(f"{path} is a folder", "move it away: a file belongs there"))
    except OSError as error:
        wrong(Usage(f"{path} cannot be read ({error.strerror or error})"))
    return None


Found = tuple[dict[str, Any], dict[str, str]]
"""The values, and where each of them stands."""


def _from_file(text: str, file: File, wrong: Wrong) -> Found:
    from meshtui.config.yaml_lines import parse

    found: Found = ({}, {})
    path = file.path
    try:
        written = parse(text, path)
    except Usage as error:
        wrong(error)
        return found
    file.lines.update(written.lines)
    if not isinstance(written.raw, dict):
        if written.raw is not None:
            hint = "`meshtui config init` writes an example"
            wrong(Usage(f"{path}: expected keys and values", hint))
        return found
    for key, first, again in written.twice:
        hint = f"it stands in line {first} already: the last one would count"
        wrong(Usage(f"{path}:{again}: {key} stands twice", hint))
    for key, value in written.raw.items():
        setting = BY_NAME.get(str(key))
        if setting is None:
            near = nearest(str(key), BY_NAME)
            hint = near if near.startswith("is it") else FROM_ELSEWHERE
            wrong(Usage(f"{file.where((str(key),))}: unknown key {key}", hint))
        else:
            _take(setting, value, file.where, found, wrong)
    return found


FROM_ELSEWHERE = "is it of a newer version? those of this one are in the README's settings"
"""All of them would be half a screen, where none is near."""

Where = Callable[[tuple[str, ...]], str]
"""Where a key stands, by the keys down to it."""


def _take(setting: Setting, value: Any, where: Where, found: Found, wrong: Wrong) -> None:
    values, sources = found
    name = setting.name
    try:
        values[name] = _placed(name, setting.check(value), where)
        sources[name] = where((name,))
    except Misplaced as error:
        wrong(Usage(f"{where((name, *error.path))}: {error.words}", error.hint))
    except ValueError as error:
        example = "" if "as in" in str(error) else f"as in `{name}: {setting.example}`"
        wrong(Usage(f"{where((name,))}: {name} is {error}", example))


def _variable(setting: Setting) -> Where:
    return lambda _: setting.variable


def _placed(name: str, value: Any, where: Where, above: tuple[str, ...] = ()) -> Any:
    """Keys of actions know where they are written: what they mean is known later."""
    path = (*above, name)
    if name == "keys":
        return located(value, lambda action: where((*path, action)))
    if name != "contexts":
        return value
    return {
        pattern: {key: _placed(key, one, where, (*path, pattern)) for key, one in given.items()}
        for pattern, given in value.items()
    }
