"""The screen, on the current kube context."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshtui.cli import output
from meshtui.cli.streams import at_terminal
from meshtui.errors import Usage

if TYPE_CHECKING:
    from meshtui.ui.terminal.watchdog import Leaving


def screen(arguments: argparse.Namespace) -> int:
    with watched_terminal() as leaving:
        return run_screen(arguments, leaving)


@contextmanager
def watched_terminal() -> Iterator[Leaving]:
    """From now on the program ends when its terminal is gone. Raises Usage without one."""
    if not at_terminal():
        raise Usage("the screen needs a terminal", "`meshtui --help` lists the commands")
    from meshtui.ui.terminal.watchdog import Leaving

    yield Leaving(sys.stdin.fileno())


def run_screen(arguments: argparse.Namespace, leaving: Leaving) -> int:
    """Opens the screen and returns when it is left."""
    from meshtui.cli.options import options
    from meshtui.operations.deferred import DeferredCockpit
    from meshtui.ui.app import MeshtuiApp

    chosen = options(arguments)
    config = chosen.config
    app = MeshtuiApp(
        DeferredCockpit(chosen),
        theme=config.theme,
        ascii_only=config.ascii or getattr(arguments, "ascii", False) or not _unicode(),
        badges=config.badges,
        leaving=leaving,
    )
    try:
        status = app.run() or 0
    finally:
        app.release_terminal()
        for words in app.ending.parting:
            output.note(f"meshtui: {words}")
    if app.failure is not None:
        raise app.failure
    return status


def _unicode() -> bool:
    """Whether the terminal is said to take more than ASCII."""
    return "utf" in (sys.stdout.encoding or "").lower()
