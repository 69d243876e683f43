"""A draft of new weights: what a person typed, and what the others get by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from meshtui.changes.change import Shift, Target
from meshtui.changes.weights import redistribute, whole_weights
from meshtui.config.settings import LADDER
from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, Refused, Usage
from meshtui.mesh.view import ServiceView
from meshtui.ui.main.rule_selection import rule_name


@dataclass(frozen=True, slots=True)
class Draft:
    """Weights in percent, not yet planned. `target` is the object as it was when it began.

    `wanted` holds what was set by hand, the last at the end; `percents` all of them.
    """

    target: Target
    current: Mapping[str, float]
    wanted: Mapping[str, float] = field(default_factory=dict)
    percents: Mapping[str, float] = field(default_factory=dict)

    @property
    def request(self) -> Shift:
        return Shift(dict(self.percents))

    @property
    def changed(self) -> bool:
        return any(abs(self.percents[v] - self.current.get(v, 0.0)) > 1e-6 for v in self.percents)


def target_of(view: ServiceView) -> Target:
    """The service, its rule and the very object on screen: a stale look is a conflict."""
    vs = view.owner
    if vs is None:
        return Target(view.key)
    return Target(view.key, rule_name(view), vs.ref.uid, vs.resource_version)


def ordinary_target(view: ServiceView) -> Target:
    """The rule that carries the ordinary traffic, whichever is chosen: an emergency means it."""
    usual = view.usual
    if usual is None:
        return Target(view.key)
    vs = usual.service
    return Target(view.key, "", vs.ref.uid, vs.resource_version)


def begin(view: ServiceView) -> Draft:
    """An empty draft. Raises `Refused` where no rule tells the versions apart."""
    current = {v.label: v.percent for v in view.versions if v.percent is not None}
    if not current:
        raise Refused(
            f"{view.key.name} has no weights to change",
            "no rule sends its traffic to versions by weight",
        )
    if len(current) < 2:
        raise Refused(f"{view.key.name} has one version only", "there is nothing to shift to")
    return Draft(target_of(view), current, percents=dict(current))


def step(draft: Draft, label: str, by: float) -> Draft:
    """The weight of `label` moved by some percent, within 0 and 100."""
    now = draft.percents.get(label, 0.0)
    return set_weight(draft, label, min(100.0, max(0.0, now + by)))


def next_step(draft: Draft, label: str, ladder: Sequence[float] = LADDER) -> Draft:
    """The first step of the ladder (in percent) above the weight of `label`."""
    now = draft.percents.get(label, 0.0)
    above = next((percent for percent in ladder if percent > now + 1e-6), None)
    if above is None and now < 100 - 1e-6:
        raise Refused(f"{label} is past the last step of the ladder, {ladder[-1]:g} %", "+ goes on")
    if above is None:
        raise Refused(f"{label} has all the traffic already")
    return set_weight(draft, label, above)


def set_weight(draft: Draft, label: str, percent: float) -> Draft:
    """The weight of `label` set; what was set before stays as long as the sum allows it."""
    if label not in draft.current:
        raise Refused(f"{label} has no weight", "no rule sends traffic to it")
    if not 0 <= percent <= 100:
        raise Usage("a weight is between 0 and 100")
    pinned = {name: value for name, value in draft.wanted.items() if name != label}
    if all(_as_it_is(draft, *one) for one in (*pinned.items(), (label, percent))):
        wanted = {**pinned, label: percent}
        return replace(draft, wanted=wanted, percents=dict(draft.current))
    while True:
        wanted = {**pinned, label: percent}
        percents = _shared(draft.current, wanted)
        if percents is not None:
            return replace(draft, wanted=wanted, percents=percents)
        if not pinned:
            break
        pinned.pop(next(iter(pinned)))
    return replace(draft, wanted={label: percent}, percents=_evenly(draft, label, percent))


def _as_it_is(draft: Draft, label: str, percent: float) -> bool:
    """Whole percents of it would be a change that nobody asked for."""
    return abs(percent - draft.current.get(label, 0.0)) < 1e-6


def _shared(current: Mapping[str, float], wanted: Mapping[str, float]) -> dict[str, float] | None:
    """None where these weights leave a rest that has nowhere to go, or too little."""
    if len(wanted) == len(current) and abs(sum(wanted.values()) - 100) > 1e-6:
        return None
    try:
        return _whole(redistribute(current, wanted), tuple(wanted))
    except MeshtuiError:
        return None


def _whole(percents: dict[str, float], exact: tuple[str, ...]) -> dict[str, float]:
    """Whole percents where they meet what was typed: 63 and 37 rather than 62.5 and 37.5."""
    rounded = whole_weights(percents, exact, 100)
    return {k: float(v) for k, v in rounded.items()} if sum(rounded.values()) == 100 else percents


def _evenly(draft: Draft, label: str, percent: float) -> dict[str, float]:
    """Where all the others are at 0 they share the rest in equal parts, for a person to see."""
    others = [name for name in draft.current if name != label]
    share = (100.0 - percent) / len(others)
    return {name: percent if name == label else share for name in draft.current}
