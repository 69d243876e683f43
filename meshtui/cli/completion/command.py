"""`completion SHELL` and `man`: what a shell sources, and what man shows."""

from __future__ import annotations

import argparse

from meshtui.cli import output
from meshtui.cli.completion.scripts import SCRIPTS
from meshtui.errors import Exit


def completion(arguments: argparse.Namespace) -> int:
    output.lines(SCRIPTS[arguments.shell])
    return Exit.DONE


def man(arguments: argparse.Namespace) -> int:
    from meshtui import __version__
    from meshtui.verbs.man import man_page

    output.lines(man_page(__version__))
    return Exit.DONE
