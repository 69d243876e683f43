"""The grammar of the commands that only look."""

from __future__ import annotations

from typing import Any

from meshtui.cli import values
from meshtui.cli.commandparser import command, late


def reading(commands: Any) -> None:
    run, text = late("reading", "services"), "weights and golden signals per version, one sample"
    services = command(commands, "services", run, help=text)
    services.add_argument("service", nargs="?", default="")
    services.add_argument("--window", type=values.duration, default=5.0, metavar="5s")
    services.add_argument(
        "--reporter",
        choices=("source", "destination"),
        default="source",
        help="source: what callers saw (default); destination: what the versions did themselves",
    )
    _logs(commands)
    proxy = command(
        commands, "proxy", late("proxies", "show"), help="what a pod's proxy really does"
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
    analyze = command(
        commands,
        "analyze",
        late("analysis", "analyze"),
        help="what is wrong with the rules as written; status 0 whatever is found",
    )
    analyze.add_argument(
        "--hints", action="store_true", help="also what is often meant so: subsets nobody uses"
    )
    _tracing(commands)
    _exposing(commands)
    journal = command(
        commands, "journal", late("reading", "journal"), help="every change that was made"
    )
    journal.add_argument("service", nargs="?", default="")
    journal.add_argument("--since", type=values.duration, metavar="2h")
    journal.add_argument("--who", default="", metavar="NAME")
    journal.add_argument("--limit", type=values.count, default=50, metavar="N")


def _logs(commands: Any) -> None:
    logs = command(commands, "logs", late("logs", "logs"), help="access logs of a service")
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
    trace = command(
        commands,
        "trace",
        late("tracing", "trace"),
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
    exposure = command(
        commands,
        "exposure",
        late("exposing", "exposure"),
        help="how traffic from outside gets to a service, and which rate limits stand in its way",
    )
    exposure.add_argument("service", nargs="?", default="")
    exposure.add_argument("--window", type=values.duration, default=5.0, metavar="5s")
