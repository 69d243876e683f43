"""The program on the screen, made from the command line and the configuration."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.paths import config_dir

if TYPE_CHECKING:
    from meshtui.operations.options import Options
    from meshtui.ui.app import MeshtuiApp
    from meshtui.ui.terminal.watchdog import Leaving


def app_of(arguments: argparse.Namespace, leaving: Leaving | None = None) -> MeshtuiApp:
    """The program on the screen, as the options and the configuration want it; without a terminal
    nothing is changed, not even what is overdue."""
    from meshtui.cli.options import options
    from meshtui.config import Config
    from meshtui.operations.deferred import DeferredCockpit
    from meshtui.ui.app import MeshtuiApp
    from meshtui.ui.greeting import NO_GREETING

    def chosen_for(wanted: argparse.Namespace) -> Options:
        found = options(wanted, lenient=True)
        if leaving is not None:
            return found
        config = replace(found.config, tick_s=min(found.config.tick_s, Config().tick_s))
        return replace(found, read_only=True, config=config)

    contexts = getattr(arguments, "contexts", ())
    chosen, *others = [
        chosen_for(argparse.Namespace(**{**vars(arguments), "context": one})) for one in contexts
    ] or [chosen_for(arguments)]
    config = chosen.config
    plain = config.ascii or getattr(arguments, "ascii", False)
    return MeshtuiApp(
        DeferredCockpit(chosen, others),
        theme=config.theme,
        theme_at=_short(chosen.theme_at),
        ascii_only=plain or (leaving is not None and not _unicode()),
        badges=config.badges,
        mouse=config.mouse or getattr(arguments, "mouse", False),
        leaving=leaving,
        welcome=getattr(arguments, "welcome", NO_GREETING),
        problems=config_problems(chosen.problems),
    )


def config_problems(problems: Sequence[str]) -> tuple[str, ...]:
    """One line for the screen, where the hint must be seen: its folder `config path` tells."""
    if not problems:
        return ()
    first, *others = map(_short, problems)
    more = f"; {len(others)} more" if others else ""
    return (f"{first}{more}; read-only until that is right",)


def _short(text: str) -> str:
    """Without the folder of the configuration."""
    return text.replace(f"{config_dir()}{os.sep}", "")


def _unicode() -> bool:
    """Whether the terminal is said to take more than ASCII."""
    return "utf" in (sys.stdout.encoding or "").lower()
