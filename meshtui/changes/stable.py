"""Which version a rollback goes to: live evidence first, history as far as it is not refuted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshtui.changes.health import VersionHealth
from meshtui.dataclass import dataclass

HostAndSubset = tuple[str, str]
"""A host and a subset."""


@dataclass(frozen=True, slots=True)
class Step:
    """One earlier change of the rule that stands: the rule's JSON before and after it."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    change_id: str = ""
    rollback: bool = False
    promote: bool = False
    who: str = ""
    made: float = 0.0
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Stable:
    """The version that a rollback goes to, and why; `dangers` say what speaks against it.

    `doubts` are worth a word and stop nothing.
    """

    version: VersionHealth
    why: str
    dangers: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def choose_stable(
    versions: Sequence[VersionHealth],
    history: Iterable[Step],
    configured: VersionHealth | None = None,
) -> Stable | None:
    """The stable version. None where no version takes any traffic.

    In this order: the configured one; what carried the traffic before this rollout began, unless
    it fails now, was moved away from by a rollback or was the target of the last promote; the
    healthiest of those with ready pods and traffic. A choice that fails now, has no ready pod or
    rests on nothing but its weight is dangerous.

    `history` holds the rule's changes that took effect, newest first.
    """
    if configured is not None:
        return _judged(configured, "is configured as stable")
    steps = [step for step in history if _weights(step.before) != _weights(step.after)]
    known = {version.place: version for version in versions}
    began = _before_rollout(steps)
    if began is None:
        return _healthiest(versions, steps, ())
    place, why, alone = began
    against = _against(known.get(place), place, steps)
    if not against:
        found = known[place]
        guess = () if alone or found.healthy else (_guess(found, "it had the largest weight"),)
        return _judged(found, why, guess)
    return _healthiest(versions, steps, (f"{_name(place)} {why}, but {against}",))


def named_stable(version: VersionHealth) -> Stable:
    """The version that a person named."""
    return _judged(version, "was named by the operator")


def _before_rollout(steps: Sequence[Step]) -> tuple[HostAndSubset, str, bool] | None:
    """What carried the traffic when this rollout began, the words for it, and if it was all of it.

    The rollout began at the newest change that moved traffic away from a version that had carried
    all of it; where no version ever did, at the oldest one, with its heaviest destination. What a
    rollback brought all traffic to was stable then: rolling back twice is rolling back once.
    """
    for step in steps:
        brought = _alone(step.after) if step.rollback else None
        if brought is not None:
            return brought, f"was rolled back to by change {step.change_id}", True
        alone = _alone(step.before)
        if alone is not None:
            return alone, f"carried all traffic before change {step.change_id}", True
    heaviest = _heaviest(steps[-1].before) if steps else None
    if heaviest is None:
        return None
    return heaviest, f"carried the most traffic before change {steps[-1].change_id}", False


def _against(version: VersionHealth | None, place: HostAndSubset, steps: Sequence[Step]) -> str:
    """Why what history says does not hold any more; empty where it does."""
    if version is None:
        return "it is not there any more"
    if version.failing:
        return f"it {version.how} ({version.words})"
    left = _left_by_rollback(place, steps)
    if left:
        return f"rollback {left} moved away from it"
    promoted = next((step for step in steps if step.promote), None)
    if promoted is not None and _alone(promoted.after) == place and not _returned(place, steps):
        return f"it was only promoted by {promoted.change_id}"
    return ""


def _left_by_rollback(place: HostAndSubset, steps: Sequence[Step]) -> str:
    """The rollback that moved away from the version, unless a later one brought it back."""
    for step in steps:
        if step.rollback and _alone(step.after) == place:
            return ""
        if step.rollback and place in _weights(step.before) and place not in _weights(step.after):
            return step.change_id or "earlier"
    return ""


def rolled_back_from(place: HostAndSubset, history: Iterable[Step]) -> Step | None:
    """The rollback that moved all traffic away from a version that nobody has sent more to since.

    `history` holds the rule's changes that took effect, newest first.
    """
    for step in history:
        before, after = (_weights(rule).get(place, 0) for rule in (step.before, step.after))
        if step.rollback and before > after == 0:
            return step
        if after > before:
            return None
    return None


def _returned(place: HostAndSubset, steps: Sequence[Step]) -> bool:
    """True where a rollback brought all traffic to the version after the last promote."""
    for step in steps:
        if step.promote:
            return False
        if step.rollback and _alone(step.after) == place:
            return True
    return False


