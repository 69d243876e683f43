"""The grammar of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from meshtui import __version__
from meshtui.cli import values
from meshtui.errors import Exit

Run = Callable[[argparse.Namespace], Any]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and exits with 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {message} (see `{self.prog} --help`)\n")


def build_parser() -> argparse.ArgumentParser:
    """Global options may stand before or after the command."""
    parser = _Parser(
        prog="meshtui",
        description="A terminal cockpit for a live Istio mesh. Without a command: the screen.",
        parents=[_everywhere()],
    )
    parser.add_argument("--version", action="version", version=f"meshtui {__version__}")
    parser.set_defaults(run=_late("screen", "screen"), command="")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _reading(commands)
    _changing(commands)
    _keeping(commands)
    _labs(commands)
    return parser


def _late(module: str, function: str) -> Run:
    """What a command needs is imported only when it runs: the others start at once."""

    def run(arguments: argparse.Namespace) -> Any:
        from importlib import import_module

        return getattr(import_module(f"meshtui.cli.{module}"), function)(arguments)

    return run


def _everywhere() -> argparse.ArgumentParser:
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


def _command(commands: Any, name: str, run: Run, **more: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, parents=[_everywhere(), *more.pop("parents", [])], **more
    )
    parser.set_defaults(run=run, command=name)
    return parser


def _reading(commands: Any) -> None:
    run, text = _late("reading", "services"), "weights and golden signals per version, one sample"
    services = _command(commands, "services", run, help=text)
    services.add_argument("service", nargs="?", default="")
    services.add_argument("--window", type=values.duration, default=5.0, metavar="5s")
    services.add_argument(
        "--reporter",
        choices=("source", "destination"),
        default="source",
        help="source: what callers saw (default); destination: what the versions did themselves",
    )
    _logs(commands)
    proxy = _command(
        commands, "proxy", _late("proxies", "show"), help="what a pod's proxy really does"
    )
    proxy.add_argument(
        "what",
        choices=("routes", "clusters", "endpoints", "listeners", "dump", "diff"),
        help="diff: what each client's proxy of a SERVICE does against its rules; 1 if any differs",
    )
    proxy.add_argument("pod", metavar="POD|SERVICE", help="a pod, POD.NAMESPACE, or a workload")
    proxy.add_argument(
        "--file", default="", metavar="F", help="dump: a new file, or - for standard output"
    )
    analyze = _command(
        commands,
        "analyze",
        _late("analysis", "analyze"),
        help="what is wrong with the rules as written; status 0 whatever is found",
    )
    analyze.add_argument(
        "--hints", action="store_true", help="also what is often meant so: subsets nobody uses"
    )
    _tracing(commands)
    _exposing(commands)
    journal = _command(
        commands, "journal", _late("reading", "journal"), help="every change that was made"
    )
    journal.add_argument("service", nargs="?", default="")
    journal.add_argument("--since", type=values.duration, metavar="2h")
    journal.add_argument("--who", default="", metavar="NAME")
    journal.add_argument("--limit", type=values.count, default=50, metavar="N")


def _logs(commands: Any) -> None:
    logs = _command(commands, "logs", _late("logs", "logs"), help="access logs of a service")
    logs.add_argument("service")
    logs.add_argument("--version", dest="only_version", metavar="V", default="")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.add_argument("--tail", type=values.count, metavar="N", help="lines of each pod (200)")
    logs.add_argument("--since", type=values.duration, metavar="15m", help="not older than this")
    logs.add_argument("--previous", action="store_true", help="of the proxies before a restart")
    logs.add_argument(
        "--callers", action="store_true", help="with what its callers' proxies say of it"
    )
    logs.add_argument("--code", metavar="503|5xx|!200", default="")
    logs.add_argument("--flag", metavar="UO|any", default="")
    logs.add_argument("--path", metavar="/x*", default="", help="with *: the whole path")
    logs.add_argument("--method", metavar="GET", default="")
    logs.add_argument("--slower", metavar="200ms", default="")
    logs.add_argument("--grep", metavar="RE", default="", help="in RE2's syntax")
    logs.add_argument(
        "--filter", metavar="EXPR", default="", help='the words of the screen: "code:5xx >200ms !x"'
    )


def _tracing(commands: Any) -> None:
    trace = _command(
        commands,
        "trace",
        _late("tracing", "trace"),
        help="which rule takes a request, by the objects and by each proxy",
    )
    trace.add_argument("service")
    trace.add_argument("--path", default="/", metavar="/x?y=z")
    trace.add_argument("--method", default="GET")
    trace.add_argument("--host", default="", metavar="HOST[:PORT]", help="the Host header")
    trace.add_argument("--scheme", choices=("http", "https"), default="http")
    trace.add_argument(
        "--header", type=values.pair, action="append", default=[], metavar="K=V", help="repeatable"
    )
    trace.add_argument(
        "--from", dest="source", default="", metavar="WORKLOAD|gateway", help="only this caller"
    )
    trace.add_argument("--port", type=values.port, default=0, metavar="N")


def _exposing(commands: Any) -> None:
    exposure = _command(
        commands,
        "exposure",
        _late("exposing", "exposure"),
        help="how traffic from outside gets to a service, and which rate limits stand in its way",
    )
    exposure.add_argument("service", nargs="?", default="")
    exposure.add_argument("--window", type=values.duration, default=5.0, metavar="5s")


def _keeping(commands: Any) -> None:
    keep = _command(
        commands, "keep", _late("keeping", "keep"), help="end faults and mirrors on time"
    )
    keep.add_argument("--once", action="store_true", help="what is over now, then exit (cron)")
    keep.add_argument("--every", type=values.duration, default=1.0, metavar="1s")
    _command(commands, "doctor", _late("keeping", "doctor"), help="what works and what is overdue")


def _changing(commands: Any) -> None:
    how = _how()

    def verb(name: str, summary: str) -> argparse.ArgumentParser:
        run = _late("changing", name)
        return _command(commands, name, run, help=summary, parents=[how])

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
    more = _late("making", "adopt")
    adopt = _command(
        commands, "adopt", more, parents=[how], help="make the rules of a service that has none"
    )
    adopt.add_argument("service")
    adopt.add_argument("--stable", default="", metavar="V", help="the version that gets it all")
    edit = _command(
        commands, "edit", _late("making", "edit"), parents=[how], help="an object in $EDITOR"
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
    demo = _command(
        commands, "demo", _late("labs", "demo"), help="a real small mesh, and the screen on it"
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
        parser.set_defaults(run=_late("labs", function), command="lab")
