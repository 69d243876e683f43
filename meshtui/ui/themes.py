"""Themes from YAML files: one that cannot be read is reported and left out, the others stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.mesh.nearest import nearest_words
from meshtui.mesh.text import clean
from meshtui.ui import paths
from meshtui.ui.theme_files import ThemeFiles
from meshtui.ui.widgets.roles import OWN

DEFAULT = "meshtui-dark"

_COLOURS = (
    "primary",
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "success",
    "warning",
    "error",
)


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes found, and one line for each file that could not be used."""

    found: tuple[Theme, ...]
    problems: tuple[str, ...]


def load_themes(folders: Iterable[Path]) -> Themes:
    """All themes of the folders; of two with one name the later counts."""
    found: dict[str, Theme] = {}
    problems: list[str] = []
    files = ThemeFiles()
    for path in (file for folder in folders for file in sorted(folder.glob("*.y*ml"))):
        try:
            theme = parse_theme(files.content(path))
        except (OSError, ValueError) as error:
            files.leave_out(path)
            problems.append(clean(f"theme {path.name} left out: {error}", 200))
        else:
            found[theme.name] = theme
    files.keep()
    return Themes(tuple(found.values()), tuple(problems))


def all_themes() -> tuple[set[str], tuple[str, ...]]:
    """The names of the program's themes, the person's and Textual's own, and what is wrong."""
    themes = load_themes((paths.shipped_themes(), paths.user_themes()))
    return {*(one.name for one in themes.found), *BUILTIN_THEMES}, themes.problems


def missing_theme(name: str, names: Iterable[str], where: str = "") -> Usage:
    """That there is none of this name, and which is meant; ours go before Textual's own."""
    ours_first = sorted(names, key=lambda one: (not one.startswith("meshtui"), one))
    place = f"{where}: " if where else ""
    return Usage(f"{place}there is no theme {name}", nearest_words(name, ours_first))


def parse_theme(raw: object) -> Theme:
    """A theme from its file's content. Raises ValueError with what is wrong."""
    if not isinstance(raw, Mapping):
        raise ValueError("a theme is a mapping with name, dark, colours and roles")
    name = raw.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ValueError("it has no name")
    colours = _colours(raw.get("colours"), _COLOURS)
    missing = [colour for colour in _COLOURS if colour not in colours]
    if missing:
        raise ValueError(f"colours are missing: {', '.join(missing)}")
    roles = _colours(raw.get("roles") or {}, OWN)
    dark, ansi = raw.get("dark", True) is not False, raw.get("ansi", False) is True
    own = {f"mesh-{role}": value for role, value in roles.items()}
    return Theme(
        name=name.strip(),
        dark=dark,
        ansi=ansi,
        variables={**(_of_the_terminal(dark) if ansi else {}), **own},
        **_arguments(colours),
    )


def _of_the_terminal(dark: bool) -> Mapping[str, str]:
    """What Textual's own style sheets want of a theme of the terminal's sixteen colours."""
    return BUILTIN_THEMES["ansi-dark" if dark else "ansi-light"].variables


def _arguments(colours: Mapping[str, str]) -> dict[str, Any]:
    return dict(colours)


def _colours(raw: object, known: Iterable[str]) -> dict[str, str]:
    if not isinstance(raw, Mapping):
        raise ValueError("colours and roles are mappings of names to colours")
    unknown = sorted(str(key) for key in raw if key not in set(known))
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    return {str(key): _colour(str(key), value) for key, value in raw.items()}


def _colour(key: str, value: object) -> str:
    try:
        return Color.parse(str(value)).hex
    except ColorParseError as error:
        raise ValueError(f"{key}: {value} is no colour") from error
