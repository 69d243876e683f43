"""Weights: how the others share what one gains or loses, and how percents become integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from meshtui.errors import Refused, Usage

SLACK = Fraction(1, 1_000_000)
"""What shares of a percent, added up as floats, may miss 100 by."""

BASES = (100, 1000, 10_000)
"""Sums to count weights in where the rule's own sum cannot express what was asked."""


def redistribute(current: Mapping[str, float], wanted: Mapping[str, float]) -> dict[str, float]:
    """The percent of each label when `wanted` is set and the others share the rest.

    `current` is in percent and says the proportion of the others; where all of them are 0 and
    there is only one, it takes the rest. Labels of `wanted` that are not in `current` come last.
    When every label is named, the numbers are ratios and stand as they are said.

    Raises `Usage` where a number is none, `Refused` where the rest has nowhere to go.
    """
    _check(wanted)
    labels = list(dict.fromkeys([*current, *wanted]))
    others = [label for label in labels if label not in wanted]
    total = sum(wanted.values())
    if not others:
        return {label: wanted[label] for label in labels}
    rest = 100.0 - total
    if rest < -1e-9:
        raise Usage(f"the weights given sum to {total:g}, more than 100")
    shares = _share(max(0.0, rest), others, current)
    return {label: wanted.get(label, shares.get(label, 0.0)) for label in labels}


def _check(wanted: Mapping[str, float]) -> None:
    for label, weight in wanted.items():
        if not weight >= 0 or weight == float("inf"):
            raise Usage(f"{_name(label)}={weight:g}: a weight is 0 or more")


def _name(label: str) -> str:
    """As a person says it; a label may be a host and a subset with a bar between."""
    host, _, subset = label.partition("|")
    return subset or host


def _share(rest: float, others: Sequence[str], current: Mapping[str, float]) -> dict[str, float]:
    held = sum(current.get(label, 0.0) for label in others)
    if held > 0:
        return {label: rest * current.get(label, 0.0) / held for label in others}
    if rest <= 1e-9:
        return dict.fromkeys(others, 0.0)
    if len(others) == 1:
        return {others[0]: rest}
    first, *more = map(_name, others)
    weights = [f"{first}={rest:g}", *(f"{name}=0" for name in more)]
    raise Refused(
        f"{rest:g} % is left over and {', '.join((first, *more))} have no weight to share it by",
        f"say who takes it, as in {' '.join(weights)}",
    )


def as_named(percents: Mapping[str, float], exact: Sequence[str]) -> dict[str, int] | None:
    """Weights that were named for all destinations, in whole numbers that sum to 100, as they are.

    None where they are to be counted otherwise.
    """
    if set(exact) < set(percents) or not all(w == int(w) for w in percents.values()):
        return None
    named = {label: int(weight) for label, weight in percents.items()}
    return named if sum(named.values()) == 100 else None


def whole_weights(
    percents: Mapping[str, float], exact: Sequence[str], total: int
) -> dict[str, int]:
    """Integers in proportion to `percents`; those of `exact` are met exactly where possible.

    `total` is the rule's present sum and is kept when it can express the exact ones; else the
    weights are counted in 100, 1,000 or 10,000 parts. The others are rounded by largest remainder,
    so that the sum stays whole. A sum of 0 is refused: Istio would send nothing anywhere.
    """
    asked = {label: Fraction(str(round(value, 9))) for label, value in percents.items()}
    whole = sum(asked.values(), Fraction())
    if abs(whole - 100) < SLACK:
        whole = Fraction(100)
    if whole <= 0:
        raise Refused("all weights would be 0", "at least one version must take traffic")
    parts = {label: value / whole for label, value in asked.items()}
    base = _base(parts, exact, total)
    if base is None:
        ratios = all(value.denominator == 1 for value in asked.values())
        base = int(whole) if ratios and whole <= BASES[-1] else max(total, BASES[0])
    return _largest_remainder(parts, exact, base)


def _base(parts: Mapping[str, Fraction], exact: Sequence[str], total: int) -> int | None:
    """The first sum in which the exact ones are whole numbers."""
    for base in (total, *BASES):
        if base > 0 and all((parts[label] * base).denominator == 1 for label in exact):
            return base
    return None


def _largest_remainder(
    parts: Mapping[str, Fraction], exact: Sequence[str], base: int
) -> dict[str, int]:
    floors = {label: int(part * base) for label, part in parts.items()}
    missing = base - sum(floors.values())
    order = sorted(
        parts,
        key=lambda label: (label in exact, -(parts[label] * base - floors[label])),
    )
    for label in order[:missing]:
        floors[label] += 1
    return floors
