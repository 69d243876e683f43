"""The order of the services, kept calm: a row moves when it clearly changed, not at each tick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from math import log2
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


@dataclass(slots=True)
class _Held:
    """What a service is sorted by: values that follow the measured ones with a lag."""

    severity: int
    better: int = 0
    values: dict[str, float] = field(default_factory=dict)


class _Measured(NamedTuple):
    """What a view is sorted by as it was measured; `view` tells whether it holds for another."""

    view: ServiceView
    severity: int
    values: Mapping[str, float]


class CalmOrder:
    """Sorts services by values with hysteresis, so that near-ties stand still."""

    def __init__(self) -> None:
        self._held: dict[ServiceKey, _Held] = {}
        self._measured: Mapping[ServiceKey, _Measured] = {}
        self._seen = -1.0
        self._sorted_by = ""
        self._stood: Mapping[ServiceKey, int] = {}
        """Where each row stood when it was sorted by the same: equal ones keep their places."""

    @property
    def settled(self) -> bool:
        """Whether the same values once more would leave all rows where they are."""
        return not any(held.better for held in self._held.values())

    def prepare(self, views: Iterable[ServiceView]) -> None:
        """Measure these beside the loop, before `arrange` is asked for them; in any thread."""
        known = self._measured
        self._measured = {view.key: _measured(view, known.get(view.key)) for view in views}

    def arrange(
        self, views: Iterable[ServiceView], sort: Sort, sampled: float
    ) -> tuple[ServiceView, ...]:
        """The views in order. `sampled` tells samples apart: the lag counts those, not calls."""
        fresh = sampled != self._seen
        self._seen = sampled
        known = tuple(views)
        self._held = {view.key: self._pin(view, fresh) for view in known}
        held, rank = self._held, _RANKS[sort.key]
        stood = self._stood if sort.key == self._sorted_by else {}
        last = len(stood)
        ordered = sorted(
            known, key=lambda v: (rank(held[v.key]), stood.get(v.key, last), _by_name(v))
        )
        self._sorted_by, self._stood = sort.key, {v.key: at for at, v in enumerate(ordered)}
        return tuple(reversed(ordered)) if sort.reverse else tuple(ordered)

    def _pin(self, view: ServiceView, fresh: bool) -> _Held:
        held = self._held.get(view.key)
        if held is not None and not fresh:
            return held
        now = _measured(view, self._measured.get(view.key))
        if held is None:
            return _Held(now.severity, values=dict(now.values))
        _follow(held, now.severity, now.values)
        return held


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


def _follow(held: _Held, severity: int, measured: Mapping[str, float]) -> None:
    held.better = held.better + 1 if severity > held.severity else 0
    known = held.severity != SEVERITY[NOT_KNOWN]
    if severity < held.severity or held.better >= RECOVERY or not known:
        held.severity, held.better = severity, 0
    for name, value in measured.items():
        before = held.values[name]
        if abs(value - before) > max(_FLOORS[name], _BANDS.get(name, BAND) * before):
            held.values[name] = value


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
