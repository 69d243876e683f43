"""The order of the services, kept calm: a row moves when it clearly changed, not at each tick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import log2
from operator import is_
from types import MappingProxyType
from typing import NamedTuple

from meshtui.dataclass import dataclass
from meshtui.mesh.judging import NOT_KNOWN, SEVERITY
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.view import ServiceView

BAND = 0.25
"""A measured value counts as changed when it left this part of the value that it is sorted by."""

RECOVERY = 3
"""Samples that a state must be better before the row sinks; a worse one rises at once."""


@dataclass(frozen=True, slots=True)
class Sort:
    """By which key; `reverse` turns it round."""

    key: str = "worst"
    reverse: bool = False


ALIKE = 0.5
"""The same of how bad a row is beside others of its state: chance alone halves small ratios."""

_BAD, _BUSY = "bad", "busy"
_STEPS = {_BAD: 0.01, _BUSY: 5.0}
"""Of the parts by which the worst come first: differences below these are noise, and what is in
the same power of two of them is equally bad."""

_FLOORS = {
    **_STEPS,
    "errors": 0.005,
    "traffic": 1.0,
    **dict.fromkeys(("p50", "p95", "latency"), 5.0),
    "weight": 0.0,
    "share": 2.0,
    **dict.fromkeys(("missing", "pods"), 0.0),
}
"""Differences below these are noise, whatever their part: ratio, requests/s, milliseconds,
percent, percent, pods."""


class _Held(NamedTuple):
    """What a service is sorted by: values that follow the measured ones with a lag.

    `better` counts the samples since its state was as bad as `severity`.
    """

    severity: int
    values: Mapping[str, float]
    better: int = 0


class _Measured(NamedTuple):
    """What a view is sorted by as it was measured; `view` tells whether it holds for another."""

    view: ServiceView
    severity: int
    values: Mapping[str, float]


class _Order(NamedTuple):
    """How these views stand, by what, and where each stood: equal ones keep their places."""

    views: tuple[ServiceView, ...] = ()
    sort: Sort = Sort()
    sampled: float = -1.0
    measured: Mapping[ServiceKey, _Measured] = MappingProxyType({})
    held: Mapping[ServiceKey, _Held] = MappingProxyType({})
    stood: Mapping[ServiceKey, int] = MappingProxyType({})
    ordered: tuple[ServiceView, ...] = ()


class CalmOrder:
    """Sorts services by values with hysteresis, so that near-ties stand still."""

    def __init__(self) -> None:
        self._now = _Order()
        self._ready = self._now, self._now
        """An order that was worked out ahead, behind the one that it follows."""

    @property
    def settled(self) -> bool:
        """Whether the same values once more would leave all rows where they are."""
        return not any(held.better for held in self._now.held.values())

    def prepare(
        self, views: Iterable[ServiceView], sort: Sort, sampled: float
    ) -> tuple[ServiceView, ...]:
        """What `arrange` will give where nothing else is arranged before; in any thread."""
        now = self._now
        ready = _follow(now, now.measured, tuple(views), sort, sampled)
        self._ready = now, ready
        return ready.ordered

    def arrange(
        self, views: Iterable[ServiceView], sort: Sort, sampled: float
    ) -> tuple[ServiceView, ...]:
        """The views in order. `sampled` tells samples apart: the lag counts those, not calls."""
        known = tuple(views)
        before, ready = self._ready
        if before is not self._now or not _is_of(ready, known, sort, sampled):
            ready = _follow(self._now, ready.measured, known, sort, sampled)
        self._now, self._ready = ready, (ready, ready)
        return ready.ordered


def _is_of(order: _Order, views: tuple[ServiceView, ...], sort: Sort, sampled: float) -> bool:
    return (order.sort, order.sampled) == (sort, sampled) and same_objects(order.views, views)


def same_objects(views: Sequence[object], others: Sequence[object]) -> bool:
    """Whether both hold the very same ones: to compare all in them takes far longer."""
    return len(views) == len(others) and all(map(is_, views, others))


def _follow(
    before: _Order,
    known: Mapping[ServiceKey, _Measured],
    views: tuple[ServiceView, ...],
    sort: Sort,
    sampled: float,
) -> _Order:
    """The order after `before`; `known` is what was measured of some of the views."""
    fresh = sampled != before.sampled
    measured: dict[ServiceKey, _Measured] = {}
    held: dict[ServiceKey, _Held] = {}
    for view in views:
        key = view.key
        stands = before.held.get(key)
        if stands is not None and not fresh:
            held[key] = stands
            continue
        now = measured[key] = _measured(view, known.get(key))
        held[key] = _Held(now.severity, now.values) if stands is None else _drawn(stands, now)
    rank, stood = _RANKS[sort.key], before.stood if sort.key == before.sort.key else {}
    last = len(stood)
    ordered = sorted(views, key=lambda v: (rank(held[v.key]), stood.get(v.key, last), _by_name(v)))
    stood = {view.key: at for at, view in enumerate(ordered)}
    if sort.reverse:
        ordered.reverse()
    return _Order(views, sort, sampled, measured if fresh else known, held, stood, tuple(ordered))


def _measured(view: ServiceView, known: _Measured | None) -> _Measured:
    if known is not None and known.view is view:
        return known
    return _Measured(view, severity_of(view), _measure(view))


def severity_of(view: ServiceView) -> int:
    """That of its worst line: one failing version among many is what must be seen."""
    states = (view.state, *(version.state for version in view.versions))
    return min(SEVERITY[state] for state in states)


def _by_name(view: ServiceView) -> tuple[str, str]:
    return view.key.name, view.key.namespace


def _measure(view: ServiceView) -> dict[str, float]:
    signals = [view.caller, *(version.caller for version in view.versions)]
    known = [one for one in signals if one is not None]
    errors = max((one.error_ratio or 0.0 for one in known), default=0.0)
    traffic = view.caller.rps if view.caller else 0.0
    return {
        "errors": errors,
        "traffic": traffic,
        _BAD: errors,
        _BUSY: traffic,
        "p50": max((one.p50_ms or 0.0 for one in known), default=0.0),
        "p95": max((one.p95_ms or 0.0 for one in known), default=0.0),
        "latency": max((one.p99_ms or 0.0 for one in known), default=0.0),
        **_of_rows(view),
    }


def _of_rows(view: ServiceView) -> dict[str, float]:
    """How far a service is from all traffic to one version, and measured shares from weights."""
    rows = view.versions
    weights = [row.percent for row in rows if row.percent is not None]
    gaps = [
        abs(100 * row.share - row.percent)
        for row in rows
        if row.share is not None and row.percent is not None
    ]
    pods = sum(row.pods for row in rows)
    return {
        "weight": 100.0 - max(weights, default=100.0),
        "share": max(gaps, default=0.0),
        "missing": float(pods - sum(row.pods_ready for row in rows)),
        "pods": float(pods),
    }


def _drawn(held: _Held, now: _Measured) -> _Held:
    """Where the measured values draw what a service is sorted by."""
    severity, better = held.severity, held.better + 1 if now.severity > held.severity else 0
    unknown = held.severity == SEVERITY[NOT_KNOWN]
    if now.severity < held.severity or better >= RECOVERY or unknown:
        severity, better = now.severity, 0
    before = held.values
    moved = {
        name: value
        for name, value in now.values.items()
        if abs(value - before[name]) > max(_FLOORS[name], _BANDS.get(name, BAND) * before[name])
    }
    if not moved and (severity, better) == (held.severity, held.better):
        return held
    return _Held(severity, {**before, **moved} if moved else before, better)


_BANDS = dict.fromkeys(_STEPS, ALIKE)


def _step(held: _Held, name: str) -> int:
    """The power of two of a part, counted in its smallest difference; 0 for what is below it."""
    return round(log2(max(held.values[name] / _STEPS[name], 1.0)))


_Rank = tuple[float, ...]

_RANKS: Mapping[str, Callable[[_Held], _Rank]] = {
    "worst": lambda h: (h.severity, -_step(h, _BAD), -_step(h, _BUSY)),
    "name": lambda h: (),
    "errors": lambda h: (-h.values["errors"],),
    "traffic": lambda h: (-h.values["traffic"],),
    "latency": lambda h: (-h.values["latency"],),
    "p50": lambda h: (-h.values["p50"],),
    "p95": lambda h: (-h.values["p95"],),
    "weight": lambda h: (-h.values["weight"],),
    "share": lambda h: (-h.values["share"],),
    "pods": lambda h: (-h.values["missing"], -h.values["pods"]),
}
