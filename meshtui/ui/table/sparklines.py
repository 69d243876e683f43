"""The last readings of each service and version, kept by identity for the sparklines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from meshtui.mesh.judging import bad_ratio
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.sides import CALLER, signals_of
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.view import ServiceView
from meshtui.ui.table.lineid import LineId

LENGTH = 30


class Reading(NamedTuple):
    """What is drawn of a sample: requests per second, the part that failed, the p99 in ms."""

    rps: float | None = None
    errors: float | None = None
    p99_ms: float | None = None


UNREAD = Reading()


class History:
    """What one side counted and measured, one reading for each sample.

    What has gone is forgotten.
    """

    def __init__(self, side: str = CALLER) -> None:
        self._side = side
        self._readings: dict[LineId, deque[Reading]] = {}
        self._last = 0.0

    def record(self, sample: Sample | None, views: Iterable[ServiceView]) -> None:
        """Take the numbers of `sample`, once."""
        if sample is None or sample.time == self._last:
            return
        self._last = sample.time
        retained: dict[LineId, deque[Reading]] = {}
        for view in views:
            self._append(retained, LineId(view.key), signals_of(view, self._side))
            for version in view.versions:
                place = LineId(view.key, version.label)
                self._append(retained, place, signals_of(version, self._side))
        self._readings = retained

    def _append(
        self, retained: dict[LineId, deque[Reading]], place: LineId, signals: Signals | None
    ) -> None:
        readings = self._readings.get(place) or deque(maxlen=LENGTH)
        readings.append(_reading(signals))
        retained[place] = readings

    def readings(self, place: LineId) -> Iterable[Reading]:
        return self._readings.get(place, ())

    def rates(self, place: LineId) -> list[float | None]:
        return [reading.rps for reading in self.readings(place)]

    def peak(self, service: ServiceKey) -> float:
        """The highest rate of the service: its versions are drawn to one scale."""
        return max((value or 0.0 for value in self.rates(LineId(service))), default=0.0)


def _reading(signals: Signals | None) -> Reading:
    if signals is None:
        return UNREAD
    return Reading(signals.rps, bad_ratio(signals), signals.p99_ms)
