"""The ladder of a plan: which part of the traffic the canary gets, step by step."""

from __future__ import annotations

from meshtui.canary.plan import Plan
from meshtui.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: `weight` in percent, or copies of the traffic (`shadow`) and no weight."""

    weight: float
    seconds: float
    shadow: bool = False

    @property
    def words(self) -> str:
        return "shadow" if self.shadow else f"{self.weight:g} %"


def ladder(plan: Plan) -> tuple[Rung, ...]:
    """The plan's steps in their order, the shadow step first."""
    shadow = (Rung(0.0, plan.shadow_s, shadow=True),) if plan.shadow_s > 0 else ()
    return (*shadow, *(Rung(step, plan.every_s) for step in plan.steps))


def rung_below(rungs: tuple[Rung, ...], weight: float) -> int | None:
    """The highest rung whose weight is no more than `weight`; None below the first."""
    fitting = [i for i, rung in enumerate(rungs) if not rung.shadow and rung.weight <= weight]
    return fitting[-1] if fitting else None
