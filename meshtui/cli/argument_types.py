"""Values that only the command line takes."""

from __future__ import annotations

import argparse

from meshtui.verbs.prometheus import is_wanted


def prometheus(text: str) -> str:
    """`auto`, `none` or a URL."""
    if is_wanted(text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r}: say auto, none or http://HOST:PORT")
