"""`services`: weights and golden signals per version."""

from __future__ import annotations

import argparse
import time

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.services import services_json
from meshtui.errors import Exit, MeshtuiError
from meshtui.mesh.control_plane import folded_away
from meshtui.mesh.measured_views import looked_at
from meshtui.mesh.model import Mesh, Service
from meshtui.mesh.sides import CALLER, SERVER, seen_from
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView, structure
from meshtui.operations.session import Session

NO_RULES = "no rules to show"


async def services(arguments: argparse.Namespace) -> int:
    """One sample. Without telemetry the weights are printed all the same, and the status is 5."""
    async with opening.session(arguments) as opened:
        mesh, sample, before, error = await _read(opened, arguments)
        wanted = None
        if arguments.service:
            wanted = opening.find(mesh, arguments.service, opened.cluster.namespace).key
        everywhere = getattr(arguments, "all_namespaces", False)
        chosen = [
            one
            for one in mesh.services
            if (one.key == wanted if wanted else everywhere or _in(one, opened.cluster.namespace))
        ]
        side = SERVER if arguments.reporter == "destination" else CALLER
        limits = opened.options.thresholds or Thresholds()
        views = looked_at(structure(mesh, chosen), sample, limits, before)
        shown = [seen_from(view, side) for view in views]
        only = "" if everywhere else opened.cluster.namespace
    form = opening.form(arguments)
    if form == "table":
        if not wanted:
            shown = [view for view in shown if not folded_away(view, only)]
        if side == SERVER:
            output.note("meshtui: the server's view: what the versions did themselves")
        _services_table(shown, everywhere)
    else:
        output.data(services_json(time.time(), sample, shown), form)
    for problem in (*(sample.problems if sample else ()), *([str(error)] if error else [])):
        output.note(f"meshtui: telemetry: {problem}")
    return Exit.UNREACHABLE if error else Exit.DONE


async def _read(
    opened: Session, arguments: argparse.Namespace
) -> tuple[Mesh, Sample | None, Sample | None, MeshtuiError | None]:
    """The mesh, what is measured in it and what was in the hour before, where that is known; for
    one service no more of the mesh than it takes.
    """
    part = await opening.part(opened, arguments.service or "")
    if part is not None:
        sample, before, error = await opening.sample_and_hour(opened, part.mesh, arguments.window)
        if opening.suits_part(opened, sample):
            opening.note_problems(part.mesh, NO_RULES)
            return part.mesh, sample, before, error
    mesh = await opening.mesh(opened, without_istio=NO_RULES)
    about = None
    if arguments.service:
        about = opening.find(mesh, arguments.service, opened.cluster.namespace).key
    sample, before, error = await opening.sample_and_hour(opened, mesh, arguments.window, about)
    return mesh, sample, before, error


def _in(service: Service, namespace: str) -> bool:
    return service.key.namespace == namespace


_HEADER = ("SERVICE", "VERSION", "WEIGHT", "SHARE", "REQ/S", "ERR%", "P50", "P95", "P99", "PODS")


def _services_table(views: list[ServiceView], everywhere: bool) -> None:
    rows = []
    for view in views:
        name = str(view.key) if everywhere else view.key.name
        for version in view.versions:
            rows.append((name, *_cells(version, view.pods_known), version.state, _reasons(version)))
            name = ""
        rows += [("", f"({mark})", *[""] * 10) for mark in view.marks]
        if view.counted_because:
            output.note(f"meshtui: {view.key}: {view.counted_because}")
    output.table((*_HEADER, "STATE", "FLAGS"), rows, right=range(2, 10))


def _cells(version: VersionView, pods_known: bool = True) -> tuple[str, ...]:
    signals = version.caller
    percent = "-" if version.percent is None else f"{version.percent:.4g}%"
    share = "-" if version.share is None else f"{100 * version.share:.1f}%"
    counted = f"{version.pods_ready}/{version.pods}" if pods_known else "?"
    pods = counted if version.host else "-"
    if signals is None:
        return (version.label, percent, share, "?", "?", "?", "?", "?", pods)
    errors = None if signals.error_ratio is None else 100 * signals.error_ratio
    times = (signals.p50_ms, signals.p95_ms, signals.p99_ms)
    return (
        version.label,
        percent,
        share,
        f"{signals.rps:.1f}",
        _number(errors, ".1f"),
        *(_number(value, ".0f") for value in times),
        pods,
    )


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)


def _reasons(version: VersionView) -> str:
    """Its flags, then what is wrong with its pods, or against what it is slow, or what is
    not known of it and why."""
    why = version.unknown_because or version.pods_words or version.slow or version.undecided
    tcp = version.tcp.text if version.tcp else ""
    return " ".join(filter(None, (_flags(version.caller), tcp, f"({why})" if why else "")))


def _flags(signals: Signals | None) -> str:
    if signals is None:
        return ""
    ranked = sorted(signals.flags.items(), key=lambda item: -item[1])
    return " ".join(f"{flag}:{count:.0f}" for flag, count in ranked)
