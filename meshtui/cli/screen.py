"""The screen, on the current kube context."""

from __future__ import annotations

import argparse

from meshtui.cli.streams import at_terminal
from meshtui.errors import Usage


def screen(arguments: argparse.Namespace) -> int:
    return run_screen(arguments)


def run_screen(arguments: argparse.Namespace) -> int:
    """Opens the screen and returns when it is left."""
    if not at_terminal():
        raise Usage("the screen needs a terminal", "`meshtui --help` lists the commands")
    from meshtui.cli.options import options
    from meshtui.operations.deferred import DeferredCockpit
    from meshtui.ui.app import MeshtuiApp

    chosen = options(arguments)
    app = MeshtuiApp(DeferredCockpit(chosen), theme=chosen.config.theme)
    try:
        status = app.run() or 0
    finally:
        app.release_terminal()
    if app.failure is not None:
        raise app.failure
    return status
