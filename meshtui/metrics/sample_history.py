"""What was seen: the samples of the last six hours, the older the coarser, in bounded memory."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from threading import Lock

from meshtui.mesh.courses import called_by_course
from meshtui.mesh.judging import bad_ratio
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.time_series import Course, Moment, within
from meshtui.mesh.view import ServiceView

TIERS = ((5.0, 72), (30.0, 130), (120.0, 182))
"""Seconds of a slot and slots kept: 6 minutes, an hour, 6 hours."""

AGO_S = 60.0
"""Older than the last by less, a sample is late; by more, the clock was put back."""

_FIELDS = 5
_NOT_KNOWN = -1.0

_Values = tuple[float, float, float, float, float]
"""Requests per second, the part that was no good (as the table shows it), p50, p95, p99."""


def _values(signals: Signals) -> _Values:
    rest = bad_ratio(signals), signals.p50_ms, signals.p95_ms, signals.p99_ms
    errors, p50, p95, p99 = (_NOT_KNOWN if value is None else value for value in rest)
    return signals.rps, errors, p50, p95, p99


class _Rows:
    """The slots in which one version had traffic: their numbers, and five values for each."""

    __slots__ = ("slots", "values")

    def __init__(self) -> None:
        self.slots = array("I")
        self.values = array("f")

    def add(self, slot: int, new: _Values) -> None:
        """Rates are added up, of all else the worst is kept."""
        values = self.values
        if not self.slots or self.slots[-1] != slot:
            self.slots.append(slot)
            values.extend(new)
            return
        place = len(values) - _FIELDS
        values[place] += new[0]
        for value in new[1:]:
            place += 1
            if value > values[place]:
                values[place] = value

    def forget(self, before: int) -> None:
        gone = bisect_left(self.slots, before)
        if gone:
            del self.slots[:gone]
            del self.values[: gone * _FIELDS]


class _Tier:
    """Slots of one length. `counts` says how many samples speak of each; others are not known."""

    def __init__(self, step_s: float, keep: int) -> None:
        self.step_s = step_s
        self._keep = keep
        self.counts: dict[int, int] = {}
        self._rows: dict[ServiceKey, dict[str, _Rows]] = {}

    def record(
        self, traffic: Iterable[tuple[VersionKey, _Values]], since: float, at: float
    ) -> None:
        """What was measured from `since` to `at`."""
        now = math.ceil(at / self.step_s) - 1
        newest = next(reversed(self.counts), -1)
        first = max(int(since // self.step_s), newest + 1)
        slots = range(min(first, now), now + 1)
        for slot in slots:
            self.counts[slot] = self.counts.get(slot, 0) + 1
        for key, values in traffic:
            versions = self._rows.get(key.service)
            if versions is None:
                versions = self._rows[key.service] = {}
            rows = versions.get(key.version)
            if rows is None:
                rows = versions[key.version] = _Rows()
            for slot in slots:
                rows.add(slot, values)
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
        known = (None if value == _NOT_KNOWN else value for value in rest)
        return Moment(at, self.step_s, rps / self.counts[slot], *known)


class SampleHistory:
    """Remembers the callers' view of each version that had traffic; nothing at all of the rest.

    A sample speaks of its window, but only back to the sample before it. One that is a little
    older than that says nothing new: another source may have measured it meanwhile. Where the
    clock was put back, all is forgotten: two times of one name cannot be told apart.

    One thread may record while another reads.
    """

    def __init__(self) -> None:
        self._changing = Lock()
        self._first: float | None = None
        self._last: float | None = None
        self._tiers = self._empty()

    @staticmethod
    def _empty() -> tuple[_Tier, ...]:
        return tuple(_Tier(step_s, keep) for step_s, keep in TIERS)

    def clear(self) -> None:
        self._first = self._last = None
        self._tiers = self._empty()

    def record(self, sample: Sample | None, views: Iterable[ServiceView] = ()) -> None:
        """A new sample; the one before, given again, counts once.

        `views` are the services that it was measured of: their rows' courses are remembered.
        """
        if sample is None or sample.window_s <= 0 or sample.time == self._last:
            return
        if self._last is not None and sample.time < self._last:
            if self._last - sample.time <= AGO_S:
                return
            self.clear()
        since = sample.time - sample.window_s
        since = since if self._last is None else max(since, self._last)
        counted = called_by_course(views, sample)
        traffic = [(k, _values(s)) for k, s in counted.items() if s.requests > 0]
        with self._changing:
            for tier in self._tiers:
                tier.record(traffic, since, sample.time)
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
        with self._changing:
            return self._courses(service, versions)

    def _courses(self, service: ServiceKey, versions: Iterable[str]) -> Mapping[str, Course]:
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
