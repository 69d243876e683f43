"""The queries of one tick, as text. Their number does not depend on the size of the mesh.

`increase()` is not used for what can be counted: it extrapolates to the edges of its window,
which makes 25 % too much out of a burst at four scrapes a window, and it leaves out what a series
counted before its first scrape, which is all of the errors of a version that has just begun to
fail. Instead the counter now is compared with the counter one window earlier. The window is a
multiple of the scrape interval, so both are scrapes and nothing lies between them uncounted.

All of them add over what they do not name: pods, clusters, canonical names, principals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from meshtui.metrics.traffic import BUCKETS, REQUESTS

_SERVICE = (
    "reporter",
    "destination_service",
    "destination_service_name",
    "destination_service_namespace",
    "destination_version",
    "destination_canonical_revision",
    "destination_workload",
    "destination_workload_namespace",
    "source_workload_namespace",
)
REQUEST_LABELS = (
    *_SERVICE,
    "request_protocol",
    "response_code",
    "grpc_response_status",
    "response_flags",
)
_CLIENT = (*_SERVICE[:4], "source_workload", "source_workload_namespace")

NEWEST = f"topk by (job) (1, max by (job, instance) (timestamp({REQUESTS})))"
"""When the mesh was last scraped, and one target of each job. Evaluated at the server's now."""

CLIENTS = (
    f"count by ({', '.join(_CLIENT)}) "
    f'(({REQUESTS}{{reporter="source"}} or '
    f'max_over_time({REQUESTS}{{reporter="source"}}[1h:5m])) > 0)'
)
"""Who ever sent to whom. An hour back as well, for the proxies that are not scraped just now."""

WHAT = "what"
READ, DOWN, SCRAPED, SCRAPED_BEFORE = "read", "down", "scraped", "scraped before"


def scrapes(targets: Iterable[tuple[str, str]]) -> str:
    """The scrapes of the last quarter of an hour of these targets (job, instance)."""
    jobs, instances = zip(*targets, strict=True)
    return f"up{{job=~{_any_of(jobs)},instance=~{_any_of(instances)}}}[15m]"


def state(jobs: Iterable[str], window: str) -> str:
    """How many targets are read and how many are down; when `jobs` were scraped, then and now."""
    up = f"up{{job=~{_any_of(jobs)}}}"
    ran = f"({REQUESTS} offset 5m or {REQUESTS} offset 1h)"
    rows = {
        READ: f"count(group by (job, instance) ({REQUESTS}))",
        DOWN: f"count(up == 0 and on (job, instance) {ran})",
        SCRAPED: f"max(timestamp({up}))",
        SCRAPED_BEFORE: f"max(timestamp({up} offset {window}))",
    }
    named = (f'label_replace({row}, "{WHAT}", "{name}", "", "")' for name, row in rows.items())
    return " or ".join(named)


def requests(window: str) -> str:
    """Requests of the last `window` by everything that tells errors and services apart."""
    return f"sum by ({', '.join(REQUEST_LABELS)}) ({_grown(REQUESTS, window)}) > 0"


def durations(window: str) -> str:
    """Buckets of the last `window`, by service, version and reporter.

    All buckets of a histogram that counted anything, the empty ones too: a quantile lies between
    two bounds, and without the lower one it would lie between 0 and the upper.
    """
    labels = ", ".join(_SERVICE)
    counted = _grown(f'{BUCKETS}{{le="+Inf"}}', window)
    return (
        f"sum by ({labels}, le) ({_grown(BUCKETS, window)})"
        f" and on ({labels}) sum by ({labels}) ({counted}) > 0"
    )


def _grown(counter: str, window: str) -> str:
    """What each series counted in the last `window`.

    1. What it is more than a window ago.
    2. All of it, where it was not there and its proxy was read then: it began at 0.
    3. `increase` where neither is so: after a restart, for a new proxy, after a missed scrape,
       and for a proxy that has gone.
    """
    return (
        f"({counter} - {counter} offset {window} >= 0)"
        f" or (({counter} unless {counter} offset {window})"
        f" and on (job, instance) {_read_then(window)})"
        f" or increase({counter}[{window}])"
    )


def _read_then(window: str) -> str:
    """Targets of which all series are known for the time one window ago.

    Istio's agent leaves Envoy's counters out of its answer when Envoy is slow. Such a scrape
    counts as up, so a proxy without counters is believed only if it had none for a while.
    """
    had_some = f"{REQUESTS} offset {window}"
    had_none = (
        f"up offset {window} == 1"
        f" unless on (job, instance) last_over_time({REQUESTS}[{window}] offset {window})"
    )
    return f"group by (job, instance) ({had_some} or ({had_none}))"


def _any_of(values: Iterable[str]) -> str:
    """A quoted regular expression for exactly these values."""
    # re.escape also escapes what RE2 takes literally; RE2 accepts that for punctuation only.
    escaped = (re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value) for value in sorted(set(values)))
    return json.dumps("|".join(escaped), ensure_ascii=False)