def _healthiest(
    versions: Sequence[VersionHealth], steps: Sequence[Step], doubts: tuple[str, ...]
) -> Stable | None:
    """The healthiest with ready pods and traffic; where health does not tell, the heaviest.

    Versions whose error ratios can't be told apart are told apart by who carried all the traffic
    at some time; what only its weight speaks for is a guess, and dangerous.
    """
    taking = [version for version in versions if version.percent > 0]
    if not taking:
        return None
    able = [v for v in taking if not v.failing and not v.without_pods]
    healthy = [version for version in able if version.healthy]
    if not healthy:
        return _unproven(taking, able, doubts)
    best = min(healthy, key=lambda version: (version.errors or 0.0, -version.percent))
    rivals = [v for v in healthy if v.interval[0] <= best.interval[1]]
    if len(rivals) == 1:
        return _judged(best, _healthiest_words(best, taking), doubts=doubts)
    carried = _carriers(steps)
    proven = [version for version in rivals if version.place in carried]
    if proven:
        chosen = min(proven, key=lambda version: carried.index(version.place))
        why = f"is as healthy as any ({chosen.words}) and carried all traffic before"
        return _judged(chosen, why, doubts=doubts)
    return _heaviest_of(rivals, doubts)


def _unproven(
    taking: Sequence[VersionHealth], able: Sequence[VersionHealth], doubts: tuple[str, ...]
) -> Stable:
    """Where no version is known to be healthy."""
    if len(able) == 1 and len(taking) > 1:
        others = ", ".join(f"{v.label}: {v.words}" for v in taking if v.place != able[0].place)
        return _judged(able[0], f"is the only one that may be sound ({others})", doubts=doubts)
    return _heaviest_of(able or taking, doubts)


def _healthiest_words(best: VersionHealth, taking: Sequence[VersionHealth]) -> str:
    others = [f"{v.label} {v.words}" for v in taking if v.place != best.place]
    beside = f"; beside it {', '.join(others)}" if others else ""
    return f"is the healthiest with ready pods and traffic ({best.words}{beside})"


def _heaviest_of(versions: Sequence[VersionHealth], doubts: tuple[str, ...]) -> Stable:
    chosen = max(versions, key=lambda v: (not v.failing, not v.without_pods, v.percent))
    if len(versions) == 1:
        return _judged(chosen, "takes the traffic already, and no other does", doubts=doubts)
    others = "; ".join(f"{v.label}: {v.words}" for v in versions)
    guess = _guess(chosen, f"it has the largest weight ({others})")
    return _judged(chosen, "has the largest weight", (guess,), doubts)


def _guess(version: VersionHealth, why: str) -> str:
    return f"{version.label} is chosen only because {why}"


def _judged(
    version: VersionHealth, why: str, dangers: tuple[str, ...] = (), doubts: tuple[str, ...] = ()
) -> Stable:
    found = [*dangers]
    if version.failing:
        found.append(f"{version.label} {version.how}: {version.words}")
    if version.without_pods:
        found.append(f"{version.label} has no ready pod")
    if not (version.healthy or version.failing):
        doubts = (*doubts, f"the health of {version.label} is not known ({version.words})")
    return Stable(version, why, tuple(found), doubts)


def _carriers(steps: Sequence[Step]) -> list[HostAndSubset]:
    """The versions that carried all traffic at some time and are not refuted, newest first.

    What was promoted last counts too, but behind all others: it has at least carried everything.
    """
    places = [place for step in steps for place in (_alone(step.before),) if place]
    retained = [place for place in dict.fromkeys(places) if not _left_by_rollback(place, steps)]
    promoted = next((_alone(step.after) for step in steps if step.promote), None)
    return sorted(retained, key=lambda place: place == promoted)


def _name(place: HostAndSubset) -> str:
    return place[1] or place[0].partition(".")[0]


def _weights(rule: Mapping[str, Any]) -> dict[HostAndSubset, int]:
    """Weight by destination, for those that take traffic."""
    found: dict[HostAndSubset, int] = {}
    for destination in rule.get("destinations") or ():
        place = (destination["host"], destination["subset"] or "")
        if destination["weight"] > 0:
            found[place] = found.get(place, 0) + destination["weight"]
    return found


def _alone(rule: Mapping[str, Any]) -> HostAndSubset | None:
    weights = _weights(rule)
    return next(iter(weights)) if len(weights) == 1 else None


def _heaviest(rule: Mapping[str, Any]) -> HostAndSubset | None:
    weights = _weights(rule)
    return max(weights, key=lambda place: weights[place], default=None)
