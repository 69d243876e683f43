"""The range queries of one service's past, as text: two, whatever the range.

Requests are counted as in `prometheus_queries`: the counter beside itself one window earlier, so
that the first errors of a version are in the picture. Here a new series is believed to have begun
at 0 where its proxy counted requests to the same service before, which costs only the service's
own series at each point of a range.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from meshtui.dataclass import dataclass
from meshtui.mesh.model import ServiceKey
from meshtui.metrics.hops import Workloads
from meshtui.metrics.prometheus_queries import REQUEST_LABELS, WHAT, lacked, once
from meshtui.metrics.scope import ALL, Scope
from meshtui.metrics.traffic import BUCKETS, DESTINATION, REQUESTS, SOURCE, WAYPOINT

_VERSION = ("destination_version", "destination_canonical_revision", "destination_workload")

FLAGGED = "flagged"
_BY_FLAG = {"RL": "429", "UAEX": "403|401"}
"""What a filter that sets a flag refuses with, as far as programs answer so, too."""

_NOT_KNOWN = "unknown|-|"


@dataclass(frozen=True, slots=True)
class Counting:
    """Who counts the requests of a service: a reporter, and in the place of the callers `silent`,
    workloads that count nothing, who answered; of those that are `passing` the waypoints that
    they send through. These stand in their counters as who answered: `waypoints`.
    """

    reporter: str = SOURCE
    silent: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    waypoints: Workloads = frozenset()

    @property
    def _beside(self) -> Mapping[str, tuple[str, ...]]:
        both = {DESTINATION: self.silent, WAYPOINT: self.passing}
        return {reporter: callers for reporter, callers in both.items() if callers}

    @property
    def reporters(self) -> frozenset[str]:
        return frozenset({self.reporter, *self._beside})

    @property
    def kinds(self) -> tuple[tuple[str, ...], ...]:
        """What tells each kind of counter."""
        served = (
            (
                f"reporter={_quoted(reporter)}",
                f"source_workload=~{_quoted('|'.join(map(re.escape, callers)))}",
            )
            for reporter, callers in self._beside.items()
        )
        return ((f"reporter={_quoted(self.reporter)}",), *served)


def requests(
    service: ServiceKey,
    window: str,
    oldest_s: float,
    scope: Scope = ALL,
    counting: Counting = Counting(),  # noqa: B008 - it is frozen
) -> str:
    """Requests of each `window`, by what tells errors and versions apart, those without a pod too.

    Nothing where the last scrape is longer ago than `oldest_s`: Prometheus itself repeats the
    last value for five minutes, which would pass for no traffic.
    """
    name = rf"{re.escape(service.name)}([.:].*)?|{_NOT_KNOWN}"
    space = rf"{re.escape(service.namespace)}|{_NOT_KNOWN}"
    of = (
        f"destination_service_name=~{_quoted(name)}",
        f"destination_service_namespace=~{_quoted(space)}",
    )
    counters = (scope.mesh(REQUESTS, *kind, *of) for kind in counting.kinds)
    return _each(REQUEST_LABELS, counters, window, oldest_s)


def flagged(service: ServiceKey, window: str, oldest_s: float, scope: Scope = ALL) -> str:
    """What the pods' own proxies refused with a flag. Who called knows the code alone."""
    of = (
        f"destination_service_name={_quoted(service.name)}",
        f"destination_service_namespace={_quoted(service.namespace)}",
    )
    served = f"reporter=~{_quoted(f'{DESTINATION}|{WAYPOINT}')}"
    counters = (
        scope.mesh(
            REQUESTS,
            served,
            *of,
            f"response_code=~{_quoted(codes)}",
            f"response_flags=~{_quoted(f'(.*,)?{flag}(,.*)?')}",
        )
        for flag, codes in _BY_FLAG.items()
    )
    by = ("destination_workload", "destination_workload_namespace", "response_code")
    found = _each(by, counters, window, oldest_s)
    return f'label_replace({found}, "{WHAT}", "{FLAGGED}", "", "")'


def durations(
    service: ServiceKey,
    window: str,
    oldest_s: float,
    scope: Scope = ALL,
    counting: Counting = Counting(),  # noqa: B008
) -> str:
    """Buckets of each `window` by version. Those without growth too: quantiles lie between."""
    of = (
        f"destination_service_name={_quoted(service.name)}",
        f"destination_service_namespace={_quoted(service.namespace)}",
    )
    by = ("reporter", *_VERSION)
    over = f"count_over_time({{}}[{window}])"
    return " or ".join(
        f"{_each(('le', *by), (scope.mesh(BUCKETS, *kind, *of),), window, oldest_s)}"
        f" unless {lacked(by, over, scope, *kind, *of)}"
        for kind in counting.kinds
    )


def _each(labels: tuple[str, ...], counters: Iterable[str], window: str, oldest_s: float) -> str:
    """All that the counters grew by; they differ in their reporters."""
    return " or ".join(
        f"{once(labels, _grown(counter, window))}{_fresh(counter, oldest_s)}"
        for counter in counters
    )


def _grown(counter: str, window: str) -> str:
    return (
        f"({counter} - {counter} offset {window} >= 0)"
        f" or (({counter} unless {counter} offset {window})"
        f" and on (job, instance) group by (job, instance) ({counter} offset {window}))"
        f" or increase({counter}[{window}])"
    )


def _fresh(counter: str, oldest_s: float) -> str:
    return f" and on () (time() - max(timestamp({counter})) < {oldest_s:g})"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
