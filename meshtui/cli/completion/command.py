"""`completion SHELL`: the script that a shell sources."""

from __future__ import annotations

import argparse

from meshtui.cli import output
from meshtui.cli.completion.scripts import SCRIPTS
from meshtui.errors import Exit


def completion(arguments: argparse.Namespace) -> int:
    output.lines(SCRIPTS[arguments.shell])
    return Exit.DONE
