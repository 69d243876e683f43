"""The verbs: plan, show, ask, apply, and say what was seen."""

from __future__ import annotations

import argparse
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from meshtui.changes.change import (
    Change,
    ClearBreaker,
    Plan,
    Rollback,
    SetBreaker,
    Target,
)
from meshtui.changes.outcome import Outcome
from meshtui.changes.requests import request_of
from meshtui.changes.stranding import sent_to
from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.changes import change_json, shares_json
from meshtui.errors import Conflict, Exit, MeshtuiError, Refused
from meshtui.kube.resources import other_versions
from meshtui.mesh.model import DestinationRule, Mesh, ServiceKey
from meshtui.mesh.quantity import clock_time, human_duration
from meshtui.mesh.shares import Share, shares_of
from meshtui.mesh.signals import Sample
from meshtui.mesh.view import service_views
from meshtui.operations.change.conflicts import explained
from meshtui.operations.change.ejections import may_eject
from meshtui.operations.change.reversals import Reversals
from meshtui.operations.change.time_limits import Limits
from meshtui.operations.change.verify import client_proxies
from meshtui.operations.change.written_objects import object_of
from meshtui.operations.one_service import Part
from meshtui.operations.session import Session
from meshtui.verbs.values import Usual, settled

UNGATED = ("fault",)
"""Who injects errors with --yes means them."""

GATED = ("shift", "promote", "rollback", "undo", "timeout", "edit")
"""Commands that are held against what is measured now, whoever looks at the plan."""

Planning = Callable[[Session, Mesh, Sample | None], Awaitable[Plan]]

Enough = Callable[[Session, Mesh, Sample], bool]


async def change(arguments: argparse.Namespace) -> int:
    """Any verb that changes one service."""
    request = request_of(arguments.command, values_of(arguments))

    def target_in(opened: Session, mesh: Mesh) -> Target:
        return _target(arguments, opened, mesh)

    def enough(opened: Session, mesh: Mesh, sample: Sample) -> bool:
        if not isinstance(request, Rollback):
            return False
        target = target_in(opened, mesh)
        return opened.planner.goes_to_a_sound_version(mesh, request, target, sample)

    urgent = isinstance(request, Rollback) and arguments.yes and not arguments.dry_run
    rules_alone = not isinstance(request, SetBreaker | ClearBreaker)
    return await plan_and_apply(
        arguments,
        planning_of(arguments),
        enough=enough if urgent else None,
        of=arguments.service if rules_alone else "",
    )


