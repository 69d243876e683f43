"""`signals`: what is wrong with a service, in words, as the screen's pane says it."""

from __future__ import annotations

import argparse
import sys

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.signals import signals_json
from meshtui.cli.step_commands import commands
from meshtui.cli.streams import columns
from meshtui.diagnosis.explain.scope import VersionScope, scope_of
from meshtui.errors import Exit, NotFound
from meshtui.mesh.measured_views import looked_at
from meshtui.mesh.model import Mesh, Service
from meshtui.mesh.nearest import nearest_words
from meshtui.mesh.signals import UNKNOWN, Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView, structure
from meshtui.operations.look.evidence import read_evidence
from meshtui.operations.look.refused_config import RecentRefusals
from meshtui.operations.session import Session

WIDTH, MOST = 100, 120
"""Of a line where there is no terminal, and at most."""


async def signals(arguments: argparse.Namespace) -> int:
    """One sample, with what logs and istiod say of it. Without telemetry the status is 5."""
    async with opening.session(arguments) as opened:
        mesh = await opening.mesh(opened)
        service = opening.find(mesh, arguments.service, opened.cluster.namespace)
        _refuse_unknown(mesh, service, arguments.version)
        sample, before, error = await opening.sample_and_hour(
            opened, mesh, arguments.window, service.key
        )
        limits = opened.options.thresholds or Thresholds()
        views = looked_at(structure(mesh), sample, limits, before)
        view = next(one for one in views if one.key == service.key)
        row = _row(view, arguments.version)
        scope = await _with_evidence(opened, service, view, row, views, sample)
    form = opening.form(arguments)
    if form == "table":
        _show(scope)
    else:
        output.data(signals_json(scope, sample), form)
    if error:
        output.note(f"meshtui: telemetry: {error}")
    return Exit.UNREACHABLE if error else Exit.DONE


async def _with_evidence(
    opened: Session,
    service: Service,
    view: ServiceView,
    row: VersionView | None,
    views: tuple[ServiceView, ...],
    sample: Sample | None,
) -> VersionScope:
    mesh, refusals = view.mesh, RecentRefusals(opened.cluster)
    evidence = await read_evidence(opened.cluster, mesh, service.key, sample, refusals)
    return scope_of(mesh, view, row, sample, views, None, evidence)


def _refuse_unknown(mesh: Mesh, service: Service, named: str) -> None:
    """Before anything is measured. What reaches no pod is only known after."""
    if named and named != UNKNOWN:
        _row(next(one for one in structure(mesh) if one.key == service.key), named)


def _row(view: ServiceView, named: str) -> VersionView | None:
    """Raises `NotFound`, naming those there are."""
    if not named:
        return None
    found = next((row for row in view.versions if named in (row.label, row.version)), None)
    if found is None:
        there = nearest_words(named, (row.label for row in view.versions), "there are: none")
        raise NotFound(f"{view.key} has no version {named}", there)
    return found


def _show(scope: VersionScope) -> None:
    from meshtui.ui.panes.signalstext import signals_lines, to_be_typed

    told = to_be_typed(commands(scope.view.key))
    width = min(columns(sys.stdout) or WIDTH, MOST)
    for line in signals_lines(scope, "", width, told=told):
        output.line("".join(piece.text for piece in line).rstrip())
