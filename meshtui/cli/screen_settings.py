"""What is wrong with settings that only the screen knows: themes and keys.

The commands that report what is wrong say it, too: they start without it, as the screen does.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.config import Config, Loaded
from meshtui.operations.look.check import WARNING, CheckLine
from meshtui.operations.look.doctor import OK, WARN, Check
from meshtui.operations.options import Options

DO = "`meshtui config show` has every setting, and the line that it is from"


def of_screen(config: Config, theme_at: str) -> Iterator[str]:
    """One line for each; `theme_at` is where the theme is set."""
    if config.theme:
        from meshtui.ui.themes import all_themes, missing_theme

        names, problems = all_themes()
        if config.theme not in names:
            yield "; ".join((str(missing_theme(config.theme, names, theme_at)), *problems))
    if config.keys:
        from meshtui.ui.actions.keymap import remapped
        from meshtui.ui.actions.registry import ACTIONS

        yield from remapped(ACTIONS, config.keys)[1]


def of_every_context(loaded: Loaded) -> Iterator[str]:
    """Those of the file itself, and of what it has for contexts."""
    found = [*of_screen(loaded.config, loaded.sources["theme"])]
    for pattern, given in loaded.config.contexts.items():
        line = loaded.lines.get(("contexts", pattern, "theme"))
        where = f"{loaded.path}:{line}" if line else loaded.sources["contexts"]
        found += of_screen(Config(theme=given.get("theme", ""), keys=given.get("keys", {})), where)
    yield from dict.fromkeys(found)


def check_lines(options: Options) -> tuple[CheckLine, ...]:
    """For `--check`."""
    found = (*options.problems, *of_screen(options.config, options.theme_at))
    return tuple(CheckLine(WARNING, "settings", "settings", text) for text in found)


def doctors(options: Options) -> tuple[Check, ...]:
    """For `doctor`."""
    found = (*options.problems, *of_screen(options.config, options.theme_at))
    checks = tuple(Check("settings", WARN, text, DO) for text in found)
    return checks or (Check("settings", OK, "all of them are taken"),)
