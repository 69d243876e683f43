"""The screen, on the current kube context."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from meshtui.cli import output
from meshtui.cli.application import app_of
from meshtui.cli.streams import at_terminal, is_dumb
from meshtui.errors import Usage

if TYPE_CHECKING:
    from meshtui.ui.terminal.watchdog import Leaving


def screen(arguments: argparse.Namespace) -> int | Coroutine[Any, Any, int]:
    if getattr(arguments, "check", False):
        from meshtui.cli.check import check

        return check(arguments)
    if getattr(arguments, "snapshot", ""):
        from meshtui.cli.snapshot import snapshot

        return snapshot(arguments)
    if getattr(arguments, "size", ""):
        raise Usage("--size belongs to --snapshot")
    if at_terminal() and is_dumb():
        return _one_frame(arguments)
    with watched_terminal() as leaving:
        return run_screen(arguments, leaving)


INSTEAD = (
    "`meshtui --check`, `meshtui services`, `--snapshot -` and `meshtui lab up` need none; "
    "where it has one: TERM=vt100 meshtui"
)
"""What is told on a terminal that is said to know nothing but text."""


def _one_frame(arguments: argparse.Namespace) -> Coroutine[Any, Any, int]:
    """As text: what a screen writes would stand on such a terminal as it is."""
    from meshtui.cli.snapshot import fitted, snapshot

    output.note(
        f"meshtui: TERM=dumb, and no cursor answers: this is one frame of the screen; {INSTEAD}"
    )
    arguments.snapshot, arguments.size = "-", fitted(sys.stdout)
    return snapshot(arguments)


def need_cursor() -> None:
    """Raises Usage on a terminal without one."""
    if at_terminal() and is_dumb():
        raise Usage(
            "the screen needs a terminal with a cursor: TERM=dumb, and none answers", INSTEAD
        )


@contextmanager
def watched_terminal() -> Iterator[Leaving]:
    """From now on the program ends when its terminal is gone. Raises Usage without one."""
    if not at_terminal():
        raise Usage("the screen needs a terminal", "`meshtui --help` lists the commands")
    from meshtui.ui.terminal.watchdog import Leaving

    yield Leaving(sys.stdin.fileno())


def run_screen(arguments: argparse.Namespace, leaving: Leaving, *, all_ends: bool = False) -> int:
    """Opens the screen and returns when it is left. `all_ends`: the cluster ends with it."""
    app = app_of(arguments, leaving)
    app.garbage.begin()
    try:
        status = app.run(mouse=app.mouse) or 0
    finally:
        app.release_terminal()
        for words in (*app.ending.parting, *(() if all_ends else app.ending.left_on)):
            output.note(f"meshtui: {app.plain(words)}")
    if app.failure is not None:
        raise app.failure
    return status
