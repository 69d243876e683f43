"""The range queries of one service's past, as text: two, whatever the range.

Requests are counted as in `prometheus_queries`: the counter beside itself one window earlier, so
that the first errors of a version are in the picture. Here a new series is believed to have begun
at 0 where its proxy counted requests to the same service before, which costs only the service's
own series at each point of a range.
"""

from __future__ import annotations

import json
import re

from meshtui.mesh.model import ServiceKey
from meshtui.metrics.prometheus_queries import REQUEST_LABELS, once
from meshtui.metrics.scope import ALL, Scope
from meshtui.metrics.traffic import BUCKETS, REQUESTS, SOURCE

_VERSION = ("destination_version", "destination_canonical_revision", "destination_workload")

_NOT_KNOWN = "unknown|-|"


def requests(
    service: ServiceKey,
    window: str,
    oldest_s: float,
    scope: Scope = ALL,
    reporter: str = SOURCE,
) -> str:
    """Requests of each `window`, by what tells errors and versions apart, those without a pod too.

    Nothing where the last scrape is longer ago than `oldest_s`: Prometheus itself repeats the
    last value for five minutes, which would pass for no traffic.
    """
    name = rf"{re.escape(service.name)}([.:].*)?|{_NOT_KNOWN}"
    space = rf"{re.escape(service.namespace)}|{_NOT_KNOWN}"
    counter = scope.mesh(
        REQUESTS,
        f"reporter={_quoted(reporter)}",
        f"destination_service_name=~{_quoted(name)}",
        f"destination_service_namespace=~{_quoted(space)}",
    )
    return f"{once(REQUEST_LABELS, _grown(counter, window))}{_fresh(counter, oldest_s)}"


def durations(
    service: ServiceKey,
    window: str,
    oldest_s: float,
    scope: Scope = ALL,
    reporter: str = SOURCE,
) -> str:
    """Buckets of each `window` by version. Those without growth too: quantiles lie between."""
    counter = scope.mesh(
        BUCKETS,
        f"reporter={_quoted(reporter)}",
        f"destination_service_name={_quoted(service.name)}",
        f"destination_service_namespace={_quoted(service.namespace)}",
    )
    return f"{once(('le', *_VERSION), _grown(counter, window))}{_fresh(counter, oldest_s)}"


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
