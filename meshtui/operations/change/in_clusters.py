"""The same change in several clusters: one after the other, and all of them or none."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from meshtui.changes.change import Plan, Together
from meshtui.changes.outcome import Outcome
from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError

Apply = Callable[[str, Plan], Awaitable[Outcome]]
"""Applies the plan in the cluster of that name."""

Revert = Callable[[str, str], Awaitable[Outcome]]
"""Takes back the change of that identity in the cluster of that name."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the change in one cluster.

    `error` is why it was not made, or not seen in the proxies; `undone` the identity of the change
    that took it back, and `stands` says why it could not be taken back. All three are empty where
    it was made as asked; where `outcome` is None besides, it was not begun.
    """

    cluster: str
    plan: Plan
    outcome: Outcome | None = None
    error: MeshtuiError | None = None
    undone: str = ""
    stands: str = ""

    @property
    def written(self) -> bool:
        return self.outcome is not None and self.outcome.applied

    @property
    def failed(self) -> bool:
        return self.error is not None or (
            self.outcome is not None and self.outcome.verified is False
        )

    @property
    def sentence(self) -> str:
        """What stands in this cluster, in one line."""
        if self.plan.empty:
            return "it is so already"
        if self.undone:
            return f"undone again by change {self.undone}"
        if self.stands:
            change = self.outcome.change_id if self.outcome else ""
            return f"change {change} STANDS, it could not be undone: {self.stands}"
        if self.error is not None:
            return f"failed: {self.error}"
        return self.outcome.sentence if self.outcome else "not begun, nothing was written"


async def apply_in_turn(
    plans: Sequence[tuple[str, Plan]], apply: Apply, revert: Revert
) -> tuple[Made, ...]:
    """One cluster after the other, until one fails: then what was written is taken back.

    Failed is also what the proxies did not serve in time: half a change in two clusters is worse
    than none. The last that was written is undone first. The journals tell of what is made so that
    it belongs together.
    """
    made = [Made(cluster, plan) for cluster, plan in _as_one(plans)]
    for at, one in enumerate(made):
        if one.plan.empty:
            continue
        try:
            made[at] = replace(one, outcome=await apply(one.cluster, one.plan))
        except MeshtuiError as error:
            made[at] = replace(one, error=error)
        if made[at].failed:
            break
    if any(one.failed for one in made):
        for at in reversed(range(len(made))):
            made[at] = await _undone(made[at], revert)
    return tuple(made)


def _as_one(plans: Sequence[tuple[str, Plan]]) -> Sequence[tuple[str, Plan]]:
    """Each plan's changes with what they have in common, where they are made in several."""
    clusters = tuple(cluster for cluster, plan in plans if not plan.empty)
    if len(clusters) < 2:
        return plans
    together = Together(secrets.token_hex(8), clusters)
    return [(cluster, _marked(plan, together)) for cluster, plan in plans]


def _marked(plan: Plan, together: Together) -> Plan:
    others = tuple(_marked(other, together) for other in plan.others)
    return replace(plan, change=replace(plan.change, together=together), others=others)


async def _undone(made: Made, revert: Revert) -> Made:
    if not made.written or made.outcome is None:
        return made
    try:
        back = await revert(made.cluster, made.outcome.change_id)
    except MeshtuiError as error:
        return replace(made, stands=str(error))
    if not back.applied:
        return replace(made, stands=back.sentence)
    return replace(made, undone=back.change_id)
