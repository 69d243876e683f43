"""The grammar of the command line."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from meshtui import __version__
from meshtui.cli import values
from meshtui.cli.commandparser import command, everywhere, late
from meshtui.cli.readingparser import reading
from meshtui.errors import Exit


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and exits with 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {message} (see `{self.prog} --help`)\n")


def build_parser() -> argparse.ArgumentParser:
    """Global options may stand before or after the command."""
    parser = _Parser(
        prog="meshtui",
        description="A terminal cockpit for a live Istio mesh. Without a command: the screen.",
        parents=[everywhere()],
    )
    parser.add_argument("--version", action="version", version=f"meshtui {__version__}")
    parser.set_defaults(run=late("screen", "screen"), command="")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    reading(commands)
    _changing(commands)
    _keeping(commands)
    _labs(commands)
    return parser


def _keeping(commands: Any) -> None:
    keep = command(commands, "keep", late("keeping", "keep"), help="end faults and mirrors on time")
    keep.add_argument("--once", action="store_true", help="what is over now, then exit (cron)")
    keep.add_argument("--every", type=values.duration, default=1.0, metavar="1s")
    command(commands, "doctor", late("keeping", "doctor"), help="what works and what is overdue")


def _changing(commands: Any) -> None:
    how = _how()

    def verb(name: str, summary: str) -> argparse.ArgumentParser:
        run = late("changing", name)
        return command(commands, name, run, help=summary, parents=[how])

    shift = verb("shift", "set weights: V=W …; the versions not named share the rest")
    shift.add_argument("service")
    shift.add_argument("weights", nargs="+", type=values.weight, metavar="V=W")
    promote = verb("promote", "all traffic to one version")
    promote.add_argument("service")
    promote.add_argument("version", metavar="V")
    verb("rollback", "all traffic to stable, mirrors and faults off").add_argument("service")
    undo = verb("undo", "take back the last change, or the one named")
    undo.add_argument("change", nargs="?", default="")
    mirror = verb("mirror", "copy traffic to a version")
    mirror.add_argument("service")
    mirror.add_argument("--to", metavar="V", default="")
    mirror.add_argument("--percent", type=values.percent, default=100.0, metavar="100")
    mirror.add_argument("--for", dest="limit", type=values.limit, metavar="2h")
    mirror.add_argument("--off", action="store_true")
    _fault(verb("fault", "inject delays and aborts"))

    _timeout(verb("timeout", "limit the time of a request, and how it is tried again"))
    _breaker(verb("breaker", "connection pool limits and outlier detection"))
    more = late("making", "adopt")
    adopt = command(
        commands, "adopt", more, parents=[how], help="make the rules of a service that has none"
    )
    adopt.add_argument("service")
    adopt.add_argument("--stable", default="", metavar="V", help="the version that gets it all")
    edit = command(
        commands, "edit", late("making", "edit"), parents=[how], help="an object in $EDITOR"
    )
    edit.add_argument("object", help="vs/NAME, dr/NAME, or a service")


def _timeout(timeout: argparse.ArgumentParser) -> None:
    timeout.add_argument("service")
    timeout.add_argument("duration", nargs="?", type=values.timeout, metavar="10s")
    timeout.add_argument("--retries", type=values.whole, metavar="3", help="0: none")
    timeout.add_argument("--per-try", type=values.duration, metavar="3s")
    timeout.add_argument("--retry-on", metavar="5xx,reset")
    timeout.add_argument("--off", action="store_true")


def _breaker(breaker: argparse.ArgumentParser) -> None:
    breaker.add_argument("service")
    breaker.add_argument("--subset", default="", metavar="V")
    for name in (
        "max-connections",
        "max-pending",
        "max-requests",
        "max-requests-per-connection",
        "max-retries",
        "consecutive-5xx",
        "consecutive-gateway",
        "max-ejection-percent",
        "min-health-percent",
    ):
        breaker.add_argument(f"--{name}", type=values.whole, metavar="N")
    for name in ("interval", "base-ejection"):
        breaker.add_argument(f"--{name}", type=values.go_duration, metavar="10s")
    breaker.add_argument("--off", action="store_true")


def _fault(fault: argparse.ArgumentParser) -> None:
    fault.add_argument("service")
    fault.add_argument("--delay", type=values.duration, metavar="3s")
    fault.add_argument("--delay-percent", type=values.percent, default=100.0, metavar="50")
    fault.add_argument("--abort", type=values.abort, metavar="503|UNAVAILABLE")
    fault.add_argument("--abort-percent", type=values.percent, default=100.0, metavar="10")
    fault.add_argument("--header", type=values.pair, metavar="K=V", help="only with this header")
    fault.add_argument(
        "--for", dest="limit", type=values.limit, default=900.0, metavar="15m", help="0: no limit"
    )
    fault.add_argument("--off", action="store_true")


def _how() -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False)
    group = parent.add_argument_group("how to change")
    group.add_argument("--dry-run", action="store_true", help="show the change, write nothing")
    group.add_argument("--yes", action="store_true", help="ask no question")
    group.add_argument("--no-verify", action="store_true", help="do not ask the proxies")
    group.add_argument(
        "--timeout",
        dest="wait",
        type=values.duration,
        default=10.0,
        metavar="10s",
        help="how long to wait for the proxies",
    )
    group.add_argument(
        "--measure",
        type=values.duration,
        metavar="30s",
        help="then count requests for so long: each version's share against its weight",
    )
    return parent


def _labs(commands: Any) -> None:
    demo = command(
        commands, "demo", late("labs", "demo"), help="a real small mesh, and the screen on it"
    )
    demo.add_argument("--scenario", default="errors")
    lab = commands.add_parser("lab", help="the demo's mesh alone")
    actions = lab.add_subparsers(title="actions", metavar="ACTION", required=True)
    up = actions.add_parser("up", help="run a lab until ^C; prints its kubeconfig")
    up.add_argument("--scenario", default="errors")
    up.add_argument("--rps", type=values.rate, default=40.0, metavar="40")
    set_ = actions.add_parser("set", help="let a workload fail or be slow")
    set_.add_argument("workload")
    set_.add_argument("--errors", metavar="5%")
    set_.add_argument("--latency", metavar="200ms")
    load = actions.add_parser("load", help="change the rate of requests")
    load.add_argument("--rps", type=values.rate, required=True, metavar="N")
    for parser, function in ((up, "up"), (set_, "set_workload"), (load, "load")):
        parser.add_argument("--dir", metavar="D", type=values.path)
        parser.set_defaults(run=late("labs", function), command="lab")
