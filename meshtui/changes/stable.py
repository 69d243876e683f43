"""Which version a rollback goes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Stable:
    """A host and subset, and in `why` the reason it is taken for stable."""

    host: str
    subset: str
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """One earlier change of the rule that stands: the rule's JSON before and after it."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    change_id: str = ""
    rollback: bool = False


def stable_version(rule: Mapping[str, Any], history: Iterable[Step]) -> Stable | None:
    """What carried the traffic when this rollout began, else the heaviest destination.

    `history` holds the rule's changes that took effect, newest first. The rollout began at the
    newest change that moved traffic away from a version that had carried all of it; where no
    version ever did, at the oldest one, and its heaviest destination is stable. What a rollback
    brought all traffic to was stable then and still is: rolling back twice is rolling back once.
    """
    oldest: Step | None = None
    for step in history:
        if _weights(step.before) == _weights(step.after):
            continue
        oldest = step
        brought = _alone(step.after) if step.rollback else None
        if brought is not None:
            return Stable(*brought, why=f"was rolled back to by change {step.change_id}")
        alone = _alone(step.before)
        if alone is not None:
            why = f"carried all traffic before change {step.change_id}"
            return Stable(*alone, why=why)
    if oldest is not None:
        heaviest = _heaviest(oldest.before)
        if heaviest is not None:
            why = f"carried the most traffic before change {oldest.change_id}"
            return Stable(*heaviest, why=why)
    heaviest = _heaviest(rule)
    return Stable(*heaviest, why="has the largest weight") if heaviest else None


Place = tuple[str, str]


def _weights(rule: Mapping[str, Any]) -> dict[Place, int]:
    """Weight by destination, for those that take traffic."""
    found: dict[Place, int] = {}
    for destination in rule.get("destinations") or ():
        place = (destination["host"], destination["subset"] or "")
        if destination["weight"] > 0:
            found[place] = found.get(place, 0) + destination["weight"]
    return found


def _alone(rule: Mapping[str, Any]) -> Place | None:
    weights = _weights(rule)
    return next(iter(weights)) if len(weights) == 1 else None


def _heaviest(rule: Mapping[str, Any]) -> Place | None:
    weights = _weights(rule)
    return max(weights, key=lambda place: weights[place], default=None)
