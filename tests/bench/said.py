"""A bench of a few figures as a program: options from defaults, the answer as words or JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

Figures = dict[str, float]


def run(words: str | None, figures: Callable[..., Figures], **defaults: float | str) -> None:
    """`figures` is given an option for each of `defaults`, of the kind that its default is of."""
    parser = argparse.ArgumentParser(
        description=words, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args())
    as_json = given.pop("json")
    found = figures(**given)
    shown = ", ".join(f"{what} {value:.2f}" for what, value in found.items())
    sys.stdout.write(f"{json.dumps(found) if as_json else shown}\n")
