"""What was seen: the samples of the last six hours, the older the coarser, in bounded memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping

from meshtui.mesh.history import Course, Moment, within
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Sample, Signals

TIERS = ((5.0, 72), (30.0, 130), (120.0, 182))
"""Seconds of a slot and slots kept: 6 minutes, an hour, 6 hours."""

_FIELDS = 5
_NAN = math.nan


class _Rows:
    """The slots in which one version had traffic: their numbers, and five values for each."""

    __slots__ = ("slots", "values")

    def __init__(self) -> None:
        self.slots = array("I")
        self.values = array("f")

    def add(self, slot: int, signals: Signals) -> None:
        """Rates are added up, of all else the worst is kept."""
        new = (
            signals.rps,
            *(
                _NAN if value is None else value
                for value in (signals.error_ratio, signals.p50_ms, signals.p95_ms, signals.p99_ms)
            ),
        )
        if not self.slots or self.slots[-1] != slot:
            self.slots.append(slot)
            self.values.extend(new)
            return
        values, last = self.values, len(self.values) - _FIELDS
        values[last] += new[0]
        for place in range(1, _FIELDS):
            old = values[last + place]
            if not old >= new[place]:
                values[last + place] = old if math.isnan(new[place]) else new[place]

    def forget(self, before: int) -> None:
        gone = next((i for i, slot in enumerate(self.slots) if slot >= before), len(self.slots))
        del self.slots[:gone]
        del self.values[: gone * _FIELDS]


class _Tier:
    """Slots of one length. `counts` says how many samples speak of each; others are not known."""

    def __init__(self, step_s: float, keep: int) -> None:
        self.step_s = step_s
        self._keep = keep
        self.counts: dict[int, int] = {}
        self._rows: dict[ServiceKey, dict[str, _Rows]] = {}

    def take(self, sample: Sample, since: float) -> None:
        """`sample` speaks of the time from `since` on."""
        now = int(sample.time // self.step_s)
        newest = next(reversed(self.counts), None)
        first = max(int(since // self.step_s), now if newest is None else newest + 1)
        slots = range(min(first, now), now + 1)
        for slot in slots:
            self.counts[slot] = self.counts.get(slot, 0) + 1
        for key, signals in sample.caller.items():
            if signals.requests > 0:
                rows = self._rows.setdefault(key.service, {}).setdefault(key.version, _Rows())
                for slot in slots:
                    rows.add(slot, signals)
        if now != newest:
            self._forget(now - self._keep + 1)

    def _forget(self, before: int) -> None:
        for slot in [slot for slot in self.counts if slot < before]:
            del self.counts[slot]
        for service, versions in list(self._rows.items()):
            for version, rows in list(versions.items()):
                rows.forget(before)
                if not rows.slots:
                    del versions[version]
            if not versions:
                del self._rows[service]

    @property
    def begin(self) -> float:
        """Of the oldest slot there is."""
        return next(iter(self.counts)) * self.step_s

    def versions(self, service: ServiceKey) -> Iterable[str]:
        return self._rows.get(service, ())

    def course(self, service: ServiceKey, version: str) -> Course:
        """In the slots that are known."""
        rows = self._rows.get(service, {}).get(version)
        places = {slot: place for place, slot in enumerate(rows.slots)} if rows else {}
        return tuple(
            self._moment(slot, rows if slot in places else None, places.get(slot, 0))
            for slot in self.counts
        )

    def _moment(self, slot: int, rows: _Rows | None, place: int) -> Moment:
        at = (slot + 1) * self.step_s
        if rows is None:
            return Moment(at, self.step_s, 0.0)
        rps, *rest = rows.values[place * _FIELDS : (place + 1) * _FIELDS]
        known = (None if math.isnan(value) else value for value in rest)
        return Moment(at, self.step_s, rps / self.counts[slot], *known)


class Seen:
    """Remembers the callers' view of each version that had traffic; nothing at all of the rest.

    A sample speaks of its window, but only back to the sample before it. Where the clock was put
    back, all is forgotten: two times of one name cannot be told apart.
    """

    def __init__(self) -> None:
        self._first: float | None = None
        self._last: float | None = None
        self._tiers = self._empty()

    @staticmethod
    def _empty() -> tuple[_Tier, ...]:
        return tuple(_Tier(step_s, keep) for step_s, keep in TIERS)

    def clear(self) -> None:
        self._first = self._last = None
        self._tiers = self._empty()

    def take(self, sample: Sample | None) -> None:
        """A new sample; the one before, given again, counts once."""
        if sample is None or sample.window_s <= 0 or sample.time == self._last:
            return
        if self._last is not None and sample.time < self._last:
            self.clear()
        since = sample.time - sample.window_s
        since = since if self._last is None else max(since, self._last)
        for tier in self._tiers:
            tier.take(sample, since)
        self._first = since if self._first is None else self._first
        self._last = sample.time

    @property
    def since(self) -> float | None:
        """The beginning of what is known; None where nothing is."""
        if self._first is None:
            return None
        return max(self._first, self._tiers[-1].begin)

    @property
    def newest(self) -> float | None:
        """The time of the last sample."""
        return self._last

    def courses(self, service: ServiceKey, versions: Iterable[str] = ()) -> Mapping[str, Course]:
        """Of every version that had traffic, and of those named; each time as fine as known."""
        if self._first is None or self._last is None:
            return {}
        found = dict.fromkeys(versions)
        for tier in self._tiers:
            found |= dict.fromkeys(tier.versions(service))
        return {
            version: within(self._course(service, version), self._first, self._last)
            for version in found
        }

    def _course(self, service: ServiceKey, version: str) -> Course:
        course: Course = ()
        edge = math.inf
        for tier in self._tiers:
            course = within(tier.course(service, version), -math.inf, edge) + course
            edge = course[0].begin if course else edge
        return course