def values_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given, with what is usual in the context for what was not."""
    from meshtui.cli.options import options

    values = vars(arguments)
    if not any(isinstance(one, Usual) for one in values.values()):
        return values
    return settled(values, options(arguments).config.usual)


def _target(arguments: argparse.Namespace, opened: Session, mesh: Mesh) -> Target:
    service = opening.find(mesh, arguments.service, opened.cluster.namespace)
    return Target(service.key, getattr(arguments, "rule", ""))


def planning_of(arguments: argparse.Namespace) -> Planning:
    """How a verb that changes one service is planned."""
    request = request_of(arguments.command, values_of(arguments))

    async def plan(opened: Session, mesh: Mesh, sample: Sample | None) -> Plan:
        target = _target(arguments, opened, mesh)
        return await opened.plan(mesh, request, target, sample)

    return plan


async def undo(arguments: argparse.Namespace) -> int:
    return await plan_and_apply(arguments, undoing(arguments.change))


def undoing(change_id: str) -> Planning:
    """How the way back of a change is planned; of the last one where none is named."""

    async def plan(opened: Session, mesh: Mesh, sample: Sample | None) -> Plan:
        return await opened.plan_undo(mesh, change_id, sample)

    return plan


async def plan_and_apply(
    arguments: argparse.Namespace,
    planning: Planning,
    *,
    parts: bool = False,
    enough: Enough | None = None,
    of: str = "",
) -> int:
    """Everything from a connection to the outcome. `parts`: the document always lists objects.

    `enough` may end the look at the telemetry before its time. `of` is a service whose rules are
    all that is planned for: that is done on a part of the mesh.
    """
    async with opening.session(arguments) as opened:
        part = await opening.part(opened, of if measures(arguments) else "", journaled=True)
        mesh = part.mesh if part else await opened.read_mesh()
        await report_interrupted(opened, mesh)
        seen = await rates(arguments, opened, mesh, enough)
        asking = part is not None and opened.options.verify and not arguments.dry_run
        few = await opened.with_callers(part, seen) if part and asking else part
        plan = await _on_part(opened, few, planning, seen, asking) if few else None
        if few and plan:
            mesh = few.mesh
        elif part:
            mesh = await opened.read_mesh()
            seen = await rates(arguments, opened, mesh, enough)
        plan = plan or await planning(opened, mesh, seen)
        if arguments.dry_run or (plan.empty and not plan.dangerous):
            nothing = Outcome("", plan, applied=False)
            report(nothing, opening.form(arguments), dry=True, parts=parts)
            return Exit.DONE
        outcome = await carry_out(arguments, opened, mesh, plan, seen)
        shares = await measured(opened, outcome, arguments.measure)
    report(outcome, opening.form(arguments), dry=False, shares=shares, parts=parts)
    return Exit.FAILED if outcome.verified is False else Exit.DONE


def _say_ends(outcome: Outcome) -> None:
    """When a time limit is over, and who must be running then: not this command."""
    limits = {one.expires_s for one in outcome.plan.changes if one.expires_s is not None}
    if outcome.applied and limits:
        seconds = min(limits)
        at = clock_time(time.time() + seconds)
        output.note(
            f"meshtui: it ends by itself in {human_duration(seconds)}, at {at}, where a screen or "
            "`meshtui keep` is running then"
        )
    endless = {one.verb for one in outcome.plan.changes if one.guards and one.expires_s is None}
    if outcome.applied and endless:
        verb = min(endless)
        undoing = f"meshtui {verb} {outcome.plan.change.service} --off"
        output.note(f"meshtui: it has no end: `{undoing}` takes it off")


async def _on_part(
    opened: Session, part: Part, planning: Planning, seen: Sample | None, asking: bool
) -> Plan | None:
    """The plan by a part of the mesh; None where it rests on more, or where it is refused.

    `asking`: the callers' proxies are asked for the change, and have to be there.
    """
    if not opening.suits_part(opened, seen):
        return None
    if any(may_eject(part.mesh, host) for host in part.hosts):
        return None  # The callers' own proxies are asked.
    try:
        plan = await planning(opened, part.mesh, seen)
    except MeshtuiError:
        return None
    if not all(_within(change, part) for change in plan.changes):
        return None
    named = not asking or all(_names_callers(one, part.mesh, seen) for one in plan.changes)
    return plan if named else None


def _names_callers(change: Change, mesh: Mesh, seen: Sample | None) -> bool:
    """Whether telemetry says whose proxies to ask for the change. Where it does not, and of an
    object that is to be made, whoever gets its rules may be a caller.
    """
    owner = object_of(mesh, change.target)
    if owner is None or isinstance(owner, DestinationRule):
        return False
    return client_proxies(mesh, change.service, owner, seen).known


def _within(change: Change, part: Part) -> bool:
    """Whether it says nothing of hosts of which not all is known; a policy may be of many."""
    policy = change.target.kind == "DestinationRule"
    return not policy and sent_to(change, part.mesh) <= part.hosts


async def rates(
    arguments: argparse.Namespace, opened: Session, mesh: Mesh, enough: Enough | None = None
) -> Sample | None:
    """What is measured now, where a person or a gate will look at the plan.

    Without an answer in time the plan says that nothing is known: no change waits longer for it.
    """
    if not measures(arguments):
        return None
    early = partial(enough, opened, mesh) if enough else None
    name = getattr(arguments, "service", "")
    about = opening.key_of(name, opened.cluster.namespace) if name else None
    return await opening.reading(opened, mesh, arguments.window, early, about)


def measures(arguments: argparse.Namespace) -> bool:
    """Whether a plan is made on what is measured now."""
    looked_at = arguments.dry_run or not arguments.yes
    return looked_at or (arguments.command in GATED and not consented(arguments))


def consented(arguments: argparse.Namespace) -> bool:
    """True where the person answers for what is dangerous, on the command line."""
    named = arguments.command == "rollback" and arguments.to
    return bool(arguments.force or named)


def refuse_danger(arguments: argparse.Namespace, plan: Plan) -> None:
    """What is dangerous wants more than --yes. Raises `Refused` with the reasons."""
    if not plan.dangerous or consented(arguments) or arguments.command in UNGATED:
        return
    change = plan.change
    if plan.stable:
        because = f"{plan.stable} is taken for stable, it {plan.stable_because}; but "
        hint = "name a version with --to V, or accept it with --force"
    else:
        because, hint = "", "accept it with --force"
    what = f"{change.verb} {change.service} is dangerous: {because}{'; '.join(plan.dangers)}"
    raise Refused(what, f"nothing was written; {hint}")


async def report_interrupted(opened: Session, mesh: Mesh) -> None:
    """What became of changes whose process died half-way, before another is made.

    And that routes are there which nobody reads: they may rule what is changed.
    """
    reversals = Reversals(opened.journal)
    reversals.detect(mesh)
    reverted = (f"REVERTED {one.what}" for one in reversals.found)
    unread = other_versions(opened.cluster)
    lines = (*await opened.recover(), *Limits(opened).notices(mesh), *reverted, unread)
    for line in filter(None, lines):
        output.note(f"meshtui: {line}")


async def carry_out(
    arguments: argparse.Namespace,
    opened: Session,
    mesh: Mesh,
    plan: Plan,
    seen: Sample | None = None,
) -> Outcome:
    """Asks where nobody said yes yet, and applies the plan."""
    if arguments.yes or plan.empty:
        refuse_danger(arguments, plan)
    else:
        show(plan)
        ask(plan, arguments)
    return await made(arguments, opened, mesh, plan, seen)


async def made(
    arguments: argparse.Namespace,
    opened: Session,
    mesh: Mesh,
    plan: Plan,
    seen: Sample | None = None,
) -> Outcome:
    """Applies a plan that somebody said yes to."""
    asking = None if arguments.no_verify else lambda: callers(opened, mesh, plan.change.service)
    if asking and seen is None and plan.change.verb != "rollback":
        seen = await asking()
    try:
        outcome = await opened.apply(plan, mesh, seen, lambda _: None, asking)
    except Conflict as conflict:
        if plan.others:
            raise
        raise await explained(opened.cluster, plan.change) from conflict
    _say_ends(outcome)
    return outcome


async def measured(opened: Session, outcome: Outcome, seconds: float | None) -> tuple[Share, ...]:
    """Each version's share of the requests of the next `seconds`; empty where none is asked."""
    if not seconds or not outcome.applied:
        return ()
    try:
        mesh = await opened.read_mesh()
    except MeshtuiError as unread:  # the change is made all the same
        output.note(f"meshtui: {unread}")
        return ()
    key = outcome.plan.change.service
    sample, error = await opening.sample(opened, mesh, seconds, about=key)
    if error:
        output.note(f"meshtui: telemetry: {error}")
    own = mesh.by_key.get(key)
    return shares_of(service_views(mesh, sample, of=[own])[0]) if own else ()


