"""`adopt` and `edit`: changes that take more than one step."""

from __future__ import annotations

import argparse
import sys
from contextlib import aclosing

from meshtui.changes.change import Outcome
from meshtui.cli import opening, output
from meshtui.cli.changing import ask, callers, carry_out, say, show, tell_interrupted
from meshtui.cli.documents.changes import change_json
from meshtui.errors import Exit, MeshtuiError
from meshtui.mesh.text import clean
from meshtui.operations.change.adopt import carry_out as adopt_in_order
from meshtui.operations.change.adopt import plan_adoption
from meshtui.operations.change.edit import Draft, find_editable, refuse_without_editor


async def adopt(arguments: argparse.Namespace) -> int:
    """DestinationRule, proxies, VirtualService: two changes, each with an undo of its own."""
    form, outcomes = opening.form(arguments), []
    async with opening.session(arguments) as opened:
        mesh = await opened.read_mesh()
        await tell_interrupted(opened)
        service = opening.find(mesh, arguments.service, opened.cluster.namespace)
        plan = await plan_adoption(opened, mesh, service.key, arguments.stable)
        if arguments.dry_run:
            outcomes = [Outcome("", step, applied=False) for step in plan.steps]
        else:
            if not arguments.yes:
                for step in plan.steps:
                    show(step)
                ask(next((step for step in plan.steps if step.dangerous), plan.steps[-1]))
            sample = None if arguments.no_verify else await callers(opened, mesh)
            steps = adopt_in_order(opened, plan, mesh, sample, lambda _: None)
            try:
                async with aclosing(steps):
                    async for outcome in steps:
                        outcomes.append(outcome)
            except MeshtuiError:
                for outcome in outcomes:
                    words = "; ".join(outcome.plan.change.words)
                    output.note(f"meshtui: {clean(words)} (change {outcome.change_id})")
                raise
    if form == "table":
        for outcome in outcomes:
            say(outcome, form, dry=arguments.dry_run)
    else:
        output.data({"changes": [change_json(outcome) for outcome in outcomes]}, form)
    failed = any(outcome.verified is False for outcome in outcomes)
    return Exit.FAILED if failed else Exit.DONE


async def edit(arguments: argparse.Namespace) -> int:
    """The object in an editor. What was typed is kept on disk whatever goes wrong."""
    refuse_without_editor(terminal=sys.stdin.isatty() and sys.stdout.isatty())
    async with opening.session(arguments) as opened:
        mesh = await opened.read_mesh()
        await tell_interrupted(opened)
        item = find_editable(mesh, arguments.object, opened.cluster.namespace)
        draft = Draft(item)
        draft.open_editor()
        if draft.untouched:
            draft.done()
            output.note("meshtui: nothing was changed")
            return Exit.DONE
        try:
            change = draft.change(mesh)
            plan = await opened.planner.checked(mesh, change, None)
            if change.empty or arguments.dry_run:
                outcome = Outcome("", plan, applied=False)
            else:
                outcome = await carry_out(arguments, opened, mesh, plan)
        except MeshtuiError:
            output.note(f"meshtui: your edit is kept in {clean(str(draft.path))}")
            raise
        if arguments.dry_run:
            output.note(f"meshtui: your edit is kept in {clean(str(draft.path))}")
        else:
            draft.done()
    say(outcome, opening.form(arguments), dry=not outcome.applied)
    return Exit.FAILED if outcome.verified is False else Exit.DONE
