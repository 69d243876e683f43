"""The command line: the same use cases as the screen, for people in a hurry and for scripts."""

from meshtui.cli.main import main, run

__all__ = ["main", "run"]
