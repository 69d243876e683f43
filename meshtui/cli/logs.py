"""`logs`: the access logs of all of a service's proxies, chosen, as lines or as JSON."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from functools import partial

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.dataclass import dataclass
from meshtui.envoy import logfilter
from meshtui.envoy.accesslog import is_unknown_format, parse_line
from meshtui.envoy.logfilter import LogFilter, parse_filter
from meshtui.envoy.logline import LogLine, read_line
from meshtui.errors import Exit, MeshtuiError, Refused
from meshtui.mesh.access_logging import LogFormat
from meshtui.mesh.model import Pod
from meshtui.mesh.routing import pods_of
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.operations.types import LogEntry

LAST = 200
"""Lines of each pod where nothing is said about how far back to begin."""


async def logs(arguments: argparse.Namespace) -> int:
    """Each line behind its pod's name. Where no pod could be read, the status of the failure."""
    from meshtui.cli.change_commands import callers as callers_sample
    from meshtui.operations.logs.callers import WithCallers, callers_of
    from meshtui.operations.logs.formats import formats_of, not_logged
    from meshtui.operations.logs.tail import keep_up, tail

    wanted, start = _filter(arguments), _start(arguments)
    async with opening.session(arguments) as opened:
        mesh = await opened.read_mesh()
        service = opening.find(mesh, arguments.service, opened.cluster.namespace)
        pods, version = list(pods_of(mesh, service)), arguments.version
        asked = len(_of(pods, version, str(service.key)))
        follow = arguments.follow and not arguments.previous
        callers: tuple[Pod, ...] = ()
        if start.callers:
            callers = callers_of(mesh, service, await callers_sample(opened, mesh, service.key))
            asked += len(callers)
        known = partial(formats_of, mesh)
        both = WithCallers(service, lambda: _of(pods, version), lambda: callers, known)
        both_pods = tuple(both.pods())
        formats, silent = formats_of(mesh, both_pods), not_logged(mesh, pods)
        if silent:
            output.note(f"meshtui: {silent}")
        entries = tail(opened.cluster, both.pods, start, follow=follow, keep=both.keep)
        watching = asyncio.create_task(keep_up(opened.cluster, service, pods))
        try:
            async with aclosing(entries):
                printing = _Printing(wanted, opening.form(arguments), follow, formats)
                failed = await _print_all(entries, printing)
        finally:
            watching.cancel()
    if both.unattributed:
        output.note(
            f"meshtui: {both.unattributed:,} lines of callers are left out: their format names "
            "neither a cluster nor a host, so that they may be about any service"
        )
    return next(iter(failed.values())).exit if len(failed) == asked else Exit.DONE


def _of(found: list[Pod], version: str, service: str = "") -> list[Pod]:
    """Those of a version that run a proxy. Refused where there is none of a service."""
    pods = [pod for pod in found if pod.sidecar and version in ("", pod.version)]
    if service and not pods:
        of_version = f" of version {version}" if version else ""
        raise Refused(
            f"no pod of {service} with a proxy{of_version}", "access logs are the proxies' logs"
        )
    return pods


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
    lines = arguments.tail or (None if everything else LAST)
    return TailFrom(lines, arguments.since, arguments.previous, arguments.callers)


@dataclass(frozen=True, slots=True)
class _Printing:
    """What is printed, and how; `formats` are those of the mesh's own that lines may have."""

    wanted: LogFilter
    form: str
    follow: bool
    formats: tuple[LogFormat, ...] = ()


async def _print_all(
    entries: AsyncIterator[LogEntry], printing: _Printing
) -> dict[str, MeshtuiError]:
    """Prints what is wanted; gives what failed, by pod."""
    failed: dict[str, MeshtuiError] = {}
    unknown = 0
    async for entry in entries:
        unknown += not entry.own and is_unknown_format(entry.text, printing.formats)
        if entry.own:
            output.note(entry.text)
            if entry.error is not None:
                failed[entry.pod] = entry.error
        elif printing.wanted(_line(entry, printing.formats)):
            _print(entry, printing)
            if printing.follow:
                output.flush()
    if unknown:
        lines = "line is" if unknown == 1 else "lines are"
        output.note(f"meshtui: {unknown:,} {lines} in a format that is not known")
    return failed


def _line(entry: LogEntry, formats: tuple[LogFormat, ...]) -> LogLine:
    place = entry.namespace, entry.pod, entry.version
    return read_line(*place, entry.text, entry.stamp, formats)


def _print(entry: LogEntry, printing: _Printing) -> None:
    if printing.form == "table":
        output.line(f"{entry.pod}  {entry.text}")
        return
    record = parse_line(entry.text, printing.formats)
    fields = asdict(record) if record else {"raw": entry.text}
    document = {"namespace": entry.namespace, "pod": entry.pod, "version": entry.version, **fields}
    output.record(document, printing.form)
