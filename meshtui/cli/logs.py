"""`logs`: the logs of all of a service's pods, chosen, as lines or as JSON."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from meshtui.changes.outside import refuse_as_version
from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.envoy import logfilter
from meshtui.envoy.logfilter import LogFilter, parse_filter
from meshtui.errors import Exit, Refused, Usage
from meshtui.mesh.model import Pod
from meshtui.mesh.nearest import nearest_words
from meshtui.mesh.pod import NOT_READ, all_machines
from meshtui.operations.logs.own_pods import OwnPods
from meshtui.operations.logs.pod_tail import TailFrom

if TYPE_CHECKING:
    from meshtui.cli.logprint import Printing
    from meshtui.mesh.access_logging import LogFormat

LAST = 200
"""Lines of each pod where nothing is said about how far back to begin."""

_WIDEST = 60
"""Characters to which names of pods are made alike in width."""


async def logs(arguments: argparse.Namespace) -> int:
    """Each line behind its pod's name. Where no pod could be read, the status of the failure."""
    from meshtui.cli.change_commands import callers as callers_sample
    from meshtui.cli.logprint import LogPrinter
    from meshtui.operations.logs.callers import WithCallers, callers_of
    from meshtui.operations.logs.formats import formats_of, not_logged
    from meshtui.operations.logs.tail import keep_up, tail

    start, printing = _start(arguments), _printing(arguments)
    async with opening.session(arguments) as opened:
        mesh = await opened.read_mesh()
        service = opening.find(mesh, arguments.service, opened.cluster.namespace)
        own = OwnPods(mesh, service, arguments.version)
        log = "its own log is none of ours; its callers' lines name it"
        refuse_as_version(mesh, arguments.version, log)
        own.refuse_unknown()
        _check(own.now(), start, f"{service.key}", arguments.version)
        follow = arguments.follow and not arguments.previous
        callers: tuple[Pod, ...] = ()
        if start.callers:
            callers = callers_of(mesh, service, await callers_sample(opened, mesh, service.key))
        known = partial(formats_of, mesh)
        both = WithCallers(service, lambda: _of(own.now(), start), lambda: callers, known)
        both_pods = tuple(both.pods())
        formats, silent = formats_of(mesh, both_pods), not_logged(mesh, own.pods)
        if silent:
            output.note(f"meshtui: {silent}")
        entries = tail(opened.cluster, both.pods, start, follow=follow, keep=both.keep)
        watching = asyncio.create_task(keep_up(opened.cluster, own.services, own.pods))
        printer = LogPrinter(_for(printing, both_pods, start, formats, follow))
        try:
            async with aclosing(entries):
                async for entry in entries:
                    printer.take(entry)
        finally:
            watching.cancel()
            printer.end()
    asked = sum(len(start.logs_of(pod)) for pod in both_pods)
    failed = printer.failed
    return next(iter(failed.values())).exit if len(failed) == asked else Exit.DONE


def _of(found: Iterable[Pod], start: TailFrom) -> list[Pod]:
    """Those that have a log to read."""
    return [pod for pod in found if start.logs_of(pod)]


def _check(known: Iterable[Pod], start: TailFrom, service: str, version: str) -> None:
    """Refused where a service has no such pod, or none of its pods such a container."""
    every, of_version = tuple(known), f" of version {version}" if version else ""
    pods = _of(every, start)
    if all_machines(every):
        raise Refused(f"{service}{of_version} has no log here", f"{NOT_READ} are not read")
    if not pods:
        raise Refused(
            f"no pod of {service} with a proxy{of_version}",
            "access logs are the proxies' logs; --app reads those of its programs",
        )
    there = dict.fromkeys(name for pod in pods for name in pod.containers)
    for name in start.containers:
        if name not in there:
            raise Refused(f"no pod of {service} has a container {name}", nearest_words(name, there))


def _filter(arguments: argparse.Namespace) -> LogFilter:
    """The options are terms of the one filter. Raises `Usage`."""
    wanted = parse_filter(arguments.filter)
    for key in ("code", "flag", "path", "method"):
        value = getattr(arguments, key)
        if value:
            wanted &= logfilter.term(key, value)
    if arguments.slower:
        wanted &= logfilter.term("dur", f">{arguments.slower}")
    if arguments.grep:
        wanted &= logfilter.regex(arguments.grep)
    return wanted


def _start(arguments: argparse.Namespace) -> TailFrom:
    """The last lines, unless a time or the containers before are asked for: then all of it."""
    everything = arguments.since is not None or arguments.previous
    return TailFrom(
        arguments.tail or (None if everything else LAST),
        arguments.since,
        arguments.previous,
        arguments.callers,
        arguments.app,
        tuple(arguments.container),
    )


def _printing(arguments: argparse.Namespace) -> Printing:
    """Raises `Usage`, before anything is read."""
    from meshtui.cli.logprint import Printing
    from meshtui.envoy.logtemplate import parse_template

    form = opening.form(arguments)
    if (form != "table") + arguments.raw + bool(arguments.template) > 1:
        raise Usage("lines have one form", "write one of --template, --raw and -o")
    return Printing(
        _filter(arguments),
        form,
        arguments.raw,
        parse_template(arguments.template) if arguments.template else None,
        logfilter.expression(arguments.highlight) if arguments.highlight else None,
        callers=arguments.callers,
    )


def _for(
    printing: Printing,
    pods: Iterable[Pod],
    start: TailFrom,
    formats: tuple[LogFormat, ...],
    follow: bool,
) -> Printing:
    """The same, as wide as the names of what is read."""
    from dataclasses import replace

    names = [
        f"{pod.name}/{name}" if name else pod.name for pod in pods for name in start.logs_of(pod)
    ]
    width = min(max(map(len, names), default=0), _WIDEST)
    last = 0 if follow else start.lines or 0
    return replace(printing, formats=formats, follow=follow, width=width, last=last)
