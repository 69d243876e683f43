"""`services`: weights and golden signals per version.

What makes rows of a mesh is imported when the mesh is there: the server is asked before.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.dataclass import dataclass
from meshtui.errors import Exit, MeshtuiError
from meshtui.operations.garbage import uncollected

if TYPE_CHECKING:
    from meshtui.mesh.model import Mesh, Service
    from meshtui.mesh.signals import Sample, Signals
    from meshtui.mesh.versions import VersionView
    from meshtui.mesh.view import ServiceView
    from meshtui.operations.session import Session

NO_RULES = "no rules to show"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in one cluster. `views` are as the wanted side sees them."""

    views: list[ServiceView]
    sample: Sample | None
    error: MeshtuiError | None
    everywhere: bool
    only: str
    """The namespace that is listed, empty for all."""

    one: bool
    """Whether one service was asked for."""

    @property
    def listed(self) -> list[ServiceView]:
        """Without those that a list of services leaves out."""
        from meshtui.mesh.control_plane import folded_away

        if self.one:
            return self.views
        return [view for view in self.views if not folded_away(view, self.only)]

    @property
    def problems(self) -> tuple[str, ...]:
        """Of telemetry."""
        error = (str(self.error),) if self.error else ()
        return (*(self.sample.problems if self.sample else ()), *error)


async def services(arguments: argparse.Namespace) -> int:
    """One sample. Without telemetry the weights are printed all the same, and the status is 5."""
    found = await look(arguments)
    form, problems, error = opening.form(arguments), found.problems, found.error
    if form == "table":
        note_side(arguments)
        _services_table(found.listed, found.everywhere)
    else:
        from meshtui.cli.documents.services import services_json

        document = services_json(time.time(), found.sample, found.views)
        del found  # the mesh is not needed while the text of a large one is made
        output.data(document, form)
    for problem in problems:
        output.note(f"meshtui: telemetry: {problem}")
    return Exit.UNREACHABLE if error else Exit.DONE


def note_side(arguments: argparse.Namespace) -> None:
    if arguments.reporter == "destination":
        output.note("meshtui: the server's view: what the versions did themselves")


async def look(arguments: argparse.Namespace) -> Looked:
    """One look at the services of a cluster."""
    async with opening.session(arguments) as opened:
        with uncollected():
            return await _looked(opened, arguments)


async def _looked(opened: Session, arguments: argparse.Namespace) -> Looked:
    mesh, sample, before, error = await _read(opened, arguments)
    from meshtui.mesh.measured_views import looked_at
    from meshtui.mesh.sides import CALLER, SERVER, seen_from
    from meshtui.mesh.thresholds import Thresholds
    from meshtui.mesh.view import structure

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
    return Looked(shown, sample, error, everywhere, only, bool(wanted))


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


_NUMBERS = ("REQ/S", "ERR%", "P50", "P95", "P99", "PODS")
HEADER = ("SERVICE", "VERSION", "WEIGHT", "SHARE", *_NUMBERS, "STATE", "FLAGS")


def _services_table(views: list[ServiceView], everywhere: bool) -> None:
    rows: list[tuple[str, ...]] = []
    for view in views:
        rows += service_rows(view, str(view.key) if everywhere else view.key.name)
        if view.counted_because:
            output.note(f"meshtui: {view.key}: {view.counted_because}")
    output.table(HEADER, rows, right=range(2, 10))


def service_rows(view: ServiceView, name: str) -> list[tuple[str, ...]]:
    """A row for each version, and one for each mark; the service is named in the first."""
    rows: list[tuple[str, ...]] = []
    for version in view.versions:
        cells = _cells(version, view.pods_known)
        rows.append((name if not rows else "", *cells, version.state, _reasons(version)))
    return rows + [("", f"({mark})", *[""] * 10) for mark in view.marks]


def _cells(version: VersionView, pods_known: bool = True) -> tuple[str, ...]:
    signals = version.caller
    percent = "-" if version.percent is None else f"{version.percent:.4g}%"
    share = "-" if version.share is None else f"{100 * version.share:.1f}%"
    known = pods_known and version.pods_known
    counted = f"{version.pods_ready}/{version.pods}" if known else "?"
    pods = counted if version.host else "-"
    return (version.label, percent, share, *signal_cells(signals), pods)


def signal_cells(signals: Signals | None) -> tuple[str, ...]:
    """Requests/s, errors in percent, three quantiles in milliseconds."""
    if signals is None:
        return ("?",) * 5
    errors = None if signals.error_ratio is None else 100 * signals.error_ratio
    times = (signals.p50_ms, signals.p95_ms, signals.p99_ms)
    return (
        f"{signals.rps:.1f}",
        _number(errors, ".1f"),
        *(_number(value, ".0f") for value in times),
    )


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)


def _reasons(version: VersionView) -> str:
    """Its flags, then what is wrong with its pods, or against what it is slow, or what is
    not known of it and why."""
    unknown = (version.unknown_because, version.undecided, version.untimed)
    whys = (unknown[0], version.pods_words, version.slow, *unknown[1:])
    why = "; ".join(filter(None, whys))
    tcp = version.tcp.text if version.tcp else ""
    return " ".join(filter(None, (_flags(version.caller), tcp, f"({why})" if why else "")))


def _flags(signals: Signals | None) -> str:
    """How often each failing code was answered, and each flag was set."""
    from meshtui.mesh.judging import failing_codes

    if signals is None:
        return ""
    flags = sorted(signals.flags.items(), key=lambda item: -item[1])
    found = (*sorted(failing_codes(signals).items()), *flags)
    return " ".join(f"{name}:{count:.0f}" for name, count in found)