async def callers(opened: Session, mesh: Mesh, about: ServiceKey) -> Sample | None:
    """Who sends traffic to a service, for the choice of the proxies to ask."""
    sample, error = await opening.sample(opened, mesh, 0.0, about=about)
    if error:
        output.note(f"meshtui: telemetry: {error}")
    return sample


def show(plan: Plan) -> None:
    """All that a person should know before saying yes, object by object."""
    for part in plan.parts:
        _show(part)


def _show(plan: Plan) -> None:
    change = plan.change
    rule = f", rule {change.rule_words}" if change.rule else ""
    output.note(f"{change.verb} {change.service}: {change.target}{rule}")
    for text in (*change.words, plan.blast):
        if text:
            output.note(f"  {text}")
    for text in change.diff:
        output.note(text)
    for finding in plan.findings:
        output.note(f"{finding.level}: {finding.text}")


def ask(plan: Plan, arguments: argparse.Namespace) -> None:
    """A person's yes; the service's name where it is dangerous. No answer is a no."""
    name = plan.change.service.name
    dangerous = plan.dangerous and not consented(arguments)
    wanted = (name,) if dangerous else ("y", "yes")
    question = f"type {name} to apply it: " if dangerous else "apply? [y/N] "
    if output.ask(question).lower() in wanted:
        return
    refuse_danger(arguments, plan)
    raise Refused("not applied, nothing was written", "answer yes, or give --yes")


def report(
    outcome: Outcome,
    form: str,
    *,
    dry: bool,
    shares: tuple[Share, ...] = (),
    parts: bool = False,
) -> None:
    """What was done is said to whoever can read it; what was not can only fail to be shown."""
    if not outcome.applied:
        _print(outcome, form, dry, shares, parts)
        return
    with output.settled(_done(outcome)):
        _print(outcome, form, dry, shares, parts)


def _doubts(share: Share) -> str:
    if share.settled:
        return ""
    return (
        "  (not by chance)"
        if not share.plausible
        else "  (off by more than the margin: by chance?)"
    )


def _done(outcome: Outcome) -> list[str]:
    lines = [outcome.sentence]
    if outcome.change_id:
        lines.append(f"change {outcome.change_id}; `meshtui undo {outcome.change_id}` undoes it")
    return lines


def _print(outcome: Outcome, form: str, dry: bool, shares: tuple[Share, ...], parts: bool) -> None:
    if form != "table":
        output.data(change_json(outcome, parts=parts) | shares_json(shares), form)
        return
    plan = outcome.plan
    for change in plan.changes:
        for text in change.words:
            output.line(f"{change.service}: {text}")
    if plan.stable:
        output.line(f"{plan.stable} is taken for stable: it {plan.stable_because}")
    if dry:
        for part in plan.parts:
            for text in filter(None, (part.blast, *part.change.diff)):
                output.line(text)
        output.line("nothing was written" if not plan.empty else "nothing to do")
    else:
        for text in _done(outcome):
            output.line(text)
    for share in shares:
        output.line(f"{share}{_doubts(share)}")
    for warning in (*outcome.plan.warnings, *outcome.warnings):
        output.note(f"warning: {warning}")
