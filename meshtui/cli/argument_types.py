"""Values that only the command line takes."""

from __future__ import annotations

import argparse

from meshtui.verbs.prometheus import is_wanted


def prometheus(text: str) -> str:
    """`auto`, `none` or a URL."""
    if is_wanted(text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r}: say auto, none or http://HOST:PORT")


KINDS = ("svc", "service", "services")
"""What kubectl writes before the name of a Service."""


def service(text: str) -> str:
    """The name alone, which may stand behind its kind as kubectl writes it: `svc/reviews`."""
    kind, stroke, name = text.partition("/")
    if not stroke or not name:
        return text
    if kind.lower() in KINDS:
        return name
    raise argparse.ArgumentTypeError(f"{text!r} is no service: write NAME or NAME.NAMESPACE")
