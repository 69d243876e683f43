"""`adopt` and `edit`: whole objects."""

from __future__ import annotations

import argparse

from meshtui.changes.change import Plan
from meshtui.changes.outcome import Outcome
from meshtui.cli import connect as opening
from meshtui.cli import output, streams
from meshtui.cli.change_commands import (
    Planning,
    carry_out,
    plan_and_apply,
    report,
    report_interrupted,
)
from meshtui.errors import Exit, MeshtuiError
from meshtui.mesh.model import Mesh
from meshtui.mesh.signals import Sample
from meshtui.operations.change.adopt import plan_adoption
from meshtui.operations.change.edit import EditFile, find_editable, refuse_without_editor
from meshtui.operations.session import Session


async def adopt(arguments: argparse.Namespace) -> int:
    """What makes clusters, proxies, what routes to them: one change of several objects."""
    return await plan_and_apply(arguments, adopting(arguments), parts=True)


def adopting(arguments: argparse.Namespace) -> Planning:
    """How it is planned."""

    async def plan(opened: Session, mesh: Mesh, sample: Sample | None) -> Plan:
        service = opening.find(mesh, arguments.service, opened.cluster.namespace)
        rule = getattr(arguments, "rule", "")
        stable, by_route = arguments.stable, arguments.gateway_api
        return await plan_adoption(
            opened, mesh, service.key, stable, rule, gateway_api=by_route, sample=sample
        )

    return plan


async def edit(arguments: argparse.Namespace) -> int:
    """The object in an editor. What was typed is kept on disk whatever goes wrong."""
    refuse_without_editor(terminal=streams.at_terminal())
    async with opening.session(arguments) as opened:
        mesh = await opened.read_mesh()
        await report_interrupted(opened, mesh)
        item = find_editable(mesh, arguments.object, opened.cluster.namespace)
        draft = EditFile(item)
        draft.open_editor()
        if draft.untouched:
            draft.done()
            output.note("meshtui: nothing was changed")
            return Exit.DONE
        try:
            change = draft.change(mesh)
            sample = await opening.reading(opened, mesh, arguments.window)
            plan = await opened.planner.checked(mesh, change, sample)
            if change.empty or arguments.dry_run:
                outcome = Outcome("", plan, applied=False)
            else:
                outcome = await carry_out(arguments, opened, mesh, plan, sample)
        except MeshtuiError:
            output.note(f"meshtui: your edit is kept in {draft.path}")
            raise
        if arguments.dry_run:
            output.note(f"meshtui: your edit is kept in {draft.path}")
        else:
            draft.done()
    report(outcome, opening.form(arguments), dry=not outcome.applied)
    return Exit.FAILED if outcome.verified is False else Exit.DONE
