"""What the series of a Prometheus' answers count: their labels, understood once.

A Prometheus says the same labels in every answer, and a large mesh has 75,000 series. Their labels
stay text until one comes that was not seen before; all buckets of a histogram share what is known
of it, since its bound is cut out of the text first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshtui.mesh.signals import UNKNOWN, UNTOLD
from meshtui.metrics.exposition import number_of
from meshtui.metrics.prometheus_result import QueryResult, labels_in
from meshtui.metrics.traffic import Traffic, traffic_of, version_of

_NEEDED = {
    "reporter": ("reporter",),
    "destination_service_name": ("destination_service_name", "destination_service"),
    "response_code": ("response_code",),
}
"""Labels without which requests cannot be told apart, each with the labels that will do."""

_CALLER, _WHAT, _BOUND = "source_workload", "what", "le"
_BOUND_TEXT = b'"le":"'
"""Inside a value a quote is escaped, so it can only be the label itself."""


class Series:
    """What one counts; equal to itself alone, as it is the key of every row of its histogram.

    `lacking` are the labels that requests need and that it has not; `told_apart` says whether it
    is of one caller, as the query asks for those who do not count themselves; `counter` is which
    of several, where the query names them in a label.
    """

    __slots__ = ("counter", "lacking", "told_apart", "traffic", "versionless")

    def __init__(self, labels: Mapping[str, str]) -> None:
        lacking = (name for name, enough in _NEEDED.items() if not any(map(labels.get, enough)))
        self.traffic: Traffic | None = traffic_of(labels)
        self.told_apart = _CALLER in labels
        self.lacking = tuple(lacking)
        unversioned = version_of(labels) in (UNKNOWN, UNTOLD)
        self.versionless = unversioned and not labels.get("destination_version")
        self.counter = labels.get(_WHAT, "")


_NOBODY = Series({})

Row = tuple[Series, float | None, float]
"""A series, the upper bound where it is a bucket's, and the value."""


class KnownSeries:
    """Bounded: when it is full it is emptied, which costs time only. For one thread at a time."""

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._known: dict[bytes, tuple[Series, float | None]] = {}
        self._bounds: dict[bytes, float | None] = {}
        self._histograms: dict[frozenset[tuple[str, str]], Series] = {}

    def rows(self, answer: QueryResult) -> Iterator[Row]:
        """The elements of an instant vector; what is not one is left out. Values may be NaN."""
        known, bounds = self._known, self._bounds
        head, tail, begin, end, series = b"", b"", 0, 0, _NOBODY
        for metric, value in answer.texts():
            if not isinstance(metric, bytes):
                yield *self._of(metric), value
                continue
            # The buckets of one histogram mostly come one after the other.
            if head and metric.startswith(head) and metric.endswith(tail):
                bound = metric[begin:end]
                if bound in bounds:
                    yield series, bounds[bound], value
                    continue
            before, here, after = metric.partition(_BOUND_TEXT)
            if not here:
                yield *(known.get(metric) or self._learn(metric, metric)), value
                continue
            bound, quote, rest = after.partition(b'"')
            head, tail = before + here, quote + rest
            begin, end = len(head), -len(tail)
            key = before + tail
            series, _ = known.get(key) or self._learn(key, metric)
            if bound not in bounds:
                bounds[bound] = number_of(labels_in(metric).get(_BOUND, ""))
            yield series, bounds[bound], value

    def _learn(self, key: bytes, text: bytes) -> tuple[Series, float | None]:
        if len(self._known) + len(self._bounds) >= self._limit:
            self._known.clear()
            self._bounds.clear()
        found = self._known[key] = self._of(labels_in(text))
        return found

    def _of(self, labels: Mapping[str, str]) -> tuple[Series, float | None]:
        """The buckets of one histogram are one series, however a server spells its labels."""
        if _BOUND not in labels:
            return Series(labels), None
        if len(self._histograms) >= self._limit:
            self._histograms.clear()
        rest = frozenset(one for one in labels.items() if one[0] != _BOUND)
        found = self._histograms.get(rest)
        if found is None:
            found = self._histograms[rest] = Series(labels)
        return found, number_of(labels[_BOUND])
