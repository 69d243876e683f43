"""`python -m meshtui`."""

from meshtui.cli import run

raise SystemExit(run())
