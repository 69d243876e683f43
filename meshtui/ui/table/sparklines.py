"""The last readings of each service and version, kept by identity for the sparklines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.sides import CALLER, signals_of
from meshtui.mesh.signals import Sample
from meshtui.mesh.view import ServiceView
from meshtui.ui.table.lineid import LineId

LENGTH = 30


class History:
    """Requests per second as one side counts them, one value for each sample.

    What has gone is forgotten.
    """

    def __init__(self, side: str = CALLER) -> None:
        self._side = side
        self._rates: dict[LineId, deque[float | None]] = {}
        self._last = 0.0

    def record(self, sample: Sample | None, views: Iterable[ServiceView]) -> None:
        """Take the numbers of `sample`, once."""
        if sample is None or sample.time == self._last:
            return
        self._last = sample.time
        retained: dict[LineId, deque[float | None]] = {}
        for view in views:
            total = signals_of(view, self._side)
            self._append(retained, LineId(view.key), total.rps if total else None)
            for version in view.versions:
                signals = signals_of(version, self._side)
                place = LineId(view.key, version.label)
                self._append(retained, place, signals.rps if signals else None)
        self._rates = retained

    def _append(
        self, retained: dict[LineId, deque[float | None]], place: LineId, value: float | None
    ) -> None:
        rates = self._rates.get(place) or deque(maxlen=LENGTH)
        rates.append(value)
        retained[place] = rates

    def rates(self, place: LineId) -> Iterable[float | None]:
        return self._rates.get(place, ())

    def peak(self, service: ServiceKey) -> float:
        """The highest rate of the service: its versions are drawn to one scale."""
        return max((value or 0.0 for value in self.rates(LineId(service))), default=0.0)
