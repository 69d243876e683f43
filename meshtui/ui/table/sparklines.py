"""The last readings of each service and version, kept by identity for the sparklines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from math import isnan, nan
from operator import attrgetter
from struct import Struct
from typing import NamedTuple

from meshtui.mesh.judging import bad_ratio
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.sides import CALLER
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


_TAKE = attrgetter("requests", "rps", "error_ratio", "p99_ms", "cut_off", "refused")
"""What a reading is made of."""

_PACKED = Struct("6d")
_NO_SIGNALS = _PACKED.pack(*[nan] * 6)

_Readings = tuple[tuple[str, ...], bytes]
"""The lines of a service, its own without a label, and what was taken of each, packed: of a
thousand services it is a quarter of a million readings, hardly any of which is ever drawn."""


class History:
    """What one side counted and measured, one reading for each sample.

    They are kept as they come; the course of one line is put together where it is drawn, which few
    are. What has gone is forgotten.
    """

    def __init__(self, side: str = CALLER) -> None:
        self._side = side
        self._samples: deque[Mapping[ServiceKey, _Readings]] = deque(maxlen=LENGTH)
        self._last = 0.0
        self._prepared: Mapping[ServiceKey, tuple[ServiceView, _Readings]] = {}

    def repeat(self, sample: Sample) -> None:
        """One that says what the last one said, of the same views."""
        if self._samples and sample.time != self._last:
            self._last = sample.time
            self._samples.append(self._samples[-1])

    def prepare(self, sample: Sample | None, views: Iterable[ServiceView]) -> None:
        """Read these beside the loop, before they are recorded; in any thread."""
        if sample is None or sample.time == self._last:
            return
        before = self._samples[-1] if self._samples else {}
        self._prepared = {v.key: (v, self._read(v, before.get(v.key))) for v in views}

    def record(self, sample: Sample | None, views: Iterable[ServiceView]) -> None:
        """Take the numbers of `sample`, once."""
        if sample is None or sample.time == self._last:
            return
        self._last = sample.time
        before = self._samples[-1] if self._samples else {}
        prepared, self._prepared = self._prepared, {}
        taken: dict[ServiceKey, _Readings] = {}
        for view in views:
            of, ready = prepared.get(view.key, (None, None))
            known = ready if of is view else None
            taken[view.key] = known or self._read(view, before.get(view.key))
        self._samples.append(taken)

    def _read(self, view: ServiceView, before: _Readings | None) -> _Readings:
        labels = ("", *[row.label for row in view.versions])
        signals = [view.caller, *[row.caller for row in view.versions]]
        if self._side != CALLER:
            signals = [view.server, *[row.server for row in view.versions]]
        taken = b"".join(map(_packed, signals))
        return (before[0] if before is not None and before[0] == labels else labels, taken)

    def readings(self, place: LineId) -> list[Reading]:
        """Of a line, the oldest first, as long as it was there without a gap."""
        found: list[Reading] = []
        for sample in reversed(self._samples):
            known = sample.get(place.service)
            if known is None or place.version not in known[0]:
                break
            found.append(_reading(known[1], known[0].index(place.version)))
        found.reverse()
        return found

    def rates(self, place: LineId) -> list[float | None]:
        return [reading.rps for reading in self.readings(place)]

    def peak(self, service: ServiceKey) -> float:
        """The highest rate of the service: its versions are drawn to one scale."""
        return max((value or 0.0 for value in self.rates(LineId(service))), default=0.0)


def _packed(signals: Signals | None) -> bytes:
    """None as a number that is none."""
    if signals is None:
        return _NO_SIGNALS
    taken = _TAKE(signals)
    if None in taken:
        taken = tuple([nan if value is None else value for value in taken])
    return _PACKED.pack(*taken)


def _reading(packed: bytes, at: int) -> Reading:
    requests, rps, ratio, p99_ms, cut_off, refused = _PACKED.unpack_from(packed, at * _PACKED.size)
    if isnan(requests):
        return UNREAD
    counted = Signals(requests, rps, _known(ratio), cut_off=cut_off, refused=refused)
    return Reading(rps, bad_ratio(counted), _known(p99_ms))


def _known(value: float) -> float | None:
    return None if isnan(value) else value
