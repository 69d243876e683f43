"""The screen, on the current kube context."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, cast

from meshtui.cli.streams import at_terminal
from meshtui.errors import Usage

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit


def screen(arguments: argparse.Namespace) -> int:
    return run_screen(arguments)


def run_screen(arguments: argparse.Namespace) -> int:
    """Opens the screen and returns when it is left."""
    if not at_terminal():
        raise Usage("the screen needs a terminal", "`meshtui --help` lists the commands")
    from meshtui.cli.options import options
    from meshtui.operations.deferred import LateCockpit
    from meshtui.ui.app import MeshtuiApp

    chosen = options(arguments)
    cockpit: Any = LateCockpit(chosen)
    app = MeshtuiApp(cast("Cockpit", cockpit), theme=chosen.config.theme)
    try:
        status = app.run() or 0
    finally:
        app.release_terminal()
    if app.failure is not None:
        raise app.failure
    return status
