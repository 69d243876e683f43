"""The screen, on the current kube context."""

from __future__ import annotations

import argparse
import sys

from meshtui.cli.opening import options
from meshtui.errors import Usage


def screen(arguments: argparse.Namespace) -> int:
    return run_screen(arguments)


def run_screen(arguments: argparse.Namespace) -> int:
    """Opens the screen and returns when it is left."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage("the screen needs a terminal", "`meshtui --help` lists the commands")
    from meshtui.operations.live import LiveCockpit
    from meshtui.ui.app import MeshtuiApp

    chosen = options(arguments)
    app = MeshtuiApp(LiveCockpit(chosen), theme=chosen.config.theme)
    return app.run() or 0
