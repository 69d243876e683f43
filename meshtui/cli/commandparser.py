"""What the parsers of all commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from meshtui.cli import values

Run = Callable[[argparse.Namespace], Any]


def late(module: str, function: str) -> Run:
    """What a command needs is imported only when it runs: the others start at once."""

    def run(arguments: argparse.Namespace) -> Any:
        from importlib import import_module

        return getattr(import_module(f"meshtui.cli.{module}"), function)(arguments)

    return run


def everywhere() -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = parent.add_argument_group("everywhere")
    group.add_argument("--kubeconfig", metavar="FILE")
    group.add_argument("--context", metavar="NAME")
    group.add_argument("-n", "--namespace", metavar="NS")
    group.add_argument("-A", "--all-namespaces", action="store_true")
    group.add_argument("--prometheus", metavar="URL|auto|none", type=values.prometheus)
    group.add_argument("--read-only", action="store_true", help="refuse every write")
    group.add_argument("-o", "--output", choices=("table", "json", "yaml"))
    group.add_argument("--rule", metavar="NAME|INDEX", help="which rule of the VirtualService")
    return parent


def command(commands: Any, name: str, run: Run, **more: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, parents=[everywhere(), *more.pop("parents", [])], **more
    )
    parser.set_defaults(run=run, command=name)
    return parser
