"""`graph`: who calls whom, which versions they reach, and how that goes."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.graph import graph_json
from meshtui.errors import Exit
from meshtui.mesh.absence import unread_words
from meshtui.mesh.calls import Calls
from meshtui.mesh.graph import Callee, Caller, CallGraph, Edge
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import UNKNOWN, Sample
from meshtui.mesh.view import service_views
from meshtui.operations.session import Session

_CALL = ("CALLER", "SERVICE", "VERSION", "REQ/S", "ERR%", "PROTOCOL", "MTLS")
_HEADER = (*_CALL, "STATE", "COUNTED BY")


async def graph(arguments: argparse.Namespace) -> int:
    """Without telemetry the callers are not known, and the status is 5."""
    async with opening.session(arguments) as opened:
        mesh = await opening.mesh(opened)
        wanted = None
        if arguments.service:
            wanted = opening.find(mesh, arguments.service, opened.cluster.namespace).key
        sample, calls, error = await opening.sample_and_calls(opened, mesh, arguments.window)
        everywhere = getattr(arguments, "all_namespaces", False)
        namespace = "" if everywhere else opened.cluster.namespace
        callees = chosen(_graph_of(opened, mesh, sample, calls), wanted, namespace)
        unread = unread_words(mesh, wanted.namespace if wanted else namespace or None)
    form = opening.form(arguments)
    if form == "table":
        _table(callees, known=error is None)
    else:
        output.data(graph_json(time.time(), sample, callees, unread), form)
    for words in unread:
        output.note(f"meshtui: {words}")
    for problem in (*(sample.problems if sample else ()), *([str(error)] if error else [])):
        output.note(f"meshtui: telemetry: {problem}")
    return Exit.UNREACHABLE if error else Exit.DONE


def _graph_of(opened: Session, mesh: Mesh, sample: Sample | None, calls: Calls | None) -> CallGraph:
    limits = opened.options.thresholds
    return CallGraph(mesh, service_views(mesh, sample, limits), calls, sample, limits)


def chosen(found: CallGraph, wanted: ServiceKey | None, namespace: str) -> tuple[Callee, ...]:
    """What is around one service, else the calls to and from a namespace; empty: all."""
    if wanted is not None:
        return found.neighbourhood(wanted).callees
    whole = sorted(found.whole().callees, key=lambda callee: callee.key)
    return tuple(_of_namespace(whole, namespace)) if namespace else tuple(whole)


def _of_namespace(callees: Iterable[Callee], namespace: str) -> Iterator[Callee]:
    for callee in callees:
        if callee.key.namespace == namespace:
            yield callee
            continue
        callers = (edge.caller for edge in callee.edges)
        part = callee.only({one.client for one in callers if one.namespace == namespace})
        if part.edges:
            yield part


def _table(callees: Iterable[Callee], known: bool = True) -> None:
    """`known`: where calls could not be counted, none is not seen but not known."""
    rows = [_row(callee, edge) for callee in callees for edge in callee.edges]
    output.table(_HEADER, rows, right=(3, 4))
    if not rows and known:
        output.note("meshtui: no call was seen")


def _row(callee: Callee, edge: Edge) -> tuple[str, ...]:
    signals = edge.signals
    ratio = signals.error_ratio if signals else None
    return (
        _caller(edge.caller),
        str(callee.key),
        "(no pod reached)" if edge.version == UNKNOWN else edge.version or "-",
        "?" if signals is None else f"{signals.rps:.1f}",
        "?" if signals is None else "-" if ratio is None else f"{100 * ratio:.1f}",
        "+".join(edge.protocols) or "-",
        _mutual_tls(edge.mutual_tls),
        edge.state,
        _counted(edge),
    )


def _caller(caller: Caller) -> str:
    if not caller.known:
        return "(not known)"
    namespace, name = caller.client
    return f"{name}.{namespace}"


def _mutual_tls(part: float | None) -> str:
    if part is None:
        return "?"
    return "yes" if part >= 1 else "no" if part <= 0 else f"{part:.0%}"


def _counted(edge: Edge) -> str:
    if edge.signals is None:
        return f"nobody ({edge.why})" if edge.why else "nobody"
    return "server" if edge.by_server else "caller"
