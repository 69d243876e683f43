"""Adopting a service: the DestinationRule, its clusters in the proxies, then the VirtualService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtui.changes.adopt import adopt
from meshtui.changes.change import Change, Finding, Outcome, Plan
from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.operations.change.objects import object_of, with_object

if TYPE_CHECKING:
    from meshtui.operations.session import Session

UNSEEN_S = 5.0
"""For clusters that nobody can look for; istiod gathers changes for 0.1 to 10 s, often 0.1."""


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """What will be made, in order. `steps` has one entry where the subsets are there already."""

    steps: tuple[Plan, ...]
    stable: str


async def plan_adoption(session: Session, mesh: Mesh, key: ServiceKey, stable: str) -> AdoptionPlan:
    """Both plans, each dry-run by the API server; nothing is written."""
    adoption = adopt(mesh, key, stable)
    why = Finding("info", f"all traffic goes to {adoption.stable}: {adoption.why}")
    changes = [change for change in (adoption.subsets, adoption.routes) if change is not None]
    steps = []
    for change in changes:
        steps.append(await session.planner.checked(mesh, change, None, (why,)))
        mesh = _after(mesh, change)
    return AdoptionPlan(tuple(steps), adoption.stable)


def _after(mesh: Mesh, change: Change) -> Mesh:
    """The mesh in which the next step is planned: with what this one makes."""
    item = object_of(mesh, change.target)
    raw = item.raw if item else change.patch[0]["value"]
    return with_object(mesh, {**raw, "spec": change.spec_after}, change.target.kind)


async def carry_out(
    session: Session,
    plan: AdoptionPlan,
    mesh: Mesh,
    sample: Sample | None,
    told: Callable[[str], None],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[Outcome, None]:
    """Each step's outcome. The routes are not written before the proxies have the clusters.

    Where none can be asked they are given `UNSEEN_S` seconds.
    """
    for step in plan.steps:
        last = step is plan.steps[-1]
        outcome = await session.apply(step, mesh, sample, told, awaited=not last)
        yield outcome
        if last:
            return
        if outcome.verified is None and outcome.seconds < UNSEEN_S:
            told(f"no proxy can be asked: giving them {UNSEEN_S:g} s")
            await pause(UNSEEN_S - outcome.seconds)
        elif outcome.verified is False:
            raise Refused(
                f"{step.change.target} was written, but not every proxy has its clusters yet",
                "run adopt again in a moment: the VirtualService was not written",
            )


async def adopt_all(
    session: Session,
    plan: AdoptionPlan,
    mesh: Mesh,
    sample: Sample | None,
    told: Callable[[str], None],
) -> Outcome:
    """All steps in order; the outcome is the last one's. A failure says what was written before."""
    outcomes: list[Outcome] = []

    def tell(text: str) -> None:
        told(f"{len(outcomes) + 1} of {len(plan.steps)} {text}")

    try:
        async with aclosing(carry_out(session, plan, mesh, sample, tell)) as steps:
            async for outcome in steps:
                outcomes.append(outcome)  # noqa: PERF401 - known also when the next one fails
    except MeshtuiError as error:
        done = "; ".join(f"{o.plan.change.target} is made ({o.change_id})" for o in outcomes)
        if not done:
            raise
        hint = "; ".join(filter(None, (done, error.hint)))
        raise type(error)(error.what, hint) from error
    return outcomes[-1]
