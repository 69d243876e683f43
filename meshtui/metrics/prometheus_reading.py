"""Query results as the same readings that sidecars give, so that all sources are summed alike."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.errors import Unreachable
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.quantile import add_at_shared
from meshtui.mesh.signals import UNKNOWN, Signals
from meshtui.mesh.text import clean
from meshtui.metrics.aggregate import Client, Tally
from meshtui.metrics.connections import COUNTERS, Counted
from meshtui.metrics.counter_reading import Buckets, Reading
from meshtui.metrics.exposition import number_of
from meshtui.metrics.prometheus_result import Point
from meshtui.metrics.prometheus_series import Row, Series
from meshtui.metrics.scope import CLUSTERS, Scope
from meshtui.metrics.traffic import REQUESTS, Traffic, answer_of, traffic_of

_HINT = "are they dropped by a relabelling, or by Istio's Telemetry resource?"


@dataclass(slots=True)
class Flaws:
    """What was wrong with the series of one sample."""

    series: int = 0
    unusable: int = 0
    not_numbers: int = 0
    lacking: dict[str, int] = field(default_factory=dict)
    versionless: int = 0

    def problems(self) -> tuple[str, ...]:
        """One line each. Raises Unreachable where no series was of any use."""
        labels = ", ".join(sorted(self.lacking))
        if self.series and self.unusable == self.series:
            if self.not_numbers:
                raise Unreachable("Prometheus answers with NaN only")
            raise Unreachable(f"{REQUESTS} has no label {labels} in Prometheus", _HINT)
        lines = []
        if labels:
            lacking = self.unusable - self.not_numbers
            lines.append(f"{lacking} of {self.series} series lack {labels}: not counted")
        if self.not_numbers:
            lines.append(f"{self.not_numbers} of {self.series} series are NaN: not counted")
        if self.versionless:
            lines.append(
                f"{self.versionless} of {self.series} series lack destination_version:"
                " in the totals only"
            )
        return tuple(lines)


def requests_of(rows: Iterable[Row], flaws: Flaws) -> dict[Traffic, float]:
    """Requests by what they are; what cannot be counted goes into `flaws`."""
    found: dict[Traffic, float] = {}
    for series, _, value in rows:
        flaws.series += 1
        if not _usable(series, value, flaws):
            continue
        traffic = series.traffic
        if traffic is not None:
            found[traffic] = found.get(traffic, 0.0) + value
    return found


def histograms_of(rows: Iterable[Row]) -> dict[Series, Buckets]:
    found: dict[Series, Buckets] = {}
    last: Series | None = None
    buckets: Buckets = {}
    for series, bound, value in rows:
        if bound is None or bound != bound or not 0 <= value < math.inf:
            continue
        if series is not last:
            last, buckets = series, found.setdefault(series, {})
        buckets[bound] = buckets.get(bound, 0.0) + value
    return found


def durations_of(histograms: Mapping[Series, Buckets]) -> dict[Traffic, Buckets]:
    """Buckets by version and reporter."""
    found: dict[Traffic, Buckets] = {}
    for series, buckets in histograms.items():
        traffic = series.traffic
        if traffic is None:
            continue
        whole = found.get(traffic)
        if whole is None:
            found[traffic] = dict(buckets)
            continue
        add_at_shared(whole, buckets)
    return found


def reading_of(
    requests: Iterable[Row], durations: Mapping[Series, Buckets], flaws: Flaws
) -> Reading:
    return Reading(requests_of(requests, flaws), durations_of(durations))


def connections_of(rows: Iterable[Row]) -> dict[Counted, float]:
    """Connections that are no HTTP, by the counter that the query names them by."""
    found: dict[Counted, float] = {}
    for series, _, value in rows:
        if not series.counter:
            continue
        traffic = series.traffic if series.counter in COUNTERS else None
        if traffic is not None and 0 <= value < math.inf:
            key = series.counter, traffic
            found[key] = found.get(key, 0.0) + value
    return found


def clients_of(points: Iterable[Point]) -> Mapping[ServiceKey, frozenset[Client]]:
    """The workloads that sent to each service."""
    found: dict[ServiceKey, set[Client]] = {}
    for point in points:
        traffic = traffic_of(point.labels)
        if traffic is not None and traffic.client:
            client = traffic.client_namespace, traffic.client
            found.setdefault(traffic.service_key, set()).add(client)
    return {service: frozenset(clients) for service, clients in found.items()}


def sent_by(
    points: Iterable[Point], times: Iterable[Point], gateways: frozenset[Client], seconds: float
) -> Mapping[Client, Signals]:
    """What each gateway sent on in so many seconds, and how long that took."""
    tallies: dict[Client, Tally] = {}
    for point in points:
        client = _sender(point)
        if client in gateways and 0 <= point.value < math.inf:
            found = tallies.setdefault(client, Tally())
            found.count(answer_of(point.labels), point.value, seconds)
    timed: dict[Client, Buckets] = {}
    for point in times:
        bound, client = number_of(point.labels.get("le", "")), _sender(point)
        if bound is not None and bound >= 0 and 0 <= point.value < math.inf:
            buckets = timed.setdefault(client, {})
            buckets[bound] = buckets.get(bound, 0.0) + point.value
    for client, buckets in timed.items():
        if client in tallies:
            tallies[client].time(buckets)
    return {client: tally.signals() for client, tally in tallies.items()}


def _sender(point: Point) -> Client:
    labels = point.labels
    return labels.get("source_workload_namespace", ""), labels.get("source_workload", "")


def times_of(rows: Iterable[Row]) -> Reading:
    """Requests that were timed, and how long they took; of nothing else is there a count."""
    durations = durations_of(histograms_of(rows))
    return Reading({traffic: found.get(math.inf, 0.0) for traffic, found in durations.items()},
                   durations)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clusters:
    """The names of the clusters whose proxies are counted, and the label that has them."""

    label: str = ""
    names: tuple[str, ...] = ()


def clusters_of(points: Iterable[Point]) -> Clusters:
    """By the first label that tells several apart; none where no label does."""
    seen: dict[str, set[str]] = {label: set() for label in CLUSTERS}
    for point in points:
        for label, values in seen.items():
            value = point.labels.get(label, "")
            if value not in ("", UNKNOWN):
                values.add(value)
    for label, values in seen.items():
        if len(values) > 1:
            return Clusters(label, tuple(sorted(values)))
    return Clusters()


def summed_over(clusters: Clusters, scope: Scope) -> Iterable[str]:
    """Says so where the numbers are of several clusters and nobody has asked for that."""
    if clusters.names and not scope.names_cluster:
        names = ", ".join(clean(name, 40) for name in clusters.names[:4])
        more = ", …" if len(clusters.names) > 4 else ""
        first = f"{clusters.label}={json.dumps(clusters.names[0], ensure_ascii=False)}"
        yield (
            f"numbers sum over {len(clusters.names)} clusters ({names}{more}): choose one with"
            f" --prometheus-match '{clean(first, 60)}'"
        )


def _usable(series: Series, value: float, flaws: Flaws) -> bool:
    if not 0 <= value < math.inf:
        flaws.not_numbers += 1
        flaws.unusable += 1
        return False
    for name in series.lacking:
        flaws.lacking[name] = flaws.lacking.get(name, 0) + 1
    flaws.unusable += bool(series.lacking)
    flaws.versionless += not series.lacking and series.versionless
    return not series.lacking
