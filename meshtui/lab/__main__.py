"""`python -m meshtui.lab`: the lab without the rest of meshtui."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from meshtui.lab import commands
from meshtui.lab.scenario import SCENARIOS


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the answer is its exit status."""
    given = _parser().parse_args(arguments)
    if given.command == "up":
        return commands.up(
            given.dir, given.scenario, given.rps, given.follow_stdin, given.synthetic
        )
    if given.command == "set":
        return commands.set_workload(given.workload, given.errors, given.latency, given.dir)
    return commands.load(given.rps, given.dir)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m meshtui.lab", description=__doc__)
    verbs = parser.add_subparsers(dest="command", required=True)
    up = verbs.add_parser("up", help="run a lab until ^C")
    up.add_argument("--scenario", choices=list(SCENARIOS), default="errors")
    up.add_argument("--rps", type=float, default=40.0)
    up.add_argument("--synthetic", type=int, default=0)
    up.add_argument("--follow-stdin", action="store_true", help=argparse.SUPPRESS)
    change = verbs.add_parser("set", help="make a workload fail or slow it down")
    change.add_argument("workload")
    change.add_argument("--errors")
    change.add_argument("--latency")
    load = verbs.add_parser("load", help="change the rate of requests")
    load.add_argument("--rps", type=float, required=True)
    for verb in (up, change, load):
        verb.add_argument("--dir", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
